//! The command line: one table of commands from which parsing and `--help` come.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::result::ExitCode;

mod address;
mod collector;
mod fault;
mod load;
mod proxy;
mod query;
mod replay;
mod watch;

pub use collector::CollectorArguments;
pub use fault::{ArmArguments, FaultAction, FaultArguments, Remote};
pub use load::{AtLimit, LoadArguments, Rate};
pub use proxy::ProxyArguments;
pub use query::{
    BlameArguments, EdgeArguments, LogArguments, PageArguments, QueryArguments, Question,
    SampleArguments, Severity, SourceArguments, TimeArguments, TraceArguments,
};
pub use replay::ReplayArguments;
pub use watch::{Color, Format, WatchArguments};

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
    /// Run the gateway by itself, in front of any services
    ///
    /// It forwards requests or bytes, retries, breaks circuits, limits and balances as its file
    /// says, and breaks what it is told to break.
    Proxy(ProxyArguments),
    /// Put load on any URL, and measure it from the instants at which requests were due
    ///
    /// In the open model requests are begun at their rate whatever the server does, so a stall
    /// shows in the percentiles; what was asked for and never ended is counted.
    Load(Box<LoadArguments>),
    /// Show, arm and disarm the faults of a running proxy
    Fault(FaultArguments),
    /// Collect traces, metrics and logs of any services by OTLP, keep them, answer questions
    Collector(CollectorArguments),
    /// Ask a running collector, or the file of a run: traces, waterfalls, logs, edges, runs
    Query(QueryArguments),
    /// Watch a run: the dashboard of any collector, or of a recording
    ///
    /// In a terminal it is the dashboard; elsewhere, or with --plain, one line a second.
    Watch(WatchArguments),
    /// Send a recorded run to an OTLP backend, or write it as OTLP JSON lines
    Replay(ReplayArguments),
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
    /// Send all telemetry on to this OTLP backend, like http://127.0.0.1:4318, with settings such
    /// as compression=zstd after it in the same argument; can be repeated
    #[arg(long, value_name = "URL [SETTINGS]")]
    pub otlp: Vec<String>,
    /// One line a second instead of the dashboard
    #[arg(long)]
    pub plain: bool,
    /// Let the dashboard arm and disarm faults beside the plan; each change asks first
    #[arg(long, conflicts_with = "plain")]
    pub allow_control: bool,
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
    /// One worker of a load that is sent from many processes or machines
    ///
    /// It asks the collector for its part of the plan, waits until all workers are there, begins
    /// with them at the same instant, and reports each second. In Kubernetes it is the command of
    /// an Indexed Job, which says by itself which worker each pod is.
    LoadWorker {
        /// JSON file with the load plan, for a worker that a runner starts
        #[arg(long, value_name = "FILE", conflicts_with = "join")]
        plan: Option<PathBuf>,
        /// Take part in the load that the collector at this address offers, like 10.0.0.7:4320
        #[arg(long, value_name = "HOST:PORT", required_unless_present = "plan")]
        join: Option<String>,
        /// Which of the workers this one is, from 0
        #[arg(
            long,
            value_name = "N",
            env = "JOB_COMPLETION_INDEX",
            required_unless_present = "plan"
        )]
        worker: Option<u32>,
        /// Holds the token that the collector wants to be shown
        #[arg(long, value_name = "FILE")]
        token_file: Option<PathBuf>,
        /// Stop when standard input ends: whoever started it is gone
        #[arg(long, hide = true)]
        child: bool,
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

    #[test]
    fn a_watcher_looks_at_a_collector_or_at_what_is_kept() {
        let parse = |line: &str| parse(line.split(' ').map(OsString::from)).map(|_| ());
        for good in [
            "shakedown watch",
            "shakedown watch http://lab:4319 --token-file t --record a.rec --ascii --color never",
            "shakedown watch :4319 --plain",
            "shakedown watch --once --format json",
            "shakedown watch --replay a.rec --at 02:41 --snapshot 120x40 --utf8",
            "shakedown watch --replay runs/a --record a.rec",
            "shakedown watch --print-keys",
        ] {
            assert_eq!(parse(good), Ok(()), "{good}");
        }
        for wrong in [
            "shakedown watch a b",
            "shakedown watch http://lab:4319 --replay a.rec",
            "shakedown watch --at 02:41",
            "shakedown watch --replay a.rec --at 2",
            "shakedown watch --snapshot 120",
            "shakedown watch --format json",
            "shakedown watch --once --plain",
            "shakedown watch --print-keys --once",
            "shakedown watch --once --record a.rec",
            "shakedown watch --ascii --utf8",
            "shakedown watch --color blue",
        ] {
            assert_eq!(parse(wrong), Err(ExitCode::ScenarioInvalid), "{wrong}");
        }
    }

    #[test]
    fn a_question_has_filters_a_source_and_a_form() {
        let parse = |line: &str| parse(line.split(' ').map(OsString::from)).map(|_| ());
        for good in [
            "shakedown collector",
            "shakedown collector --grpc 0 --http :0 --api 0 --data runs --otlp http://127.0.0.1:1",
            "shakedown collector --memory-only",
            "shakedown query traces --error --last 5m --json",
            "shakedown query --run runs/x.db traces --slowest --edge a->b --min 200ms",
            "shakedown query trace 4bf92f3577b34da6a3ce929d0e0e4736 --api http://127.0.0.1:1",
            "shakedown query logs --severity warn --contains x --limit 5 --run latest",
            "shakedown query edges --step 10s",
            "shakedown query runs --pin latest",
            "shakedown query --seal runs/x.db",
        ] {
            assert_eq!(parse(good), Ok(()), "{good}");
        }
        for bad in [
            "shakedown query",
            "shakedown query trace",
            "shakedown query traces --error --ok",
            "shakedown query traces --limit 0",
            "shakedown query logs --severity loud",
            "shakedown query traces --token-file t",
            "shakedown collector --memory-only --data runs",
            "shakedown collector --api nowhere",
            "shakedown collector --keep-bytes many",
        ] {
            assert_eq!(parse(bad), Err(ExitCode::ScenarioInvalid), "{bad}");
        }
    }

    #[test]
    fn a_proxy_needs_a_file_or_a_listener_and_where_it_leads() {
        let parse = |line: &str| parse(line.split(' ').map(OsString::from)).map(|_| ());
        for good in [
            "shakedown proxy --config gateway.toml",
            "shakedown proxy --config gateway.toml --check",
            "shakedown proxy --bootstrap proxy.json",
            "shakedown proxy --listen :8080 --upstream 7001 --upstream orders:7002",
            "shakedown proxy --listen 5433 --upstream 5432 --tcp --admin 9901 --threads 2",
            "shakedown proxy --listen 1 --upstream 2 --toxiproxy 8474 --otlp http://127.0.0.1:4317",
        ] {
            assert_eq!(parse(good), Ok(()), "{good}");
        }
        for bad in [
            "shakedown proxy",
            "shakedown proxy --listen 8080",
            "shakedown proxy --upstream 8080",
            "shakedown proxy --tcp --config gateway.toml",
            "shakedown proxy --config gateway.toml --listen 8080 --upstream 7001",
            "shakedown proxy --config gateway.toml --admin 9901",
            "shakedown proxy --listen nowhere --upstream 7001",
            "shakedown proxy --listen 8080 --upstream http://127.0.0.1:7001",
            "shakedown proxy --listen 8080 --upstream 7001 --threads 0",
            "shakedown proxy --listen 8080 --upstream 7001 --check",
            "shakedown proxy --bootstrap proxy.json --check",
        ] {
            assert_eq!(parse(bad), Err(ExitCode::ScenarioInvalid), "{bad}");
        }
    }

    #[test]
    fn a_fault_is_armed_by_flags_or_by_a_file() {
        let parse = |line: &str| parse(line.split(' ').map(OsString::from)).map(|_| ());
        for good in [
            "shakedown fault list",
            "shakedown fault list --json --admin http://127.0.0.1:1 --token-file t",
            "shakedown fault arm a --on x->y --kind latency --set add=1s --for 5m --share 5%",
            "shakedown fault arm a --on x->y --kind refuse --for 5m --match path=/a --when first=3",
            "shakedown fault arm --file fault.toml",
            "shakedown fault arm --file fault.toml --for 1m",
            "shakedown fault disarm a b",
            "shakedown fault clear",
        ] {
            assert_eq!(parse(good), Ok(()), "{good}");
        }
        for bad in [
            "shakedown fault",
            "shakedown fault arm a --on x->y --kind latency",
            "shakedown fault arm --on x->y --kind latency --for 5m",
            "shakedown fault arm a --file fault.toml",
            "shakedown fault arm a --on x->y --kind latency --set add --for 5m",
            "shakedown fault arm a --on x->y --kind latency --for 0s",
            "shakedown fault disarm",
        ] {
            assert_eq!(parse(bad), Err(ExitCode::ScenarioInvalid), "{bad}");
        }
    }

    #[test]
    fn a_replay_goes_to_a_backend_or_into_files() {
        let parse = |line: &str| parse(line.split(' ').map(OsString::from)).map(|_| ());
        for good in [
            "shakedown replay runs/a --otlp http://127.0.0.1:4318",
            "shakedown replay run.db --otlp http://a --speed max --shift-to-now",
            "shakedown replay run.db --otlp http://a --speed 0.5",
            "shakedown replay run.db --to-files out",
        ] {
            assert_eq!(parse(good), Ok(()), "{good}");
        }
        for bad in [
            "shakedown replay",
            "shakedown replay run.db",
            "shakedown replay run.db --otlp http://a --to-files out",
            "shakedown replay run.db --to-files out --speed 2",
            "shakedown replay run.db --otlp http://a --speed 0",
            "shakedown replay run.db --otlp http://a --speed fast",
        ] {
            assert_eq!(parse(bad), Err(ExitCode::ScenarioInvalid), "{bad}");
        }
    }

    #[test]
    fn load_goes_to_one_url_or_to_those_of_a_file() {
        let parse = |line: &str| parse(line.split(' ').map(OsString::from)).map(|_| ());
        for good in [
            "shakedown load http://127.0.0.1:1/ --rate 2000 --for 30s",
            "shakedown load :8080 -r 0.5/s -z 30 -c 10 -t 2 --warmup 500ms --poisson",
            "shakedown load --urls urls.txt --rate max --for 1m30s --quiet",
            "shakedown load http://a/ -X PUT -H a:b -H c:d -d x --status 200,404 --at-limit drop",
            "shakedown load http://a/ --threshold p99<1s --threshold errors<1% --abort-on-fail",
            "shakedown load a.toml --abort-on-fail",
            "shakedown load http://a/ --find-limit p99<1s --precision 2%",
            "shakedown load http://a/ --users 50",
            "shakedown load http://a/ --json - --csv c --junit j --hdr-log h --prometheus 9464",
        ] {
            assert_eq!(parse(good), Ok(()), "{good}");
        }
        for bad in [
            "shakedown load",
            "shakedown load http://a/ --urls urls.txt",
            "shakedown load http://a/ --rate 0",
            "shakedown load http://a/ --rate fast",
            "shakedown load http://a/ --rate 5 --users 5",
            "shakedown load http://a/ --connections 0",
            "shakedown load http://a/ -H nothing",
            "shakedown load http://a/ --for soon",
            "shakedown load http://a/ --status 20",
            "shakedown load http://a/ --timeout 0",
            "shakedown load http://a/ --timeout 0ms",
            "shakedown load http://a/ --find-limit p99<1s --threshold p99<1s",
            "shakedown load http://a/ --find-limit p99<1s --csv a.csv",
            "shakedown load http://a/ --find-limit p99<1s --junit a.xml",
            "shakedown load http://a/ --find-limit p99<1s --hdr-log a.log",
            "shakedown load http://a/ --find-limit p99<1s --prometheus 9464",
            "shakedown load http://a/ --find-limit p99<1s --otlp http://a:4318",
            "shakedown load http://a/ --find-limit p99<1s --latency",
            "shakedown load http://a/ --find-limit p99<1s --abort-on-fail",
            "shakedown load http://a/ --precision 2%",
            "shakedown load http://a/ --plain --quiet",
        ] {
            assert_eq!(parse(bad), Err(ExitCode::ScenarioInvalid), "{bad}");
        }
    }

    #[test]
    fn the_help_of_arm_names_every_kind_and_its_keys() {
        let mut command = Cli::command();
        let fault = command.find_subcommand_mut("fault").unwrap();
        let help = fault.find_subcommand_mut("arm").unwrap().render_long_help().to_string();
        for row in &model::fault::keys::KIND_KEYS {
            assert!(help.contains(&format!("  {}", row.kind)), "{}", row.kind);
            for key in row.keys {
                assert!(help.contains(key.name), "{} {}", row.kind, key.name);
            }
        }
    }
}
