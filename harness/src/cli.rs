//! The command line: one table of commands from which parsing and `--help` come.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::result::ExitCode;

/// Put a system of services under load, break it on a timeline, and prove whether it held.
#[derive(Debug, Parser)]
#[command(name = "shakedown", version, after_help = exit_codes(), arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a scenario: start the system, load it, break it, watch it, judge it
    ///
    /// In a terminal the dashboard shows the run live; elsewhere there is one line a second. The
    /// run folder keeps the scenario, run.db, result.json, junit.xml and report.html.
    #[command(after_help = exit_codes())]
    Run(RunArguments),
    /// Check a scenario: every error with its place, the timeline, and whether a run can decide
    Check(CheckArguments),
    #[command(flatten)]
    Part(Part),
}

#[derive(Debug, Args)]
pub struct RunArguments {
    /// Scenario file (TOML)
    pub file: PathBuf,
    /// Where run folders are made
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub out: PathBuf,
    /// Replace the scenario's seed: other users, other arrivals, other hits
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Send all telemetry on to this OTLP backend, like http://127.0.0.1:4318
    #[arg(long, value_name = "URL")]
    pub otlp: Option<String>,
    /// One line a second instead of the dashboard
    #[arg(long)]
    pub plain: bool,
    /// Shorten every duration of the phases and the schedule by this factor
    #[arg(long, value_name = "X", default_value_t = 1.0, value_parser = time_scale)]
    pub time_scale: f64,
}

#[derive(Debug, Args)]
pub struct CheckArguments {
    /// Scenario file (TOML)
    pub file: PathBuf,
    /// Check what a run with this time scale could decide
    #[arg(long, value_name = "X", default_value_t = 1.0, value_parser = time_scale)]
    pub time_scale: f64,
}

/// The processes of a run, started by `run`.
#[derive(Debug, Subcommand)]
pub enum Part {
    /// The fault-injecting gateway
    #[command(hide = true)]
    Proxy {
        /// JSON file with addresses and edges
        #[arg(long, value_name = "FILE")]
        bootstrap: PathBuf,
    },
    /// One service of the sample shop
    #[command(hide = true)]
    Service {
        name: String,
        #[arg(long, default_value = "127.0.0.1:0")]
        listen: SocketAddr,
        /// Folder of the service's own database
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
    },
    /// One worker of the load generator
    #[command(hide = true)]
    LoadWorker {
        /// JSON file with the load plan
        #[arg(long, value_name = "FILE")]
        plan: PathBuf,
    },
    /// Ends the processes of a run whose runner died
    #[command(hide = true)]
    Guardian,
}

fn time_scale(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(scale) if (0.01..=1_000.0).contains(&scale) => Ok(scale),
        _ => Err("expected a number from 0.01 to 1000; 4 makes the run four times shorter".into()),
    }
}

/// `Err` when there is nothing to run: help was asked for (0), or the arguments are wrong (4).
pub fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Cli, ExitCode> {
    Cli::try_parse_from(arguments).map_err(|error| {
        // Nothing can be reported when the streams are closed.
        let _closed = error.print();
        if error.use_stderr() { ExitCode::ScenarioInvalid } else { ExitCode::Pass }
    })
}

fn exit_codes() -> String {
    let line = |code: &ExitCode| format!("  {:>3}  {}\n", code.code(), code.meaning());
    format!("Exit codes:\n{}", ExitCode::ALL.iter().map(line).collect::<String>())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_table_of_commands_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn wrong_arguments_are_not_mistaken_for_an_inconclusive_run() {
        let parse = |line: &str| parse(line.split(' ').map(OsString::from)).map(|_| ());
        assert_eq!(parse("shakedown run"), Err(ExitCode::ScenarioInvalid));
        assert_eq!(parse("shakedown run a.toml --time-scale 0"), Err(ExitCode::ScenarioInvalid));
        assert_eq!(parse("shakedown --help"), Err(ExitCode::Pass));
        assert_eq!(parse("shakedown run a.toml --time-scale 4 --plain"), Ok(()));
    }
}
