//! `shakedown load`: load on any URL, measured from the intended start.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args};
use model::units::parse_duration;

use super::address;

const EXAMPLES: &str = "\
Examples:
  shakedown load http://127.0.0.1:8080/ --rate 2000 --for 30s
      2,000 requests a second, whatever the server does; an answer that comes late is counted from
      the instant at which its request was due
  shakedown load http://127.0.0.1:8080/ --rate 2000 --for 30s --warmup 5s --latency
      the first five seconds are left out; all percentiles as wrk2 prints them
  shakedown load --urls urls.txt --rate 500 --for 1m --poisson
      a file with one URL on each line, drawn at random, arriving as people do
  shakedown load http://shop/ --rate 200 --for 1m --threshold 'p99 < 200ms' \\
      --threshold 'errors < 1% over 10s' --abort-on-fail --junit load.xml
      a limit that decides the exit code, and ends the load when it is broken
  shakedown load checkout.toml --target http://shop/ --for 5m
      journeys of several steps, with data, checks and thresholds; docs/flows.md has the language
  shakedown load http://shop/ --users 50 --for 1m
      the closed model: each user waits for an answer before the next request
  shakedown load http://shop/ --rate 20000 --for 1m --workers 4
      four processes share the load; docs/deploy/load-workers.md has many machines
  shakedown load http://shop/ --find-limit 'p99 < 200ms'
      the highest rate at which the objective still holds
  shakedown load http://shop/pay -X POST -H 'content-type: application/json' -d '{\"n\":${seq}}' \\
      --rate 50 --for 10s --json - | jq .response
      a body with a number in it; the result as JSON

Ctrl-C ends the load and prints what was measured; twice leaves at once. docs/load.md explains every
figure and the formats of --json, --csv, --junit, --hdr-log, --otlp and --prometheus.

Exit codes:
    0  the load took place, every threshold holds
    1  a threshold failed
    2  a threshold could not be decided: too few requests, or too close to call
    4  arguments or a file invalid
    5  environment: an unknown host, a refused port, a file that cannot be written
    6  the load itself was invalid: the generator could not keep its promise, nothing was judged
  130  interrupted
";

/// One of these says where load goes.
const WHERE: [&str; 2] = ["url", "urls"];

/// They speak of one load, and a search has many.
const NOT_WITH_FIND_LIMIT: [&str; 10] = [
    "threshold",
    "abort_on_fail",
    "users",
    "latency",
    "csv",
    "junit",
    "hdr_log",
    "otlp",
    "prometheus",
    "traces",
];

#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
#[command(group = ArgGroup::new("where").required(true).args(WHERE))]
pub struct LoadArguments {
    /// Where requests go, like http://127.0.0.1:8080/items, or a file of load (TOML)
    pub url: Option<String>,
    /// File with one URL on each line; each request draws one
    #[arg(long, value_name = "FILE")]
    pub urls: Option<PathBuf>,

    /// Send a file of load to this server instead of the file's own
    #[arg(long, value_name = "URL", requires = "url")]
    pub target: Option<String>,

    /// Requests a second that are begun, like 2000 or 2000/s, or `max` for as fast as they are
    /// answered [default: 100]
    #[arg(long, short = 'r', value_name = "N", value_parser = rate, help_heading = "Load")]
    pub rate: Option<Rate>,
    /// How long, warm-up not counted [default: what the file says, or 10s]
    #[arg(long = "for", short = 'z', value_name = "TIME", value_parser = span, help_heading = "Load")]
    pub length: Option<Duration>,
    /// Load before it, which is left out of every figure but the account [default: the file's, or
    /// none]
    #[arg(long, value_name = "TIME", value_parser = span, help_heading = "Load")]
    pub warmup: Option<Duration>,
    /// Requests come at random as from many independent people, not evenly
    #[arg(long, help_heading = "Load")]
    pub poisson: bool,
    /// Most requests in flight [default: the file's, or 100]
    #[arg(long, short = 'c', value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000), help_heading = "Load")]
    pub connections: Option<u32>,
    /// What becomes of a request when as many are in flight [default: the file's, or queue]
    #[arg(long, value_name = "WHAT", value_enum, help_heading = "Load")]
    pub at_limit: Option<AtLimit>,
    /// Release requests together in steps of this time: less CPU, and a lateness of up to a step
    #[arg(long, value_name = "TIME", value_parser = step, default_value = "0s", help_heading = "Load")]
    pub release_every: Duration,
    /// Threads that send, in each worker [default: the file's, or 1]
    #[arg(long, short = 't', value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256), help_heading = "Load")]
    pub threads: Option<u32>,
    /// Closed model: so many users, each of whom waits for an answer before the next request
    #[arg(long, value_name = "N", conflicts_with = "rate", value_parser = clap::value_parser!(u32).range(1..=100_000), help_heading = "Load")]
    pub users: Option<u32>,
    /// The same seed sends the same requests at the same instants [default: the file's, or 1]
    #[arg(long, value_name = "N", help_heading = "Load")]
    pub seed: Option<u64>,

