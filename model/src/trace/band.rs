//! "At p99" is not one request but those around it.

use serde::{Deserialize, Serialize};

/// Requests around a quantile, as ranks from 0 in order of duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuantileBand {
    pub first: usize,
    /// Not in it any more.
    pub end: usize,
}

/// Fewest requests of a band, where there are so many.
const REQUESTS_MIN: usize = 10;
/// Farthest distance to the quantile: in the middle of a distribution its neighbours are many.
const WIDTH_MAX: f64 = 0.05;

/// The band around the `quantile` (0 to 1) of `requests` requests: from the distance to 1 below
/// it to half of that above it, which is p98 to p99.5 for p99, and at least ten requests.
pub fn quantile_band(requests: usize, quantile: f64) -> QuantileBand {
    let quantile = quantile.clamp(0.0, 1.0);
    let width = (1.0 - quantile).min(WIDTH_MAX);
    let count = requests as f64;
    let mut first = (((quantile - width) * count).floor().max(0.0) as usize).min(requests);
    let mut end = (((quantile + width / 2.0) * count).ceil() as usize).clamp(first, requests);
    while end - first < REQUESTS_MIN.min(requests) {
        if end < requests {
            end += 1;
        }
        if end - first < REQUESTS_MIN.min(requests) {
            first = first.saturating_sub(1);
        }
    }
    QuantileBand { first, end }
}
