//! The drawing thread: keys and snapshots in, frames out.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossterm::event::{Event, KeyEventKind, MouseButton, MouseEventKind};
use ratatui::layout::Position;
use rustix::process::{Signal, getpid, kill_process};
use telemetry::clock::Clock;
use tokio::signal::unix::{Signal as Signals, SignalKind};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::pace::Pace;
use super::servant::{Export, Task};
use super::{Setup, TuiError};
use crate::app::{App, Effects, Msg, Order, Pointer, Quit, Toast, update};
use crate::export;
use crate::own::{OwnKind, OwnLog};
use crate::picture;
use crate::screen::{Snapshot, ViewQuery};
use crate::terminal::{self, Screen};
use crate::theme::{Role, Theme};
use crate::view::{Hit, Hits, view};

/// Keys that wait for the screen.
const INPUT_QUEUE: usize = 64;
/// Keys that are typed ahead wait so long for the data of the screen that they are meant for.
const TYPED_AHEAD: Duration = Duration::from_millis(500);
/// A message over the keys is read by then.
const TOAST: Duration = Duration::from_secs(6);
/// Longest text for the terminal's clipboard: longer ones are cut or dropped by terminals.
const COPY_BYTES_MAX: usize = 50_000;

/// How the dashboard ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) quit: Quit,
    /// What is to stay on the terminal.
    pub(super) last_screen: Option<String>,
}

/// Why the drawing thread woke.
enum Woke {
    /// `None` when the terminal cannot be read any more.
    Input(Option<Event>),
    Data,
    Message(Msg),
    Broken,
    Forget,
    /// Keys have waited long enough.
    Patient,
    Tick,
    Suspend,
    Halted,
}

/// How the drawing thread hears and is heard.
pub(super) struct Wires {
    pub(super) query: watch::Sender<ViewQuery>,
    pub(super) snapshots: watch::Receiver<Arc<Snapshot>>,
    /// True ends it.
    pub(super) halted: watch::Receiver<bool>,
    pub(super) tasks: mpsc::Sender<Task>,
    pub(super) messages: mpsc::Receiver<Msg>,
}

/// What the drawing thread owns.
pub(super) struct Ui {
    theme: Theme,
    mouse: bool,
    suspend: bool,
    app: App,
    wires: Wires,
    /// What is on the screen, and where it lies there.
    seen: Arc<Snapshot>,
    hits: Hits,
    /// When another screen was turned to.
    turned: Instant,
    /// When the message over the keys came.
    said: Instant,
    /// When the recording went on last.
    ticked: Instant,
    pace: Pace,
    own: OwnLog,
    clock: Clock,
}

impl Ui {
    pub(super) fn new(setup: &Setup, wires: Wires) -> Self {
        let mut app = App::new(0, 0, setup.theme.half_blocks());
        app.keymap = Arc::clone(&setup.keymap);
        app.screen = setup.screen;
        app.zoom = setup.zoom;
        app.control = setup.controller.is_some();
        app.frames_per_s = setup.frames_per_s;
        if let Some((playback, at_s)) = setup.playback {
            (app.playback, app.paused_at) = (Some(playback), Some(at_s));
        }
        let now = Instant::now();
        Self {
            theme: setup.theme,
            mouse: setup.mouse,
            suspend: setup.suspend,
            app,
            wires,
            seen: Arc::default(),
            hits: Hits::new(),
            turned: now,
            said: now,
            ticked: now,
            pace: Pace::new(setup.frames_per_s, now),
            own: setup.own.clone(),
            clock: setup.clock.clone(),
        }
    }

