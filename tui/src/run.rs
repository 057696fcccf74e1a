//! The dashboard at work: feed, store, keys and terminal joined.
//!
//! ```text
//! feed ──> keeper ──snapshots──> ui <──keys── terminal
//!             ^                  │ ^
//!             └────queries───────┤ └──messages── servant ──> files, proxy
//!                                └──────orders───────^
//! ```
//!
//! Drawing and reading keys block, so they have threads of their own: a slow terminal can hold up
//! neither the feed nor anything else in this process. A frame is drawn when something on it has
//! changed, never on a timer.

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use telemetry::clock::Clock;
use telemetry::shutdown::Shutdown;
use tokio::sync::{mpsc, oneshot, watch};

use crate::app::{Playback, Quit};
use crate::config::Config;
use crate::control::Controller;
use crate::feed::Feed;
use crate::feed::live::LiveFeed;
use crate::feed::place::Place;
use crate::keeper::{self, Keeping};
use crate::keys::{Keymap, Screen};
use crate::own::OwnLog;
use crate::screen::{ViewQuery, Zoom};
use crate::theme::{Depth, Surroundings, Theme, Wishes};

mod pace;
mod servant;
mod ui;

use servant::Servant;
use ui::{Ended, Ui, Wires};

/// Time to give the terminal back once the end is asked for.
const LEAVE_MAX: Duration = Duration::from_secs(2);
/// Orders and messages that wait for the other side.
const ORDERS: usize = 16;

/// What the dashboard starts with, beside its feed.
#[derive(Debug, Clone)]
pub struct Setup {
    pub theme: Theme,
    pub keymap: Arc<Keymap>,
    pub mouse: bool,
    pub frames_per_s: u8,
    pub zoom: Zoom,
    pub screen: Screen,
    /// Of a feed that has ended before it began: how it is played, and the second to begin with.
    pub playback: Option<(Playback, u64)>,
    /// Recorded to from the start.
    pub record: Option<PathBuf>,
    /// Ctrl-z hands the terminal to the shell: not while this process runs a run.
    pub suspend: bool,
    pub clock: Clock,
    /// What the dashboard, and this process, say about themselves.
    pub own: OwnLog,
    /// Who changes faults; `None` lets nobody do it.
    pub controller: Option<Arc<dyn Controller>>,
}

impl Setup {
    pub fn of(config: &Config, around: &Surroundings, clock: Clock) -> Self {
        let wishes = Wishes {
            color: config.color,
            theme: config.theme,
            colors: config.colors,
            ascii: config.ascii,
        };
        Self {
            theme: Theme::of(&wishes, around),
            keymap: Arc::new(config.keymap()),
            mouse: config.mouse,
            frames_per_s: config.fps,
            zoom: config.zoom,
            screen: Screen::Overview,
            playback: None,
            record: None,
            suspend: false,
            clock,
            own: OwnLog::default(),
            controller: None,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum TuiError {
    #[error("the dashboard needs a terminal on standard output; use the plain lines instead")]
    NoTerminal,
    #[error("cannot {what}")]
    Terminal { what: &'static str, source: io::Error },
    #[error("the terminal cannot be read any more")]
    Input,
    #[error("the terminal takes no output and could not be given back")]
    Stuck,
    #[error("the dashboard ended in a panic; the terminal was given back")]
    Panicked,
}

/// Shows the live frames of a collector until the user quits, `stop` becomes true, or SIGTERM,
/// SIGINT or SIGHUP comes.
pub async fn run(
    place: Place,
    setup: Setup,
    stop: watch::Receiver<bool>,
) -> Result<Quit, TuiError> {
    run_with(LiveFeed::new(place), setup, stop).await
}

/// As [`run`], over any feed.
pub async fn run_with(
    feed: impl Feed,
    setup: Setup,
    mut stop: watch::Receiver<bool>,
) -> Result<Quit, TuiError> {
    if !io::stdout().is_terminal() {
        return Err(TuiError::NoTerminal);
    }
    let listening = |source| TuiError::Terminal { what: "listen to signals", source };
    let mut signals = Shutdown::listen().map_err(listening)?;
    // Crossterm reads NO_COLOR by itself, and strips more than the colours; the theme decides.
    crossterm::style::force_color_output(setup.theme.depth != Depth::Mono);
    let (query, queries) = watch::channel(ViewQuery::default());
    let (snapshot_sender, snapshots) = watch::channel(Arc::default());
    let (halt, halted) = watch::channel(false);
    let (orders, ordered) = mpsc::channel(ORDERS);
    let (replies, messages) = mpsc::channel(ORDERS);
    let (tap, taps) = watch::channel(None);
    let (done_sender, mut done) = oneshot::channel();
    let servant = Servant::new(feed.asker(), &setup, tap, replies);
    let ui = Ui::new(&setup, Wires { query, snapshots, halted, tasks: orders, messages });
    thread::Builder::new()
        .name("dashboard".to_owned())
        .spawn(move || done_sender.send(ui.run()))
        .map_err(|source| TuiError::Terminal { what: "start a thread", source })?;
    let (own, clock) = (setup.own.clone(), setup.clock.clone());
    let keeping = Keeping { queries, snapshots: snapshot_sender, own, clock, taps };
    let keeper = tokio::spawn(keeper::keep(feed, keeping));
    let serving = tokio::spawn(servant.serve(ordered, setup.record));
    let ended = tokio::select! {
        ended = &mut done => Some(ended),
        _ = signals.requested() => None,
        () = is_true(&mut stop) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            halt.send_replace(true);
            // Output that is held back, as by ctrl-s, must not keep a run from its end.
            match tokio::time::timeout(LEAVE_MAX, done).await {
                Ok(ended) => ended,
                Err(_elapsed) => Ok(Err(TuiError::Stuck)),
            }
        },
    };
    // The user interface is gone and its orders with it: a recording is closed now.
    match serving.await {
        Ok(said) => said.iter().for_each(|said| tell(&said.text)),
        Err(broken) => tracing::error!(%broken, "a recording was not closed"),
    }
    keeper.abort();
    let Ended { quit, last_screen } = ended.unwrap_or(Err(TuiError::Panicked))?;
    if let Some(text) = last_screen {
        use io::Write as _;
        // A closed terminal has no use for it.
        let _closed = io::stdout().lock().write_all(text.as_bytes());
    }
    Ok(quit)
}

/// For the person whose dashboard is gone.
fn tell(text: &str) {
    use io::Write as _;
    // A closed terminal has no use for it.
    let _closed = writeln!(io::stderr().lock(), "{text}");
}

/// Never ends when the sender is gone: then nobody can ask for it.
async fn is_true(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}
