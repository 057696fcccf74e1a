//! The dashboard at work: feed, store, keys and terminal joined.
//!
//! Drawing and reading keys block, so they have threads of their own: a slow terminal can hold up
//! neither the feed nor anything else in this process. A frame is drawn when something on it has
//! changed, never on a timer.

use std::io::{self, IsTerminal as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossterm::event::{Event, KeyEventKind};
use telemetry::shutdown::Shutdown;
use tokio::sync::{mpsc, oneshot, watch};

use crate::app::{App, Effects, Known, Msg, Quit, update};
use crate::feed::Feed;
use crate::feed::live::LiveFeed;
use crate::feed::place::Place;
use crate::keeper;
use crate::screen::{Snapshot, ViewQuery};
use crate::terminal::{self, Screen};
use crate::theme::{ColorChoice, Depth, Surroundings, Theme};
use crate::view::view;

/// Time to give the terminal back once the end is asked for.
const LEAVE_MAX: Duration = Duration::from_secs(2);
/// Keys that wait for the screen.
const INPUT_QUEUE: usize = 64;

#[derive(Debug, Clone)]
pub struct TuiConfig {
    /// The collector's API.
    pub api: SocketAddr,
    pub color: ColorChoice,
    /// `None` goes by the locale.
    pub ascii: Option<bool>,
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
pub async fn run(config: TuiConfig, stop: watch::Receiver<bool>) -> Result<Quit, TuiError> {
    let theme = Theme::choose(config.color, config.ascii, &Surroundings::read());
    let feed = LiveFeed::new(Place::at(config.api));
    run_with(feed, theme, stop).await
}

/// As [`run`], over any feed.
pub async fn run_with(
    feed: impl Feed,
    theme: Theme,
    mut stop: watch::Receiver<bool>,
) -> Result<Quit, TuiError> {
    if !io::stdout().is_terminal() {
        return Err(TuiError::NoTerminal);
    }
    let mut signals = Shutdown::listen()
        .map_err(|source| TuiError::Terminal { what: "listen to signals", source })?;
    // Crossterm reads NO_COLOR by itself, and strips more than the colours; the theme decides.
    crossterm::style::force_color_output(theme.depth != Depth::Mono);
    let (query_sender, queries) = watch::channel(ViewQuery::default());
    let (snapshot_sender, snapshots) = watch::channel(Arc::default());
    let (halt, halted) = watch::channel(false);
    let (done_sender, mut done) = oneshot::channel();
    let ui = Ui { theme, query: query_sender, snapshots, halted };
    thread::Builder::new()
        .name("dashboard".to_owned())
        .spawn(move || done_sender.send(ui.run()))
        .map_err(|source| TuiError::Terminal { what: "start a thread", source })?;
    let keeper = tokio::spawn(keeper::keep(feed, queries, snapshot_sender));
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
    keeper.abort();
    ended.unwrap_or(Err(TuiError::Panicked))
}

/// Never ends when the sender is gone: then nobody can ask for it.
async fn is_true(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// What the drawing thread owns.
struct Ui {
    theme: Theme,
    query: watch::Sender<ViewQuery>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    halted: watch::Receiver<bool>,
}

impl Ui {
    fn run(self) -> Result<Quit, TuiError> {
        let failed = |what| move |source| TuiError::Terminal { what, source };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .map_err(failed("start the dashboard's runtime"))?;
        let (guard, mut screen) = terminal::enter().map_err(failed("take the terminal over"))?;
        let (sender, inputs) = mpsc::channel(INPUT_QUEUE);
        thread::Builder::new()
            .name("keys".to_owned())
            .spawn(move || read_keys(&sender))
            .map_err(failed("start a thread"))?;
        let ended = runtime.block_on(self.watch(&mut screen, inputs));
        drop(guard);
        ended
    }

    async fn watch(
        mut self,
        screen: &mut Screen,
        mut inputs: mpsc::Receiver<Event>,
    ) -> Result<Quit, TuiError> {
        let failed = |source| TuiError::Terminal { what: "draw on the terminal", source };
        let size = screen.size().map_err(failed)?;
        let mut app = App::new(size.width, size.height, self.theme.half_blocks());
        self.query.send_replace(app.query());
        self.draw(&app, screen).map_err(failed)?;
        loop {
            let effects = tokio::select! {
                input = inputs.recv() => {
                    let Some(input) = input else { return Err(TuiError::Input) };
                    let mut effects = take(&mut app, input);
                    // All keys that wait are worth one frame.
                    while let Ok(input) = inputs.try_recv() {
                        effects = join(effects, take(&mut app, input));
                    }
                    effects
                },
                changed = self.snapshots.changed() => {
                    // The keeper outlives this loop unless it breaks.
                    if changed.is_err() {
                        return Err(TuiError::Panicked);
                    }
                    let known = Known::of(&self.snapshots.borrow_and_update());
                    update(&mut app, Msg::Data(known))
                },
                // A caller that is gone has no use for a screen either.
                _ = self.halted.wait_for(|halted| *halted) => return Ok(Quit::Stopped),
            };
            if let Some(quit) = effects.quit {
                return Ok(quit);
            }
            if effects.ask {
                self.query.send_replace(app.query());
            }
            if !terminal::is_taken() {
                return Err(TuiError::Panicked);
            }
            if effects.redraw {
                self.draw(&app, screen).map_err(failed)?;
            }
        }
    }

    fn draw(&self, app: &App, screen: &mut Screen) -> io::Result<()> {
        let snapshot = Arc::clone(&self.snapshots.borrow());
        screen.draw(|frame| view(app, &snapshot, &self.theme, frame))?;
        Ok(())
    }
}

fn take(app: &mut App, input: Event) -> Effects {
    match input {
        Event::Key(key) if key.kind != KeyEventKind::Release => update(app, Msg::Key(key)),
        Event::Resize(width, height) => update(app, Msg::Resize(width, height)),
        _ => Effects::default(),
    }
}

fn join(one: Effects, other: Effects) -> Effects {
    Effects {
        redraw: one.redraw || other.redraw,
        ask: one.ask || other.ask,
        quit: one.quit.or(other.quit),
    }
}

/// Ends with the first key after the dashboard, or with the terminal.
fn read_keys(sender: &mpsc::Sender<Event>) {
    while let Ok(event) = crossterm::event::read() {
        if sender.blocking_send(event).is_err() {
            return;
        }
    }
}
