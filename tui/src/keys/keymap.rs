//! Which key does what in which place, after the configuration has had its say.
//!
//! A preset fills the map; rules of the configuration are laid over it, those without a condition
//! first, so that those with one win. A rule displaces whatever its keys would make unreachable,
//! so that what a person has asked for always works.

use std::collections::BTreeMap;
use std::fmt;

use crossterm::event::KeyEvent;

use super::Preset;
use super::action::Action;
use super::key::{Key, Sequence, write_keys};
use super::place::{Place, Places};
use super::table::ROWS;

/// What a key led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    Action(Action),
    /// The beginning of a sequence; the next key decides.
    Pending,
    /// A letter of the text that is being written.
    Letter(char),
    Nothing,
}

/// The keys of a sequence that has begun.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pending(Vec<Key>);

impl Pending {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Pending {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_keys(&self.0, formatter)
    }
}

/// One line of the configuration: `"traces:x" = "group"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The condition; `None` is wherever the action means something.
    pub place: Option<Place>,
    pub keys: Sequence,
    /// `None` takes the keys out of use.
    pub action: Option<Action>,
}

/// Why a rule cannot hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    #[error("\"{action}\" means nothing in {place}; it works in: {places}")]
    Elsewhere { action: &'static str, place: &'static str, places: Places },
    #[error("ctrl-c always interrupts; choose another key for \"{action}\"")]
    Interrupt { action: String },
    #[error(
        "\"{letter}\" is a letter of the text where \"{action}\" works; take a key with ctrl or alt"
    )]
    Letter { letter: char, action: &'static str },
    #[error("\"{first}\" (line {line}) and \"{second}\" both want {keys}{place}")]
    Twice { keys: String, first: String, second: String, line: usize, place: String },
}

/// See the head of this module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keymap {
    by_place: BTreeMap<Place, Vec<(Sequence, Action)>>,
}

impl Default for Keymap {
    fn default() -> Self {
        Self::of(Preset::Default)
    }
}

impl Keymap {
    pub fn of(preset: Preset) -> Self {
        let mut map = Self { by_place: BTreeMap::new() };
        for row in ROWS {
            for keys in preset.keys(row) {
                let keys: Sequence = keys.parse().expect("a test parses every key of the table");
                for place in row.places.iter() {
                    map.by_place.entry(place).or_default().push((keys.clone(), row.action));
                }
            }
        }
        map
    }

    /// The map with these rules laid over it. They have passed [`Rule::check`].
    #[must_use]
    pub fn with(mut self, rules: &[Rule]) -> Self {
        let general = rules.iter().filter(|rule| rule.place.is_none());
        let special = rules.iter().filter(|rule| rule.place.is_some());
        for rule in general.chain(special) {
            for place in rule.places().iter() {
                self.lay(place, rule);
            }
        }
        self
    }

    fn lay(&mut self, place: Place, rule: &Rule) {
        let bindings = self.by_place.entry(place).or_default();
        match rule.action {
            Some(action) => {
                bindings.retain(|(keys, _)| !keys.collides(&rule.keys));
                // The newest one is the first, for hints.
                bindings.insert(0, (rule.keys.clone(), action));
            },
            None => bindings.retain(|(keys, _)| *keys != rule.keys),
        }
    }

    /// What a key does here. `pending` is what came before, and is kept up.
    ///
    /// A sequence that has begun ends with any key that does not continue it; that key then means
    /// what it means alone, except Esc, which only ends the sequence.
    pub fn find(&self, place: Place, pending: &mut Pending, event: KeyEvent) -> Found {
        let key = Key::from(event);
        let mut typed = std::mem::take(&mut pending.0);
        let begun = !typed.is_empty();
        typed.push(key);
        match self.look_up(place, &typed) {
            Found::Nothing if begun && key.is_esc() => Found::Nothing,
            Found::Nothing if begun => self.find(place, pending, event),
            Found::Pending => {
                pending.0 = typed;
                Found::Pending
            },
            found => found,
        }
    }