    /// Processes that share the load; --connections and --threads are those of each
    #[arg(long, value_name = "N", conflicts_with = "find_limit", value_parser = clap::value_parser!(u32).range(1..=1_000), help_heading = "Workers")]
    pub workers: Option<u32>,
    /// Start none of them: they come from other machines and find this one here
    #[arg(long, value_name = "ADDR", value_parser = address::listen, requires = "workers", help_heading = "Workers")]
    pub listen: Option<SocketAddr>,
    /// Holds the token that workers show; needed when they are on other machines
    #[arg(long, value_name = "FILE", requires = "listen", help_heading = "Workers")]
    pub token_file: Option<PathBuf>,

    /// Method [default: GET, with a body POST]
    #[arg(long, short = 'X', value_name = "NAME", help_heading = "Request")]
    pub method: Option<String>,
    /// A header like 'accept: text/html'; can be repeated
    #[arg(long, short = 'H', value_name = "NAME: VALUE", value_parser = header, help_heading = "Request")]
    pub header: Vec<(String, String)>,
    /// The body; @FILE reads it from a file
    #[arg(long, short = 'd', value_name = "TEXT", help_heading = "Request")]
    pub body: Option<String>,
    /// How long an answer may take [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = patience, help_heading = "Request")]
    pub timeout: Option<Duration>,
    /// Statuses that are a success, like 200,404 [default: 200 to 299]
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = status, help_heading = "Request")]
    pub status: Vec<u16>,

    /// Speak HTTP/2
    #[arg(long, help_heading = "Connections")]
    pub http2: bool,
    /// A connection of its own for each request
    #[arg(long, help_heading = "Connections")]
    pub no_keepalive: bool,
    /// Certificates of authorities to trust (PEM) [default: the system's]
    #[arg(long, value_name = "FILE", help_heading = "Connections")]
    pub cacert: Option<PathBuf>,
    /// Client certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "key", help_heading = "Connections")]
    pub cert: Option<PathBuf>,
    /// Key of the client certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "cert", help_heading = "Connections")]
    pub key: Option<PathBuf>,
    /// Name in the handshake (SNI) and in the certificate [default: the host]
    #[arg(long, value_name = "NAME", help_heading = "Connections")]
    pub server_name: Option<String>,
    /// Take any certificate
    #[arg(long, help_heading = "Connections")]
    pub insecure: bool,

    /// A limit like 'p99 < 200ms', 'errors < 1% over 10s' or 'rate > 1990/s'; can be repeated
    #[arg(long, value_name = "EXPR", help_heading = "Judging")]
    pub threshold: Vec<String>,
    /// End the load when a threshold fails, be it an argument or of the file
    #[arg(long, help_heading = "Judging")]
    pub abort_on_fail: bool,
    /// Search the highest rate that meets an objective; --rate is where the search begins, --for is
    /// the longest that one rate is tried. Of the forms of output only --json goes with it
    #[arg(long, value_name = "EXPR", conflicts_with_all = NOT_WITH_FIND_LIMIT, help_heading = "Judging")]
    pub find_limit: Option<String>,
    /// How close the search goes to the limit
    #[arg(long, value_name = "PERCENT", value_parser = precision, default_value = "5%", requires = "find_limit", help_heading = "Judging")]
    pub precision: f64,

    /// Every percentile, as wrk2 prints them
    #[arg(long, help_heading = "Output")]
    pub latency: bool,
    /// The whole result as JSON; - is standard output
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub json: Option<PathBuf>,
    /// One line for each second
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub csv: Option<PathBuf>,
    /// A test case for each threshold, and one for the load
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub junit: Option<PathBuf>,
    /// An interval log that the tools of HdrHistogram read
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub hdr_log: Option<PathBuf>,
    /// Send metrics each second to this OTLP backend, like http://127.0.0.1:4318
    #[arg(long, value_name = "URL", help_heading = "Output")]
    pub otlp: Option<String>,
    /// Send a trace for each request there, too
    #[arg(long, requires = "otlp", help_heading = "Output")]
    pub traces: bool,
    /// Serve live metrics for Prometheus here; a port alone is one of the loopback
    #[arg(long, value_name = "ADDR", value_parser = address::listen, help_heading = "Output")]
    pub prometheus: Option<SocketAddr>,
    /// One line a second instead of the dashboard
    #[arg(long, help_heading = "Output")]
    pub plain: bool,
    /// Nothing while the load runs
    #[arg(long, short = 'q', conflicts_with = "plain", help_heading = "Output")]
    pub quiet: bool,
}

