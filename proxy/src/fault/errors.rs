//! Errors in microseconds, too early or too late, counted without a lock.
//!
//! Log-linear: exact up to 31 us, then 32 steps for each doubling, so a value is known to 3 %.
//! What is asked of it is rounded away from zero: an error is never shown smaller than it was.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// Steps of one doubling, as a power of two.
const STEP_BITS: u32 = 5;
const STEPS: u64 = 1 << STEP_BITS;
/// Largest error that is told apart: 2^36 us are 19 hours, far above the longest delay.
const VALUE_BITS: u32 = 36;
const PLACES: usize = ((VALUE_BITS - STEP_BITS + 1) as usize) << STEP_BITS;

#[derive(Debug)]
pub(super) struct Errors {
    /// Negative ones by magnitude, then the others.
    early: Vec<AtomicU64>,
    late: Vec<AtomicU64>,
    max_us: AtomicI64,
}

impl Default for Errors {
    fn default() -> Self {
        let places = || std::iter::repeat_with(AtomicU64::default).take(PLACES).collect();
        Self { early: places(), late: places(), max_us: AtomicI64::new(i64::MIN) }
    }
}

/// What was counted, at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) count: u64,
    pub(super) p50_us: i64,
    pub(super) p99_us: i64,
    pub(super) max_us: i64,
}

impl Errors {
    pub(super) fn record(&self, error_us: i64) {
        let side = if error_us < 0 { &self.early } else { &self.late };
        side[place(error_us.unsigned_abs())].fetch_add(1, Ordering::Relaxed);
        self.max_us.fetch_max(error_us, Ordering::Relaxed);
    }

    /// `None` before the first error.
    pub(super) fn summary(&self) -> Option<Summary> {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let early = self.early.iter().enumerate().rev();
        let late = self.late.iter().enumerate();
        let counts: Vec<(i64, u64)> = early
            .map(|(place, count)| (-upper_end(place), read(count)))
            .chain(late.map(|(place, count)| (upper_end(place), read(count))))
            .filter(|(_, count)| *count > 0)
            .collect();
        let count = counts.iter().map(|(_, count)| count).sum::<u64>();
        let max_us = self.max_us.load(Ordering::Relaxed);
        let quantile = |share: f64| {
            let rank = ((count as f64 * share).ceil() as u64).max(1);
            let mut below = 0;
            let found = counts.iter().find(|(_, count)| {
                below += count;
                below >= rank
            });
            found.map_or(0, |(value, _)| (*value).min(max_us))
        };
        (count > 0).then(|| Summary {
            count,
            p50_us: quantile(0.5),
            p99_us: quantile(0.99),
            max_us,
        })
    }
}

fn place(magnitude: u64) -> usize {
    let magnitude = magnitude.min((1 << VALUE_BITS) - 1);
    if magnitude < STEPS {
        return magnitude as usize;
    }
    let doubling = magnitude.ilog2() - STEP_BITS;
    let step = (magnitude >> doubling) - STEPS;
    ((u64::from(doubling + 1) << STEP_BITS) + step) as usize
}

/// The largest magnitude of a place.
fn upper_end(place: usize) -> i64 {
    let (block, step) = ((place as u64) >> STEP_BITS, (place as u64) & (STEPS - 1));
    match block.checked_sub(1) {
        None => step.cast_signed(),
        Some(doubling) => (((STEPS + step + 1) << doubling) - 1).cast_signed(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_value_is_in_a_place_whose_end_is_at_most_three_percent_above(
            bits in 0_u32..36, fraction in 0_u64..1 << 35,
        ) {
            let magnitude = (1_u64 << bits) | (fraction & ((1 << bits) - 1));
            let end = upper_end(place(magnitude)).unsigned_abs();
            prop_assert!(end >= magnitude && end - magnitude <= magnitude / STEPS, "{magnitude} {end}");
        }

        #[test]
        fn quantiles_are_those_of_the_sorted_errors(
            mut errors in proptest::collection::vec(-5_000_i64..5_000, 1..200),
        ) {
            let counted = Errors::default();
            for error in &errors {
                counted.record(*error);
            }
            errors.sort_unstable();
            let summary = counted.summary().unwrap();
            let exact = |share: f64| {
                errors[((errors.len() as f64 * share).ceil() as usize).max(1) - 1]
            };
            prop_assert_eq!(summary.count, errors.len() as u64);
            prop_assert_eq!(Some(&summary.max_us), errors.last());
            for (found, exact) in [(summary.p50_us, exact(0.5)), (summary.p99_us, exact(0.99))] {
                prop_assert!((found - exact).abs() <= exact.abs() / 32, "{found} {exact}");
            }
        }
    }

    #[test]
    fn nothing_is_known_before_the_first_error_and_the_largest_fits() {
        let errors = Errors::default();
        assert_eq!(errors.summary(), None);
        errors.record(i64::MAX);
        errors.record(i64::MIN);
        assert_eq!(errors.summary().map(|summary| summary.count), Some(2));
        assert_eq!(place(u64::MAX), PLACES - 1);
    }
}
