//! Walks a parsed TOML document and keeps every finding, not only the first.
//!
//! A [`Table`] remembers which keys were asked for, so that what nobody asked for is reported as
//! unknown with the nearest known key. A [`Value`] knows its place and reads itself as what is
//! expected there; when it cannot, it reports and answers `None`, and the reader goes on.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::nearest::hint;
use super::problem::Problem;
use super::source::Source;
use crate::units::{Share, parse_duration};

/// Findings that one file may have; nobody reads more, and a hostile file has millions.
const FINDINGS_MAX: usize = 100;

/// Collects findings.
#[derive(Debug)]
pub(super) struct Report<'a> {
    source: Source<'a>,
    found: RefCell<Vec<Problem>>,
    /// Keys that were asked for, by the name of their table.
    asked: RefCell<BTreeMap<String, BTreeSet<&'static str>>>,
}

impl<'a> Report<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { source: Source::new(text), found: RefCell::default(), asked: RefCell::default() }
    }

    pub(super) fn add(&self, span: Range<usize>, message: impl Into<String>) {
        let mut found = self.found.borrow_mut();
        if found.len() < FINDINGS_MAX {
            found.push(Problem::new(&self.source, span, message.into()));
        }
    }

    pub(super) fn into_found(self) -> Vec<Problem> {
        self.found.into_inner()
    }

    pub(super) fn into_asked(self) -> BTreeMap<String, BTreeSet<&'static str>> {
        self.asked.into_inner()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.borrow().is_empty()
    }
}

/// A table that is being read.
#[derive(Debug)]
pub(super) struct Table<'r> {
    pub(super) report: &'r Report<'r>,
    /// As messages call it: `[[fault]]`.
    pub(super) name: String,
    pub(super) span: Range<usize>,
    entries: &'r DeTable<'r>,
    asked: Vec<&'static str>,
}

impl<'r> Table<'r> {
    pub(super) fn root(report: &'r Report<'r>, document: &'r Spanned<DeTable<'r>>) -> Self {
        Self {
            report,
            name: "the file".to_owned(),
            span: 0..0,
            entries: document.get_ref(),
            asked: Vec::new(),
        }
    }

    pub(super) fn get(&mut self, key: &'static str) -> Option<Value<'r>> {
        self.asked.push(key);
        self.entries.get(key).map(|value| Value {
            report: self.report,
            name: format!("`{key}` in {}", self.name),
            span: value.span(),
            content: value.get_ref(),
        })
    }

    pub(super) fn require(&mut self, key: &'static str) -> Option<Value<'r>> {
        let value = self.get(key);
        if value.is_none() {
            self.wrong(format!("{} needs the key \"{key}\"", self.name));
        }
        value
    }

    /// The tables under `[[key]]`; none when it is absent.
    pub(super) fn tables(&mut self, key: &'static str) -> Vec<Self> {
        let value = self.get(key);
        value.map(|value| value.tables(&format!("[[{key}]]"))).unwrap_or_default()
    }

    /// Entries of a table whose keys are names chosen by the writer.
    pub(super) fn named(&self) -> Vec<(&'r str, Range<usize>, Value<'r>)> {
        let entry = |(key, value): (&'r Spanned<_>, &'r Spanned<DeValue<'r>>)| {
            let name: &'r std::borrow::Cow<'r, str> = key.get_ref();
            let value = Value {
                report: self.report,
                name: format!("\"{name}\" in {}", self.name),
                span: value.span(),
                content: value.get_ref(),
            };
            (name.as_ref(), key.span(), value)
        };
        self.entries.iter().map(entry).collect()
    }

    pub(super) fn wrong(&self, message: impl Into<String>) {
        self.report.add(self.span.clone(), message);
    }

    /// Reports every key that nobody asked for. `later` are words of the language that this version
    /// does not act on.
    pub(super) fn finish(self, later: &[&str]) {
        for (key, _) in self.entries {
            let name: &str = key.get_ref();
            if self.asked.contains(&name) {
                continue;
            }
            let message = if later.contains(&name) {
                not_yet(&format!("\"{name}\" in {}", self.name))
            } else {
                let hint = hint(name, self.asked.iter().copied());
                format!("unknown key \"{name}\" in {}{hint}", self.name)
            };
            self.report.add(key.span(), message);
        }
        self.report.asked.borrow_mut().entry(self.name).or_default().extend(self.asked);
    }
}

/// The answer to everything that the language has and this version does not act on.
pub(crate) fn not_yet(what: &str) -> String {
    format!("{what} is part of the language but not supported by this version")
}

/// A value that is being read.
#[derive(Debug, Clone)]
pub(super) struct Value<'r> {
    pub(super) report: &'r Report<'r>,
    /// As messages call it: `` `share` in [[fault]] ``.
    pub(super) name: String,
    pub(super) span: Range<usize>,
    content: &'r DeValue<'r>,
}

impl<'r> Value<'r> {
    /// Reports at the place of this value.
    pub(super) fn wrong(&self, message: impl Into<String>) {
        self.report.add(self.span.clone(), message);
    }