/// What decides when a request is sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rate {
    PerSecond(f64),
    Max,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum AtLimit {
    /// It waits, and the wait counts
    Queue,
    /// It is not sent, and counted as dropped
    Drop,
    /// It is sent all the same
    Spawn,
}

fn rate(text: &str) -> Result<Rate, String> {
    if text == "max" {
        return Ok(Rate::Max);
    }
    let number = text.strip_suffix("/s").unwrap_or(text);
    match number.parse() {
        Ok(rate) if rate > 0.0 && rate <= model::limits::RATE_PER_S_MAX => {
            Ok(Rate::PerSecond(rate))
        },
        _ => Err(format!(
            "expected requests a second like 2000 or 0.5, at most {}, or max",
            model::limits::RATE_PER_S_MAX
        )),
    }
}

/// A bare number is seconds, as other load generators take it.
fn span(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| (0.0..1e9).contains(seconds));
    match seconds {
        Some(seconds) => Ok(Duration::from_secs_f64(seconds)),
        None => parse_duration(text).map_err(|error| error.to_string()),
    }
}

/// A time that can pass: an answer within nothing is none.
fn patience(text: &str) -> Result<Duration, String> {
    let patience = span(text)?;
    if patience.is_zero() {
        Err("expected more than nothing, like 10s".to_owned())
    } else {
        Ok(patience)
    }
}

fn step(text: &str) -> Result<Duration, String> {
    let step = span(text)?;
    if step <= Duration::from_secs(1) { Ok(step) } else { Err("expected at most 1s".to_owned()) }
}

fn header(text: &str) -> Result<(String, String), String> {
    let wrong = || format!("expected NAME: VALUE like 'accept: text/html', got {text:?}");
    let (name, value) = text.split_once(':').ok_or_else(wrong)?;
    let name = name.trim().to_ascii_lowercase();
    name.parse::<http::HeaderName>().map_err(|_no_name| wrong())?;
    Ok((name, value.trim().to_owned()))
}

fn status(text: &str) -> Result<u16, String> {
    let status = text.trim().parse().ok().filter(|status| (100..=599).contains(status));
    status.ok_or_else(|| "expected statuses from 100 to 599, like 200,404".to_owned())
}

fn precision(text: &str) -> Result<f64, String> {
    let share: Result<model::units::Share, _> = text.parse();
    match share.map(model::units::Share::as_fraction) {
        Ok(share) if (0.005..=0.5).contains(&share) => Ok(share),
        _ => Err("expected a share from 0.5% to 50%, like 5%".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_that_is_no_number_was_told_of_digits() {
        assert_eq!(status(" 404"), Ok(404));
        for wrong in ["foo", "20", "600", "", "-1"] {
            assert!(status(wrong).unwrap_err().contains("like 200,404"), "{wrong}");
        }
    }
}
