//! What the user has chosen, and how each message changes it.
//!
//! [`App`] holds no data of the run: it says what to look at, and [`App::query`] turns that into a
//! question for the store. [`update`] is pure: no input, no output, no clock; what is on the
//! screen is handed in, so every key can be tested as a line of a table.
//!
//! Each screen has its own choices and its own meaning of the keys in a file here, and gives back
//! what it does not know. What all screens share is here.

use std::sync::Arc;

use crossterm::event::KeyEvent;

use crate::help::HelpList;
use crate::keys::{Action, Found, Keymap, Pending, Place, Screen};
use crate::layout::{Layout, Shell};
use crate::screen::{Cursor, Snapshot, Subject, ViewQuery, Zoom};
use crate::theme::Role;
use crate::view::Hit;

mod ask;
mod dialog;
mod line;
mod mouse;
mod places;
mod screens;
mod time;

pub(crate) use ask::ask_control;
pub use dialog::{Dialog, Menu, MenuKind};
pub use line::{Line, LineKind};
pub use mouse::Pointer;
pub use places::Places;
pub use screens::load::selected as selected_load;
pub use screens::logs::{LineColumn, LineTimes};
pub use screens::topology::{Picture, picture, selected as selected_link};
pub use screens::traces::{is_inside, selected as selected_trace, selected_group};
pub use screens::{Mode, Screens, fields, own_selected};
pub use time::Playback;

/// Frames a second when the user has not said.
pub const FRAMES_PER_S: u8 = 10;

/// A short message over the line of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toast {
    pub text: String,
    pub role: Role,
}

impl Toast {
    pub fn good(text: impl Into<String>) -> Self {
        Self { text: text.into(), role: Role::Ok }
    }

    pub fn bad(text: impl Into<String>) -> Self {
        Self { text: text.into(), role: Role::Error }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct App {
    pub width: u16,
    pub height: u16,
    pub keymap: Arc<Keymap>,
    pub pending: Pending,
    pub screen: Screen,
    /// Choices of each screen.
    pub screens: Screens,
    pub places: Places,
    /// Lies over the screen and takes the keys.
    pub dialog: Option<Dialog>,
    pub toast: Option<Toast>,
    /// Panel that Tab has gone to, in the order of the screen.
    pub focus: usize,
    /// The focused panel has the whole stage.
    pub zoomed: bool,
    pub cursor: Cursor,
    pub paused_at: Option<u64>,
    pub zoom: Zoom,
    pub playback: Option<Playback>,
    pub selected: Option<Subject>,
    pub frames_per_s: u8,
    /// The theme shows two heat values per cell.
    pub half_blocks: bool,
    /// Faults may be armed and disarmed from here.
    pub control: bool,
    /// Fault that was armed from here and is not on the screen yet.
    pub armed: Option<String>,
    /// File that is being recorded to.
    pub recording: Option<String>,
    /// Frames a second that a slow terminal can take.
    pub slowed: Option<u8>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Msg {
    Key(KeyEvent),
    /// What a pointer did, and what lies there.
    Mouse(Pointer, Option<Hit>),
    /// Text from the terminal's clipboard.
    Paste(String),
    Resize(u16, u16),
    /// A new snapshot is on the screen.
    Data,
    /// The recording goes on.
    Tick,
    /// An effect is done, or has failed.
    Said(Toast),
    /// The message has been seen.
    Forget,
    /// A recording has begun, or ended.
    Recording(Option<String>),
}

/// Who ended the dashboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quit {
    /// The person has seen enough; what is watched goes on.
    Closed,
    /// The same, and the last screen is to stay on the terminal.
    Kept,
    /// The person wants what is watched to end too.
    Interrupted,
    /// By the caller or by a signal.
    Stopped,
}

/// What is to be done outside.
#[derive(Debug, Clone, PartialEq)]
pub enum Order {
    Quit(Quit),
    /// To the terminal's clipboard.
    Copy(String),
    /// To a file, in this form.
    Export(crate::export::Form),
    /// Start or stop a recording.
    Record,
    /// Hand the terminal to the shell.
    Suspend,
    Control(Control),
}

/// A change of the faults of the running proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Control {
    /// Once more, for a minute.
    Arm(String),
    Disarm(String),
    ClearAll,
}

/// What has to follow a message.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Effects {
    pub redraw: bool,
    /// The question to the store has changed.
    pub ask: bool,
    pub order: Option<Order>,
}

impl Effects {
    fn redraw() -> Self {
        Self { redraw: true, ..Self::default() }
    }

    fn order(order: Order) -> Self {
        Self { redraw: true, order: Some(order), ..Self::default() }
    }
}

