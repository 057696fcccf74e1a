//! The key line at the foot of a screen: which keys, and which of them when there is little room.

use super::action::Action;
use super::keymap::Keymap;
use super::place::Place;
use super::table::ROWS;

/// How a row of the table stands in the key line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Footer {
    /// What the key does, in a word.
    pub word: &'static str,
    /// The opposite, which shares the word: `j/k select`.
    pub with: Option<Action>,
    /// Those with the highest number go first when there is no room; 0 always stays.
    pub rank: u8,
}

/// One piece of the key line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// `j/k`.
    pub keys: String,
    pub word: &'static str,
    pub rank: u8,
}

impl Hint {
    fn width(&self) -> usize {
        self.keys.chars().count() + 1 + self.word.chars().count()
    }
}

/// Columns between two hints.
const BETWEEN: usize = 2;

impl Keymap {
    /// The hints of a place in the order of the table, as many as fit into this many columns.
    pub fn footer(&self, place: Place, columns: usize) -> Vec<Hint> {
        // Help and the way out frame the rest.
        let rows = |wanted: fn(Action) -> bool| {
            ROWS.iter().filter(move |row| row.holds(place) && wanted(row.action))
        };
        let mut hints: Vec<Hint> = rows(|action| action == Action::Help)
            .chain(rows(|action| action != Action::Help && action != Action::Quit))
            .chain(rows(|action| action == Action::Quit))
            .filter_map(|row| self.hint(place, row.action, row.footer?))
            .collect();
        let needs = |hints: &[Hint]| hints.iter().map(|hint| hint.width() + BETWEEN).sum::<usize>();
        while needs(&hints) > columns + BETWEEN {
            let Some((least, rank)) =
                hints.iter().map(|hint| hint.rank).enumerate().max_by_key(|(_, rank)| *rank)
            else {
                break;
            };
            if rank == 0 {
                break;
            }
            hints.remove(least);
        }
        hints
    }

    fn hint(&self, place: Place, action: Action, footer: Footer) -> Option<Hint> {
        let mut keys = self.first_key(place, action)?;
        if let Some(other) = footer.with.and_then(|other| self.first_key(place, other)) {
            keys = format!("{keys}/{other}");
        }
        Some(Hint { keys, word: footer.word, rank: footer.rank })
    }
}
