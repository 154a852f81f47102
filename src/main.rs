//! The map: parse, build, run, exit code.

mod cli;
mod commands;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Command};
use crate::commands::{Context, Exit, Failure};

/// The hidden subcommand that decodes: nothing may read the environment or start a thread before it.
const ZYGOTE: &str = "__zygote";
/// Lets tests ask workers to crash, hang and lie; no file can.
const TEST_FAULTS: &str = "--test-faults";

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == ZYGOTE) {
        return tribunal::sandbox::serve_zygote(arguments.any(|argument| argument == TEST_FAULTS));
    }
    commands::outlive_file_limits();
    commands::leave_no_core();
    let cli = Cli::parse();
    let exit = run(&cli).unwrap_or_else(|Failure { message, exit }| {
        commands::fail(cli.json, &message, exit);
        exit
    });
    commands::delivered(exit).into()
}

fn run(cli: &Cli) -> Result<Exit, Failure> {
    commands::heed_signals(cli.json)?;
    let context = Context::new(cli.json, cli.config.as_deref())?;
    match &cli.command {
        Command::Score(args) => commands::score::run(&context, args),
        Command::Prepare(args) => commands::prepare::run(&context, args),
        Command::Probe(args) => commands::probe::run(&context, args),
        Command::Samplers(args) => commands::samplers::run(&context, args),
        Command::Report(args) => commands::report::run(&context, args),
        Command::Agree(args) => commands::agree::run(&context, args),
        Command::Export(args) => commands::export::run(&context, args),
        Command::Import(args) => commands::import::run(&context, args),
        Command::Taxonomy(command) => commands::taxonomy::run(&context, command),
        Command::Doctor(args) => commands::doctor::run(&context, args),
    }
}
