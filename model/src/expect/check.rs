//! What one expectation asks for, after parsing: every name in it is known to exist.

use std::fmt;
use std::time::Duration;

use crate::edge::Edge;
use crate::load::Group;
use crate::units::{Share, format_duration};

/// Invariants of the shop that can be read from it once it is quiet.
pub const INVARIANTS: [&str; 5] = [
    "money conserved",
    "stock conserved",
    "one charge per order",
    "no acknowledged order lost",
    "one notice per order",
];

#[derive(Debug, Clone, PartialEq)]
pub enum Check {
    /// `p95(checkout) < 500ms`
    Measured { measure: Measure, subject: Subject, group: Group, operator: Operator, limit: Limit },
    /// `breaker(orders -> payments) opens`
    Breaker { edge: Edge, event: BreakerEvent },
    /// `fault(replies lost) hits`
    FaultHits { fault: String },
    /// `recovered within 10s`
    Recovered { within: Duration },
    /// `money conserved`
    Invariant { name: String },
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Measure {
    /// The fraction, in (0, 1): 0.95 for `p95`.
    Quantile(f64),
    Mean,
    Max,
    Rate,
    Errors,
    Attempts,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    Flow(String),
    Step { flow: String, step: String },
    Edge(Edge),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// The right side of a comparison; its type fits the measure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit {
    Duration(Duration),
    Share(Share),
    PerSecond(f64),
    Ratio(f64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerEvent {
    Opens,
    Closes,
    HalfOpens,
    StaysClosed,
}

impl Operator {
    pub const ALL: [Self; 4] = [Self::LessOrEqual, Self::GreaterOrEqual, Self::Less, Self::Greater];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    pub fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Self::Less => value < limit,
            Self::LessOrEqual => value <= limit,
            Self::Greater => value > limit,
            Self::GreaterOrEqual => value >= limit,
        }
    }
}

impl BreakerEvent {
    pub const ALL: [Self; 4] = [Self::Opens, Self::Closes, Self::HalfOpens, Self::StaysClosed];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Opens => "opens",
            Self::Closes => "closes",
            Self::HalfOpens => "half-opens",
            Self::StaysClosed => "stays closed",
        }
    }
}

impl Limit {
    /// In the unit in which its measure is computed: microseconds, fraction, per second, ratio.
    pub fn value(self) -> f64 {
        match self {
            Self::Duration(duration) => duration.as_secs_f64() * 1e6,
            Self::Share(share) => share.as_fraction(),
            Self::PerSecond(number) | Self::Ratio(number) => number,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flow(flow) => formatter.write_str(flow),
            Self::Step { flow, step } => write!(formatter, "{flow}/{step}"),
            Self::Edge(edge) => write!(formatter, "{edge}"),
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Duration(duration) => formatter.write_str(&format_duration(*duration)),
            Self::Share(share) => write!(formatter, "{share}"),
            Self::PerSecond(number) => write!(formatter, "{number}/s"),
            Self::Ratio(number) => write!(formatter, "{number}"),
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Quantile(fraction) => {
                let percent = format!("{:.3}", fraction * 100.0);
                let percent = percent.trim_end_matches('0').trim_end_matches('.');
                write!(formatter, "p{percent}")
            },
            Self::Mean => formatter.write_str("mean"),
            Self::Max => formatter.write_str("max"),
            Self::Rate => formatter.write_str("rate"),
            Self::Errors => formatter.write_str("errors"),
            Self::Attempts => formatter.write_str("attempts"),
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Measured { measure, subject, group, operator, limit } => {
                write!(formatter, "{measure}({subject}) {} {limit}", operator.as_str())?;
                match group {
                    Group::Control => formatter.write_str(" in control"),
                    Group::Exposed => Ok(()),
                }
            },
            Self::Breaker { edge, event } => {
                write!(formatter, "breaker({edge}) {}", event.as_str())
            },
            Self::FaultHits { fault } => write!(formatter, "fault({fault}) hits"),
            Self::Recovered { within } => {
                write!(formatter, "recovered within {}", format_duration(*within))
            },
            Self::Invariant { name } => formatter.write_str(name),
        }
    }
}
