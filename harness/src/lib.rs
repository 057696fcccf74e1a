//! The binary `shakedown`: command line, runner, guardian, verdicts, reports.
//!
//! [`cli`] is the table of commands. [`run`] is the main job: it starts the parts of a run, watches
//! them and ends them. [`guardian`] ends what a dead runner left behind. [`part`] is the other side
//! of `run`: what each child process does. [`result`] and [`report`] say what came of it. [`load`]
//! puts load on any URL. [`gateway`] is the proxy by itself, without a run, and [`fault`] talks to
//! a running one. [`collector`] is the collector by itself, and [`query`] asks it, or the files
//! that it keeps. [`watch`] shows a run from outside. [`replay`] sends a recorded run once more.

pub mod cli;
pub mod collector;
pub mod control;
pub mod fault;
pub mod gateway;
pub mod guardian;
pub mod load;
mod own_lines;
pub mod part;
pub mod query;
pub mod replay;
pub mod report;
pub mod result;
pub mod run;
pub mod watch;
mod written;

use std::ffi::OsString;

use cli::{Cli, Command};
use result::ExitCode;

/// Runs the program with the given arguments, the name of the program first. A panic is a fault of
/// the harness, like any other of its errors.
pub fn main(arguments: impl Iterator<Item = OsString> + std::panic::UnwindSafe) -> ExitCode {
    std::panic::catch_unwind(|| dispatch(arguments)).unwrap_or(ExitCode::HarnessFault)
}

fn dispatch(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let cli = match cli::parse(arguments) {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    match cli {
        Cli { command: Command::Run(arguments) } => run::command(&arguments),
        Cli { command: Command::Check(arguments) } => run::check(&arguments),
        Cli { command: Command::Proxy(arguments) } => gateway::command(&arguments),
        Cli { command: Command::Load(arguments) } => load::command(&arguments),
        Cli { command: Command::Fault(arguments) } => fault::command(&arguments),
        Cli { command: Command::Collector(arguments) } => collector::command(&arguments),
        Cli { command: Command::Query(arguments) } => query::command(&arguments),
        Cli { command: Command::Watch(arguments) } => watch::command(&arguments),
        Cli { command: Command::Replay(arguments) } => replay::command(&arguments),
        Cli { command: Command::Part(part) } => part::command(part),
    }
}

/// Says why the program ends, on standard error. A closed one has nobody to tell.
pub(crate) fn complain(error: &dyn std::error::Error) {
    say(&with_causes(error));
}

/// Says something to the person who started the program, on standard error.
pub(crate) fn say(text: &str) {
    use std::io::Write as _;
    let _closed = writeln!(std::io::stderr().lock(), "shakedown: {text}");
}

/// An error with what caused it, on one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        // Some libraries repeat their source in their own message.
        if !text.contains(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}
