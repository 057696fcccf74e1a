//! Durations of one kind in one second: few are kept as they are, many as a histogram.
//!
//! A histogram with three digits up to ten minutes takes 176 KiB. Most cells of a second hold a
//! handful of durations, so a histogram is made only where it is smaller than the list.

use std::time::Duration;

use hdrhistogram::Histogram;
use model::load::HDR_MAX_US;

/// Durations kept one by one before a histogram takes over: as many bytes as four pages.
const FEW_MAX: usize = 4_096;

/// Durations in microseconds.
#[derive(Debug, Clone)]
pub(crate) enum Samples {
    Few(Vec<u32>),
    Many(Box<Histogram<u64>>),
}

impl Default for Samples {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

/// In microseconds, moved into the bounds of the histograms.
pub(crate) fn bounded_us(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(HDR_MAX_US).clamp(1, HDR_MAX_US)
}

impl Samples {
    pub(crate) fn record(&mut self, duration: Duration) {
        self.record_us(bounded_us(duration));
    }

    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Few(list) if list.is_empty())
    }

    fn record_us(&mut self, us: u64) {
        match self {
            Self::Few(list) if list.len() < FEW_MAX => {
                list.push(u32::try_from(us).unwrap_or(u32::MAX));
            },
            Self::Few(_) => {
                let mut histogram = self.to_histogram();
                histogram.saturating_record(us);
                *self = Self::Many(Box::new(histogram));
            },
            Self::Many(histogram) => histogram.saturating_record(us),
        }
    }

    /// Adds all of the other's durations.
    pub(crate) fn absorb(&mut self, other: &Self) {
        match (&mut *self, other) {
            (_, Self::Few(list)) => list.iter().for_each(|us| self.record_us(u64::from(*us))),
            (Self::Many(histogram), Self::Many(more)) => add(histogram, more),
            (Self::Few(_), Self::Many(more)) => {
                let mut histogram = self.to_histogram();
                add(&mut histogram, more);
                *self = Self::Many(Box::new(histogram));
            },
        }
    }

    pub(crate) fn to_histogram(&self) -> Histogram<u64> {
        match self {
            Self::Many(histogram) => histogram.as_ref().clone(),
            Self::Few(list) => {
                let mut histogram = model::hdr::empty();
                for us in list {
                    histogram.saturating_record(u64::from(*us));
                }
                histogram
            },
        }
    }
}

fn add(histogram: &mut Histogram<u64>, more: &Histogram<u64>) {
    histogram.add(more).expect("all histograms have the same bounds");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(count: u64) -> Samples {
        let mut samples = Samples::default();
        (0..count).for_each(|at| samples.record(Duration::from_micros(at * 37)));
        samples
    }

    fn histogram(count: u64) -> Histogram<u64> {
        let mut histogram = model::hdr::empty();
        (0..count).for_each(|at| histogram.record((at * 37).max(1)).unwrap());
        histogram
    }

    #[test]
    fn few_and_many_durations_give_the_same_histogram_as_recording_each() {
        for count in [0, 1, 4_095, 4_096, 4_097, 20_000] {
            assert_eq!(samples(count).to_histogram(), histogram(count), "{count}");
        }
        assert!(matches!(samples(4_096), Samples::Few(_)));
        assert!(matches!(samples(4_097), Samples::Many(_)));
    }

    #[test]
    fn absorbing_adds_exactly_in_every_combination() {
        for one in [10, 5_000] {
            for other in [10, 4_096, 5_000] {
                let mut sum = samples(one);
                sum.absorb(&samples(other));
                let mut expected = histogram(one);
                expected.add(histogram(other)).unwrap();
                assert_eq!(sum.to_histogram(), expected, "{one} and {other}");
            }
        }
    }

    #[test]
    fn durations_beyond_the_bounds_are_moved_into_them() {
        let mut samples = Samples::default();
        samples.record(Duration::ZERO);
        samples.record(Duration::from_hours(24));
        let histogram = samples.to_histogram();
        assert_eq!((histogram.min(), histogram.len()), (1, 2));
        assert!(histogram.max() >= HDR_MAX_US);
    }
}
