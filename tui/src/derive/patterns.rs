//! Log lines by what they say, whatever they say it about.
//!
//! Numbers, ids and quoted values become placeholders. Of what is left, lines of equal length with
//! the same beginning are one pattern when most of their words are equal; words that differ become
//! a placeholder too (a simplified form of Drain, ICWS 2017). Memory is bounded: what finds no room
//! is counted in a pattern of its own.

use std::collections::BTreeMap;

use model::frame::LogLine;

use super::severity::Severity;
use super::words;

mod expression;
mod mask;

/// More patterns than this are no summary.
const PATTERNS_MAX: usize = 400;
/// Patterns with the same length and beginning that a line is compared with.
const ALIKE_MAX: usize = 40;
/// Words that are looked at.
const WORDS_MAX: usize = 60;
/// Part of the words that must be equal.
const SIMILARITY_MIN: f64 = 0.6;
/// Services that are named.
const SERVICES_MAX: usize = 4;
const ANYTHING: &str = "<*>";

#[derive(Debug, Clone, PartialEq)]
pub struct Pattern {
    /// `charge failed: <n>; retry in <n> ms`; [`Patterns::OTHERS`] for what found no room.
    pub template: String,
    pub count: u64,
    /// Part of all lines, 0 to 1.
    pub share: f64,
    pub worst: Severity,
    pub first_unix_ns: u64,
    pub last_unix_ns: u64,
    /// The last line of the worst severity, as it was.
    pub example: String,
    /// Who says it, by name, a few of them.
    pub services: Vec<String>,
}

/// Patterns while lines are added.
#[derive(Debug, Default)]
pub struct Patterns {
    groups: Vec<Group>,
    /// By number of words and first word.
    alike: BTreeMap<(usize, String), Vec<usize>>,
    others: Option<Group>,
    total: u64,
}

#[derive(Debug)]
struct Group {
    words: Vec<String>,
    pattern: Pattern,
}

impl Patterns {
    /// Template of the lines that found no room.
    pub const OTHERS: &str = "(other lines)";

    pub fn of<'a>(lines: impl IntoIterator<Item = &'a LogLine>) -> Vec<Pattern> {
        let mut patterns = Self::default();
        for line in lines {
            patterns.add(line);
        }
        patterns.finish()
    }

    pub fn add(&mut self, line: &LogLine) {
        self.total += 1;
        let said = words::safe(if line.body.is_empty() { &line.event } else { &line.body });
        let mut masked: Vec<String> =
            mask::masked(&said).split_whitespace().map(str::to_owned).collect();
        if masked.len() > WORDS_MAX {
            masked.truncate(WORDS_MAX);
            masked.push("...".to_owned());
        }
        let key = (masked.len(), masked.first().cloned().unwrap_or_default());
        let group = match self.nearest(&key, &masked) {
            Some(at) => {
                self.groups[at].take_in(&masked);
                &mut self.groups[at]
            },
            None => match self.found(key, masked) {
                Some(at) => &mut self.groups[at],
                None => {
                    self.others.get_or_insert_with(|| Group::new(vec![Self::OTHERS.to_owned()]))
                },
            },
        };
        group.count(line, said);
    }

    /// The most frequent first; what found no room at the end.
    pub fn finish(self) -> Vec<Pattern> {
        let total = self.total.max(1) as f64;
        let finished = |group: Group| Pattern {
            template: group.words.join(" "),
            share: group.pattern.count as f64 / total,
            ..group.pattern
        };
        let mut patterns: Vec<Pattern> = self.groups.into_iter().map(finished).collect();
        patterns.sort_by(|one, next| {
            next.count.cmp(&one.count).then_with(|| one.template.cmp(&next.template))
        });
        patterns.extend(self.others.map(finished));
        patterns
    }

    fn nearest(&self, key: &(usize, String), words: &[String]) -> Option<usize> {
        let mut best = None;
        for at in self.alike.get(key)? {
            let group = &self.groups[*at];
            let equal = group.words.iter().zip(words).filter(|(one, other)| one == other).count();
            let share = equal as f64 / words.len().max(1) as f64;
            // Lines of one word have nothing else to be alike in; empty ones are all alike.
            let is_alike = share >= SIMILARITY_MIN || words.is_empty();
            if is_alike && best.is_none_or(|(most, _)| equal > most) {
                best = Some((equal, *at));
            }
        }
        best.map(|(_, at)| at)
    }

    /// A new group; `None` without room.
    fn found(&mut self, key: (usize, String), words: Vec<String>) -> Option<usize> {
        if self.groups.len() >= PATTERNS_MAX {
            return None;
        }
        let alike = self.alike.entry(key).or_default();
        if alike.len() >= ALIKE_MAX {
            return None;
        }
        let at = self.groups.len();
        alike.push(at);
        self.groups.push(Group::new(words));
        Some(at)
    }
}

impl Pattern {
    /// A regular expression that fits every line of this pattern, in the syntax of the filters;
    /// `None` for what found no room, which has nothing in common.
    pub fn expression(&self) -> Option<String> {
        (self.template != Patterns::OTHERS).then(|| expression::of(&self.template))
    }
}

impl Group {
    fn new(words: Vec<String>) -> Self {
        let pattern = Pattern {
            template: String::new(),
            count: 0,
            share: 0.0,
            worst: Severity::Trace,
            first_unix_ns: u64::MAX,
            last_unix_ns: 0,
            example: String::new(),
            services: Vec::new(),
        };
        Self { words, pattern }
    }

    /// Words that differ become a placeholder.
    fn take_in(&mut self, words: &[String]) {
        for (own, other) in self.words.iter_mut().zip(words) {
            if own != other {
                ANYTHING.clone_into(own);
            }
        }
    }

    fn count(&mut self, line: &LogLine, said: String) {
        let pattern = &mut self.pattern;
        pattern.count += 1;
        pattern.first_unix_ns = pattern.first_unix_ns.min(line.unix_ns);
        pattern.last_unix_ns = pattern.last_unix_ns.max(line.unix_ns);
        let severity = Severity::of(&line.severity);
        if severity >= pattern.worst {
            pattern.worst = severity;
            pattern.example = said;
        }
        let service = words::safe(&line.service);
        if let Err(place) = pattern.services.binary_search(&service) {
            pattern.services.insert(place, service);
            pattern.services.truncate(SERVICES_MAX);
        }
    }
}

#[cfg(test)]
mod tests;
