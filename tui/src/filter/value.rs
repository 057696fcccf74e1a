//! The right side of `field op value`: how it is read, and whether a value of a row fits it.

use model::units::parse_duration;
use regex::{Regex, RegexBuilder};

use super::fields::{Field, Kind};
use super::{Value, contains};

/// Compiled size that a pattern may have, in bytes.
const PATTERN_BYTES_MAX: usize = 1 << 20;
/// From the mildest to the gravest, with the lowest of OTLP's numbers.
pub(super) const LEVELS: [(&str, i32); 6] =
    [("trace", 1), ("debug", 5), ("info", 9), ("warn", 13), ("error", 17), ("fatal", 21)];
pub(super) const FLAGS: [&str; 2] = ["true", "false"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Is,
    IsNot,
    More,
    AtLeast,
    Less,
    AtMost,
    Like,
    NotLike,
}

impl Op {
    /// Longer ones first, so that `>=` is not read as `>`.
    pub(super) const WRITTEN: [(&str, Self); 9] = [
        (">=", Self::AtLeast),
        ("<=", Self::AtMost),
        ("!=", Self::IsNot),
        ("!~", Self::NotLike),
        ("=", Self::Is),
        (":", Self::Is),
        (">", Self::More),
        ("<", Self::Less),
        ("~", Self::Like),
    ];

    pub(super) fn negates(self) -> bool {
        matches!(self, Self::IsNot | Self::NotLike)
    }

    fn orders(self) -> bool {
        matches!(self, Self::More | Self::AtLeast | Self::Less | Self::AtMost)
    }

    /// Without its negation.
    fn compare(self, got: f64, wanted: f64) -> bool {
        match self {
            Self::More => got > wanted,
            Self::AtLeast => got >= wanted,
            Self::Less => got < wanted,
            Self::AtMost => got <= wanted,
            // A number is equal when it is shown equal: to a thousandth.
            Self::Is | Self::IsNot => (got - wanted).abs() < 0.000_5,
            Self::Like | Self::NotLike => false,
        }
    }
}

/// What a test compares with.
#[derive(Debug, Clone)]
pub(super) enum Want {
    Text(String),
    /// Start of an identifier, in small letters.
    Start(String),
    Number(f64),
    Flag(bool),
    /// Caller and callee; empty is any.
    Edge(String, String),
    Pattern(Regex),
}

/// Reads a value as the field and the operator want it; the error is a sentence.
pub(super) fn read(field: &Field, op: Op, text: &str) -> Result<Want, String> {
    let kind = field.kind;
    if matches!(op, Op::Like | Op::NotLike) {
        return match kind {
            Kind::Text | Kind::Id | Kind::Edge | Kind::Word(_) | Kind::Any => {
                pattern(text).map(Want::Pattern)
            },
            _ => Err(format!("\"{}\" is {}; ~ needs a text", field.name, kind.name())),
        };
    }
    if op.orders() && !kind.is_ordered() {
        return Err(format!("\"{}\" is {}; it has no order, use =, !=", field.name, kind.name()));
    }
    let wrong = || format!("\"{}\" needs {}, got \"{text}\"", field.name, kind.example());
    match kind {
        Kind::Any if op.orders() => number(kind, text).map(Want::Number).ok_or_else(wrong),
        Kind::Text | Kind::Any => Ok(Want::Text(text.to_owned())),
        Kind::Id if text.bytes().all(|letter| letter.is_ascii_hexdigit()) => {
            Ok(Want::Start(text.to_ascii_lowercase()))
        },
        Kind::Id => Err(wrong()),
        Kind::Word(words) => match words.iter().find(|word| word.eq_ignore_ascii_case(text)) {
            Some(word) => Ok(Want::Text((*word).to_owned())),
            None => Err(format!(
                "\"{}\" is never \"{text}\"{}",
                field.name,
                model::hint(text, words.iter().copied())
            )),
        },
        Kind::Edge => edge(text).ok_or_else(wrong),
        Kind::Flag => FLAGS
            .iter()
            .position(|flag| flag.eq_ignore_ascii_case(text))
            .map(|index| Want::Flag(index == 0))
            .ok_or_else(wrong),
        Kind::Level => match level(text) {
            Some(rank) => Ok(Want::Number(f64::from(rank))),
            None => {
                let hint = model::hint(text, LEVELS.iter().map(|(name, _)| *name));
                Err(format!("unknown level \"{text}\"{hint}"))
            },
        },
        Kind::Number | Kind::Percent | Kind::Duration => {
            number(kind, text).map(Want::Number).ok_or_else(wrong)
        },
    }
}

