//! `shakedown query`: traces, logs and counts of a running collector or of a run file.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

const EXAMPLES: &str = "\
Examples:
  shakedown query traces --error --last 5m
      failed traces of a running collector, the newest first
  shakedown query trace 4bf92f3577b34da6a3ce929d0e0e4736
      one trace as a waterfall, with its logs
  shakedown query traces --slowest --edge 'orders -> payments' --run runs/latest-run-folder
      the slowest requests of an edge, from the file of a run
  shakedown query logs --severity warn --contains timeout --run latest
      from the newest run of the folder of runs
  shakedown query edges --step 10s --json
      rate, errors and durations every ten seconds, for another program
  shakedown query edges --edge 'orders -> payments' --recorded --run latest >latency.json
      how long that edge took, as `quantiles_from` of a latency fault replays it
  shakedown query path 4bf92f3577b34da6a3ce929d0e0e4736
      what a trace waited for, instant by instant
  shakedown query blame --phase during --quantile 0.99 --run latest
      whose time the slow requests are, in lines that add up
  shakedown query runs
      every run of the folder of runs
  shakedown query --seal runs/run-20261125-192243-7f3c.db
      seals a run whose collector was killed

Exit codes:
    0  answered
    1  there is no such trace or run
    4  arguments invalid
    5  the collector cannot be reached, or the file cannot be read
";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, subcommand_required = false, arg_required_else_help = true)]
pub struct QueryArguments {
    /// Seal a run, or all runs of a folder, that a killed collector left
    #[arg(long, value_name = "PATH", conflicts_with_all = ["api", "run"])]
    pub seal: Option<PathBuf>,
    #[command(flatten)]
    pub source: SourceArguments,
    #[command(subcommand)]
    pub question: Option<Question>,
}

/// Who is asked, and how the answer is shown.
#[derive(Debug, Clone, Args)]
pub struct SourceArguments {
    /// API of a running collector [default: http://127.0.0.1:4319]
    #[arg(long, value_name = "URL", global = true)]
    pub api: Option<String>,
    /// Holds the token that the API asks for
    #[arg(long, value_name = "FILE", global = true, requires = "api")]
    pub token_file: Option<PathBuf>,
    /// A run file, a folder of runs, or the id of a run: a part of it is enough, or `latest`
    #[arg(long, value_name = "PATH|ID", global = true)]
    pub run: Option<String>,
    /// The answer as JSON, as the API gives it
    #[arg(long, global = true)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum Question {
    /// Traces, the newest or the slowest first
    Traces(TraceArguments),
    /// One trace as a waterfall, with its logs
    Trace {
        /// 32 hex digits, as a list shows them
        id: String,
    },
    /// The critical path of a trace: what was waited for, instant by instant
    Path {
        /// 32 hex digits, as a list shows them
        id: String,
    },
    /// Everything with one correlation id, over all its traces, and where it was lost
    Request {
        /// The correlation id
        id: String,
    },
    /// The newest logs, in order of time
    Logs(LogArguments),
    /// Rate, errors and durations of edges
    Edges(EdgeArguments),
    /// Services and who calls whom
    Graph {
        #[command(flatten)]
        time: TimeArguments,
    },
    /// Spans by service and operation
    Operations {
        #[arg(long, value_name = "NAME")]
        service: Option<String>,
        #[command(flatten)]
        time: TimeArguments,
    },
    /// Faults: what they did and when they were armed
    Faults,
    /// What each fault did to the requests that it touched, and who felt it
    Impact(SampleArguments),
    /// Whose time requests took, by service, edge and work
    Blame(BlameArguments),
    /// Work that was repeated, or done for nobody
    Retries(SampleArguments),
    /// Is the telemetry complete enough to judge by?
    Completeness(SampleArguments),
    /// Changes of breakers
    Breakers,
    /// What happened, in order of time
    Events {
        #[command(flatten)]
        time: TimeArguments,
    },
    /// The runs that are there; pins keep a run from being removed
    Runs {
        /// Folder of runs [default: ./runs and that of `shakedown collector`]
        #[arg(long, value_name = "DIR", conflicts_with = "api")]
        data: Option<PathBuf>,
        /// Keep this run whatever comes
        #[arg(long, value_name = "ID", conflicts_with_all = ["unpin", "api"])]
        pin: Option<String>,
        /// Let this run go when its time has come
        #[arg(long, value_name = "ID", conflicts_with = "api")]
        unpin: Option<String>,
    },
}

