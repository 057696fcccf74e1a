//! Every key with its action, in one table.
//!
//! The table is the only source: it decides what a key does, and it feeds the help overlay, the
//! footer and the documentation. A key that is not in it does nothing.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    Close,
    Interrupt,
    Help,
    Up,
    Down,
    First,
    Last,
    ScrubBack,
    ScrubForward,
    ScrubBackTen,
    ScrubForwardTen,
    Live,
    Pause,
    ZoomIn,
    ZoomOut,
    ZoomAuto,
    Mode,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Binding {
    pub action: Action,
    /// For the documentation and for configuration.
    pub name: &'static str,
    pub keys: &'static [Key],
    /// The keys as they are written for people, in ASCII.
    pub label: &'static str,
    /// A sentence without a subject.
    pub text: &'static str,
    /// Shown in the footer: label and word. Empty is not shown.
    pub footer: &'static str,
}

/// A key with its modifier. Shift is part of a letter, but not of an arrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    pub code: KeyCode,
    pub modifiers: KeyModifiers,
}

const fn plain(code: KeyCode) -> Key {
    Key { code, modifiers: KeyModifiers::NONE }
}

const fn letter(letter: char) -> Key {
    plain(KeyCode::Char(letter))
}

const fn shift(code: KeyCode) -> Key {
    Key { code, modifiers: KeyModifiers::SHIFT }
}

const fn control(letter: char) -> Key {
    Key { code: KeyCode::Char(letter), modifiers: KeyModifiers::CONTROL }
}

pub const BINDINGS: &[Binding] = &[
    Binding {
        action: Action::Help,
        name: "help",
        keys: &[letter('?')],
        label: "?",
        text: "show or hide this help",
        footer: "? help",
    },
    Binding {
        action: Action::Up,
        name: "up",
        keys: &[letter('k'), plain(KeyCode::Up)],
        label: "k, up",
        text: "select the flow or edge above",
        footer: "",
    },
    Binding {
        action: Action::Down,
        name: "down",
        keys: &[letter('j'), plain(KeyCode::Down)],
        label: "j, down",
        text: "select the flow or edge below",
        footer: "j/k select",
    },
    Binding {
        action: Action::First,
        name: "first",
        keys: &[letter('g'), plain(KeyCode::Home)],
        label: "g, home",
        text: "select the first row",
        footer: "",
    },
    Binding {
        action: Action::Last,
        name: "last",
        keys: &[letter('G'), plain(KeyCode::End)],
        label: "G, end",
        text: "select the last row",
        footer: "",
    },
    Binding {
        action: Action::Pause,
        name: "pause",
        keys: &[letter(' ')],
        label: "space",
        text: "freeze the screen; data keep coming and are kept",
        footer: "space pause",
    },
    Binding {
        action: Action::ScrubBack,
        name: "scrub-back",
        keys: &[letter('h'), plain(KeyCode::Left)],
        label: "h, left",
        text: "move the time cursor back by one column",
        footer: "h/l scrub",
    },
    Binding {
        action: Action::ScrubForward,
        name: "scrub-forward",
        keys: &[letter('l'), plain(KeyCode::Right)],
        label: "l, right",
        text: "move the time cursor forward by one column",
        footer: "",
    },
    Binding {
        action: Action::ScrubBackTen,
        name: "scrub-back-ten",
        keys: &[letter('H'), shift(KeyCode::Left)],
        label: "H, shift-left",
        text: "move the time cursor back by ten columns",
        footer: "",
    },
    Binding {
        action: Action::ScrubForwardTen,
        name: "scrub-forward-ten",
        keys: &[letter('L'), shift(KeyCode::Right)],
        label: "L, shift-right",
        text: "move the time cursor forward by ten columns",
        footer: "",
    },
    Binding {
        action: Action::Live,
        name: "live",
        keys: &[letter('0'), plain(KeyCode::Esc)],
        label: "0, esc",
        text: "return to the newest second",
        footer: "0 live",
    },
    Binding {
        action: Action::ZoomIn,
        name: "zoom-in",
        keys: &[letter('+')],
        label: "+",
        text: "fewer seconds per column, on all panels",
        footer: "+/- zoom",
    },
    Binding {
        action: Action::ZoomOut,
        name: "zoom-out",
        keys: &[letter('-')],
        label: "-",
        text: "more seconds per column, on all panels",
        footer: "",
    },
    Binding {
        action: Action::ZoomAuto,
        name: "zoom-auto",
        keys: &[letter('=')],
        label: "=",
        text: "choose the seconds per column by the length of the run",
        footer: "",
    },
    Binding {
        action: Action::Mode,
        name: "mode",
        keys: &[letter('m')],
        label: "m",
        text: "switch the plot: heat map, load; on a small screen also latency",
        footer: "m plot",
    },
    Binding {
        action: Action::Close,
        name: "close",
        keys: &[letter('q')],
        label: "q",
        text: "close the dashboard; the run goes on in plain lines",
        footer: "q close",
    },
    Binding {
        action: Action::Interrupt,
        name: "interrupt",
        keys: &[control('c')],
        label: "ctrl-c",
        text: "end the run: faults off, processes ended",
        footer: "",
    },
];

/// What a key does, if anything.
pub fn action(event: KeyEvent) -> Option<Action> {
    let kept = match event.code {
        KeyCode::Char(_) => event.modifiers - KeyModifiers::SHIFT,
        _ => event.modifiers,
    };
    let pressed = Key { code: event.code, modifiers: kept };
    BINDINGS.iter().find(|binding| binding.keys.contains(&pressed)).map(|binding| binding.action)
}

/// The table for documents.
pub fn markdown() -> String {
    let rows = BINDINGS
        .iter()
        .map(|row| format!("| {} | `{}` | {} |\n", row.label, row.name, row.text))
        .collect::<Vec<String>>();
    format!("| Key | Action | Meaning |\n|---|---|---|\n{}", rows.concat())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_key_is_bound_twice_and_no_action_or_name_is_listed_twice() {
        let keys: Vec<String> =
            BINDINGS.iter().flat_map(|row| row.keys).map(|key| format!("{key:?}")).collect();
        assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len());
        let names: BTreeSet<_> = BINDINGS.iter().map(|row| row.name).collect();
        let actions: BTreeSet<_> = BINDINGS.iter().map(|row| row.action).collect();
        assert_eq!((names.len(), actions.len()), (BINDINGS.len(), BINDINGS.len()));
    }

    #[test]
    fn every_listed_key_gives_its_action() {
        for row in BINDINGS {
            for key in row.keys {
                let event = KeyEvent::new(key.code, key.modifiers);
                assert_eq!(action(event), Some(row.action), "{key:?}");
            }
        }
    }

    #[test]
    fn terminals_that_report_shift_with_a_letter_mean_the_same_letter() {
        let event = KeyEvent::new(KeyCode::Char('L'), KeyModifiers::SHIFT);
        assert_eq!(action(event), Some(Action::ScrubForwardTen));
        let event = KeyEvent::new(KeyCode::Char('q'), KeyModifiers::CONTROL);
        assert_eq!(action(event), None);
    }

    #[test]
    fn the_document_names_every_action() {
        let text = markdown();
        assert!(BINDINGS.iter().all(|row| text.contains(row.name) && text.contains(row.text)));
    }
}
