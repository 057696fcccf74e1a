//! The arguments of `shakedown replay`.

use std::path::PathBuf;

use clap::Args;
use collector::Speed;

/// `--otlp` or `--to-files` says where to.
#[derive(Debug, Args)]
#[command(after_help = after_help())]
pub struct ReplayArguments {
    /// Folder of a run, or its run.db
    pub run: PathBuf,
    /// Send to this OTLP backend, like http://127.0.0.1:4318, with settings after it in the same
    /// argument
    #[arg(
        long,
        value_name = "URL [SETTINGS]",
        required_unless_present = "to_files",
        conflicts_with = "to_files"
    )]
    pub otlp: Option<String>,
    /// Write traces.jsonl, metrics.jsonl and logs.jsonl (OTLP JSON lines) into this folder instead
    #[arg(long, value_name = "DIR")]
    pub to_files: Option<PathBuf>,
    /// How many times faster than it happened; `max` is as fast as the backend takes it
    #[arg(long, value_name = "N", default_value = "1", conflicts_with = "to_files")]
    pub speed: Speed,
    /// Move all times, so that the run begins now; the ids stay
    #[arg(long, conflicts_with = "to_files")]
    pub shift_to_now: bool,
}

fn after_help() -> String {
    format!(
        "Settings of a backend (also as variables, like OTEL_EXPORTER_OTLP_COMPRESSION):\n{}\n\
         Examples:\n  \
         shakedown replay runs/checkout --otlp http://127.0.0.1:4318 --speed 10\n  \
         shakedown replay run.db --otlp \"https://tempo:4317 protocol=grpc compression=zstd\" \
         --speed max --shift-to-now\n  \
         shakedown replay runs/checkout --to-files capsule\n",
        telemetry::otlp::settings::help()
    )
}