    pub(super) fn run(mut self) -> Result<Ended, TuiError> {
        let failed = |what| move |source| TuiError::Terminal { what, source };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed("start the dashboard's runtime"))?;
        let (sender, inputs) = mpsc::channel(INPUT_QUEUE);
        let (guard, mut screen) =
            terminal::enter(self.mouse).map_err(failed("take the terminal over"))?;
        let (reading, begun) = oneshot::channel();
        thread::Builder::new()
            .name("keys".to_owned())
            .spawn(move || read_keys(&sender, reading))
            .map_err(failed("start a thread"))?;
        // A thread that broke ends the inputs too.
        let _broken = begun.blocking_recv();
        let quit = runtime.block_on(self.watch(&mut screen, inputs))?;
        let last_screen = (quit == Quit::Kept).then(|| self.text());
        drop(guard);
        Ok(Ended { quit, last_screen })
    }

    async fn watch(
        &mut self,
        screen: &mut Screen,
        mut inputs: mpsc::Receiver<Event>,
    ) -> Result<Quit, TuiError> {
        let failed = |source| TuiError::Terminal { what: "draw on the terminal", source };
        // Before there is anything to see, so that nobody stops this process in between.
        let mut stops = listen(Signal::TSTP)
            .map_err(|source| TuiError::Terminal { what: "listen to signals", source })?;
        let size = screen.size().map_err(failed)?;
        (self.app.width, self.app.height) = (size.width, size.height);
        self.wires.query.send_replace(self.app.query());
        self.draw(screen).map_err(failed)?;
        loop {
            let effects = match self.wake(&mut inputs, &mut stops).await {
                Woke::Input(None) => return Err(TuiError::Input),
                Woke::Input(Some(input)) => self.take_all(input, &mut inputs),
                // The keeper outlives this loop unless it breaks.
                Woke::Broken => return Err(TuiError::Panicked),
                Woke::Data => {
                    self.seen = Arc::clone(&self.wires.snapshots.borrow_and_update());
                    self.update(Msg::Data)
                },
                Woke::Message(msg) => self.update(msg),
                Woke::Forget => self.update(Msg::Forget),
                Woke::Patient => Effects::default(),
                Woke::Tick => {
                    self.ticked = Instant::now();
                    self.update(Msg::Tick)
                },
                Woke::Suspend => {
                    self.sleep(screen).await.map_err(failed)?;
                    self.update(Msg::Data)
                },
                Woke::Halted => return Ok(Quit::Stopped),
            };
            if effects.ask {
                self.wires.query.send_replace(self.app.query());
            }
            match effects.order {
                Some(Order::Suspend) if self.suspend => {
                    self.sleep(screen).await.map_err(failed)?;
                },
                Some(order) => {
                    if let Some(quit) = self.obey(order) {
                        return Ok(quit);
                    }
                },
                None => {},
            }
            if !terminal::is_taken() {
                return Err(TuiError::Panicked);
            }
            if effects.redraw {
                self.draw(screen).map_err(failed)?;
            }
        }
    }

    /// Waits for whatever comes next.
    async fn wake(&mut self, inputs: &mut mpsc::Receiver<Event>, stops: &mut Signals) -> Woke {
        let (forgotten, ticked) = (self.said + TOAST, self.ticked);
        let has_toast = self.app.toast.is_some();
        let (patient, is_ahead) = (self.turned + TYPED_AHEAD, self.is_ahead());
        tokio::select! {
            input = inputs.recv(), if !is_ahead => Woke::Input(input),
            () = tokio::time::sleep_until(patient), if is_ahead => Woke::Patient,
            changed = self.wires.snapshots.changed() => match changed {
                Ok(()) => Woke::Data,
                Err(_) => Woke::Broken,
            },
            Some(msg) = self.wires.messages.recv() => Woke::Message(msg),
            () = tokio::time::sleep_until(forgotten), if has_toast => Woke::Forget,
            () = tick(ticked, &self.app) => Woke::Tick,
            _ = stops.recv() => Woke::Suspend,
            // A caller that is gone has no use for a screen either.
            _ = self.wires.halted.wait_for(|halted| *halted) => Woke::Halted,
        }
    }

    /// All keys that wait are worth one frame.
    fn take_all(&mut self, input: Event, inputs: &mut mpsc::Receiver<Event>) -> Effects {
        let mut effects = self.take(input);
        while effects.order.is_none()
            && !self.is_ahead()
            && let Ok(input) = inputs.try_recv()
        {
            effects = join(effects, self.take(input));
        }
        effects
    }

    /// The screen has been turned to and has no data yet: a key could not know what it moves.
    fn is_ahead(&self) -> bool {
        self.seen.detail.screen() != self.app.screen && self.turned.elapsed() < TYPED_AHEAD
    }

    fn take(&mut self, input: Event) -> Effects {
        let msg = match input {
            Event::Key(key) if key.kind != KeyEventKind::Release => Msg::Key(key),
            Event::Resize(width, height) => Msg::Resize(width, height),
            Event::Paste(text) => Msg::Paste(text),
            Event::Mouse(mouse) => match pointer(mouse.kind) {
                Some(pointer) => Msg::Mouse(pointer, self.under(mouse.column, mouse.row)),
                None => return Effects::default(),
            },
            _ => return Effects::default(),
        };
        self.update(msg)
    }

    fn update(&mut self, msg: Msg) -> Effects {
        // Said for some seconds only, and perhaps not whole.
        if let Msg::Said(Toast { text, role: Role::Error }) = &msg {
            self.own.note(self.clock.unix_ms(), OwnKind::Order, true, text);
        }
        let (before, screen) = (self.app.toast.take(), self.app.screen);
        // A message stays until its time is over, or until there is another one.
        let is_key = matches!(msg, Msg::Key(_) | Msg::Forget);
        let effects = update(&mut self.app, msg, &self.seen);
        if self.app.screen != screen {
            self.turned = Instant::now();
        }
        match (&self.app.toast, before) {
            (Some(_), _) => self.said = Instant::now(),
            (None, before) if !is_key => self.app.toast = before,
            (None, _) => {},
        }
        effects
    }

    fn draw(&mut self, screen: &mut Screen) -> io::Result<()> {
        let begun = Instant::now();
        let mut hits = Hits::new();
        screen.draw(|frame| hits = view(&self.app, &self.seen, &self.theme, frame))?;
        self.hits = hits;
        let now = Instant::now();
        let rate = self.pace.drawn(self.app.frames_per_s, now - begun, now);
        let slowed = (rate < self.app.frames_per_s).then_some(rate);
        if self.app.slowed != slowed {
            let took = (now - begun).as_millis();
            let text = format!("a frame took {took} ms; now {rate} frames a second");
            self.own.note(self.clock.unix_ms(), OwnKind::Terminal, slowed.is_some(), &text);
            self.app.slowed = slowed;
            self.wires.query.send_replace(self.app.query());
        }
        Ok(())
    }

    /// What was drawn there last.
    fn under(&self, x: u16, y: u16) -> Option<Hit> {
        let at = Position { x, y };
        self.hits.iter().rev().find(|(area, _)| area.contains(at)).map(|(area, hit)| match hit {
            Hit::Column(_) => Hit::Column(usize::from(x - area.x)),
            hit => *hit,
        })
    }

    /// The terminal belongs to the shell until this process goes on. A stop takes hold of a process
    /// some time after it was asked for, so only the signal to go on says that it is over.
    async fn sleep(&mut self, screen: &mut Screen) -> io::Result<()> {
        terminal::leave();
        let mut goes_on = listen(Signal::CONT)?;
        kill_process(getpid(), Signal::STOP)?;
        goes_on.recv().await;
        *screen = terminal::take(self.mouse)?;
        let size = screen.size()?;
        self.update(Msg::Resize(size.width, size.height));
        self.wires.query.send_replace(self.app.query());
        self.draw(screen)
    }

    fn obey(&mut self, order: Order) -> Option<Quit> {
        let done = match order {
            Order::Quit(quit) => return Some(quit),
            Order::Suspend => Err("a dashboard inside a run cannot be suspended".to_owned()),
            Order::Copy(text) => copy(&text),
            Order::Record => self.task(Task::Record),
            Order::Export(form) => self.export(form),
            Order::Control(control) => self.task(Task::Control(control)),
        };
        match done {
            Ok(Some(text)) => self.say(Toast::good(text)),
            Ok(None) => {},
            Err(text) => self.say(Toast::bad(text)),
        }
        None
    }

    fn say(&mut self, toast: Toast) {
        self.update(Msg::Said(toast));
    }

    fn task(&self, task: Task) -> Result<Option<String>, String> {
        let full = |_| "too much is waiting to be done".to_owned();
        self.wires.tasks.try_send(task).map_err(full).map(|()| None)
    }

    fn export(&self, form: export::Form) -> Result<Option<String>, String> {
        let text = export::text(form, &self.app, &self.seen, || self.text())?;
        let axis = &self.seen.axis;
        let what = self.app.screen.name();
        let clock = axis.cursor_clock_s;
        let name = export::file_name(what, &self.seen.head.run_id, clock, form);
        self.task(Task::Write(Export { name, extension: form.extension(), text }))
    }

    /// The screen as text.
    fn text(&self) -> String {
        picture::as_text(&self.app, &self.seen, &self.theme)
    }
}

