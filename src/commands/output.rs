//! The only place that prints.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "printing is what this file is for")]

use std::io::Write as _;

use serde::Serialize;

/// Columns of every table on the terminal.
pub(crate) const TERMINAL_WIDTH: usize = 80;

/// Prints text for people on stdout; a closed pipe is no error.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{}", text.trim_end());
}

/// Prints the one JSON object of `--json`.
pub(crate) fn say_json(value: &impl Serialize) {
    match serde_json::to_string(value) {
        Ok(json) => println!("{json}"),
        Err(error) => complain(&format!("the JSON output could not be made: {error}")),
    }
}

/// Prints a problem on stderr.
pub(crate) fn complain(message: &str) {
    eprintln!("tribunal: {}", message.trim_end());
}

/// Prints a remark on stderr.
pub(crate) fn remark(message: &str) {
    eprintln!("{}", message.trim_end());
}
