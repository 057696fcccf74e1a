//! What each child process of a run does: read its settings, start, say where it listens, serve
//! until it is asked to end, send the last telemetry.

use std::net::SocketAddr;
use std::path::Path;

use model::plan::ProxyConfig;
use services::ServiceConfig;
use telemetry::clock::Clock;
use telemetry::providers::{Identity, Providers, TelemetryError};
use telemetry::shutdown::Shutdown;
use tokio::sync::oneshot;

use crate::cli::Part;
use crate::guardian;
use crate::result::ExitCode;

/// Environment variables that the runner sets for its children.
pub mod variable {
    /// Base of the OTLP/gRPC endpoint; the standard name.
    pub const OTLP_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
    pub const OTLP_SERVICE_NAME: &str = "OTEL_SERVICE_NAME";
    /// Base of the public gateway, for programs of the user's own.
    pub const GATEWAY_URL: &str = "GATEWAY_URL";
    pub const RUN_ID: &str = "SHAKEDOWN_RUN_ID";
    /// Comma-separated planted flaws.
    pub const WEAKNESSES: &str = "SHAKEDOWN_WEAKNESSES";
}

#[derive(Debug, thiserror::Error)]
enum PartError {
    #[error("cannot start a runtime")]
    Runtime(#[source] std::io::Error),
    #[error("cannot read {path}")]
    Read { path: String, source: std::io::Error },
    #[error("{path} is not what this process needs")]
    Parse { path: String, source: serde_json::Error },
    #[error("cannot listen for signals")]
    Signals(#[source] std::io::Error),
    #[error("cannot say where it listens")]
    Ready(#[source] std::io::Error),
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    #[error(transparent)]
    Proxy(#[from] proxy::ProxyError),
    #[error(transparent)]
    Service(#[from] services::ServiceError),
    #[error(transparent)]
    Load(#[from] loadgen::LoadError),
    #[error("{0}")]
    Token(String),
    #[error("{address:?} is not the address of a collector, like 10.0.0.7:4320")]
    Collector { address: String, source: std::io::Error },
    #[error(transparent)]
    Guardian(#[from] guardian::GuardianError),
}

pub fn command(part: Part) -> ExitCode {
    ended(serve(part))
}

fn serve(part: Part) -> Result<(), PartError> {
    runtime()?.block_on(async {
        match part {
            Part::Service { name, listen, data } => serve_service(name, listen, &data).await,
            Part::LoadWorker { plan: Some(plan), .. } => serve_load(&plan).await,
            Part::LoadWorker { join, worker, token_file, child, .. } => {
                let (at, worker) = (join.unwrap_or_default(), worker.unwrap_or_default());
                join_load(&at, token_file.as_deref(), worker, child).await
            },
            Part::Guardian => Ok(guardian::guard(Clock::system()).await?),
        }
    })
}

/// The gateway of a run.
pub fn proxy(bootstrap: &Path) -> ExitCode {
    let runtime = background().map_err(PartError::Runtime);
    ended(runtime.and_then(|runtime| runtime.block_on(serve_proxy(bootstrap))))
}

/// For what a gateway does beside serving, which it does on threads of its own.
pub fn background() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()
}

/// Threads that a gateway serves on unless it is told otherwise: one for each core it may use.
pub fn serving_threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn ended(outcome: Result<(), PartError>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::Pass,
        Err(error) => {
            crate::complain(&error);
            ExitCode::HarnessFault
        },
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, PartError> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.enable_all().build().map_err(PartError::Runtime)
}

async fn serve_proxy(bootstrap: &Path) -> Result<(), PartError> {
    let config: ProxyConfig = read_json(bootstrap)?;
    let mut shutdown = Shutdown::listen().map_err(PartError::Signals)?;
    let identity = identity("gateway", &config.run_id);
    let providers = Providers::start(&identity, config.otlp.as_deref())?;
    telemetry::subscriber::install(&providers, &identity)?;
    let config = ProxyConfig { threads: Some(serving_threads()), ..config };
    let proxy = proxy::start(config, providers.clone(), Clock::system()).await?;
    telemetry::ready::announce(proxy.addresses()).map_err(PartError::Ready)?;
    shutdown.requested().await;
    proxy.shutdown();
    proxy.done().await;
    providers.shutdown().await;
    Ok(())
}

async fn serve_service(name: String, listen: SocketAddr, data: &Path) -> Result<(), PartError> {
    let mut shutdown = Shutdown::listen().map_err(PartError::Signals)?;
    let identity = identity(&name, &setting(variable::RUN_ID).unwrap_or_default());
    let providers = Providers::start(&identity, setting(variable::OTLP_ENDPOINT).as_deref())?;
    telemetry::subscriber::install(&providers, &identity)?;
    let weaknesses = setting(variable::WEAKNESSES).unwrap_or_default();
    let config = ServiceConfig {
        urls: ServiceConfig::urls_from(&name, setting)?,
        name,
        listen,
        data: data.to_owned(),
        weaknesses: weaknesses
            .split(',')
            .filter(|weakness| !weakness.is_empty())
            .map(str::to_owned)
            .collect(),
    };
    let service = services::start(config, Clock::system()).await?;
    telemetry::ready::announce(&service.address()).map_err(PartError::Ready)?;
    shutdown.requested().await;
    service.shutdown();
    service.done().await?;
    providers.shutdown().await;
    Ok(())
}

async fn serve_load(plan: &Path) -> Result<(), PartError> {
    // Standard output belongs to the ready line; the runner keeps standard error as the log.
    tracing_subscriber::fmt().json().with_writer(std::io::stderr).init();
    let orders = std::io::BufReader::new(std::io::stdin());
    loadgen::worker::main_loop(plan, orders, Clock::system()).await?;
    Ok(())
}

async fn join_load(
    collector: &str,
    token_file: Option<&Path>,
    worker: u32,
    child: bool,
) -> Result<(), PartError> {
    let token = token_file.map(crate::control::token).transpose().map_err(PartError::Token)?;
    tracing_subscriber::fmt().json().with_writer(std::io::stderr).init();
    let unknown = |source| PartError::Collector { address: collector.to_owned(), source };
    let mut found = tokio::net::lookup_host(collector).await.map_err(unknown)?;
    let address = found.next().ok_or_else(|| {
        unknown(std::io::Error::new(std::io::ErrorKind::NotFound, "the name has no address"))
    })?;
    let gone = async { if child { input_ended().await } else { std::future::pending().await } };
    loadgen::join::join(address, token, worker, gone, Clock::system()).await?;
    Ok(())
}

/// Waits for the end of standard input, on a thread that nobody waits for.
async fn input_ended() {
    let (ended, seen) = oneshot::channel();
    std::thread::spawn(move || {
        // Whatever ends it.
        let _read = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        let _nobody_waits = ended.send(());
    });
    let _thread_has_gone = seen.await;
}

fn identity(name: &str, run_id: &str) -> Identity {
    Identity {
        service_name: name.to_owned(),
        instance: format!("{name}-{}", std::process::id()),
        run_id: run_id.to_owned(),
    }
}

fn setting(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|value| !value.is_empty())
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, PartError> {
    let shown = path.display().to_string();
    let text =
        std::fs::read(path).map_err(|source| PartError::Read { path: shown.clone(), source })?;
    serde_json::from_slice(&text).map_err(|source| PartError::Parse { path: shown, source })
}