pub(super) fn pattern(text: &str) -> Result<Regex, String> {
    let built =
        RegexBuilder::new(text).size_limit(PATTERN_BYTES_MAX).case_insensitive(true).build();
    built.map_err(|error| {
        let text = error.to_string();
        let reason = text.lines().last().unwrap_or_default().trim();
        format!("this is not a pattern: {}", reason.trim_start_matches("error: "))
    })
}

fn number(kind: Kind, text: &str) -> Option<f64> {
    let plain = |text: &str| text.parse().ok().filter(|number: &f64| number.is_finite());
    match kind {
        Kind::Percent => plain(text.strip_suffix('%').unwrap_or(text)),
        Kind::Duration => plain(text)
            .or_else(|| parse_duration(text).ok().map(|duration| duration.as_secs_f64() * 1e3)),
        _ => plain(text),
    }
}

/// `orders>payments`, `orders->payments`, `orders>`, `>payments`.
fn edge(text: &str) -> Option<Want> {
    let (caller, callee) = text.split_once('>')?;
    let caller = caller.trim().trim_end_matches('-').trim_end();
    let callee = callee.trim();
    let nothing = caller.is_empty() && callee.is_empty();
    (!nothing && !callee.contains('>')).then(|| Want::Edge(caller.to_owned(), callee.to_owned()))
}

pub(super) fn level(name: &str) -> Option<i32> {
    LEVELS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, number)| *number)
}

impl Want {
    /// Does the value fit, the operator's negation left aside?
    pub(super) fn fits(&self, kind: Kind, op: Op, value: Value<'_>) -> bool {
        match (self, value) {
            (Self::Text(wanted), Value::Text(text)) => text == wanted,
            (Self::Text(wanted), Value::Number(number)) => {
                wanted.parse().is_ok_and(|wanted| Op::Is.compare(number, wanted))
            },
            (Self::Text(wanted), Value::Flag(flag)) => *wanted == flag.to_string(),
            (Self::Start(start), Value::Text(text)) => {
                text.get(..start.len()).is_some_and(|part| part.eq_ignore_ascii_case(start))
            },
            (Self::Number(wanted), Value::Text(text)) if kind == Kind::Level => {
                level(text).is_some_and(|rank| op.compare(f64::from(rank), *wanted))
            },
            // Some senders write numbers as texts.
            (Self::Number(wanted), Value::Text(text)) => {
                text.parse().is_ok_and(|number| op.compare(number, *wanted))
            },
            (Self::Number(wanted), Value::Number(number)) => op.compare(number, *wanted),
            (Self::Flag(wanted), Value::Flag(flag)) => *wanted == flag,
            (Self::Edge(caller, callee), Value::Text(text)) => {
                let Some((from, to)) = text.split_once('>') else { return false };
                (caller.is_empty() || caller == from) && (callee.is_empty() || callee == to)
            },
            (Self::Pattern(pattern), Value::Text(text)) => pattern.is_match(text),
            _ => false,
        }
    }
}

/// Is it worth completing this word to that one?
pub(super) fn begins(word: &str, typed: &str) -> bool {
    word.len() > typed.len() && contains(&word[..word.floor_char_boundary(typed.len())], typed)
}