/// Hands a text to the terminal's clipboard.
fn copy(text: &str) -> Result<Option<String>, String> {
    if text.len() > COPY_BYTES_MAX {
        return Err(format!("too long for the terminal's clipboard: {} bytes", text.len()));
    }
    let copied = terminal::copy(text);
    copied.map_err(|error| error.to_string())?;
    let short: String = text.chars().take(40).collect();
    Ok(Some(format!("copied {short}")))
}

/// Until a recording that is played goes on; never otherwise.
async fn tick(since: Instant, app: &App) {
    match app.playback.filter(|playback| playback.playing) {
        Some(playback) => {
            let (_, pause_ms) = playback.step();
            tokio::time::sleep_until(since + Duration::from_millis(pause_ms)).await;
        },
        None => std::future::pending().await,
    }
}

fn listen(signal: Signal) -> io::Result<Signals> {
    tokio::signal::unix::signal(SignalKind::from_raw(signal.as_raw()))
}

fn pointer(kind: MouseEventKind) -> Option<Pointer> {
    match kind {
        MouseEventKind::Down(MouseButton::Left) => Some(Pointer::Pressed),
        MouseEventKind::Drag(MouseButton::Left) => Some(Pointer::Dragged),
        MouseEventKind::ScrollUp => Some(Pointer::WheelUp),
        MouseEventKind::ScrollDown => Some(Pointer::WheelDown),
        _ => None,
    }
}

fn join(one: Effects, other: Effects) -> Effects {
    Effects {
        redraw: one.redraw || other.redraw,
        ask: one.ask || other.ask,
        order: one.order.or(other.order),
    }
}

/// Ends with the first key after the dashboard, or with the terminal. The size of the terminal is
/// to be asked for after `reading`: only then is it told when it changes.
fn read_keys(sender: &mpsc::Sender<Event>, reading: oneshot::Sender<()>) {
    // Asking for an event listens to the signal; an error comes again from reading.
    let _again = crossterm::event::poll(Duration::ZERO);
    let _gone = reading.send(());
    while let Ok(event) = crossterm::event::read() {
        if sender.blocking_send(event).is_err() {
            return;
        }
    }
}
