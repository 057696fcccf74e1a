//! Percentiles of durations of which some are only known from below.
//!
//! A journey that was dropped, timed out or never finished took at least so long, and nobody knows
//! how much longer. A percentile is therefore taken twice: once as if all of these had ended when
//! they were given up, and once as if they never ended. Where the two agree, they do not matter.

use model::hdr::{Durations, nearest_rank};
use model::load::Outcome;

use super::decoded::Cell;

/// Its duration is a lower bound.
pub(super) fn is_censored(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Timeout | Outcome::Dropped | Outcome::Unfinished)
}

/// A percentile in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    pub low_us: u64,
    /// `None` when it may be anything above.
    pub high_us: Option<u64>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spread {
    /// How long they took.
    pub known: Durations,
    /// How long they took at least.
    pub censored: Durations,
    /// Of these not even that is known.
    pub untimed: u64,
}

impl Spread {
    /// Takes the response times of one key.
    pub fn add(&mut self, outcome: Outcome, cell: &Cell) {
        let into = if is_censored(outcome) { &mut self.censored } else { &mut self.known };
        into.add(&cell.response);
        self.untimed += cell.untimed();
    }

    pub fn count(&self) -> u64 {
        self.known.count() + self.censored_count()
    }

    pub fn censored_count(&self) -> u64 {
        self.censored.count() + self.untimed
    }

    /// `None` without samples.
    pub fn quantile(&self, fraction: f64) -> Option<Bounds> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        Some(self.at_rank(nearest_rank(count, fraction)))
    }

    /// The `rank`-th smallest, from 1.
    fn at_rank(&self, rank: u64) -> Bounds {
        let high_us = self.known.at_rank(rank);
        if self.censored_count() == 0 {
            return Bounds { low_us: high_us.unwrap_or_default(), high_us };
        }
        let mut all = self.known.clone();
        all.add(&self.censored);
        let low_us = rank.checked_sub(self.untimed).and_then(|rank| all.at_rank(rank));
        Bounds { low_us: low_us.unwrap_or_default(), high_us }
    }

    /// The longest.
    pub fn max(&self) -> Option<Bounds> {
        self.quantile(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn durations(values: impl IntoIterator<Item = u64>) -> Durations {
        let mut histogram = model::hdr::empty();
        for value in values {
            histogram.record(value).unwrap();
        }
        Durations::from(&histogram)
    }

    fn of(spread: &Spread, fraction: f64) -> (u64, Option<u64>) {
        let bounds = spread.quantile(fraction).unwrap();
        (bounds.low_us, bounds.high_us)
    }

    #[test]
    fn a_percentile_is_an_interval_where_the_unknown_could_move_it() {
        // 90 known, 10 that were given up after 50 us.
        let known = durations(1..=90);
        let spread = Spread { known: known.clone(), censored: durations([50; 10]), untimed: 0 };
        assert_eq!(of(&spread, 0.4), (40, Some(40)));
        assert_eq!(of(&spread, 0.5), (50, Some(50)));
        assert_eq!(of(&spread, 0.6), (50, Some(60)));
        assert_eq!(of(&spread, 0.9), (80, Some(90)));
        assert_eq!(of(&spread, 0.95), (85, None));
        let untimed = Spread { known, censored: Durations::default(), untimed: 10 };
        assert_eq!(of(&untimed, 0.05), (0, Some(5)));
        assert_eq!(of(&untimed, 0.5), (40, Some(50)));
        assert_eq!(untimed.max(), Some(Bounds { low_us: 90, high_us: None }));
    }

    #[test]
    fn what_is_known_has_no_interval() {
        let spread = Spread { known: durations(1..=100), ..Spread::default() };
        assert_eq!(of(&spread, 0.99), (99, Some(99)));
        assert_eq!(Spread::default().quantile(0.5), None);
    }
}