impl App {
    pub fn new(width: u16, height: u16, half_blocks: bool) -> Self {
        Self {
            width,
            height,
            keymap: Arc::default(),
            pending: Pending::default(),
            screen: Screen::default(),
            screens: Screens::default(),
            places: Places::default(),
            dialog: None,
            toast: None,
            focus: 0,
            zoomed: false,
            cursor: Cursor::Live,
            paused_at: None,
            zoom: Zoom::Auto,
            playback: None,
            selected: None,
            frames_per_s: FRAMES_PER_S,
            half_blocks,
            control: false,
            armed: None,
            recording: None,
            slowed: None,
        }
    }

    pub fn layout(&self) -> Layout {
        Layout::of(self.width, self.height)
    }

    /// Room of a screen between header and keys.
    pub fn stage_rows(&self) -> u16 {
        Shell::of(self.width, self.height).map_or(0, |shell| shell.stage.height)
    }

    pub fn query(&self) -> ViewQuery {
        let layout = self.layout();
        let stage = self.stage_rows();
        let rows = if self.zoomed { stage.saturating_sub(3) } else { layout.plot_rows() };
        let rows = usize::from(rows);
        ViewQuery {
            columns: usize::from(layout.columns()),
            heat_rows: if self.half_blocks { rows * 2 } else { rows },
            events: usize::from(if self.zoomed { stage } else { layout.events() }),
            zoom: self.zoom,
            cursor: self.cursor,
            paused_at: self.paused_at,
            selected: self.selected.clone(),
            // The other screens are about all of them.
            filter: self
                .filter(Screen::Overview)
                .filter(|_| self.screen == Screen::Overview)
                .cloned(),
            sort: self.screens.overview.sort,
            frames_per_s: self.slowed.unwrap_or(self.frames_per_s),
            detail: screens::detail(self),
        }
    }

    /// Who takes the keys.
    pub fn place(&self) -> Place {
        match &self.dialog {
            None => Place::Screen(self.screen),
            Some(Dialog::Help(list)) if !list.writing => Place::Help,
            Some(Dialog::Help(_) | Dialog::Line(_)) => Place::Prompt,
            Some(Dialog::Menu(_) | Dialog::Sure { .. }) => Place::Dialog,
        }
    }

    /// Lines of the help that are seen at once, inside its box.
    pub fn help_rows(&self) -> usize {
        usize::from(self.height.saturating_sub(2))
    }

    fn here(&self) -> places::Place {
        places::Place {
            screen: self.screen,
            selected: self.selected.clone(),
            cursor: self.cursor,
            screens: self.screens.clone(),
        }
    }

    fn settle(&mut self, place: places::Place) {
        self.screen = place.screen;
        self.selected = place.selected;
        self.cursor = place.cursor;
        self.screens = place.screens;
        (self.focus, self.zoomed) = (0, false);
    }

    /// Goes to a screen, so that one can come back.
    pub fn go(&mut self, screen: Screen) {
        if self.screen != screen {
            self.places.leave(self.here());
            self.screen = screen;
            (self.focus, self.zoomed) = (0, false);
        }
    }

    /// Selects what the plots are about.
    pub fn select(&mut self, seen: &Snapshot, index: usize) {
        let last = seen.rows.len().saturating_sub(1);
        if let Some(row) = seen.rows.get(index.min(last)) {
            self.selected = Some(row.subject.clone());
        }
    }

    /// Where the selection stands now; the screen may be one snapshot behind it.
    pub fn selected_row(&self, seen: &Snapshot) -> usize {
        let wanted = self.selected.as_ref();
        let found = wanted.and_then(|it| seen.rows.iter().position(|row| row.subject == *it));
        found.unwrap_or(seen.selected)
    }
}

/// `seen` is what is on the screen.
pub fn update(app: &mut App, msg: Msg, seen: &Snapshot) -> Effects {
    let before = app.query();
    let mut effects = match msg {
        Msg::Resize(width, height) => {
            (app.width, app.height) = (width, height);
            Effects::redraw()
        },
        Msg::Data => {
            ask::told(app, seen);
            Effects::redraw()
        },
        Msg::Key(event) => key(app, event, seen),
        Msg::Mouse(pointer, hit) => mouse::act(app, seen, pointer, hit),
        Msg::Paste(text) => dialog::paste(app, seen, &text),
        Msg::Tick => {
            app.tick();
            Effects::redraw()
        },
        Msg::Said(toast) => {
            app.toast = Some(toast);
            Effects::redraw()
        },
        Msg::Forget => {
            app.toast = None;
            Effects::redraw()
        },
        Msg::Recording(path) => {
            app.recording = path;
            Effects::redraw()
        },
    };
    effects.ask = app.query() != before;
    effects
}