    fn look_up(&self, place: Place, typed: &[Key]) -> Found {
        let Some(bindings) = self.by_place.get(&place) else { return Found::Nothing };
        if let Some((_, action)) = bindings.iter().find(|(keys, _)| keys.keys() == typed) {
            return Found::Action(*action);
        }
        if bindings.iter().any(|(keys, _)| keys.keys().starts_with(typed)) {
            return Found::Pending;
        }
        match typed {
            [key] if place == Place::Prompt => key.letter().map_or(Found::Nothing, Found::Letter),
            _ => Found::Nothing,
        }
    }

    /// How a sequence that has begun can go on: the keys that are left, and what they do.
    pub fn continuations(&self, place: Place, pending: &Pending) -> Vec<(String, Action)> {
        let bindings = self.by_place.get(&place).into_iter().flatten();
        bindings
            .filter(|(keys, _)| !pending.is_empty() && keys.keys().starts_with(&pending.0))
            .filter_map(|(keys, action)| {
                let rest = &keys.keys()[pending.0.len()..];
                (!rest.is_empty()).then(|| (Pending(rest.to_vec()).to_string(), *action))
            })
            .collect()
    }

    /// The keys of an action here, as they are written for people.
    pub fn keys(&self, place: Place, action: Action) -> Vec<String> {
        let bindings = self.by_place.get(&place).into_iter().flatten();
        bindings.filter(|(_, it)| *it == action).map(|(keys, _)| keys.to_string()).collect()
    }

    /// The key that hints show.
    pub(crate) fn first_key(&self, place: Place, action: Action) -> Option<String> {
        self.keys(place, action).into_iter().next()
    }
}

impl Rule {
    /// Where it holds.
    pub fn places(&self) -> Places {
        match (self.place, self.action) {
            (Some(place), _) => place.into(),
            (None, Some(action)) => action.row().places,
            (None, None) => Places::ALL,
        }
    }

    fn word(&self) -> String {
        self.action.map_or("none", |action| action.row().name).to_owned()
    }

    /// Can it hold at all?
    pub fn check(&self) -> Result<(), RuleError> {
        let interrupts = self.keys.keys().first().is_some_and(|key| key.interrupts());
        if interrupts && self.action != Some(Action::Interrupt) {
            return Err(RuleError::Interrupt { action: self.word() });
        }
        let Some(action) = self.action else { return Ok(()) };
        let row = action.row();
        if let Some(place) = self.place
            && !row.holds(place)
        {
            let (action, place) = (row.name, place.name());
            return Err(RuleError::Elsewhere { action, place, places: row.places });
        }
        let letter = self.keys.keys().first().and_then(|key| key.letter());
        match letter {
            Some(letter) if self.places().holds(Place::Prompt) => {
                Err(RuleError::Letter { letter, action: row.name })
            },
            _ => Ok(()),
        }
    }

    /// Do both claim the same keys under the same condition? `line` is where the other one stands.
    pub fn check_against(&self, other: &Self, line: usize) -> Result<(), RuleError> {
        let same_level = match (self.place, other.place) {
            (None, None) => self.places().iter().any(|place| other.places().holds(place)),
            (here, there) => here == there,
        };
        let equal = self.keys == other.keys;
        let clash = if self.action.is_none() || other.action.is_none() {
            equal
        } else {
            self.keys.collides(&other.keys)
        };
        if !same_level || !clash {
            return Ok(());
        }
        let (first, second) = (other.word(), self.word());
        let place = self.place.map_or_else(String::new, |place| format!(" in {}", place.name()));
        let keys = if equal {
            format!("\"{}\"", self.keys)
        } else {
            let [short, long] = if self.keys.keys().len() < other.keys.keys().len() {
                [&self.keys, &other.keys]
            } else {
                [&other.keys, &self.keys]
            };
            format!("\"{short}\", which begins \"{long}\",")
        };
        Err(RuleError::Twice { keys, first, second, line, place })
    }
}
