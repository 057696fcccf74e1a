//! Every key with its action, from one table.
//!
//! The table ([`ROWS`]) is the only source: it decides what a key does, and it feeds the help
//! overlay, the footer, the command line, the configuration and the documentation. A key that is
//! not in it does nothing, except that it writes its letter where text is being written.
//!
//! The same key means the same everywhere; a capital letter is the stronger form or leads to
//! another screen; nothing is reached by a modifier alone.

mod action;
mod emacs;
mod footer;
mod key;
mod keymap;
mod place;
mod print;
mod table;
#[cfg(test)]
mod tests;

pub use action::Action;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

pub use footer::{Footer, Hint};
pub use key::{Key, KeyError, Sequence};
pub use keymap::{Found, Keymap, Pending, Rule, RuleError};
pub use place::{Place, Places, Screen};
pub use print::{markdown, print_keys};
pub use table::{ROWS, Row};

/// The key that a letter stands for where keys are written as one text: a line feed is Enter.
pub(crate) fn typed(letter: char) -> KeyEvent {
    let code = match letter {
        '\u{1b}' => KeyCode::Esc,
        '\n' => KeyCode::Enter,
        '\t' => KeyCode::Tab,
        letter => KeyCode::Char(letter),
    };
    KeyEvent::new(code, KeyModifiers::NONE)
}

/// Which keys the table starts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Preset {
    #[default]
    Default,
    /// Moves as the editor does, beside the letters that do not contradict it.
    Emacs,
}

impl Preset {
    pub const ALL: [Self; 2] = [Self::Default, Self::Emacs];

    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Emacs => "emacs",
        }
    }

    /// The keys of a row, as they are written for people.
    pub fn keys(self, row: &Row) -> &'static [&'static str] {
        match self {
            Self::Default => row.keys,
            Self::Emacs => emacs::keys(row.action).unwrap_or(row.keys),
        }
    }
}
