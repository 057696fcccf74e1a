//! What lies over a screen and takes the keys: help, a line of text, a menu, a question.

use super::line::{Edited, Line, LineKind};
use super::{App, Control, Effects, Order, Toast, screens};
use crate::export::Form;
use crate::filter::Filter;
use crate::format;
use crate::glyphs;
use crate::help::{self, HelpList};
use crate::keys::{Action, Found, ROWS, Row, Screen};
use crate::screen::Snapshot;

#[derive(Debug, Clone, PartialEq)]
pub enum Dialog {
    /// The keys of the screen behind.
    Help(HelpList),
    Line(Line),
    Menu(Menu),
    /// Nothing is changed without this.
    Sure {
        text: String,
        control: Control,
    },
}

/// What a choice in a menu is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MenuKind {
    Export,
    /// Of the log lines.
    Columns,
    /// Of a span.
    Links,
}

/// One of several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Menu {
    pub kind: MenuKind,
    pub title: &'static str,
    pub items: Vec<String>,
    pub selected: usize,
    /// Which of the items are switched on, in a menu of several choices.
    pub on: Vec<bool>,
}

impl Menu {
    pub fn new(kind: MenuKind, title: &'static str, items: Vec<String>, selected: usize) -> Self {
        Self { kind, title, items, selected, on: Vec::new() }
    }
}

pub(super) fn open_command(app: &mut App) {
    let mut line = Line::new(LineKind::Command, "", app.screens.commands.clone());
    line.offer(command_names(""));
    app.dialog = Some(Dialog::Line(line));
}

pub(super) fn open_filter(app: &mut App, seen: &Snapshot) {
    if screens::fields(app.screen).is_none() {
        app.toast = Some(Toast::bad("this screen has nothing to filter"));
        return;
    }
    let text = app.filter(app.screen).map(Filter::text).unwrap_or_default().to_owned();
    let mut line = Line::new(LineKind::Filter, &text, app.screens.filters.clone());
    line.offer(screens::complete(app, &line, seen));
    app.dialog = Some(Dialog::Line(line));
}

pub(super) fn open_export(app: &mut App) {
    let items = Form::of(app.screen).iter().map(|form| form.name().to_owned()).collect();
    app.dialog = Some(Dialog::Menu(Menu::new(MenuKind::Export, "Export", items, 0)));
}

/// What only a dialog or a line of text knows is not for a screen.
fn is_command(row: &Row) -> bool {
    Screen::ALL.into_iter().any(|screen| row.holds(screen.into()))
}

/// The names of actions that begin with, then those that contain, these letters.
fn command_names(text: &str) -> Vec<String> {
    let commands = ROWS.iter().filter(|row| is_command(row));
    let names: Vec<&str> = commands.map(|row| row.name).chain(["at "]).collect();
    let begins = names.iter().filter(|name| name.starts_with(text));
    let contains = names.iter().filter(|it| !it.starts_with(text) && it.contains(text));
    begins.chain(contains).map(|name| (*name).to_owned()).collect()
}

pub(super) fn act(app: &mut App, action: Action, seen: &Snapshot) -> Effects {
    match app.dialog.take() {
        Some(Dialog::Help(list)) => help_key(app, list, Found::Action(action)),
        Some(Dialog::Line(line)) => line_act(app, line, action, seen),
        Some(Dialog::Menu(menu)) => menu_act(app, menu, action),
        Some(Dialog::Sure { text, control }) => match action {
            Action::Yes => {
                super::ask::ordered(app, &control);
                Effects::order(Order::Control(control))
            },
            Action::No | Action::Back => Effects::redraw(),
            _ => {
                app.dialog = Some(Dialog::Sure { text, control });
                Effects::default()
            },
        },
        None => Effects::default(),
    }
}

/// The help takes the keys; those that it does not know close it or quit.
pub(super) fn help_key(app: &mut App, mut list: HelpList, found: Found) -> Effects {
    let seen = (list.search.as_str(), help::columns(app.width));
    let lines = help::lines(&app.keymap, app.screen, &glyphs::ASCII, seen).len();
    let rows = app.help_rows();
    if list.take(found, lines, rows) {
        app.dialog = Some(Dialog::Help(list));
        return Effects::redraw();
    }
    match found {
        Found::Action(Action::Help | Action::Back) => Effects::redraw(),
        Found::Action(action @ (Action::Quit | Action::QuitKeep)) => {
            super::shared(app, action, &Snapshot::default())
        },
        _ => {
            app.dialog = Some(Dialog::Help(list));
            Effects::default()
        },
    }
}

fn line_act(app: &mut App, mut line: Line, action: Action, seen: &Snapshot) -> Effects {
    match action {
        Action::Cancel => return Effects::redraw(),
        Action::EraseBack if line.text.is_empty() => return Effects::redraw(),
        Action::Accept => return accept(app, line, seen),
        _ => {},
    }
    if line.act(action) == Edited::Changed {
        changed(app, &mut line, seen);
    }
    app.dialog = Some(Dialog::Line(line));
    Effects::redraw()
}

/// The text is another one: what could follow it, and whether it can be taken.
fn changed(app: &App, line: &mut Line, seen: &Snapshot) {
    line.error = None;
    match line.kind {
        LineKind::Command => line.offer(command_names(&line.text.clone())),
        LineKind::Filter => {
            line.offer(screens::complete(app, line, seen));
            line.error = screens::check(app, &line.text);
        },
        LineKind::Search => {},
    }
}

