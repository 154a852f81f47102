//! The program. So far only its hidden subcommand.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Before anything else: the zygote must never have had a second thread.
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|argument| argument == "__zygote") {
        return tribunal::sandbox::serve_zygote(arguments.any(|argument| argument == "--test-faults"));
    }
    ExitCode::from(2)
}
