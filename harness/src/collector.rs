//! `shakedown collector`: the collector by itself, until somebody asks it to end.
//!
//! It seals the runs that an earlier one could not seal, keeps the folder of runs within its
//! bounds, and seals its own run at the end. A first signal ends in order, a second at once.

pub(crate) mod place;

use std::path::PathBuf;

use collector::{
    CollectorConfig, CollectorError, CollectorHandle, Retention, RunFolder, RunName, RunsError,
    Sealed,
};
use model::units::format_bytes;
use telemetry::clock::Clock;

use crate::cli::CollectorArguments;
use crate::gateway::{Order, Signals};
use crate::part;
use crate::report::figures::{count, counted};
use crate::result::ExitCode;

#[derive(Debug, thiserror::Error)]
enum CollectError {
    #[error("cannot start a runtime")]
    Runtime(#[source] std::io::Error),
    #[error("cannot listen for signals")]
    Signals(#[source] std::io::Error),
    #[error("--api-token-file: {0}")]
    Token(String),
    #[error(transparent)]
    Telemetry(#[from] telemetry::providers::TelemetryError),
    #[error(transparent)]
    Place(#[from] place::NoPlace),
    #[error(transparent)]
    Runs(#[from] RunsError),
    #[error(transparent)]
    Collector(#[from] CollectorError),
}

impl CollectError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Token(_)
            | Self::Collector(CollectorError::Exposed { .. } | CollectorError::Export(_)) => {
                ExitCode::ScenarioInvalid
            },
            _ => ExitCode::HarnessFault,
        }
    }
}

pub fn command(arguments: &CollectorArguments) -> ExitCode {
    run(arguments).unwrap_or_else(|error| {
        crate::complain(&error);
        error.exit_code()
    })
}

fn run(arguments: &CollectorArguments) -> Result<ExitCode, CollectError> {
    // What goes wrong inside is told to the person who started it.
    telemetry::subscriber::install_text_only(tracing::Level::WARN)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(part::serving_threads())
        .enable_all()
        .build()
        .map_err(CollectError::Runtime)?;
    let code = runtime.block_on(serve(arguments));
    // What is still in work after a second signal is not waited for.
    runtime.shutdown_background();
    code
}

async fn serve(arguments: &CollectorArguments) -> Result<ExitCode, CollectError> {
    let mut signals = Signals::listen().map_err(CollectError::Signals)?;
    let clock = Clock::system();
    let name = RunName::new(clock.unix_ms(), rand::random());
    let runs = if arguments.memory_only {
        None
    } else {
        Some(RunFolder::create(&place::runs(arguments.data.as_deref())?)?)
    };
    let retention =
        Retention { runs_max: arguments.keep_runs as usize, bytes_max: arguments.keep_bytes };
    if let Some(runs) = &runs {
        recover(runs)?;
        tidy(runs, retention);
    }
    let database = runs.as_ref().map(|runs| runs.file(&name));
    let config = config(arguments, &name, (runs.as_ref(), database.clone()))?;
    let mut collector = collector::start(config, clock).await?;
    say_ready(&collector, &name, database.as_ref());
    while signals.next().await == Order::Reload {
        // There is no file to read again.
    }
    crate::say("sealing the run; a second signal ends at once");
    let ending = async {
        let sealed = collector.seal().await;
        collector.shutdown();
        collector.done().await;
        sealed
    };
    let again = async { while signals.next().await != Order::End {} };
    let sealed = tokio::select! {
        sealed = ending => sealed?,
        () = again => return Ok(ExitCode::Interrupted),
    };
    say_sealed(&sealed, database.as_ref());
    for drop in collector.dropped().iter().filter(|drop| drop.count > 0) {
        crate::say(&format!("{}: {}", drop.what, count(drop.count)));
    }
    if let Some(runs) = &runs {
        tidy(runs, retention);
    }
    Ok(ExitCode::Pass)
}

fn config(
    arguments: &CollectorArguments,
    name: &RunName,
    (runs, database): (Option<&RunFolder>, Option<PathBuf>),
) -> Result<CollectorConfig, CollectError> {
    let token = arguments.api_token_file.as_deref().map(crate::control::token).transpose();
    Ok(CollectorConfig {
        grpc: arguments.grpc,
        http: arguments.http,
        api: arguments.api,
        runs: runs.map(|runs| runs.path().to_owned()),
        api_token: token.map_err(CollectError::Token)?,
        export: arguments.otlp.clone(),
        export_env: crate::run::otlp_variables(),
        keep_share: arguments.keep_share,
        ..CollectorConfig::on_loopback(name.run_id.clone(), database)
    })
}

/// Seals what earlier collectors left.
fn recover(runs: &RunFolder) -> Result<(), CollectError> {
    for recovered in runs.recover()? {
        match recovered {
            Ok(run) => crate::say(&recovered_line(&run)),
            Err(error) => crate::complain(&error),
        }
    }
    Ok(())
}

/// What was found in a run whose collector had been killed.
pub(crate) fn recovered_line(run: &collector::Recovered) -> String {
    format!(
        "sealed {}, whose collector did not end in order: {}, {}, {}",
        run.run_id,
        counted(run.spans, "span"),
        counted(run.logs, "log"),
        counted(run.points, "point")
    )
}

/// Removes runs that are too many. A folder that cannot be tidied is no reason not to collect.
fn tidy(runs: &RunFolder, retention: Retention) {
    match runs.retain(retention) {
        Ok(removed) => {
            for run in removed {
                crate::say(&format!("removed {} ({})", run.run_id, format_bytes(run.bytes)));
            }
        },
        Err(error) => crate::complain(&error),
    }
}

fn say_ready(collector: &CollectorHandle, name: &RunName, database: Option<&PathBuf>) {
    let at = collector.addresses();
    let kept = match database {
        Some(path) => format!("{} in {}", name.run_id, path.display()),
        None => format!("{} in memory only", name.run_id),
    };
    crate::say(&format!(
        "collecting OTLP on {} and {}, {kept}; ask: shakedown query traces --api http://{}",
        at.grpc, at.http, at.api
    ));
    for (what, address) in [("OTLP", at.grpc), ("OTLP", at.http), ("the API", at.api)] {
        if !address.ip().is_loopback() {
            crate::say(&format!("{what} on {address} can be reached from other machines"));
        }
    }
}

fn say_sealed(sealed: &Sealed, database: Option<&PathBuf>) {
    let place = database
        .map_or_else(|| "nothing was kept".to_owned(), |path| format!("sealed {}", path.display()));
    crate::say(&format!(
        "{place}: {}, {}, {}; {} rejected, {} late, {} dropped",
        counted(sealed.spans, "span"),
        counted(sealed.logs, "log"),
        counted(sealed.points, "point"),
        count(sealed.rejected),
        count(sealed.late),
        count(sealed.dropped)
    ));
}