fn accept(app: &mut App, mut line: Line, seen: &Snapshot) -> Effects {
    let text = line.text.trim().to_owned();
    let remember = |before: &mut Vec<String>| {
        before.retain(|it| *it != text);
        if !text.is_empty() {
            before.insert(0, text.clone());
            before.truncate(50);
        }
    };
    match line.kind {
        LineKind::Filter => match app.set_filter(app.screen, &text) {
            Ok(()) => {
                remember(&mut app.screens.filters);
                Effects::redraw()
            },
            Err(error) => {
                line.error = Some(error.to_string());
                app.dialog = Some(Dialog::Line(line));
                Effects::redraw()
            },
        },
        LineKind::Command => match command(app, &text, seen) {
            Ok(effects) => {
                remember(&mut app.screens.commands);
                effects
            },
            Err(error) => {
                line.error = Some(error);
                app.dialog = Some(Dialog::Line(line));
                Effects::redraw()
            },
        },
        LineKind::Search => Effects::redraw(),
    }
}

/// `pause`, `goto-traces`, `at 02:41`.
fn command(app: &mut App, text: &str, seen: &Snapshot) -> Result<Effects, String> {
    if text.is_empty() {
        return Ok(Effects::redraw());
    }
    if let Some(clock) = text.strip_prefix("at").filter(|it| it.is_empty() || it.starts_with(' ')) {
        return at(app, clock.trim(), seen);
    }
    match Action::named(text) {
        Some(action) if !is_command(action.row()) => {
            Err(format!("{text} is no command; it is a key of: {}", action.row().places))
        },
        Some(action) => Ok(run(app, action, seen)),
        None => {
            let names = command_names("");
            let hint = model::hint(text, names.iter().map(String::as_str));
            Err(format!("there is no action {text:?}{hint}"))
        },
    }
}

/// Looks at a moment of the run.
fn at(app: &mut App, clock: &str, seen: &Snapshot) -> Result<Effects, String> {
    let start = seen.axis.cursor_s.saturating_add(1).saturating_sub(seen.axis.cursor_clock_s);
    let last = app.playback.map(|playback| playback.last_s).or(app.paused_at);
    let end = last.or(seen.axis.newest_s).map_or(0, |last| (last + 1).saturating_sub(start));
    let ends = if app.playback.is_some() { "ends" } else { "is" };
    let ends = format!("the run {ends} at {}", format::clock(end));
    let Some(seconds) = format::parse_clock(clock) else {
        let got = if clock.is_empty() { String::new() } else { format!(", got {clock:?}") };
        return Err(format!("at expects {}{got}; {ends}", format::CLOCK_WANTED));
    };
    if seconds > end {
        return Err(format!("nothing is known of {clock}; {ends}"));
    }
    app.look_at(&seen.axis, start.saturating_add(seconds).saturating_sub(1));
    Ok(Effects::redraw())
}

/// What does nothing is said, so that nobody waits for it.
fn run(app: &mut App, action: Action, seen: &Snapshot) -> Effects {
    let effects = super::act(app, action, seen);
    if effects.redraw || effects.order.is_some() {
        return effects;
    }
    let (row, here) = (action.row(), app.screen);
    let text = if row.holds(here.into()) {
        format!("{} finds nothing to act on", row.name)
    } else {
        let screens = Screen::ALL.into_iter().filter(|screen| row.holds((*screen).into()));
        let screens: Vec<&str> = screens.map(Screen::title).collect();
        let (name, here) = (row.name, here.title());
        format!("{name} does nothing on {here}; it is for: {}", screens.join(", "))
    };
    app.toast = Some(Toast::bad(text));
    Effects::redraw()
}

fn menu_act(app: &mut App, mut menu: Menu, action: Action) -> Effects {
    let last = menu.items.len().saturating_sub(1);
    match action {
        Action::Back | Action::No => return Effects::redraw(),
        Action::Open | Action::Yes => return picked(app, &menu),
        Action::Up | Action::FocusPrev => menu.selected = menu.selected.saturating_sub(1),
        Action::Down | Action::FocusNext => menu.selected = (menu.selected + 1).min(last),
        Action::First | Action::PageUp | Action::HalfUp => menu.selected = 0,
        Action::Last | Action::PageDown | Action::HalfDown => menu.selected = last,
        Action::Toggle => {
            if let Some(on) = menu.on.get_mut(menu.selected) {
                *on = !*on;
            }
        },
        _ => {},
    }
    app.dialog = Some(Dialog::Menu(menu));
    Effects::redraw()
}

fn picked(app: &mut App, menu: &Menu) -> Effects {
    match menu.kind {
        MenuKind::Export => match Form::of(app.screen).get(menu.selected) {
            Some(form) => Effects::order(Order::Export(*form)),
            None => Effects::redraw(),
        },
        MenuKind::Columns => {
            screens::logs::picked(app, menu);
            Effects::redraw()
        },
        MenuKind::Links => {
            screens::traces::picked(app, menu.selected);
            Effects::redraw()
        },
    }
}

pub(super) fn letter(app: &mut App, seen: &Snapshot, letter: char) -> Effects {
    paste(app, seen, letter.encode_utf8(&mut [0; 4]))
}

pub(super) fn paste(app: &mut App, seen: &Snapshot, text: &str) -> Effects {
    match app.dialog.take() {
        Some(Dialog::Line(mut line)) => {
            line.insert(text);
            changed(app, &mut line, seen);
            app.dialog = Some(Dialog::Line(line));
        },
        Some(Dialog::Help(list)) if list.writing => {
            let mut effects = Effects::default();
            app.dialog = Some(Dialog::Help(list));
            for letter in text.chars() {
                if let Some(Dialog::Help(list)) = app.dialog.take() {
                    effects = help_key(app, list, Found::Letter(letter));
                }
            }
            return effects;
        },
        other => {
            app.dialog = other;
            return Effects::default();
        },
    }
    Effects::redraw()
}
