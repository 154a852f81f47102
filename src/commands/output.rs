//! The only place that prints. Text from outside may stand in any line, so every line is made safe to look at here.

use std::io::{ErrorKind, Write as _};
use std::sync::OnceLock;

use serde::Serialize;
use tribunal::report::visible;

use super::context::Exit;

/// Columns of every table on the terminal.
pub(crate) const TERMINAL_WIDTH: usize = 80;

/// Why stdout could not be written, the first time.
static LOST: OnceLock<std::io::Error> = OnceLock::new();

/// Prints text for people on stdout. What cannot be written is told by [`delivered`].
pub(crate) fn say(text: &str) {
    print(&shown(text));
}

/// Prints the one JSON object of `--json`.
pub(crate) fn say_json(value: &impl Serialize) {
    match serde_json::to_string(value) {
        Ok(json) => print(&json),
        Err(error) => complain(&format!("the JSON output could not be made: {error}")),
    }
}

/// A closed pipe is no error: who closed it has seen enough.
fn print(text: &str) {
    if let Err(error) = writeln!(std::io::stdout(), "{text}")
        && error.kind() != ErrorKind::BrokenPipe
    {
        LOST.get_or_init(|| error);
    }
}

/// How a command that would end with `exit` ends, now that all is said: stopped when stdout did not take it.
pub(crate) fn delivered(exit: Exit) -> Exit {
    let Some(error) = LOST.get() else { return exit };
    complain(&format!("the output is lost: stdout: {error}"));
    if exit == Exit::Usage { exit } else { Exit::Stopped }
}

/// Prints a problem on stderr.
pub(crate) fn complain(message: &str) {
    let _ = writeln!(std::io::stderr(), "tribunal: {}", shown(message));
}

/// Prints a remark on stderr.
pub(crate) fn remark(message: &str) {
    let _ = writeln!(std::io::stderr(), "{}", shown(message));
}

/// Lines stay lines; whatever else moves a cursor or cannot be seen becomes visible.
fn shown(text: &str) -> String {
    text.trim_end().lines().map(visible).collect::<Vec<_>>().join("\n")
}

/// Says why a command could not go on: on stderr, and with `--json` as its one object.
pub(crate) fn fail(json: bool, message: &str, exit: Exit) {
    if json {
        say_json(&serde_json::json!({"error": message, "exit": exit as u8}));
    }
    complain(message);
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn a_judges_words_cannot_drive_the_terminal() {
        assert_eq!(shown("stopped: HTTP 401: \u{1b}[2J\u{202e}x\nnext  \n"), "stopped: HTTP 401: <U+001B>[2J<U+202E>x\nnext");
    }
}
