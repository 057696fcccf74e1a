//! Conditions on answers and on saved values: `status in 200..299`, `latency < 200ms`,
//! `/state == 'paid'`, `body contains 'thanks'`, `"${state} != 'paid'"`.
//!
//! Parsed when the file is read; asked by whoever has the answer. A condition travels as its text.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::extract::{Extract, Pattern};
use crate::template::Template;

mod parse;
#[cfg(test)]
mod tests;

/// A comparison of something that was seen with something that is expected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Condition {
    /// As written.
    text: String,
    pub left: Operand,
    pub test: Test,
}

/// What is looked at.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// `latency`: response time of the step.
    Latency,
    /// A place in the answer.
    Answer(Extract),
    /// A text with holes.
    Text(Template),
}

/// What must be true of it. Something that is not there is only `missing`, and not equal to
/// anything.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    Compare(Comparison, Value),
    /// `in [a, b]`
    OneOf(Vec<Template>),
    /// `in 200..299`, both ends included.
    Within(f64, f64),
    Contains(Template),
    Matches(Pattern),
    Exists,
    Missing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    NotEqual,
    LessOrEqual,
    GreaterOrEqual,
    Less,
    Greater,
}

/// The right side of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Text(Template),
    Duration(Duration),
}

/// What was seen on the left side.
#[derive(Debug, Clone, Copy)]
pub enum Seen<'a> {
    Nothing,
    Text(&'a str),
    Time(Duration),
}

impl Comparison {
    /// The longer ones come first, so that `<=` is not read as `<`.
    pub const ALL: [Self; 6] = [
        Self::Equal,
        Self::NotEqual,
        Self::LessOrEqual,
        Self::GreaterOrEqual,
        Self::Less,
        Self::Greater,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::LessOrEqual => "<=",
            Self::GreaterOrEqual => ">=",
            Self::Less => "<",
            Self::Greater => ">",
        }
    }

    fn holds<T: PartialOrd>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::LessOrEqual => left <= right,
            Self::GreaterOrEqual => left >= right,
            Self::Less => left < right,
            Self::Greater => left > right,
        }
    }

    /// Is it about equality, which texts have, and not about order, which only numbers have?
    pub(super) fn is_equality(self) -> bool {
        matches!(self, Self::Equal | Self::NotEqual)
    }
}

impl Condition {
    /// Does it need an answer to be asked?
    pub fn is_about_answer(&self) -> bool {
        !matches!(self.left, Operand::Text(_))
    }

    /// Where in the answer it looks.
    pub fn place(&self) -> Option<&Extract> {
        match &self.left {
            Operand::Answer(place) => Some(place),
            Operand::Latency | Operand::Text(_) => None,
        }
    }

    /// The templates on both sides.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        let left = match &self.left {
            Operand::Text(template) => Some(template),
            Operand::Latency | Operand::Answer(_) => None,
        };
        let right: &[Template] = match &self.test {
            Test::Compare(_, Value::Text(template)) | Test::Contains(template) => {
                std::slice::from_ref(template)
            },
            Test::OneOf(templates) => templates,
            Test::Compare(_, Value::Duration(_))
            | Test::Within(..)
            | Test::Matches(_)
            | Test::Exists
            | Test::Missing => &[],
        };
        left.into_iter().chain(right)
    }

    /// `fill` fills a template on the right side; `None` when a hole of it has no value, which
    /// makes every comparison false. Equality is that of the texts; order is that of numbers, and
    /// false when a side is none.
    pub fn holds(&self, left: Seen<'_>, fill: &dyn Fn(&Template) -> Option<String>) -> bool {
        let left = match (left, &self.test) {
            (Seen::Nothing, test) => {
                return matches!(test, Test::Missing | Test::Compare(Comparison::NotEqual, _));
            },
            (Seen::Time(left), Test::Compare(comparison, Value::Duration(right))) => {
                return comparison.holds(&left, right);
            },
            (Seen::Time(_), _) => return false,
            (Seen::Text(left), _) => left,
        };
        match &self.test {
            Test::Compare(comparison, Value::Text(right)) => fill(right).is_some_and(|right| {
                if comparison.is_equality() {
                    return comparison.holds(&left, &right.as_str());
                }
                let numbers = number(left).zip(number(&right));
                numbers.is_some_and(|(left, right)| comparison.holds(&left, &right))
            }),
            Test::Compare(_, Value::Duration(_)) => false,
            Test::OneOf(list) => list.iter().filter_map(fill).any(|right| right == left),
            Test::Within(low, high) => {
                number(left).is_some_and(|number| (*low..=*high).contains(&number))
            },
            Test::Contains(part) => fill(part).is_some_and(|part| left.contains(&part)),
            Test::Matches(pattern) => pattern.is_match(left.as_bytes()),
            Test::Exists => true,
            Test::Missing => false,
        }
    }
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

impl FromStr for Condition {
    /// For people: what was written and what would fit.
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (left, test) = parse::sides(text.trim())?;
        Ok(Self { text: text.trim().to_owned(), left, test })
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl TryFrom<String> for Condition {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Condition> for String {
    fn from(condition: Condition) -> Self {
        condition.text
    }
}
