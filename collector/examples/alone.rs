//! The collector by itself, for the measurements of `docs/benchmarks.md`.
//!
//! `alone --grpc ADDR --http ADDR [--api ADDR] [--data DIR] [--otlp URL]` serves until it is
//! killed. Without a folder it keeps everything in memory; in one, the run file is created anew.
//! How to send on is said by the variables `OTEL_EXPORTER_OTLP_*`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use collector::{CollectorConfig, start};
use telemetry::clock::Clock;
use telemetry::otlp::settings::PREFIX;

fn parse(arguments: impl Iterator<Item = String>) -> Result<CollectorConfig, String> {
    let loopback = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let mut config = CollectorConfig {
        grpc: loopback(4317),
        http: loopback(4318),
        export_env: std::env::vars().filter(|(name, _)| name.starts_with(PREFIX)).collect(),
        ..CollectorConfig::on_loopback("alone", None)
    };
    let mut arguments = arguments.skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
        let address = || value.parse().map_err(|error| format!("{name} {value}: {error}"));
        match name.as_str() {
            "--grpc" => config.grpc = address()?,
            "--http" => config.http = address()?,
            "--api" => config.api = address()?,
            "--data" => config.database = Some(PathBuf::from(&value).join("alone.db")),
            "--otlp" => config.export.push(value),
            other => return Err(format!("unknown argument {other}")),
        }
    }
    Ok(config)
}

async fn serve(config: CollectorConfig) -> Result<(), Box<dyn std::error::Error>> {
    for end in ["", "-wal", "-shm"] {
        let Some(database) = &config.database else { break };
        let mut path = database.clone().into_os_string();
        path.push(end);
        if let Err(error) = std::fs::remove_file(&path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            return Err(error.into());
        }
    }
    let _serving = start(config, Clock::system()).await?;
    std::future::pending::<()>().await;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    serve(parse(std::env::args())?).await?;
    Ok(ExitCode::SUCCESS)
}
