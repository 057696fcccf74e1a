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
use telemetry::client::Client;
use telemetry::clock::Clock;
use tokio::sync::watch;
use tui::config::ConfigError;
use tui::control::Controller;
use tui::feed::place::PlaceError;
use tui::own::OwnKind;
use tui::recorded::{RecordStatus, RecordedError, RecordedFeed};
use tui::screen::Link;
use tui::theme::Surroundings;
use tui::{PictureOptions, Quit, Setup, TuiError};

use crate::cli::{Format, WatchArguments};
use crate::control::{ByHand, Control};
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
    #[error("--control-token-file: {0}")]
    ControlToken(String),
    #[error(transparent)]
    Proxy(crate::fault::RemoteError),
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
    #[error(transparent)]
    Settings(#[from] ConfigError),
}

impl WatchError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Place(_)
            | Self::Settings(_)
            | Self::Token(_)
            | Self::ControlToken(_)
            | Self::Nothing(_)
            | Self::RecordPlace { .. }
            | Self::Recorded(
                RecordedError::Foreign { .. }
                | RecordedError::Version { .. }
                | RecordedError::Empty { .. },
            ) => ExitCode::ScenarioInvalid,
            Self::Proxy(error) => error.exit_code(),
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
    let setup = setup(arguments)?;
    if arguments.print_theme {
        tui::theme::print_theme(&setup.theme).lines().for_each(print_line);
        return Ok(ExitCode::Pass);
    }
    if let Some(path) = &arguments.record {
        check_new(path)?;
    }
    match &arguments.replay {
        Some(path) => kept(arguments, setup, replay::open(path)?).await,
        None => live::watch(arguments, setup).await,
    }
}

/// What the dashboard starts with.
fn setup(arguments: &WatchArguments) -> Result<Setup, WatchError> {
    let config = arguments.settings()?;
    let setup = Setup::of(&config, &Surroundings::read(), Clock::system());
    let controller = controller(arguments)?;
    Ok(Setup { screen: arguments.screen, suspend: true, controller, ..setup })
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
async fn kept(
    arguments: &WatchArguments,
    setup: Setup,
    mut kept: Kept,
) -> Result<ExitCode, WatchError> {
    if let Some(note) = &kept.note {
        crate::say(note);
        setup.own.note(setup.clock.unix_ms(), OwnKind::Log, true, note);
    }
    if let Some(path) = &arguments.record {
        let (frames, asker) = (kept.frames, kept.asker);
        let frames = frames.into_iter().map(|frame| Arc::new(frame.told()));
        let status = tui::recorded::record_all(path, frames, asker, Clock::system()).await;
        return recorded(&status).map(|()| ExitCode::Pass);
    }
    let is_page = arguments.once || arguments.snapshot.is_some();
    if is_page {
        if let Some(at_s) = arguments.at {
            kept.cut(at_s)?;
        }
        return Ok(page(arguments, &setup, &kept, &Link::Ended).await);
    }
    if is_plain(arguments) {
        if let Some(at_s) = arguments.at {
            kept.begin(at_s)?;
        }
        plain::play(&kept.frames, arguments.speed).await;
        return Ok(kept.verdict());
    }
    let setup =
        Setup { playback: kept.playback(arguments.at, arguments.speed.unwrap_or(1.0))?, ..setup };
    dashboard(setup, RecordedFeed::new(kept.frames, kept.asker)).await
}

/// One page about the newest of these frames.
async fn page(arguments: &WatchArguments, setup: &Setup, kept: &Kept, link: &Link) -> ExitCode {
    if let Some((width, height)) = arguments.snapshot {
        let keys = match arguments.screen.number() {
            Some(number) => number.to_string(),
            None => ":goto-log\n".to_owned(),
        };
        let options = PictureOptions {
            ascii: setup.theme.glyphs.ascii,
            link: link.clone(),
            keys,
            playback: arguments.at.and_then(|_| kept.standing()),
            asker: Arc::clone(&kept.asker),
            own: setup.own.clone(),
            ..PictureOptions::default()
        };
        let frames: Vec<Frame> = kept.frames.iter().map(|frame| frame.told()).collect();
        let picture = tui::snapshot(&frames, width, height, &options).await;
        picture.lines().for_each(print_line);
        return ExitCode::Pass;
    }
    let snapshot = tui::store::snapshot_of(&kept.frames, link);
    match arguments.format {
        Format::Text => tui::export::overview(&snapshot).lines().for_each(print_line),
        Format::Json => print_line(&tui::export::snapshot_json(&snapshot).to_string()),
    }
    kept.verdict()
}

fn is_plain(arguments: &WatchArguments) -> bool {
    arguments.plain || !std::io::stdout().is_terminal()
}

async fn dashboard(setup: Setup, feed: impl tui::feed::Feed) -> Result<ExitCode, WatchError> {
    // Nobody but the user and the signals ends it.
    let (_stop, stopped) = watch::channel(false);
    Ok(match tui::run_with(feed, setup, stopped).await? {
        Quit::Closed | Quit::Kept | Quit::Stopped => ExitCode::Pass,
        Quit::Interrupted => ExitCode::Interrupted,
    })
}

/// Who changes the faults, if the person allowed it.
fn controller(arguments: &WatchArguments) -> Result<Option<Arc<dyn Controller>>, WatchError> {
    let Some(url) = &arguments.allow_control else { return Ok(None) };
    let address = crate::fault::address("--allow-control", url).map_err(WatchError::Proxy)?;
    let token = arguments.control_token_file.as_deref().map(crate::control::token).transpose();
    let token = token.map_err(WatchError::ControlToken)?;
    let control = Control::new(Client::new(), address).with_token(token);
    Ok(Some(Arc::new(ByHand::of(control))))
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