    fn wrong_type(&self, expected: &str) {
        let got = match self.content {
            DeValue::String(text) => format!("the string \"{}\"", shorten(text)),
            DeValue::Integer(number) => format!("the integer {number}"),
            DeValue::Float(number) => format!("the number {number}"),
            DeValue::Boolean(truth) => format!("{truth}"),
            DeValue::Datetime(_) => "a date".to_owned(),
            DeValue::Array(_) => "a list".to_owned(),
            DeValue::Table(_) => "a table".to_owned(),
        };
        self.wrong(format!("{} must be {expected}, got {got}", self.name));
    }

    pub(super) fn is_text(&self) -> bool {
        self.content.is_str()
    }

    pub(super) fn is_list(&self) -> bool {
        self.content.is_array()
    }

    /// `retry = false`: switched off.
    pub(super) fn is_false(&self) -> bool {
        self.content.as_bool() == Some(false)
    }

    pub(super) fn text(&self, expected: &str) -> Option<&'r str> {
        let text = self.content.as_str();
        if text.is_none() {
            self.wrong_type(expected);
        }
        text
    }

    /// Reads a string with `parse`, whose error is the message.
    pub(super) fn parsed<T, E: std::fmt::Display>(
        &self,
        expected: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        match parse(self.text(expected)?) {
            Ok(value) => Some(value),
            Err(error) => {
                self.wrong(format!("{}: {error}", self.name));
                None
            },
        }
    }

    pub(super) fn duration(&self) -> Option<Duration> {
        self.parsed("a duration like \"1500ms\"", parse_duration)
    }

    /// A duration above zero.
    pub(super) fn time(&self) -> Option<Duration> {
        let duration = self.duration()?;
        if duration < Duration::from_millis(1) {
            self.wrong(format!("{} must be at least 1ms", self.name));
            return None;
        }
        Some(duration)
    }

    pub(super) fn time_ms(&self) -> Option<u64> {
        self.time().map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn share(&self) -> Option<Share> {
        self.parsed("a share like \"15%\"", str::parse::<Share>)
    }

    pub(super) fn integer(&self, range: std::ops::RangeInclusive<u64>) -> Option<u64> {
        let expected = format!("an integer from {} to {}", range.start(), range.end());
        let number = self
            .content
            .as_integer()
            .and_then(|number| i128::from_str_radix(number.as_str(), number.radix()).ok());
        let fitting = number
            .and_then(|number| u64::try_from(number).ok())
            .filter(|number| range.contains(number));
        if fitting.is_none() {
            self.wrong_type(&expected);
        }
        fitting
    }

    pub(super) fn table(&self, name: &str) -> Option<Table<'r>> {
        let Some(entries) = self.content.as_table() else {
            self.wrong_type("a table");
            return None;
        };
        Some(Table {
            report: self.report,
            name: name.to_owned(),
            span: self.span.clone(),
            entries,
            asked: Vec::new(),
        })
    }

    /// The tables of a list of tables; `name` is what messages call each of them.
    pub(super) fn tables(&self, name: &str) -> Vec<Table<'r>> {
        if !self.is_list() {
            self.wrong_type(&format!("a list of tables, each under {name}"));
            return Vec::new();
        }
        self.items().iter().filter_map(|item| item.table(name)).collect()
    }

    /// The entries of a list, or the value itself: `"a"` and `["a"]` mean the same.
    pub(super) fn items(&self) -> Vec<Self> {
        let Some(list) = self.content.as_array() else { return vec![self.clone()] };
        let entry = |value: &'r Spanned<DeValue<'r>>| Value {
            report: self.report,
            name: self.name.clone(),
            span: value.span(),
            content: value.get_ref(),
        };
        list.iter().map(entry).collect()
    }
}

/// Keeps hostile input out of messages.
pub(crate) fn shorten(text: &str) -> String {
    let mut short: String = text.chars().take(64).flat_map(char::escape_debug).collect();
    if text.chars().nth(64).is_some() {
        short.push_str("...");
    }
    short
}