/// Only what was in this time.
#[derive(Debug, Clone, Default, Args)]
pub struct TimeArguments {
    /// Only the last of it, like 5m, from now on backwards
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub last: Option<Duration>,
    /// Not before, in milliseconds since the Unix epoch
    #[arg(long, value_name = "MS", conflicts_with = "last")]
    pub from: Option<u64>,
    /// Before, in milliseconds since the Unix epoch
    #[arg(long, value_name = "MS")]
    pub to: Option<u64>,
}

#[derive(Debug, Clone, Default, Args)]
pub struct TraceArguments {
    /// Requests on this edge, like 'orders -> payments'
    #[arg(long, value_name = "EDGE")]
    pub edge: Option<String>,
    /// With a span of this service
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
    /// With a span of this name
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// With a span of this http.route
    #[arg(long, value_name = "ROUTE")]
    pub route: Option<String>,
    /// With a span of this correlation id
    #[arg(long, value_name = "ID")]
    pub correlation: Option<String>,
    /// That this fault hit
    #[arg(long, value_name = "NAME")]
    pub fault: Option<String>,
    /// That lasted at least so long, like 200ms
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub min: Option<Duration>,
    /// That lasted at most so long
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub max: Option<Duration>,
    /// Only failed ones
    #[arg(long, conflicts_with = "ok")]
    pub error: bool,
    /// Only those without an error
    #[arg(long)]
    pub ok: bool,
    /// The slowest first
    #[arg(long)]
    pub slowest: bool,
    #[command(flatten)]
    pub time: TimeArguments,
    #[command(flatten)]
    pub page: PageArguments,
}

#[derive(Debug, Clone, Default, Args)]
pub struct LogArguments {
    /// Of this trace
    #[arg(long, value_name = "ID")]
    pub trace: Option<String>,
    /// Of this correlation id
    #[arg(long, value_name = "ID")]
    pub correlation: Option<String>,
    /// Of this service
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
    /// At least so severe
    #[arg(long, value_name = "LEVEL")]
    pub severity: Option<Severity>,
    /// With this text in the body or in the name of the event
    #[arg(long, value_name = "TEXT")]
    pub contains: Option<String>,
    #[command(flatten)]
    pub time: TimeArguments,
    #[command(flatten)]
    pub page: PageArguments,
}

/// How severe a log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Severity {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Fatal,
}

#[derive(Debug, Clone, Default, Args)]
pub struct EdgeArguments {
    /// Only this edge
    #[arg(long, value_name = "EDGE")]
    pub edge: Option<String>,
    /// Only edges from or to this service
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
    /// A row for every step of this length, like 10s
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub step: Option<Duration>,
    /// The durations of the edge as a file that a latency fault replays by `quantiles_from`
    #[arg(long, requires = "edge", conflicts_with = "step")]
    pub recorded: bool,
    #[command(flatten)]
    pub time: TimeArguments,
}

/// How many traces an analysis reads.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct SampleArguments {
    /// Most traces that are read [default: 2000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=5_000))]
    pub limit: Option<u32>,
}

#[derive(Debug, Clone, Default, Args)]
pub struct BlameArguments {
    /// Requests of this edge, as the gateway served them, and not whole traces
    #[arg(long, value_name = "EDGE")]
    pub edge: Option<String>,
    /// Requests that began in this phase: warmup, before, during, after or end
    #[arg(long, value_name = "PHASE")]
    pub phase: Option<String>,
    /// Only the requests around this quantile of duration, like 0.99
    #[arg(long, value_name = "Q")]
    pub quantile: Option<f64>,
    #[command(flatten)]
    pub sample: SampleArguments,
}

#[derive(Debug, Clone, Default, Args)]
pub struct PageArguments {
    /// Most lines
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000), default_value_t = 20)]
    pub limit: u32,
    /// Go on after an earlier answer, which ends with its cursor
    #[arg(long, value_name = "CURSOR")]
    pub cursor: Option<String>,
}

fn time(text: &str) -> Result<Duration, String> {
    model::units::parse_duration(text).map_err(|error| error.to_string())
}
