//! The form of a result: plain numbers, durations in milliseconds.

use std::collections::BTreeMap;

use model::load::{Attempts, CheckCount, LoadKey, Validity};
use model::phase::Phase;
use serde::{Deserialize, Serialize};

use crate::account::Account;

/// Per second of the judged time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Rates {
    /// Arrivals that the schedule brought.
    pub offered_per_s: f64,
    /// Journeys that completed.
    pub completed_per_s: f64,
    /// Requests that were answered or failed on the wire.
    pub requests_per_s: f64,
    pub body_bytes_per_s: f64,
}

/// One percentile. `ms` counts what was given up as if it had ended then.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Percentile {
    /// 99.9 for p99.9; 100 is the longest.
    pub percent: f64,
    pub ms: f64,
    /// What it is at most if what was given up never ends; absent when it has no bound.
    pub at_most_ms: Option<f64>,
}

impl Percentile {
    /// Nothing that was given up could move it.
    pub fn is_exact(&self) -> bool {
        self.at_most_ms.is_some_and(|most| most <= self.ms)
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    pub count: u64,
    /// Of these only a lower bound is known.
    pub censored: u64,
    /// Of what is known; absent without samples.
    pub min_ms: Option<f64>,
    pub mean_ms: Option<f64>,
    pub stdev_ms: Option<f64>,
    /// p50, p75, p90, p95, p99, p99.9, p99.99 and the longest; empty without samples.
    pub percentiles: Vec<Percentile>,
}

impl Distribution {
    pub fn percentile(&self, percent: f64) -> Option<Percentile> {
        let near = |found: &&Percentile| (found.percent - percent).abs() < 1e-9;
        self.percentiles.iter().find(near).copied()
    }
}

/// What making connections took, part by part.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DialFigures {
    pub dns: Distribution,
    pub connect: Distribution,
    pub tls: Distribution,
}

/// A flow or one of its steps, over all judged phases.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    pub flow: String,
    /// Absent for whole journeys.
    pub step: Option<String>,
    pub count: u64,
    /// By outcome, those that did not complete.
    pub errors: BTreeMap<String, u64>,
    /// By status or kind of failure.
    pub results: BTreeMap<String, u64>,
    pub body_bytes: u64,
    pub attempts: Attempts,
    /// Of steps, how often each check held.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub checks: BTreeMap<String, CheckCount>,
    pub response: Distribution,
    pub service: Distribution,
}

/// Journeys of one phase, together or apart by whether a fault hit them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Phased {
    /// Of the intended start.
    pub phase: Phase,
    /// Absent for all of them.
    pub hit: Option<bool>,
    pub count: u64,
    pub errors: u64,
    pub response: Distribution,
}

/// The finest figures there are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellFigures {
    #[serde(flatten)]
    pub key: LoadKey,
    pub count: u64,
    pub response: Distribution,
    pub service: Distribution,
}

/// One slot of the series, all workers and flows together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PointOfTime {
    pub unix_s: u64,
    /// Of the middle of the slot.
    pub phase: Phase,
    /// The account of what began (`offered`) and ended (the rest) in the slot.
    #[serde(flatten)]
    pub account: Account,
    pub p50_ms: Option<f64>,
    pub p90_ms: Option<f64>,
    pub p99_ms: Option<f64>,
    pub max_ms: Option<f64>,
    pub service_p99_ms: Option<f64>,
    pub lateness_p99_ms: Option<f64>,
    pub connection_wait_p99_ms: Option<f64>,
    pub in_flight: f64,
    pub cpu_cores: f64,
    pub body_bytes: u64,
    pub validity: Validity,
}

/// Could the generator keep its promise?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trust {
    pub verdict: Validity,
    pub judged_seconds: u64,
    pub suspect_seconds: u64,
    pub invalid_seconds: u64,
    /// A sentence each; empty when nothing is doubtful.
    pub reasons: Vec<String>,
}

/// What a load has shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    pub started_unix_ms: u64,
    /// From the start to the end of load, or as far as it has come.
    pub elapsed_s: f64,
    /// Without warm-up.
    pub judged_s: f64,
    /// Every journey, those of the warm-up included.
    pub account: Account,
    /// Journeys of the judged phases. All that follows is about these.
    pub judged: Account,
    pub rates: Rates,
    /// From the intended start to the last byte.
    pub response: Distribution,
    /// The same of completed journeys alone.
    pub completed: Distribution,
    /// From the first byte written to the last byte read.
    pub service: Distribution,
    /// Dispatched minus intended start: the generator's own fault.
    /// What judged journeys took of the client: goodput is what completed of what was attempted.
    pub attempts: Attempts,
    /// Of all new connections; absent parts were not needed.
    pub dials: DialFigures,
    pub lateness: Distribution,
    /// First byte written minus dispatched.
    pub connection_wait: Distribution,
    /// The response times once more, at percentiles that come ever closer to the longest.
    pub spectrum: Vec<Percentile>,
    /// Requests by status or kind of failure.
    pub results: BTreeMap<String, u64>,
    /// Journeys that did not complete, by outcome.
    pub errors: BTreeMap<String, u64>,
    pub body_bytes: u64,
    pub phases: Vec<Phased>,
    pub groups: Vec<Group>,
    pub cells: Vec<CellFigures>,
    /// Length of a point of time.
    pub point_s: u64,
    pub points: Vec<PointOfTime>,
    pub trust: Trust,
}
