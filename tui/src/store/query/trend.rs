//! What was observed of an expectation over time, against its limit.
//!
//! Each second tells what has been observed up to it, over the part of the run that counts so far;
//! a column is the last second in it that tells something.

use model::phase::Phase;

use super::time::Times;
use crate::derive::budget::Limit;
use crate::kept::VerdictFrame;
use crate::screen::verdicts::{Trend, TrendColumn};
use crate::store::Store;

/// `None` for an expectation without a limit that is one number. `place` is where it stands in most
/// frames.
pub(super) fn build(
    store: &Store,
    times: &Times,
    (phase, text): (Phase, &str),
    place: usize,
) -> Option<Trend> {
    let is = |it: &&VerdictFrame| it.phase == phase && it.text == text;
    let limit = Limit::of(text)?;
    let observed = |(first, last): (u64, u64)| {
        let frame = store.between(first, last).next_back()?;
        let found = frame.verdicts.get(place).filter(is);
        let verdict = found.or_else(|| frame.verdicts.iter().find(is))?;
        let budget = limit.against(&verdict.observed)?;
        Some(TrendColumn { value: budget.observed, broken: budget.used() > 1.0 })
    };
    let columns: Vec<Option<TrendColumn>> =
        times.plot_columns().map(|seconds| seconds.and_then(observed)).collect();
    let highest = columns.iter().flatten().map(|column| column.value).fold(limit.value, f64::max);
    Some(Trend { columns, limit, highest })
}
