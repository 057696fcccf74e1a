//! What the collector's query API answers beside the types of the live frames.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::frame::TraceHead;
use crate::hist::Histogram;

/// One line of a list of traces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceLine {
    #[serde(flatten)]
    pub head: TraceHead,
    /// Service and name of the span that has no parent; `None` while it has not come in.
    pub service: Option<String>,
    pub name: Option<String>,
    pub spans: u64,
    pub errors: u64,
}

/// `None` without values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Durations {
    pub mean_ms: Option<f64>,
    pub p50_ms: Option<f64>,
    pub p90_ms: Option<f64>,
    pub p99_ms: Option<f64>,
    pub max_ms: Option<f64>,
}

impl Durations {
    /// To whole microseconds.
    pub fn of(histogram: &Histogram) -> Self {
        let ms = |value: Duration| (value.as_secs_f64() * 1e6).round() / 1e3;
        let quantile = |fraction| histogram.quantile(fraction).map(ms);
        Self {
            mean_ms: histogram.mean().map(ms),
            p50_ms: quantile(0.5),
            p90_ms: quantile(0.9),
            p99_ms: quantile(0.99),
            max_ms: (!histogram.is_empty()).then(|| ms(histogram.max())),
        }
    }
}

/// Calls from one service to another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallRow {
    pub caller: String,
    pub callee: String,
    pub calls: u64,
    pub errors: u64,
    /// As the callee saw it.
    pub server: Durations,
    /// As the caller saw it.
    pub client: Durations,
}
