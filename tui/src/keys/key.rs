//! One key and a sequence of keys, and how both are written for people.
//!
//! Terminals do not agree on how they report shift and control. A [`Key`] is what all of them can
//! say: shift is part of a letter, but not of an arrow; letters with control are small.

use std::fmt;
use std::str::FromStr;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// Keys of the longest sequence.
const SEQUENCE_MAX: usize = 4;
/// The highest function key that is reported.
const FUNCTION_MAX: u8 = 24;

/// The name that is printed comes first among those of one code.
const NAMED: [(&str, KeyCode); 20] = [
    ("space", KeyCode::Char(' ')),
    ("enter", KeyCode::Enter),
    ("return", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("escape", KeyCode::Esc),
    ("tab", KeyCode::Tab),
    ("backspace", KeyCode::Backspace),
    ("delete", KeyCode::Delete),
    ("del", KeyCode::Delete),
    ("insert", KeyCode::Insert),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("pgup", KeyCode::PageUp),
    ("pageup", KeyCode::PageUp),
    ("pgdn", KeyCode::PageDown),
    ("pagedown", KeyCode::PageDown),
];
/// Modifiers in the order in which they are printed.
const MODIFIERS: [(&str, KeyModifiers); 3] =
    [("ctrl", KeyModifiers::CONTROL), ("alt", KeyModifiers::ALT), ("shift", KeyModifiers::SHIFT)];
/// What a terminal sends for these letters with control is what it sends for another key.
const SAME_AS: [(char, &str); 3] = [('i', "tab"), ('m', "enter"), ('[', "esc")];

/// A key with its modifiers, in the one form that every way to press it comes down to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    code: KeyCode,
    modifiers: KeyModifiers,
}

/// Why a text is not a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("a key is needed, like \"q\", \"ctrl-p\", \"g g\", \"pgdn\"")]
    Empty,
    #[error("unknown key \"{written}\"{hint}")]
    Unknown { written: String, hint: String },
    #[error("terminals send the same for ctrl-{letter} and {name}; write \"{name}\"")]
    SameAs { letter: char, name: &'static str },
    #[error("shift is part of the sign: write what shift makes of \"{written}\"")]
    Shift { written: String },
    #[error("a sequence has at most {SEQUENCE_MAX} keys, this one has {got}")]
    Long { got: usize },
}

impl Key {
    fn new(code: KeyCode, modifiers: KeyModifiers) -> Self {
        let known = modifiers & (KeyModifiers::CONTROL | KeyModifiers::ALT | KeyModifiers::SHIFT);
        match code {
            KeyCode::BackTab => Self { code: KeyCode::Tab, modifiers: known | KeyModifiers::SHIFT },
            KeyCode::Char(letter) => {
                let control = known.contains(KeyModifiers::CONTROL);
                let letter = if control { letter.to_ascii_lowercase() } else { letter };
                Self { code: KeyCode::Char(letter), modifiers: known - KeyModifiers::SHIFT }
            },
            _ => Self { code, modifiers: known },
        }
    }

    /// The letter that this key writes into a text; `None` when it writes none.
    pub fn letter(self) -> Option<char> {
        match self.code {
            KeyCode::Char(letter) if self.modifiers.is_empty() && !letter.is_control() => {
                Some(letter)
            },
            _ => None,
        }
    }

    pub(crate) fn interrupts(self) -> bool {
        self.code == KeyCode::Char('c') && self.modifiers == KeyModifiers::CONTROL
    }

    pub(crate) fn is_esc(self) -> bool {
        self.code == KeyCode::Esc
    }
}

impl From<KeyEvent> for Key {
    fn from(event: KeyEvent) -> Self {
        Self::new(event.code, event.modifiers)
    }
}

impl From<Key> for KeyEvent {
    fn from(key: Key) -> Self {
        Self::new(key.code, key.modifiers)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, modifier) in MODIFIERS {
            if self.modifiers.contains(modifier) {
                write!(formatter, "{name}-")?;
            }
        }
        if let Some((name, _)) = NAMED.iter().find(|(_, code)| *code == self.code) {
            return formatter.write_str(name);
        }
        match self.code {
            KeyCode::Char(letter) => write!(formatter, "{letter}"),
            KeyCode::F(number) => write!(formatter, "f{number}"),
            // Keys that no binding can name.
            other => write!(formatter, "{other:?}"),
        }
    }
}

