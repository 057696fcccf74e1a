//! `shakedown collector`: an OTLP server by itself, for any services.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use model::units::Share;

use super::address;

const EXAMPLES: &str = "\
Examples:
  shakedown collector
      takes OTLP on the customary ports and keeps the run below ~/.local/state/shakedown/runs
  shakedown collector --data runs --otlp http://127.0.0.1:9317
      keeps the run in ./runs, and sends everything on
  shakedown collector --memory-only
      writes no file; the newest spans and logs are at hand
  shakedown collector --api 0.0.0.0:4319 --api-token-file token
      lets other machines ask, if they show the token

  OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317 your-service
      sends to it; 4317 and 4318 both take gRPC and HTTP
  shakedown query traces --error
      asks it while it runs
  curl http://127.0.0.1:4319/openapi.json
      lists what else can be asked

The OTEL_EXPORTER_OTLP_* variables of the environment are for --otlp; docs/sending-on.md has them.
Ctrl-C or SIGTERM seals the run: everything is written and indexed. A second one ends at once; the
next start seals what was left. docs/collector.md explains the files.

Exit codes:
    0  ended as asked, and the run is sealed
    4  arguments invalid
    5  environment: a port is taken, a folder cannot be written
  130  ended at once, without a seal
";

/// Where it listens and what it keeps.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct CollectorArguments {
    /// OTLP; a port alone is one of the loopback
    #[arg(long, value_name = "ADDR", value_parser = address::listen, default_value = "127.0.0.1:4317")]
    pub grpc: SocketAddr,
    /// OTLP once more: both take gRPC and HTTP
    #[arg(long, value_name = "ADDR", value_parser = address::listen, default_value = "127.0.0.1:4318")]
    pub http: SocketAddr,
    /// Questions, live frames and /metrics
    #[arg(long, value_name = "ADDR", value_parser = address::listen, default_value = "127.0.0.1:4319")]
    pub api: SocketAddr,
    /// Holds the token that the API asks for; needed when other machines reach it
    #[arg(long, value_name = "FILE")]
    pub api_token_file: Option<PathBuf>,
    /// Folder of runs, one file for each [default: shakedown/runs in the state folder of the user]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Write no file: questions are answered from memory
    #[arg(long, conflicts_with_all = ["data", "keep_runs", "keep_bytes"])]
    pub memory_only: bool,
    /// Runs that stay in the folder; the oldest sealed ones go first, pinned ones stay
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), default_value_t = 20)]
    pub keep_runs: u32,
    /// Bytes of all runs in the folder, like 500MB
    #[arg(long, value_name = "SIZE", value_parser = bytes, default_value = "10GiB")]
    pub keep_bytes: u64,
    /// Of the traces without an error, a fault hit or a slow request, write only this share, like
    /// 5%; counts are of all
    #[arg(long, value_name = "SHARE", value_parser = share, default_value = "100%", conflicts_with = "memory_only")]
    pub keep_share: Share,
    /// Send everything on to this OTLP backend, like http://127.0.0.1:9317, with settings such as
    /// compression=zstd after it in the same argument; can be repeated
    #[arg(long, value_name = "URL [SETTINGS]")]
    pub otlp: Vec<String>,
}

fn share(text: &str) -> Result<Share, String> {
    text.parse().map_err(|error: model::units::UnitError| error.to_string())
}

fn bytes(text: &str) -> Result<u64, String> {
    model::units::parse_bytes(text).map_err(|error| error.to_string())
}
