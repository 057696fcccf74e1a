//! `shakedown fault`: the faults of a running proxy.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use model::fault::keys::{KIND_KEYS, Key, Presence};

const CODES: &str = "\
Exit codes:
    0  done
    1  the proxy refuses it; nothing changed
    4  arguments invalid
    5  the proxy cannot be reached
";

const ARM_EXAMPLES: &str = "\
Examples:
  shakedown fault arm slow --on 'client -> orders' --kind latency --set add='200ms +- 50ms' \\
      --share 15% --for 5m --match 'path=/charges/*'
  shakedown fault arm 'first calls fail' --on '* -> payments' --kind errors --set status=429 \\
      --when first=3 --when per=user --for 10m
  shakedown fault arm --file fault.toml --for 1m
";

#[derive(Debug, Args)]
#[command(after_help = CODES)]
pub struct FaultArguments {
    #[command(subcommand)]
    pub action: FaultAction,
}

#[derive(Debug, Subcommand)]
pub enum FaultAction {
    /// Show every fault: where it comes from, what it did, how long it still acts
    #[command(after_help = CODES)]
    List {
        #[command(flatten)]
        remote: Remote,
        /// The answer of the proxy as it is
        #[arg(long)]
        json: bool,
    },
    /// Arm one fault more, for a limited time
    #[command(after_help = format!("{}\n{ARM_EXAMPLES}\n{CODES}", kinds()))]
    Arm(Box<ArmArguments>),
    /// Disarm faults that were armed
    #[command(after_help = CODES)]
    Disarm {
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
        #[command(flatten)]
        remote: Remote,
    },
    /// Disarm everything that was armed
    #[command(after_help = CODES)]
    Clear {
        #[command(flatten)]
        remote: Remote,
    },
}

/// Where the proxy is.
#[derive(Debug, Clone, Args)]
pub struct Remote {
    /// Admin API of the proxy
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9900")]
    pub admin: String,
    /// Holds the token that the admin API asks for
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
pub struct ArmArguments {
    /// Name of the fault; part of every decision, so another name hits other requests
    #[arg(required_unless_present = "file")]
    pub name: Option<String>,
    /// File with one `[[fault]]` instead of the flags
    #[arg(long, value_name = "FILE", conflicts_with_all = ["name", "on", "kind", "set", "share", "matching", "when", "placement", "direction", "live"])]
    pub file: Option<PathBuf>,
    /// Edge like 'client -> orders', or a pattern like '* -> orders'; more than one may be given
    #[arg(long, value_name = "EDGE", required_unless_present = "file")]
    pub on: Vec<String>,
    /// What happens to what is hit; see below
    #[arg(long, value_name = "KIND", required_unless_present = "file")]
    pub kind: Option<String>,
    /// A key of the kind; see below
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    pub set: Vec<(String, String)>,
    /// How many of the matching requests are hit, like 15%, or '0% -> 50%'
    #[arg(long, value_name = "SHARE")]
    pub share: Option<String>,
    /// It is disarmed after this time, like 5m, whatever happens
    #[arg(long = "for", value_name = "TIME", value_parser = time, required_unless_present = "file")]
    pub time: Option<Duration>,
    /// Only such requests: method, path, grpc, caller, headers.NAME, query.NAME, body.NAME
    #[arg(long = "match", value_name = "KEY=VALUE", value_parser = pair)]
    pub matching: Vec<(String, String)>,
    /// Only some of them: first, every, per, max_active, flapping, regime
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    pub when: Vec<(String, String)>,
    /// Where it acts: connect, request, attempt, response, body
    #[arg(long, value_name = "PLACE")]
    pub placement: Option<String>,
    /// Of which bytes: down, up, both
    #[arg(long, value_name = "WAY")]
    pub direction: Option<String>,
    /// What happens to open connections: apply, new-only, drain
    #[arg(long, value_name = "HOW")]
    pub live: Option<String>,
    #[command(flatten)]
    pub remote: Remote,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.trim().to_owned()))
        },
        _ => Err("expected KEY=VALUE, like add=200ms".to_owned()),
    }
}

fn time(text: &str) -> Result<Duration, String> {
    let time = model::units::parse_duration(text).map_err(|error| error.to_string())?;
    if time < Duration::from_millis(1) {
        return Err("a fault acts for at least 1ms".to_owned());
    }
    Ok(time)
}

/// The kinds with their keys, as `--help` shows them; a key in brackets may be left out.
fn kinds() -> String {
    let mut text = "Kinds, with the keys of --set:\n".to_owned();
    for row in &KIND_KEYS {
        let key = |key: &Key| match key.presence {
            Presence::Required => format!("{}={}", key.name, key.form.example()),
            _ => format!("[{}={}]", key.name, key.form.example()),
        };
        let keys: Vec<String> = row.keys.iter().map(key).collect();
        let keys = keys.join(" ").replace('"', "'");
        // Writing to a string cannot fail.
        _ = writeln!(text, "  {:<13}  {}", row.kind, row.what);
        if !keys.is_empty() {
            _ = writeln!(text, "                 {keys}");
        }
    }
    text
}
