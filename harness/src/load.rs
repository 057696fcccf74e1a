//! `shakedown load`: load on any URL, from one command line.
//!
//! The engine runs in this process, on threads of its own, or in workers (`many`) when there are
//! several or their users are Goose's; this side only takes reports, adds them up
//! ([`loadgen::summary`]), shows them, judges them, and writes them down. Before anything is sent,
//! the arguments are read, names looked up, and a connection made, so that a mistake is told as a
//! mistake and not as a load full of errors.
//!
//! Reading order: `target`, `plan`, `drive` (one load to its end), `judge`, `result` and its forms.

mod drive;
mod forms;
mod judge;
mod limit;
mod live;
mod many;
mod meeting;
mod once;
mod patience;
mod plan;
mod publish;
mod result;
mod target;
mod text;
mod voice;

use loadgen::LoadError;
use loadgen::summary::{Book, Decoded, Setting};
use model::expect::Threshold;
use model::load::{LoadInterval, LoadPlan};
use model::phase::Timeline;
use telemetry::clock::Clock;
use telemetry::shutdown::Shutdown;

use crate::cli::LoadArguments;
use crate::result::ExitCode;
use drive::{DriveError, Driven, End, Look, drive};
use forms::{Forms, SamePlace, WriteError};
use judge::Judge;
use limit::{TrialError, Trials};
use live::Live;
use meeting::{Meeting, MeetingError};
use plan::{PlanError, Requests, Terms};
use publish::{PublishError, Publisher};
use target::Unreachable;
use voice::Voice;

pub use judge::{Held, ThresholdResult};
pub use limit::{LimitResult, ProbeResult};
pub use result::{Asked, LoadResult};

