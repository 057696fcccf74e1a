//! `shakedown watch`: looks at a run, from outside and without changing it.
//!
//! What is watched is a running collector, or something kept: a recording, or the file of a run.
//! It is shown as the dashboard on a terminal, as one line a second elsewhere, or once as a page.

mod live;
mod plain;
mod replay;
mod run_file;
mod verdict;

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::frame::Frame;
use telemetry::clock::Clock;
use tokio::sync::watch;
use tui::ask::Asker;
use tui::feed::place::PlaceError;
use tui::recorded::{RecordStatus, RecordedError, RecordedFeed, Recorder};
use tui::screen::Link;
use tui::theme::{Surroundings, Theme};
use tui::{ColorChoice, PictureOptions, Quit, TuiError};

use crate::cli::{Color, Format, WatchArguments};
use crate::query::QueryError;
use crate::result::ExitCode;
use crate::run::view::print_line;
use replay::Kept;

#[derive(Debug, thiserror::Error)]
pub(crate) enum WatchError {
    #[error("cannot start a runtime")]
    Runtime(#[source] std::io::Error),
    #[error("cannot listen to signals")]
    Signals(#[source] std::io::Error),
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error("--token-file: {0}")]
    Token(String),
    #[error("cannot watch {url}: {reason}{}", hint(reason))]
    Unreachable { url: String, reason: String },
    #[error(transparent)]
    Recorded(#[from] RecordedError),
    #[error("--replay: {0}")]
    Find(#[from] QueryError),
    #[error("--replay: {0}")]
    Nothing(String),
    #[error("--record: {0}")]
    Record(String),
    #[error("--record: {}: {why}", path.display())]
    RecordPlace { path: PathBuf, why: &'static str },
    #[error(transparent)]
    Screen(#[from] TuiError),
}

impl WatchError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Place(_)
            | Self::Token(_)
            | Self::Nothing(_)
            | Self::RecordPlace { .. }
            | Self::Recorded(
                RecordedError::Foreign { .. }
                | RecordedError::Version { .. }
                | RecordedError::Empty { .. },
            ) => ExitCode::ScenarioInvalid,
            Self::Find(error) => match error.exit_code() {
                ExitCode::Failed => ExitCode::ScenarioInvalid,
                code => code,
            },
            _ => ExitCode::HarnessFault,
        }
    }
}

/// What may help where nobody listens.
fn hint(reason: &str) -> &'static str {
    if reason.starts_with("cannot connect") {
        "; `shakedown collector` starts a collector, and --replay looks at a run that is over"
    } else {
        ""
    }
}

pub fn command(arguments: &WatchArguments) -> ExitCode {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let outcome =
        runtime.map_err(WatchError::Runtime).and_then(|runtime| runtime.block_on(act(arguments)));
    outcome.unwrap_or_else(|error| {
        crate::complain(&error);
        error.exit_code()
    })
}

async fn act(arguments: &WatchArguments) -> Result<ExitCode, WatchError> {
    if arguments.print_keys {
        tui::keys::markdown().lines().for_each(print_line);
        return Ok(ExitCode::Pass);
    }
    if let Some(path) = &arguments.record {
        check_new(path)?;
    }
    match &arguments.replay {
        Some(path) => kept(arguments, replay::open(path, arguments.at)?).await,
        None => live::watch(arguments).await,
    }
}

/// Tells at once what would stop a recording at its first second.
fn check_new(path: &Path) -> Result<(), WatchError> {
    let refused = |why| Err(WatchError::RecordPlace { path: path.to_owned(), why });
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if path.exists() {
        return refused("there is something already; a recording does not replace it");
    }
    if folder.is_some_and(|folder| !folder.is_dir()) {
        return refused("its folder is not there");
    }
    Ok(())
}

/// Shows what is not live.
async fn kept(arguments: &WatchArguments, kept: Kept) -> Result<ExitCode, WatchError> {
    if let Some(note) = &kept.note {
        crate::say(note);
    }
    if let Some(path) = &arguments.record {
        let (frames, asker) = (kept.frames, kept.asker);
        let status = tui::recorded::record_all(path, frames, asker, Clock::system()).await;
        return recorded(&status).map(|()| ExitCode::Pass);
    }
    if arguments.once || arguments.snapshot.is_some() {
        return Ok(page(arguments, &kept.frames, &Link::Ended));
    }
    if is_plain(arguments) {
        kept.frames.iter().for_each(|frame| plain::print(frame));
        return Ok(verdict::of(kept.frames.last().map(AsRef::as_ref)));
    }
    let feed = RecordedFeed::new(kept.frames, kept.asker);
    dashboard(arguments, feed).await
}

/// One page about the newest of these frames.
fn page(arguments: &WatchArguments, frames: &[Arc<Frame>], link: &Link) -> ExitCode {
    if let Some((width, height)) = arguments.snapshot {
        let options = PictureOptions {
            ascii: theme(arguments).glyphs.ascii,
            link: link.clone(),
            ..PictureOptions::default()
        };
        let frames: Vec<Frame> = frames.iter().map(|frame| Frame::clone(frame)).collect();
        let picture = tui::snapshot(&frames, width, height, &options);
        picture.lines().for_each(print_line);
        return ExitCode::Pass;
    }
    let snapshot = tui::store::snapshot_of(frames, link);
    match arguments.format {
        Format::Text => tui::export::overview(&snapshot).lines().for_each(print_line),
        Format::Json => print_line(&tui::export::snapshot_json(&snapshot).to_string()),
    }
    verdict::of(frames.last().map(AsRef::as_ref))
}

fn is_plain(arguments: &WatchArguments) -> bool {
    arguments.plain || !std::io::stdout().is_terminal()
}

fn theme(arguments: &WatchArguments) -> Theme {
    let color = match arguments.color {
        Color::Auto => ColorChoice::Auto,
        Color::Always => ColorChoice::Always,
        Color::Never => ColorChoice::Never,
    };
    Theme::choose(color, arguments.signs(), &Surroundings::read())
}

async fn dashboard(
    arguments: &WatchArguments,
    feed: impl tui::feed::Feed,
) -> Result<ExitCode, WatchError> {
    // Nobody but the user and the signals ends it.
    let (_stop, stopped) = watch::channel(false);
    Ok(match tui::run_with(feed, theme(arguments), stopped).await? {
        Quit::Closed | Quit::Stopped => ExitCode::Pass,
        Quit::Interrupted => ExitCode::Interrupted,
    })
}

/// Begins the recording that was asked for.
fn recorder(arguments: &WatchArguments, asker: Arc<dyn Asker>) -> Option<Recorder> {
    let path = arguments.record.clone()?;
    Some(Recorder::start(path, asker, Clock::system()))
}

/// Says what came of a recording.
fn recorded(status: &RecordStatus) -> Result<(), WatchError> {
    if let Some(error) = &status.error {
        return Err(WatchError::Record(error.clone()));
    }
    if status.seconds == 0 {
        crate::say("no second has come, so there is no recording");
        return Ok(());
    }
    crate::say(&format!(
        "{}: {} seconds, {} traces, {} log lines, {} bytes; left out {} traces and {} lines; {} \
         seconds were lost, of {} only the frame was taken, {} questions failed",
        status.path.display(),
        status.seconds,
        status.traces,
        status.lines,
        status.bytes,
        status.left_out.traces,
        status.left_out.lines,
        status.lost_frames,
        status.unasked_seconds,
        status.failed_questions,
    ));
    Ok(())
}

#[cfg(test)]
mod tests;
