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
use super::source::{Source, hide};
use crate::units::{Share, format_duration, parse_duration};

/// Findings that one file may have; nobody reads more, and a hostile file has millions.
const FINDINGS_MAX: usize = 100;

/// Collects findings.
#[derive(Debug)]
pub struct Report<'a> {
    text: &'a str,
    /// Keys whose values no message may show.
    secret_keys: &'static [&'static str],
    found: RefCell<Vec<(Range<usize>, String)>>,
    /// Keys that were asked for, by the name of their table.
    asked: RefCell<BTreeMap<String, BTreeSet<&'static str>>>,
}

impl<'a> Report<'a> {
    pub fn new(text: &'a str) -> Self {
        Self { text, secret_keys: &[], found: RefCell::default(), asked: RefCell::default() }
    }

    /// The same, and what is given to these keys is hidden in the lines that messages show.
    pub(crate) fn hiding(text: &'a str, secret_keys: &'static [&'static str]) -> Self {
        Self { secret_keys, ..Self::new(text) }
    }

    pub fn add(&self, span: Range<usize>, message: impl Into<String>) {
        let mut found = self.found.borrow_mut();
        if found.len() < FINDINGS_MAX {
            found.push((span, message.into()));
        }
    }

    pub fn into_found(self) -> Vec<Problem> {
        let shown = hide(self.text, self.secret_keys);
        let source = Source::new(&shown);
        let problem = |(span, message)| Problem::new(&source, span, message);
        self.found.into_inner().into_iter().map(problem).collect()
    }

    pub(crate) fn into_asked(self) -> BTreeMap<String, BTreeSet<&'static str>> {
        self.asked.into_inner()
    }

    pub fn is_empty(&self) -> bool {
        self.found.borrow().is_empty()
    }
}

/// A table that is being read.
#[derive(Debug)]
pub struct Table<'r> {
    pub report: &'r Report<'r>,
    /// As messages call it: `[[fault]]`.
    pub name: String,
    pub span: Range<usize>,
    entries: &'r DeTable<'r>,
    asked: Vec<&'static str>,
    /// Keys that were refused and need no other finding.
    refused: Vec<&'static str>,
}

impl<'r> Table<'r> {
    pub fn root(report: &'r Report<'r>, document: &'r Spanned<DeTable<'r>>) -> Self {
        Self {
            report,
            name: "the file".to_owned(),
            span: 0..0,
            entries: document.get_ref(),
            asked: Vec::new(),
            refused: Vec::new(),
        }
    }

