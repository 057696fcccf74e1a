//! What both formats are written from: metrics with their meaning and their series.

use super::histogram::Durations;

/// How the values of a metric are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A total that only rises.
    Counter,
    Gauge,
    Histogram,
    /// Percentiles of a histogram, for readers who cannot compute them.
    Summary,
}

/// Units as OpenTelemetry abbreviates them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    One,
    Seconds,
    Bytes,
}

impl Unit {
    pub(super) fn ucum(self) -> &'static str {
        match self {
            Self::One => "1",
            Self::Seconds => "s",
            Self::Bytes => "By",
        }
    }
}

/// The name of a label: an attribute in OTLP, one word in Prometheus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) attribute: &'static str,
    pub(super) word: &'static str,
}

/// The value of a label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word {
    Text(String),
    Number(i64),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Label {
    pub(super) key: Key,
    pub(super) value: Word,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Number(i64),
    Durations(Durations),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Point {
    pub(super) labels: Vec<Label>,
    pub(super) value: Value,
}

/// One metric with all its series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Family {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) unit: Unit,
    pub(super) help: &'static str,
    pub(super) points: Vec<Point>,
}