#[derive(Debug, thiserror::Error)]
enum CommandError {
    #[error("cannot start a runtime")]
    Runtime(#[source] std::io::Error),
    #[error("cannot listen for signals")]
    Signals(#[source] std::io::Error),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error("{option} {text:?}: {problem}")]
    Threshold { option: &'static str, text: String, problem: String },
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    #[error(transparent)]
    Publish(#[from] PublishError),
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error(transparent)]
    SamePlace(#[from] SamePlace),
    #[error(transparent)]
    Meeting(#[from] MeetingError),
    #[error(transparent)]
    Drive(#[from] DriveError),
    #[error("interrupted by {0} before the load began, so no load was sent")]
    NotBegun(&'static str),
    #[error("the set-up failed, so no load was sent")]
    SetUp(#[source] LoadError),
    #[error("the tear-down failed")]
    TearDown(#[source] LoadError),
}

impl From<TrialError> for CommandError {
    fn from(error: TrialError) -> Self {
        match error {
            TrialError::Plan(error) => Self::Plan(error),
            TrialError::Drive(error) => Self::Drive(error),
        }
    }
}

impl CommandError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Plan(_)
            | Self::SamePlace(_)
            | Self::Publish(PublishError::Otlp(_))
            | Self::Threshold { .. }
            | Self::Drive(DriveError::Load(LoadError::Plan { .. })) => ExitCode::ScenarioInvalid,
            Self::NotBegun(_) | Self::Drive(DriveError::Left) => ExitCode::Interrupted,
            _ => ExitCode::HarnessFault,
        }
    }
}

pub fn command(arguments: &LoadArguments) -> ExitCode {
    let runtime = match crate::part::background() {
        Ok(runtime) => runtime,
        Err(error) => {
            crate::complain(&CommandError::Runtime(error));
            return ExitCode::HarnessFault;
        },
    };
    let ended = runtime.block_on(act(arguments));
    // Whoever leaves at once does not wait for what is still under way.
    runtime.shutdown_background();
    ended.unwrap_or_else(|error| {
        crate::complain(&error);
        error.exit_code()
    })
}

async fn act(arguments: &LoadArguments) -> Result<ExitCode, CommandError> {
    forms::check_places(arguments)?;
    let requests = Requests::read(arguments)?;
    let terms = Terms::new(arguments, &requests)?;
    if let Some(text) = &arguments.find_limit {
        let timeline = limit::timeline(&terms)?;
        let objective = threshold("--find-limit", text, &requests, timeline)?;
        return find_limit(arguments, (&requests, &terms), timeline, objective).await;
    }
    let timeline = terms.timeline()?;
    let thresholds = thresholds(arguments, &requests, timeline)?;
    let forms = Forms::open(arguments)?;
    let mut signals = Shutdown::listen().map_err(CommandError::Signals)?;
    reach(&requests, &mut signals).await?;
    let clock = Clock::system();
    let voice = Voice::default();
    let publisher = Publisher::open(arguments, &voice, &clock).await?;
    let mut plan = plan::plan(arguments, &requests, &terms, timeline);
    once::set_up(&mut plan, &requests, &mut signals, &clock).await?;
    let before = Before { arguments, plan: &plan, publisher: &publisher, voice };
    let driven = shown(before, thresholds, &mut signals, &clock).await;
    let (driven, judge, undone) = match driven {
        Err(error @ CommandError::Drive(DriveError::Left)) => {
            once::leave_out(&requests);
            return Err(error);
        },
        driven => {
            let is_asked = driven.as_ref().is_ok_and(|(driven, _)| is_interrupted(driven));
            let undone = once::tear_down(&plan, &requests, &mut signals, (&clock, is_asked)).await;
            let (driven, judge) = driven?;
            (driven, judge, undone)
        },
    };
    let asked = Asked::new(&terms, requests.describe());
    let mut result = LoadResult::new(asked, &driven, &judge);
    if result.exit_code == ExitCode::Pass {
        result.exit_code = undone.unwrap_or(ExitCode::Pass);
    }
    // A form that cannot be written keeps no other from being written.
    let printed = if forms.take_stdout() {
        Ok(())
    } else {
        forms::print(text::summary(&result, arguments.latency).trim_end())
    };
    forms.write(&result, &driven.book)?;
    publisher.close(&mut signals, is_interrupted(&driven)).await;
    printed?;
    Ok(result.exit_code)
}

fn threshold(
    option: &'static str,
    text: &str,
    requests: &Requests,
    timeline: Timeline,
) -> Result<Threshold, CommandError> {
    let wrong = |problem| CommandError::Threshold { option, text: text.to_owned(), problem };
    Threshold::parse(text, &requests.flows, timeline).map_err(wrong)
}

/// Those of the file, then those of the arguments.
fn thresholds(
    arguments: &LoadArguments,
    requests: &Requests,
    timeline: Timeline,
) -> Result<Vec<Threshold>, CommandError> {
    let own = requests.file.iter().flat_map(|file| &file.thresholds);
    let own = own.map(|own| ("threshold", &own.text));
    let asked = arguments.threshold.iter().map(|text| ("--threshold", text));
    let read = |(option, text): (_, &String)| threshold(option, text, requests, timeline);
    let thresholds: Vec<Threshold> = own.chain(asked).map(read).collect::<Result<_, _>>()?;
    if arguments.abort_on_fail && thresholds.is_empty() {
        return Err(PlanError::NothingToFail.into());
    }
    Ok(thresholds)
}

/// What stands before a load begins.
struct Before<'a> {
    arguments: &'a LoadArguments,
    plan: &'a LoadPlan,
    publisher: &'a Publisher,
    voice: Voice,
}

/// Runs a load to its end before the eyes of a person, and judges it second by second.
async fn shown(
    Before { arguments, plan, publisher, voice }: Before<'_>,
    thresholds: Vec<Threshold>,
    signals: &mut Shutdown,
    clock: &Clock,
) -> Result<(Driven, Judge), CommandError> {
    let is_shown = live::on_dashboard(arguments);
    let by_workers = many::is_needed(plan, arguments);
    let meeting = if is_shown || by_workers {
        Some(Meeting::open(plan, arguments, clock).await?)
    } else {
        None
    };
    let mut live = Live::lines(arguments.quiet);
    let mut judge = None;
    let driven = {
        let meeting = meeting.as_ref();
        let look = |setting: &Setting| {
            publisher.begin(setting);
            if let Some(meeting) = meeting {
                meeting.begin(setting);
                if is_shown {
                    live.show(meeting.place(), voice, clock);
                }
            }
            Watch {
                live: &mut live,
                judge: judge.insert(Judge::new(thresholds, setting.clone())),
                publisher,
                meeting,
                abort_on_fail: arguments.abort_on_fail,
            }
        };
        match meeting.filter(|_| by_workers) {
            Some(meeting) => {
                let crew = (&meeting.collector, arguments.listen.is_some());
                many::drive(plan.clone(), crew, look, signals, clock).await
            },
            None => drive(plan.clone(), look, signals, clock).await,
        }
    };
    live.close().await;
    // Whoever leaves at once waits for nobody.
    if let Some(meeting) = meeting.filter(|_| !matches!(driven, Err(DriveError::Left))) {
        meeting.close().await;
    }
    Ok((driven?, judge.expect("it was made when the load began")))
}

/// Has a person asked for its end?
fn is_interrupted(driven: &Driven) -> bool {
    matches!(driven.end, End::Interrupted(_))
}

/// Nobody waits for a server that is silent longer than they want to.
async fn reach(requests: &Requests, signals: &mut Shutdown) -> Result<(), CommandError> {
    tokio::select! {
        biased;
        signal = signals.requested() => Err(CommandError::NotBegun(signal)),
        reached = target::reach(&requests.targets) => Ok(reached?),
    }
}

async fn find_limit(
    arguments: &LoadArguments,
    (requests, terms): (&Requests, &Terms),
    timeline: Timeline,
    objective: Threshold,
) -> Result<ExitCode, CommandError> {
    let json = arguments.json.as_deref().map(forms::JsonFile::open).transpose()?;
    let mut signals = Shutdown::listen().map_err(CommandError::Signals)?;
    reach(requests, &mut signals).await?;
    let clock = Clock::system();
    let mut plan = plan::plan(arguments, requests, terms, timeline);
    once::set_up(&mut plan, requests, &mut signals, &clock).await?;
    let saved = plan.setup.clone();
    let trials = Trials { arguments, requests, terms, objective, timeline, saved };
    let result = trials.search(&mut signals, &clock).await;
    let result = match result {
        Err(TrialError::Drive(DriveError::Left)) => {
            once::leave_out(requests);
            return Err(DriveError::Left.into());
        },
        result => {
            let is_asked = result.as_ref().is_ok_and(|result| result.interrupted);
            once::tear_down(&plan, requests, &mut signals, (&clock, is_asked)).await;
            result?
        },
    };
    let printed = if json.as_ref().is_some_and(forms::JsonFile::is_stdout) {
        Ok(())
    } else {
        forms::print(&limit::text(&result))
    };
    if let Some(json) = json {
        json.write(&result)?;
    }
    printed?;
    Ok(result.exit_code)
}

/// Everybody who looks at a second as it comes in.
struct Watch<'a> {
    live: &'a mut Live,
    judge: &'a mut Judge,
    publisher: &'a Publisher,
    meeting: Option<&'a Meeting>,
    abort_on_fail: bool,
}

impl Look for Watch<'_> {
    fn second(&mut self, report: Decoded, book: &Book) -> Option<String> {
        self.live.second(&report, book);
        self.publisher.second(&report, book);
        self.judge.second(report, book).filter(|_| self.abort_on_fail)
    }

    fn interval(&mut self, interval: &LoadInterval) {
        if let Some(meeting) = self.meeting {
            meeting.collector.add_load(interval);
        }
    }

    async fn interrupted(&mut self) -> &'static str {
        self.live.interrupted().await;
        "Ctrl-C in the dashboard"
    }
}

#[cfg(test)]
mod tests;