impl FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let mut rest = text;
        let mut modifiers = KeyModifiers::NONE;
        while let Some((modifier, after)) = modifier(rest) {
            modifiers |= modifier;
            rest = after;
        }
        let code = code(rest, text)?;
        let KeyCode::Char(letter) = code else { return Ok(Self::new(code, modifiers)) };
        if modifiers.contains(KeyModifiers::CONTROL)
            && let Some((letter, name)) =
                SAME_AS.iter().find(|it| it.0.eq_ignore_ascii_case(&letter))
        {
            return Err(KeyError::SameAs { letter: *letter, name });
        }
        if !modifiers.contains(KeyModifiers::SHIFT) {
            return Ok(Self::new(code, modifiers));
        }
        if !letter.is_ascii_alphabetic() {
            return Err(KeyError::Shift { written: rest.to_owned() });
        }
        Ok(Self::new(KeyCode::Char(letter.to_ascii_uppercase()), modifiers))
    }
}

fn modifier(text: &str) -> Option<(KeyModifiers, &str)> {
    MODIFIERS.iter().find_map(|(name, modifier)| {
        let start = text.get(..name.len())?;
        let after = text[name.len()..].strip_prefix('-')?;
        (start.eq_ignore_ascii_case(name) && !after.is_empty()).then_some((*modifier, after))
    })
}

/// The key that is meant, where it is written as Emacs, Vim or a menu has it: `C-t`, `<C-t>`, `^T`,
/// `Ctrl+T`.
fn otherwise_written(text: &str) -> Option<Key> {
    const FORMS: [(&str, &str); 10] = [
        ("c-", "ctrl-"),
        ("^", "ctrl-"),
        ("ctrl+", "ctrl-"),
        ("control-", "ctrl-"),
        ("control+", "ctrl-"),
        ("m-", "alt-"),
        ("a-", "alt-"),
        ("alt+", "alt-"),
        ("s-", "shift-"),
        ("shift+", "shift-"),
    ];
    let lower = text.to_ascii_lowercase();
    let inner = lower.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    let (mut rest, mut written) = (inner.unwrap_or(&lower), String::new());
    while let Some((after, name)) =
        FORMS.iter().find_map(|(form, name)| Some((rest.strip_prefix(form)?, name)))
    {
        written.push_str(name);
        rest = after;
    }
    written.push_str(rest);
    // What is written as here already has another fault.
    if written == text { None } else { written.parse().ok() }
}

fn code(name: &str, whole: &str) -> Result<KeyCode, KeyError> {
    let mut letters = name.chars();
    match (letters.next(), letters.next()) {
        (None, _) => return Err(KeyError::Empty),
        (Some(letter), None) if !letter.is_control() => return Ok(KeyCode::Char(letter)),
        _ => {},
    }
    let lower = name.to_ascii_lowercase();
    if let Some((_, code)) = NAMED.iter().find(|(known, _)| *known == lower) {
        return Ok(*code);
    }
    let number = lower.strip_prefix('f').and_then(|digits| digits.parse().ok());
    match number {
        Some(number) if (1..=FUNCTION_MAX).contains(&number) => Ok(KeyCode::F(number)),
        _ => Err(KeyError::Unknown {
            written: whole.chars().take(64).collect(),
            hint: match otherwise_written(whole) {
                Some(key) => format!("; here it is \"{key}\""),
                None => model::hint(&lower, NAMED.iter().map(|(known, _)| *known)),
            },
        }),
    }
}

/// Keys that are pressed one after the other; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sequence(Vec<Key>);

impl Sequence {
    pub fn keys(&self) -> &[Key] {
        &self.0
    }

    /// Is there a sequence of which one begins with the other?
    pub(crate) fn collides(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0) || other.0.starts_with(&self.0)
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_keys(&self.0, formatter)
    }
}

/// Keys with a blank between them, as [`Sequence`] reads them.
pub(crate) fn write_keys(keys: &[Key], formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (number, key) in keys.iter().enumerate() {
        let blank = if number == 0 { "" } else { " " };
        write!(formatter, "{blank}{key}")?;
    }
    Ok(())
}

impl FromStr for Sequence {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let keys = text.split_whitespace().map(str::parse).collect::<Result<Vec<Key>, _>>()?;
        match keys.len() {
            0 => Err(KeyError::Empty),
            got if got > SEQUENCE_MAX => Err(KeyError::Long { got }),
            _ => Ok(Self(keys)),
        }
    }
}