    pub fn get(&mut self, key: &'static str) -> Option<Value<'r>> {
        self.asked.push(key);
        self.entries.get(key).map(|value| Value {
            report: self.report,
            name: format!("`{key}` in {}", self.name),
            span: value.span(),
            content: value.get_ref(),
        })
    }

    pub(crate) fn require(&mut self, key: &'static str) -> Option<Value<'r>> {
        let value = self.get(key);
        if value.is_none() {
            self.wrong(format!("{} needs the key \"{key}\"", self.name));
        }
        value
    }

    /// Is the key there? It is not asked for by this.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// Reports a key that must not be here, if it is.
    pub(crate) fn refuse(&mut self, key: &'static str, message: &str) {
        if let Some((written, _)) = self.entries.get_key_value(key) {
            self.report.add(written.span(), message);
            self.refused.push(key);
        }
    }

    /// The tables under `[[key]]`; none when it is absent.
    pub(crate) fn tables(&mut self, key: &'static str) -> Vec<Self> {
        let value = self.get(key);
        value.map(|value| value.tables(&format!("[[{key}]]"))).unwrap_or_default()
    }

    /// Entries of a table whose keys are names chosen by the writer.
    pub fn named(&self) -> Vec<(&'r str, Range<usize>, Value<'r>)> {
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

    pub fn wrong(&self, message: impl Into<String>) {
        self.report.add(self.span.clone(), message);
    }

    /// Reports every key that nobody asked for. `later` are words of the language that this version
    /// does not act on.
    pub fn finish(self, later: &[&str]) {
        for (key, _) in self.entries {
            let name: &str = key.get_ref();
            if self.asked.contains(&name) || self.refused.contains(&name) {
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
pub struct Value<'r> {
    pub report: &'r Report<'r>,
    /// As messages call it: `` `share` in [[fault]] ``.
    pub name: String,
    pub span: Range<usize>,
    content: &'r DeValue<'r>,
}

impl<'r> Value<'r> {
    /// Reports at the place of this value.
    pub fn wrong(&self, message: impl Into<String>) {
        self.report.add(self.span.clone(), message);
    }

    /// The same value, reported at another place.
    #[must_use]
    pub fn at(&self, span: Range<usize>) -> Self {
        Self { span, ..self.clone() }
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

    pub fn is_text(&self) -> bool {
        self.content.is_str()
    }

    /// Is it this very text?
    pub(crate) fn is(&self, text: &str) -> bool {
        self.content.as_str() == Some(text)
    }

    pub(crate) fn is_list(&self) -> bool {
        self.content.is_array()
    }

    /// `retry = false`: switched off.
    pub(crate) fn is_false(&self) -> bool {
        self.content.as_bool() == Some(false)
    }

    pub fn text(&self, expected: &str) -> Option<&'r str> {
        let text = self.content.as_str();
        if text.is_none() {
            self.wrong_type(expected);
        }
        text
    }

    /// Reads a string with `parse`, whose error is the message.
    pub fn parsed<T, E: std::fmt::Display>(
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

    pub fn duration(&self) -> Option<Duration> {
        self.parsed("a duration like \"1500ms\"", parse_duration)
    }

    /// A duration above zero.
    pub(crate) fn time(&self) -> Option<Duration> {
        let duration = self.duration()?;
        if duration < Duration::from_millis(1) {
            self.wrong(format!("{} must be at least 1ms", self.name));
            return None;
        }
        Some(duration)
    }

    /// A duration within these bounds, in milliseconds.
    pub(crate) fn time_ms_within(&self, min: Duration, max: Duration) -> Option<u64> {
        let time = self.duration()?;
        if !(min..=max).contains(&time) {
            let (min, max, got) =
                (format_duration(min), format_duration(max), format_duration(time));
            self.wrong(format!("{} must be from {min} to {max}, got {got}", self.name));
            return None;
        }
        Some(time.as_millis() as u64)
    }

    pub(crate) fn time_ms(&self) -> Option<u64> {
        self.time().map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    }

    /// One of a few words. `what` they are is for the message.
    pub fn one_of(
        &self,
        what: &str,
        known: impl IntoIterator<Item = &'static str> + Clone,
    ) -> Option<&'static str> {
        let written = self.text(&format!("a {what}"))?;
        let found = known.clone().into_iter().find(|word| *word == written);
        if found.is_none() {
            let hint = hint(written, known);
            self.wrong(format!("unknown {what} \"{}\"{hint}", shorten(written)));
        }
        found
    }

    /// An integer or a decimal fraction.
    pub fn number(&self, range: std::ops::RangeInclusive<f64>) -> Option<f64> {
        let number = match self.content {
            DeValue::Integer(number) => number.as_str().parse().ok(),
            DeValue::Float(number) => number.as_str().parse().ok(),
            _ => None,
        };
        let fitting = number.filter(|number| range.contains(number));
        if fitting.is_none() {
            self.wrong_type(&format!("a number from {} to {}", range.start(), range.end()));
        }
        fitting
    }

    pub fn flag(&self) -> Option<bool> {
        let flag = self.content.as_bool();
        if flag.is_none() {
            self.wrong_type("true or false");
        }
        flag
    }

    /// A string, an integer or a truth value as the text that it is on a wire.
    pub(crate) fn plain_text(&self, expected: &str) -> Option<String> {
        match self.content {
            DeValue::String(text) => Some(text.to_string()),
            DeValue::Integer(number) => Some(number.as_str().to_owned()),
            DeValue::Boolean(truth) => Some(truth.to_string()),
            _ => {
                self.wrong_type(expected);
                None
            },
        }
    }

    pub fn is_table(&self) -> bool {
        self.content.is_table()
    }

    pub(crate) fn share(&self) -> Option<Share> {
        self.parsed("a share like \"15%\"", str::parse::<Share>)
    }

    pub fn integer(&self, range: std::ops::RangeInclusive<u64>) -> Option<u64> {
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

    pub fn table(&self, name: &str) -> Option<Table<'r>> {
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
            refused: Vec::new(),
        })
    }

    /// A table within another, which messages call `retry of [defaults]`.
    pub(crate) fn inner_table(&self) -> Option<Table<'r>> {
        self.table(&self.name.replace('`', "").replacen(" in ", " of ", 1))
    }

    /// The tables of a list of tables; `name` is what messages call each of them.
    pub(crate) fn tables(&self, name: &str) -> Vec<Table<'r>> {
        if !self.is_list() {
            self.wrong_type(&format!("a list of tables, each under {name}"));
            return Vec::new();
        }
        self.items().iter().filter_map(|item| item.table(name)).collect()
    }

    /// The entries of a list, or the value itself: `"a"` and `["a"]` mean the same.
    pub fn items(&self) -> Vec<Self> {
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
