//! `shakedown run` and `shakedown check`.
//!
//! A run is: read and resolve the scenario, make the run folder, start the parts ([`stack`]), let
//! load flow and watch ([`watch`]), read the quiet system ([`audit`]), end the parts, judge, write
//! the result files ([`finish`]). Whatever ends a run early (a signal, a part that dies, the time
//! limit), faults are disarmed and everything that was started is ended before the program is.

pub mod audit;
pub mod finish;
pub mod folder;
mod output;
pub mod process;
pub mod stack;
pub mod view;
pub mod watch;

use std::collections::BTreeMap;
use std::path::Path;
use std::pin::pin;
use std::sync::Mutex;

use model::decision;
use model::scenario::Scenario;
use telemetry::clock::Clock;
use telemetry::shutdown::Shutdown;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tui::own::OwnLog;

use crate::cli::{CheckArguments, RunArguments};
use crate::control::ByHand;
use crate::gateway::Folder;
use crate::own_lines::OwnLines;
use crate::result::{Ending, ExitCode, Head};
use folder::{FolderError, RunFolder};
use stack::Stack;
pub(crate) use stack::otlp_variables;
use view::View;

#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error("cannot read scenario {path}")]
    Read { path: String, source: std::io::Error },
    #[error("{0}")]
    Scenario(model::scenario::Problems),
    #[error(transparent)]
    Otlp(#[from] collector::ExportError),
    #[error(
        "with --time-scale {time_scale} the run does not fit into the scenario's limit of {limit}"
    )]
    Limit { limit: String, time_scale: f64 },
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error("cannot start a runtime")]
    Runtime(#[source] std::io::Error),
    #[error("cannot listen for signals")]
    Signals(#[source] std::io::Error),
}

impl RunError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Read { .. } | Self::Scenario(_) | Self::Otlp(_) | Self::Limit { .. } => {
                ExitCode::ScenarioInvalid
            },
            Self::Folder(_) | Self::Runtime(_) | Self::Signals(_) => ExitCode::HarnessFault,
        }
    }
}

/// A scenario that is about to be run.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) scenario: Scenario,
    pub(crate) folder: RunFolder,
    pub(crate) head: Head,
    pub(crate) otlp: Vec<String>,
    pub(crate) plain: bool,
    /// Changes faults for a person who was allowed to.
    pub(crate) by_hand: Option<ByHand>,
    /// What the dashboard and this process say about themselves.
    pub(crate) own: OwnLog,
    pub(crate) clock: Clock,
}

pub fn command(arguments: &RunArguments) -> ExitCode {
    let outcome = prepare(arguments).and_then(|job| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(RunError::Runtime)?;
        runtime.block_on(run(job))
    });
    outcome.unwrap_or_else(|error| {
        crate::complain(&error);
        error.exit_code()
    })
}

pub fn check(arguments: &CheckArguments) -> ExitCode {
    match read_scenario(&arguments.file) {
        Ok((scenario, _)) => {
            let scenario = scenario.scaled(arguments.time_scale);
            model::scenario::check::render(&scenario).lines().for_each(view::print_line);
            if model::scenario::check::undecidable(&scenario).is_empty() {
                ExitCode::Pass
            } else {
                ExitCode::Inconclusive
            }
        },
        Err(error) => {
            crate::complain(&error);
            error.exit_code()
        },
    }
}

fn prepare(arguments: &RunArguments) -> Result<Job, RunError> {
    let (mut scenario, text) = read_scenario(&arguments.file)?;
    if let Some(seed) = arguments.seed {
        scenario.seed = seed;
    }
    let otlp = if arguments.otlp.is_empty() {
        scenario.export.otlp.iter().cloned().collect()
    } else {
        arguments.otlp.clone()
    };
    collector::check_backends(&otlp, &otlp_variables())?;
    let scenario = scenario.scaled(arguments.time_scale);
    if !scenario.fits_limit() {
        let limit = model::units::format_duration(scenario.safety.limit);
        return Err(RunError::Limit { limit, time_scale: arguments.time_scale });
    }
    let clock = Clock::system();
    let folder =
        RunFolder::create(&arguments.out, &arguments.file, &text, clock.unix_ms(), rand::random())?;
    let own = OwnLog::default();
    log_to(&folder, own.clone(), &clock)?;
    let head = Head {
        run_id: folder.run_id.clone(),
        title: scenario.title.clone(),
        scenario: arguments.file.display().to_string(),
        scenario_hash: format!("{:016x}", decision::named(0, "scenario", &[&text]).bits()),
        seed: scenario.seed,
        time_scale: arguments.time_scale,
        control: scenario.run.control,
        timeline: scenario.timeline(),
        versions: BTreeMap::from([
            ("shakedown".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
            ("os".to_owned(), format!("{} {}", std::env::consts::OS, std::env::consts::ARCH)),
        ]),
    };
    let by_hand = arguments.allow_control.then(ByHand::default);
    Ok(Job { scenario, folder, head, otlp, plain: arguments.plain, by_hand, own, clock })
}

fn read_scenario(path: &Path) -> Result<(Scenario, String), RunError> {
    let shown = path.display().to_string();
    let text = crate::written::text(path)
        .map_err(|source| RunError::Read { path: shown.clone(), source })?;
    let scenario = Scenario::read(&shown, &text, &Folder::of(path)).map_err(RunError::Scenario)?;
    Ok((scenario, text))
}

/// The runner's own log; the terminal belongs to the dashboard, which shows it too.
fn log_to(folder: &RunFolder, own: OwnLog, clock: &Clock) -> Result<(), FolderError> {
    let file = folder.open_log("runner")?;
    let lines = tracing_subscriber::fmt::layer().json().with_writer(Mutex::new(file));
    let subscriber = tracing_subscriber::registry()
        .with(LevelFilter::INFO)
        .with(lines)
        .with(OwnLines::new(own, clock.clone()));
    // A process that runs several scenarios keeps the log of its first.
    let _already_logging = tracing::subscriber::set_global_default(subscriber);
    Ok(())
}

async fn run(job: Job) -> Result<ExitCode, RunError> {
    let mut signals = Shutdown::listen().map_err(RunError::Signals)?;
    let begun = Stack::begin(&job.folder, &job.otlp, &job.clock).await;
    let mut stack = match begun {
        Ok(stack) => stack,
        Err(error) => {
            crate::complain(&error);
            return Ok(ExitCode::HarnessFault);
        },
    };
    watch::introduce(&job, &stack.collector);
    let mut view = View::open(&job, &stack.collector);
    let began = job.clock.now();
    let raised = tokio::select! {
        raised = stack.raise(&job.scenario, &job.folder, &job.clock) => raised.map_err(|error| {
            Ending::HarnessFault { reason: crate::with_causes(&error) }
        }),
        _ = signals.requested() => Err(Ending::Interrupted),
        () = view.interrupted() => Err(Ending::Interrupted),
    };
    let seen = match raised {
        Ok(()) => {
            if let Some(by_hand) = &job.by_hand {
                by_hand.begin(stack.control.clone());
            }
            watch::announce_ready(&job, &stack.collector, began);
            watch::watch(&job, &mut stack, &mut view, &mut signals).await
        },
        Err(ending) => watch::Seen::nothing(ending),
    };
    let mut finishing = pin!(finish::finish(&job, stack, view, seen));
    let mut interrupted = false;
    loop {
        tokio::select! {
            code = &mut finishing => {
                return Ok(if interrupted { ExitCode::Interrupted } else { code });
            },
            // Everything is being ended anyway.
            _ = signals.requested() => interrupted = true,
        }
    }
}
