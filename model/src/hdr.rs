//! The load generator's histograms on the wire: `HdrHistogram` V2-deflate in base64, microseconds,
//! 3 significant digits. All have the same bounds, so adding them is exact.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};

use crate::load::{Attempts, CheckCount, HDR_DIGITS, HDR_MAX_US, LoadInterval, LoadKey};

mod durations;

pub use durations::{Durations, nearest_rank};

/// Why a text is not one of our histograms.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an HdrHistogram V2-deflate in base64: {0}")]
pub struct HdrError(String);

/// An empty histogram with the bounds that all of ours share.
pub fn empty() -> Histogram<u64> {
    Histogram::new_with_bounds(1, HDR_MAX_US, HDR_DIGITS)
        .expect("the bounds and digits are constants that the crate accepts")
}

pub fn encode(histogram: &Histogram<u64>) -> String {
    let mut bytes = Vec::new();
    V2DeflateSerializer::new()
        .serialize(histogram, &mut bytes)
        .expect("writing to memory does not fail");
    STANDARD.encode(bytes)
}

/// Rejects histograms whose bounds differ from ours, because adding them would not be exact.
pub fn decode(text: &str) -> Result<Histogram<u64>, HdrError> {
    let bytes = STANDARD.decode(text).map_err(|error| HdrError(error.to_string()))?;
    let histogram: Histogram<u64> = Deserializer::new()
        .deserialize(&mut bytes.as_slice())
        .map_err(|error| HdrError(error.to_string()))?;
    if histogram.high() > HDR_MAX_US || histogram.sigfig() != HDR_DIGITS {
        return Err(HdrError(format!(
            "bounds are {} us with {} digits, expected {HDR_MAX_US} us with {HDR_DIGITS}",
            histogram.high(),
            histogram.sigfig()
        )));
    }
    Ok(histogram)
}

/// Exact response times of a whole run, merged over seconds and workers.
#[derive(Debug, Clone, Default)]
pub struct LoadTotals {
    cells: BTreeMap<LoadKey, Histogram<u64>>,
    /// Counts, which may be larger than the histogram where durations are unknown.
    counts: BTreeMap<LoadKey, u64>,
    attempts: BTreeMap<LoadKey, Attempts>,
    /// Of steps, by the text of the check.
    checks: BTreeMap<LoadKey, BTreeMap<String, CheckCount>>,
}

impl LoadTotals {
    /// Adds one interval; on error nothing of it is added.
    pub fn add(&mut self, interval: &LoadInterval) -> Result<(), HdrError> {
        let decoded = interval
            .cells
            .iter()
            .map(|cell| decode(&cell.response_hdr).map(|histogram| (cell, histogram)))
            .collect::<Result<Vec<_>, _>>()?;
        for (cell, histogram) in decoded {
            *self.counts.entry(cell.key.clone()).or_default() += cell.count;
            *self.attempts.entry(cell.key.clone()).or_default() += cell.attempts;
            for (check, count) in &cell.checks {
                let of_key = self.checks.entry(cell.key.clone()).or_default();
                *of_key.entry(check.clone()).or_default() += *count;
            }
            let total = self.cells.entry(cell.key.clone()).or_insert_with(empty);
            total.add(&histogram).expect("all histograms have the same bounds");
        }
        Ok(())
    }

    /// Response times in microseconds of all keys that `wanted` accepts.
    pub fn merged(&self, mut wanted: impl FnMut(&LoadKey) -> bool) -> Histogram<u64> {
        let mut total = empty();
        for (_, histogram) in self.cells.iter().filter(|(key, _)| wanted(key)) {
            total.add(histogram).expect("all histograms have the same bounds");
        }
        total
    }

    pub fn count(&self, mut wanted: impl FnMut(&LoadKey) -> bool) -> u64 {
        self.counts.iter().filter(|(key, _)| wanted(key)).map(|(_, count)| count).sum()
    }

    /// What the client sent for the keys that `wanted` accepts.
    pub fn attempts(&self, mut wanted: impl FnMut(&LoadKey) -> bool) -> Attempts {
        let mut total = Attempts::default();
        self.attempts.iter().filter(|(key, _)| wanted(key)).for_each(|(_, sent)| total += *sent);
        total
    }

    /// How often each check held for the keys that `wanted` accepts, by its text.
    pub fn checks(&self, mut wanted: impl FnMut(&LoadKey) -> bool) -> BTreeMap<String, CheckCount> {
        let mut total = BTreeMap::<String, CheckCount>::new();
        for (_, checks) in self.checks.iter().filter(|(key, _)| wanted(key)) {
            for (check, count) in checks {
                *total.entry(check.clone()).or_default() += *count;
            }
        }
        total
    }

    pub fn keys(&self) -> impl Iterator<Item = &LoadKey> {
        self.counts.keys()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_survives_the_wire() {
        let mut histogram = empty();
        for us in [1, 250, 1_500_000, HDR_MAX_US] {
            histogram.record(us).unwrap();
        }
        assert_eq!(decode(&encode(&histogram)).unwrap(), histogram);
    }

    #[test]
    fn garbage_and_foreign_bounds_are_refused() {
        assert!(decode("!").is_err());
        assert!(decode("AAAA").is_err());
        let foreign = Histogram::new_with_bounds(1, HDR_MAX_US, 2).unwrap();
        assert!(decode(&encode(&foreign)).is_err());
    }
}