fn key(app: &mut App, event: KeyEvent, seen: &Snapshot) -> Effects {
    let place = app.place();
    let mut pending = std::mem::take(&mut app.pending);
    let was_pending = !pending.is_empty();
    let found = app.keymap.find(place, &mut pending, event);
    app.pending = pending;
    match found {
        Found::Action(action) => act(app, action, seen),
        Found::Letter(letter) => dialog::letter(app, seen, letter),
        Found::Pending => Effects::redraw(),
        Found::Nothing if was_pending => Effects::redraw(),
        Found::Nothing => Effects::default(),
    }
}

/// What an action does where one is.
pub(crate) fn act(app: &mut App, action: Action, seen: &Snapshot) -> Effects {
    if action == Action::Interrupt {
        return Effects::order(Order::Quit(Quit::Interrupted));
    }
    if app.dialog.is_some() {
        return dialog::act(app, action, seen);
    }
    if let Some(effects) = screens::act(app, action, seen) {
        return effects;
    }
    shared(app, action, seen)
}

/// What an action means on a screen that has no meaning of its own for it.
fn shared(app: &mut App, action: Action, seen: &Snapshot) -> Effects {
    let axis = &seen.axis;
    match action {
        Action::Quit => return Effects::order(Order::Quit(Quit::Closed)),
        Action::QuitKeep => return Effects::order(Order::Quit(Quit::Kept)),
        Action::Record => return Effects::order(Order::Record),
        Action::Suspend => return Effects::order(Order::Suspend),
        Action::ScrubBack => app.scrub(axis, -1),
        Action::ScrubForward => app.scrub(axis, 1),
        Action::ScrubBackTen => app.scrub(axis, -10),
        Action::ScrubForwardTen => app.scrub(axis, 10),
        Action::Live => app.live(),
        Action::Pause => app.pause(axis),
        Action::ZoomIn => app.zoom_by(axis, -1),
        Action::ZoomOut => app.zoom_by(axis, 1),
        Action::ZoomAuto => app.zoom = Zoom::Auto,
        Action::Slower => app.speed_by(-1),
        Action::Faster => app.speed_by(1),
        Action::FocusNext => app.focus_by(1),
        Action::FocusPrev => app.focus_by(-1),
        Action::ZoomPanel => app.zoomed = !app.zoomed,
        Action::Back => back(app),
        Action::HistoryBack => visit(app, Places::back),
        Action::HistoryForward => visit(app, Places::forward),
        Action::Help => app.dialog = Some(Dialog::Help(HelpList::default())),
        Action::Command => dialog::open_command(app),
        Action::Filter => dialog::open_filter(app, seen),
        Action::Export => dialog::open_export(app),
        Action::TracesOf => screens::traces_of(app, seen),
        Action::LogsOf => screens::logs_of(app, seen),
        Action::FaultsOf => app.go(Screen::Faults),
        Action::Arm => return ask::of_interest(app, seen, Control::Arm),
        Action::Disarm => return ask::of_interest(app, seen, Control::Disarm),
        Action::Copy => return copy_selected(app, seen),
        Action::NextHit | Action::PrevHit => {
            app.toast = Some(Toast { text: "there is no other one".to_owned(), role: Role::Dim });
        },
        Action::ClearAll => return ask_control(app, seen, Control::ClearAll),
        _ => match action.screen() {
            Some(screen) => app.go(screen),
            None => return Effects::default(),
        },
    }
    Effects::redraw()
}

/// What the plots are about, as it is called in filters and scenarios.
fn copy_selected(app: &App, seen: &Snapshot) -> Effects {
    let row = seen.rows.get(app.selected_row(seen));
    let text = row.map(|row| match &row.subject {
        Subject::Flow(flow) => flow.clone(),
        Subject::Edge(edge) => edge.to_string(),
    });
    text.map_or_else(Effects::default, |text| Effects::order(Order::Copy(text)))
}

/// Out of what is open, then to where one came from, then to the newest second.
fn back(app: &mut App) {
    if app.zoomed {
        app.zoomed = false;
    } else if app.screen == Screen::Overview || !visit_back(app) {
        app.live();
        app.screen = Screen::Overview;
    }
}

fn visit_back(app: &mut App) -> bool {
    let here = app.here();
    let place = app.places.back(here);
    let found = place.is_some();
    if let Some(place) = place {
        app.settle(place);
    }
    found
}

fn visit(app: &mut App, way: fn(&mut Places, places::Place) -> Option<places::Place>) {
    let here = app.here();
    if let Some(place) = way(&mut app.places, here) {
        app.settle(place);
    }
}

#[cfg(test)]
mod tests;
