//! What the user has chosen, and how each message changes it.
//!
//! [`App`] holds no data of the run: it says what to look at, and [`App::query`] turns that into a
//! question for the store. [`update`] is pure: no input, no output, no clock, so every key can be
//! tested as a line of a table.

use std::sync::Arc;

use crossterm::event::KeyEvent;

use crate::glyphs;
use crate::help::{self, HelpList};
use crate::keys::{Action, Found, Keymap, Pending, Place, Screen};
use crate::layout::Layout;
use crate::screen::{Cursor, Snapshot, Subject, ViewQuery, Zoom};

/// What the plot that can be switched shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Latency on the small screen; the wide one shows it anyway and the heat map beside it.
    #[default]
    Lines,
    Heat,
    Load,
}

/// What the last snapshot said about the data, as far as keys depend on it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Known {
    pub subjects: Vec<Subject>,
    pub selected: usize,
    pub newest_s: Option<u64>,
    pub oldest_s: u64,
    pub cursor_s: u64,
    pub column_s: u64,
}

impl Known {
    pub fn of(snapshot: &Snapshot) -> Self {
        Self {
            subjects: snapshot.rows.iter().map(|row| row.subject.clone()).collect(),
            selected: snapshot.selected,
            newest_s: snapshot.axis.newest_s,
            oldest_s: snapshot.axis.oldest_s,
            cursor_s: snapshot.axis.cursor_s,
            column_s: snapshot.axis.column_s,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct App {
    pub width: u16,
    pub height: u16,
    pub help: bool,
    pub help_list: HelpList,
    pub mode: Mode,
    pub cursor: Cursor,
    pub paused_at: Option<u64>,
    pub zoom: Zoom,
    pub selected: Option<Subject>,
    /// The theme shows two heat values per cell.
    pub half_blocks: bool,
    pub known: Known,
    pub keymap: Arc<Keymap>,
    /// The keys of a sequence that has begun.
    pub pending: Pending,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Msg {
    Key(KeyEvent),
    Resize(u16, u16),
    /// A new snapshot is on the screen.
    Data(Known),
}

/// Who ended the dashboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quit {
    /// The person has seen enough; what is watched goes on.
    Closed,
    /// The person wants what is watched to end too.
    Interrupted,
    /// By the caller or by a signal.
    Stopped,
}

/// What has to follow a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Effects {
    pub redraw: bool,
    /// The question to the store has changed.
    pub ask: bool,
    pub quit: Option<Quit>,
}

impl App {
    pub fn new(width: u16, height: u16, half_blocks: bool) -> Self {
        Self { width, height, half_blocks, ..Self::default() }
    }

    pub fn layout(&self) -> Layout {
        Layout::of(self.width, self.height)
    }

    pub fn screen(&self) -> Screen {
        Screen::Overview
    }

    /// What takes the keys.
    pub fn place(&self) -> Place {
        match (self.help, self.help_list.writing) {
            (true, true) => Place::Prompt,
            (true, false) => Place::Help,
            (false, _) => Place::Screen(self.screen()),
        }
    }

    /// Lines of the help that are seen at once, inside its box.
    pub fn help_rows(&self) -> usize {
        usize::from(self.height.saturating_sub(2))
    }

    /// True when the help has taken the key.
    fn read_help(&mut self, found: Found) -> bool {
        let seen = (self.help_list.search.as_str(), help::columns(self.width));
        let lines = help::lines(&self.keymap, self.screen(), &glyphs::ASCII, seen).len();
        let rows = self.help_rows();
        self.help && self.help_list.take(found, lines, rows)
    }

    pub fn query(&self) -> ViewQuery {
        let layout = self.layout();
        let rows = usize::from(layout.plot_rows());
        ViewQuery {
            columns: usize::from(layout.columns()),
            heat_rows: if self.half_blocks { rows * 2 } else { rows },
            events: usize::from(layout.events()),
            zoom: self.zoom,
            cursor: self.cursor,
            paused_at: self.paused_at,
            selected: self.selected.clone(),
        }
    }

    fn select(&mut self, index: usize) {
        let last = self.known.subjects.len().saturating_sub(1);
        let index = index.min(last);
        if let Some(subject) = self.known.subjects.get(index) {
            self.selected = Some(subject.clone());
            self.known.selected = index;
        }
    }

    fn scrub(&mut self, columns: i64) {
        let Some(newest) = self.paused_at.or(self.known.newest_s) else { return };
        let from = match self.cursor {
            Cursor::Live => newest,
            Cursor::At(second) => second,
        };
        let step = columns.unsigned_abs().saturating_mul(self.known.column_s.max(1));
        self.cursor = if columns < 0 {
            Cursor::At(from.saturating_sub(step).max(self.known.oldest_s))
        } else {
            let to = from.saturating_add(step);
            if to >= newest { Cursor::Live } else { Cursor::At(to) }
        };
    }

    fn zoom_by(&mut self, levels: isize) {
        let current = match self.zoom {
            Zoom::Fixed(seconds) => seconds,
            Zoom::Auto => self.known.column_s,
        };
        let index = Zoom::LEVELS_S.iter().rposition(|level| *level <= current).unwrap_or(0);
        let index = index.saturating_add_signed(levels).min(Zoom::LEVELS_S.len() - 1);
        self.zoom = Zoom::Fixed(Zoom::LEVELS_S[index]);
    }

    fn next_mode(&self) -> Mode {
        let wide = matches!(self.layout(), Layout::Wide(_));
        match self.mode {
            Mode::Load => Mode::Lines,
            Mode::Heat => Mode::Load,
            Mode::Lines if wide => Mode::Load,
            Mode::Lines => Mode::Heat,
        }
    }
}

pub fn update(app: &mut App, msg: Msg) -> Effects {
    let before = app.query();
    let mut effects = match msg {
        Msg::Resize(width, height) => {
            (app.width, app.height) = (width, height);
            Effects { redraw: true, ..Effects::default() }
        },
        Msg::Data(known) => {
            app.known = known;
            Effects { redraw: true, ..Effects::default() }
        },
        Msg::Key(event) => {
            let keymap = Arc::clone(&app.keymap);
            let place = app.place();
            match keymap.find(place, &mut app.pending, event) {
                found if app.help && app.read_help(found) => {
                    Effects { redraw: true, ..Effects::default() }
                },
                Found::Action(action) => act(app, action),
                Found::Pending | Found::Letter(_) | Found::Nothing => Effects::default(),
            }
        },
    };
    effects.ask = app.query() != before;
    effects
}

fn act(app: &mut App, action: Action) -> Effects {
    let selected = app.known.selected;
    match action {
        Action::Quit => return Effects { quit: Some(Quit::Closed), ..Effects::default() },
        Action::Interrupt => {
            return Effects { quit: Some(Quit::Interrupted), ..Effects::default() };
        },
        Action::Help => {
            app.help = !app.help;
            app.help_list = HelpList::default();
        },
        Action::Back if app.help => app.help = false,
        Action::Back | Action::Live => (app.cursor, app.paused_at) = (Cursor::Live, None),
        Action::Up => app.select(selected.saturating_sub(1)),
        Action::Down => app.select(selected.saturating_add(1)),
        Action::First => app.select(0),
        Action::Last => app.select(usize::MAX),
        Action::ScrubBack => app.scrub(-1),
        Action::ScrubForward => app.scrub(1),
        Action::ScrubBackTen => app.scrub(-10),
        Action::ScrubForwardTen => app.scrub(10),
        Action::Pause => {
            app.paused_at = match app.paused_at {
                Some(_) => None,
                None => app.known.newest_s,
            };
        },
        Action::ZoomIn => app.zoom_by(-1),
        Action::ZoomOut => app.zoom_by(1),
        Action::ZoomAuto => app.zoom = Zoom::Auto,
        Action::Mode => app.mode = app.next_mode(),
        _ => return Effects::default(),
    }
    Effects { redraw: true, ..Effects::default() }
}

#[cfg(test)]
mod tests;
