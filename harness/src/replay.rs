//! `shakedown replay`: sends a recorded run to an OTLP backend, or writes it as OTLP files.

use std::path::Path;
use std::time::Duration;

use collector::{Recording, RecordingSummary, ReplayError, ReplayPlan, ReplayTotals};
use telemetry::clock::Clock;

use crate::cli::ReplayArguments;
use crate::result::ExitCode;
use crate::run::view::print_line;

/// Between two lines that say how far it is.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(2);

#[derive(Debug, thiserror::Error)]
enum CommandError {
    #[error("cannot start a runtime")]
    Runtime(#[source] std::io::Error),
    #[error(transparent)]
    Telemetry(#[from] telemetry::providers::TelemetryError),
    #[error(transparent)]
    Replay(#[from] ReplayError),
}

impl CommandError {
    fn code(&self) -> ExitCode {
        match self {
            Self::Replay(
                ReplayError::Missing { .. }
                | ReplayError::Empty { .. }
                | ReplayError::Store(_)
                | ReplayError::Settings(_),
            ) => ExitCode::ScenarioInvalid,
            Self::Runtime(_) | Self::Telemetry(_) | Self::Replay(_) => ExitCode::HarnessFault,
        }
    }
}

pub fn command(arguments: &ReplayArguments) -> ExitCode {
    let ended = match (&arguments.to_files, &arguments.otlp) {
        (Some(folder), _) => write_files(&arguments.run, folder),
        (None, Some(backend)) => send(arguments, backend),
        (None, None) => return ExitCode::ScenarioInvalid,
    };
    match ended {
        Ok(code) => code,
        Err(error) => {
            crate::complain(&error);
            error.code()
        },
    }
}

fn write_files(run: &Path, folder: &Path) -> Result<ExitCode, CommandError> {
    let recording = Recording::open(run)?;
    for (path, items, lines) in collector::to_files(&recording, folder)?.files {
        print_line(&format!("{}: {items} items in {lines} lines", path.display()));
    }
    Ok(ExitCode::Pass)
}

fn send(arguments: &ReplayArguments, backend: &str) -> Result<ExitCode, CommandError> {
    // What the receiver says is for the person in front.
    telemetry::subscriber::install_text_only(tracing::Level::INFO)?;
    let recording = Recording::open(&arguments.run)?;
    let summary = recording.summary().clone();
    let plan = ReplayPlan {
        backend: backend.to_owned(),
        env: crate::run::otlp_variables(),
        speed: arguments.speed,
        shift_to_now: arguments.shift_to_now,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(CommandError::Runtime)?;
    let totals = runtime.block_on(async {
        let clock = Clock::system();
        let mut said = clock.now();
        let progress = |totals: &ReplayTotals| {
            if clock.now() - said >= PROGRESS_INTERVAL {
                said = clock.now();
                crate::say(&so_far(&summary, totals));
            }
        };
        collector::send_recording(recording, &plan, &clock, progress).await
    })?;
    let refused: u64 = totals.refused.iter().sum();
    let [spans, points, logs] = totals.taken;
    print_line(&format!(
        "run {}: {spans} spans, {points} metric points and {logs} log records sent, {refused} refused",
        summary.run_id
    ));
    Ok(if refused == 0 { ExitCode::Pass } else { ExitCode::Failed })
}

fn so_far(summary: &RecordingSummary, totals: &ReplayTotals) -> String {
    let sent: u64 = totals.taken.iter().chain(&totals.refused).sum();
    let all = summary.spans + summary.logs + summary.points;
    let seconds = |unix_ns: u64| unix_ns.saturating_sub(summary.first_unix_ns) / 1_000_000_000;
    let (here, end) = (seconds(totals.last_unix_ns), seconds(summary.last_unix_ns));
    format!("{sent} of {all} items sent, second {here} of {end}")
}
