//! The text of the help: the keys of a screen, the fields of its list, the signs.
//!
//! All of it comes from the tables that also decide what keys do and what filters mean.

use model::policy::BreakerState;

use crate::filter::FieldTable;
use crate::glyphs::Glyphs;
use crate::keys::{Action, Found, Keymap, Place, Places, ROWS, Row, Screen};

/// Columns of keys, fields and signs.
pub const LABEL_COLUMNS: u16 = 19;
/// Columns of the widest help, for the eye's sake.
const COLUMNS_MAX: u16 = 96;
/// Columns of its box, and before the label.
const FRAME_COLUMNS: u16 = 4;
/// Longest text to search for, in characters.
const SEARCH_MAX: usize = 60;

/// What is seen of the help.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HelpList {
    /// The first line that is shown.
    pub top: usize,
    /// Only lines with this text are shown; empty shows all.
    pub search: String,
    /// The search is being written.
    pub writing: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HelpKind {
    Heading,
    Key,
    Field,
    Breaker(BreakerState),
    FaultActive,
    Sign,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelpLine {
    pub kind: HelpKind,
    /// The keys, the field, or the sign.
    pub label: String,
    pub text: String,
    /// Of the action, which a search finds as well; empty for everything else.
    pub name: &'static str,
}

impl HelpLine {
    fn new(kind: HelpKind, label: impl Into<String>, text: impl Into<String>) -> Self {
        Self { kind, label: label.into(), text: text.into(), name: "" }
    }

    fn has(&self, search: &str) -> bool {
        let search = search.to_lowercase();
        [self.label.as_str(), self.text.as_str(), self.name]
            .iter()
            .any(|text| text.to_lowercase().contains(&search))
    }
}

/// Columns of the help on a screen that has so many.
pub fn columns(screen: u16) -> u16 {
    screen.min(COLUMNS_MAX)
}

/// The lines of the help of a screen that fit the search; headings without lines are left out.
/// What does not fit into the columns goes on in the next line.
pub fn lines(
    keymap: &Keymap,
    screen: Screen,
    glyphs: &Glyphs,
    (search, columns): (&str, u16),
) -> Vec<HelpLine> {
    let room = usize::from(columns.saturating_sub(LABEL_COLUMNS + FRAME_COLUMNS)).max(8);
    let mut found: Vec<HelpLine> = Vec::new();
    for (heading, lines) in sections(keymap, screen, glyphs) {
        let mut lines = lines.into_iter().filter(|line| line.has(search)).peekable();
        if lines.peek().is_some() {
            found.push(HelpLine::new(HelpKind::Heading, heading, ""));
            found.extend(lines.flat_map(|line| wrapped(line, room)));
        }
    }
    found
}

fn wrapped(line: HelpLine, columns: usize) -> Vec<HelpLine> {
    let mut lines = vec![HelpLine { text: String::new(), ..line.clone() }];
    for word in line.text.split(' ') {
        let full = lines.last().is_some_and(|last| {
            !last.text.is_empty() && last.text.chars().count() + 1 + word.chars().count() > columns
        });
        if full {
            lines.push(HelpLine::new(line.kind, "", ""));
        }
        if let Some(last) = lines.last_mut() {
            let blank = if last.text.is_empty() { "" } else { " " };
            last.text = format!("{}{blank}{word}", last.text);
        }
    }
    lines
}

fn sections(keymap: &Keymap, screen: Screen, glyphs: &Glyphs) -> Vec<(String, Vec<HelpLine>)> {
    let here = Place::Screen(screen);
    let everywhere = |row: &Row| Screen::ALL.into_iter().all(|screen| row.holds(screen.into()));
    let keys = |place: Place, wanted: &dyn Fn(&Row) -> bool| -> Vec<HelpLine> {
        let rows = ROWS.iter().filter(|row| row.holds(place) && wanted(row));
        rows.map(|row| key(keymap, place, row)).collect()
    };
    vec![
        (format!("Only here: {}", screen.name()), keys(here, &|row| !everywhere(row))),
        ("On every screen".to_owned(), keys(here, &everywhere)),
        ("In a question".to_owned(), keys(Place::Dialog, &|row| row.places == Places::DIALOG)),
        ("In a line of text".to_owned(), keys(Place::Prompt, &|row| row.places == Places::PROMPT)),
        ("What / asks for here".to_owned(), fields(screen)),
        ("Signs".to_owned(), signs(glyphs)),
    ]
}

fn key(keymap: &Keymap, place: Place, row: &Row) -> HelpLine {
    let keys = keymap.keys(place, row.action);
    // An action without a key can still be called by its name.
    let label = if keys.is_empty() { format!(":{}", row.name) } else { keys.join(", ") };
    HelpLine { name: row.name, ..HelpLine::new(HelpKind::Key, label, row.text) }
}

fn fields(screen: Screen) -> Vec<HelpLine> {
    let Some(table) = FieldTable::named(screen.name()) else { return Vec::new() };
    let line = |label: &str, text: &str| HelpLine::new(HelpKind::Field, label, text);
    let mut lines = vec![
        line("word \"two words\"", &format!("looked for in {}", table.searched)),
        line("~pattern", "a regular expression"),
        line("!term", "not this"),
        line("a b, a or b, ( )", "both, one of them, together"),
    ];
    lines.extend(table.fields.iter().map(|field| {
        let example = if field.kind.is_ordered() { "= > < >=" } else { "= !=" };
        let note = if field.asked { "; the collector answers" } else { "" };
        line(
            &format!("{} {example}", field.name),
            &format!("{} ({}{note})", field.text, field.kind.name()),
        )
    }));
    if table.attributes {
        lines.push(line("name = > ~", "an attribute, by its name or its last part"));
    }
    lines
}

fn signs(glyphs: &Glyphs) -> Vec<HelpLine> {
    // Metrics-only is drawn like disabled, because it rejects nothing either.
    let drawn = BreakerState::ALL.into_iter().filter(|it| *it != BreakerState::MetricsOnly);
    let mut lines: Vec<HelpLine> = drawn
        .map(|state| {
            let text = format!("breaker {}", state.as_str());
            HelpLine::new(HelpKind::Breaker(state), glyphs.breaker(state), text)
        })
        .collect();
    lines.extend([
        HelpLine::new(HelpKind::FaultActive, glyphs.fault_active, "fault active"),
        HelpLine::new(HelpKind::Sign, glyphs.fault_done, "fault done"),
        HelpLine::new(HelpKind::Sign, glyphs.fault_planned, "fault planned"),
        HelpLine::new(HelpKind::Sign, glyphs.gap, "data missing"),
        HelpLine::new(HelpKind::Sign, "b, f, tries", "breaker, active faults, calls per request"),
    ]);
    lines
}

impl HelpList {
    /// Moves, or writes the search. `lines` is how many there are, `rows` how many are shown.
    /// False when the key means nothing to the help.
    pub fn take(&mut self, found: Found, lines: usize, rows: usize) -> bool {
        let last = lines.saturating_sub(rows);
        let by = |rows: usize| rows.max(1);
        match found {
            Found::Letter(letter) if self.writing => {
                if self.search.chars().count() < SEARCH_MAX {
                    self.search.push(letter);
                }
                self.top = 0;
                return true;
            },
            Found::Action(action) if self.writing => return self.write(action),
            _ => {},
        }
        let Found::Action(action) = found else { return false };
        self.top = match action {
            Action::Up => self.top.saturating_sub(1),
            Action::Down => self.top.saturating_add(1),
            Action::HalfUp => self.top.saturating_sub(by(rows / 2)),
            Action::HalfDown => self.top.saturating_add(by(rows / 2)),
            Action::PageUp => self.top.saturating_sub(by(rows)),
            Action::PageDown => self.top.saturating_add(by(rows)),
            Action::First => 0,
            Action::Last => last,
            Action::Filter => {
                self.writing = true;
                self.top
            },
            Action::Back if !self.search.is_empty() => {
                self.search.clear();
                0
            },
            _ => return false,
        }
        .min(last);
        true
    }

    fn write(&mut self, action: Action) -> bool {
        match action {
            Action::Accept => self.writing = false,
            Action::Cancel => *self = Self::default(),
            Action::EraseBack => drop(self.search.pop()),
            Action::EraseWord => {
                let kept = self.search.trim_end().rfind(' ').map_or(0, |at| at + 1);
                self.search.truncate(kept);
            },
            Action::EraseAll => self.search.clear(),
            _ => return false,
        }
        self.top = 0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::glyphs::ASCII;

    fn shown(screen: Screen, search: &str) -> Vec<HelpLine> {
        lines(&Keymap::default(), screen, &ASCII, (search, 120))
    }

    #[test]
    fn every_action_that_works_on_a_screen_is_in_its_help() {
        for screen in Screen::ALL {
            let all = shown(screen, "");
            for row in ROWS.iter().filter(|row| row.holds(screen.into())) {
                let there = all.iter().any(|line| line.text == row.text);
                assert!(there, "{} on {}", row.name, screen.name());
            }
        }
        let traces = shown(Screen::Traces, "");
        assert!(traces.iter().any(|line| line.label == "dur = > < >="));
    }

    #[test]
    fn what_is_too_long_goes_on_in_the_next_line() {
        let line = HelpLine::new(HelpKind::Key, "x", "one two three");
        let lines = wrapped(line, 8);
        let shown: Vec<(&str, &str)> =
            lines.iter().map(|line| (line.label.as_str(), line.text.as_str())).collect();
        assert_eq!(shown, [("x", "one two"), ("", "three")]);
    }

    #[test]
    fn a_search_leaves_the_lines_that_have_it_under_their_headings() {
        let found = shown(Screen::Traces, "MARKED");
        assert_eq!(found.len(), 2);
        assert_eq!((found[1].label.as_str(), found[0].kind), ("c", HelpKind::Heading));
        assert!(shown(Screen::Traces, "no such thing").is_empty());
    }

    #[test]
    fn a_search_for_the_name_of_an_action_finds_its_key() {
        for (name, key) in [("pause", "space"), ("zoom-panel", "z"), ("Scrub-Back-Ten", "{")] {
            let found = shown(Screen::Overview, name);
            assert!(found.iter().any(|line| line.label.starts_with(key)), "{name}: {found:?}");
        }
    }

    #[test]
    fn keys_move_within_the_lines_and_write_the_search() {
        use Action::{Accept, Back, Cancel, Down, EraseBack, Filter, Last, PageDown, Up};
        let mut list = HelpList::default();
        let act = |list: &mut HelpList, action| list.take(Found::Action(action), 30, 12);
        for (action, top) in
            [(Up, 0), (Down, 1), (PageDown, 13), (PageDown, 18), (Last, 18), (Up, 17)]
        {
            assert!(act(&mut list, action));
            assert_eq!(list.top, top, "{action:?}");
        }
        assert!(!list.take(Found::Letter('x'), 30, 12));
        assert!(act(&mut list, Filter));
        for letter in "zoom".chars() {
            assert!(list.take(Found::Letter(letter), 30, 12));
        }
        assert!(act(&mut list, EraseBack) && act(&mut list, Accept));
        assert_eq!((list.search.as_str(), list.writing, list.top), ("zoo", false, 0));
        assert!(act(&mut list, Back));
        assert!(!act(&mut list, Back), "the second one closes the help");
        assert!(act(&mut list, Filter) && act(&mut list, Cancel));
        assert_eq!(list, HelpList::default());
    }
}
