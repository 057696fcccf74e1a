//! Rate, errors and durations of edges, and of operations, over a window or step by step.

use std::collections::BTreeMap;
use std::time::Duration;

use model::distribution::{DELAY_MAX, Quantile};
use model::edge::Edge;
use model::hist::Histogram;
use serde::{Deserialize, Serialize};

use super::Durations;
use crate::store::Rollup;

/// Most rows of one answer.
pub(crate) const ROWS_MAX: usize = 20_000;

/// Which edges, when, and how finely; without a step each edge has one row.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EdgeQuery {
    pub edge: Option<Edge>,
    /// Caller or callee.
    pub service: Option<String>,
    /// From this second on.
    pub from_unix_ms: Option<u64>,
    /// Up to this second and without it.
    pub to_unix_ms: Option<u64>,
    /// Length of a step in seconds, from 1 to a day.
    pub step_s: Option<u32>,
    /// With a table of quantiles in each row, as faults replay it.
    pub quantiles: Option<bool>,
}

/// One edge in one step, or in the whole window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EdgeRow {
    pub edge: Edge,
    /// Start of the step, or of the window.
    pub unix_s: u64,
    /// Length of the step, or of the window.
    pub seconds: u64,
    pub requests: u64,
    pub errors: u64,
    /// Failed requests by blame.
    pub blames: BTreeMap<String, u64>,
    /// Calls to the callee, retries included.
    pub attempts: u64,
    pub rate_per_s: f64,
    /// `None` without requests.
    pub error_ratio: Option<f64>,
    #[serde(flatten)]
    pub durations: Durations,
    /// Durations by share, when they were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quantiles: Vec<Quantile>,
}

/// Counts by start of the step and edge.
pub(crate) type EdgeCounts = BTreeMap<(u64, Edge), Rollup>;

/// A window of whole seconds: `[from_s, to_s)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) from_s: u64,
    pub(crate) to_s: u64,
}

impl EdgeQuery {
    /// The asked part of what there is.
    pub(crate) fn within(&self, known: Window) -> Window {
        let from_s = self.from_unix_ms.map_or(known.from_s, |ms| ms / 1_000).max(known.from_s);
        let to_s = self.to_unix_ms.map_or(known.to_s, |ms| ms.div_ceil(1_000)).min(known.to_s);
        Window { from_s, to_s: to_s.max(from_s) }
    }

    pub(crate) fn accepts(&self, edge: &Edge) -> bool {
        self.edge.as_ref().is_none_or(|wanted| wanted == edge)
            && self
                .service
                .as_ref()
                .is_none_or(|wanted| edge.caller == *wanted || edge.callee == *wanted)
    }

    /// Start of the step that a second belongs to.
    pub(crate) fn step_of(&self, window: Window, unix_s: u64) -> u64 {
        match self.step_s {
            Some(step_s) => unix_s - unix_s % u64::from(step_s.max(1)),
            None => window.from_s,
        }
    }

    /// By edge, then by time.
    pub(crate) fn rows(&self, window: Window, counts: EdgeCounts) -> Vec<EdgeRow> {
        let seconds =
            self.step_s.map_or(window.to_s - window.from_s, |step_s| u64::from(step_s.max(1)));
        let mut rows: Vec<EdgeRow> = counts
            .into_iter()
            .map(|((unix_s, edge), counts)| {
                let wanted = self.quantiles.unwrap_or(false);
                let quantiles = if wanted { table(&counts.duration) } else { Vec::new() };
                EdgeRow { quantiles, ..row((unix_s, seconds), edge, counts) }
            })
            .collect();
        rows.sort_by(|left, right| (&left.edge, left.unix_s).cmp(&(&right.edge, right.unix_s)));
        rows
    }
}

fn row((unix_s, seconds): (u64, u64), edge: Edge, counts: Rollup) -> EdgeRow {
    let requests = counts.duration.count();
    EdgeRow {
        edge,
        unix_s,
        seconds,
        requests,
        errors: counts.errors,
        rate_per_s: requests as f64 / seconds.max(1) as f64,
        error_ratio: (requests > 0).then(|| counts.errors as f64 / requests as f64),
        blames: counts.blames,
        attempts: counts.attempts,
        durations: Durations::of(&counts.duration),
        quantiles: Vec::new(),
    }
}

/// The smallest and the largest value, every hundredth between them, and the tail more finely.
/// Shares rise and values do not fall, so it is a distribution of delays. Empty without values.
fn table(durations: &Histogram) -> Vec<Quantile> {
    let hundredths = (1..100).map(|number| f64::from(number) / 100.0);
    let inner = hundredths.chain([0.995, 0.999, 0.9999]).filter_map(|share| {
        let value = durations.quantile(share)?;
        Some((share, value))
    });
    let ends = |share, value| (!durations.is_empty()).then_some((share, value));
    let rows = ends(0.0, durations.min()).into_iter().chain(inner);
    let rows = rows.chain(ends(1.0, durations.max()));
    let us = |value: Duration| value.min(DELAY_MAX).as_micros() as u64;
    rows.map(|(share, value)| Quantile { share, value_us: us(value) }).collect()
}

#[cfg(test)]
mod tests {
    use model::distribution::Distribution;

    use super::*;

    #[test]
    fn a_table_of_durations_is_a_delay_with_the_same_quantiles() {
        let mut durations = Histogram::default();
        (1..=10_000).for_each(|number| durations.record(Duration::from_micros(number * 10)));
        let rows = table(&durations);
        let at = |share: f64| {
            let place = rows.partition_point(|row| row.share < share);
            rows[place].value_us as f64
        };
        for (share, us) in [(0.0, 10.0), (0.5, 50_000.0), (0.99, 99_000.0), (1.0, 100_000.0)] {
            assert!((at(share) / us - 1.0).abs() < 0.01, "{share}: {}", at(share));
        }
        assert_eq!(Distribution::Quantiles { table: rows }.problem(), None);
        assert_eq!(table(&Histogram::default()), []);
    }
}
