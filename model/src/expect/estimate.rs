//! An observed value with its interval, and what follows from comparing it with a limit.

use std::time::Duration;

use super::check::{Limit, Measure, Operator};
use super::interval::{self, Z};
use super::sample::Sample;
use crate::frame::Verdict;

/// Samples from which on the mean of latencies is taken as normally distributed.
const MEAN_SAMPLES_MIN: u64 = 30;
/// Arrivals or retries below this number say little about a rate.
const COUNT_MIN: u64 = 10;

/// In the unit of the measure: microseconds, fraction, per second, ratio.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Estimate {
    pub(super) value: f64,
    pub(super) low: f64,
    /// May be infinite: something has not ended.
    pub(super) high: f64,
    pub(super) samples: u64,
}

/// How many samples a comparison needs at least before it can be decided. For shares of errors it
/// is the number at which a run without a single error (or, for `>`, with nothing else) passes.
pub(crate) fn samples_needed(measure: Measure, operator: Operator, limit: Limit) -> u64 {
    let below = matches!(operator, Operator::Less | Operator::LessOrEqual);
    match measure {
        // Ten samples beyond the percentile.
        Measure::Quantile(fraction) => (10.0 / (1.0 - fraction) - 1e-6).ceil() as u64,
        Measure::Mean => MEAN_SAMPLES_MIN,
        Measure::Max => 1,
        Measure::Rate => COUNT_MIN,
        Measure::Attempts => MEAN_SAMPLES_MIN,
        Measure::Errors => {
            let limit = limit.value();
            interval::samples_for_share(if below { limit } else { 1.0 - limit }).max(COUNT_MIN)
        },
    }
}

impl Estimate {
    pub(super) fn of(measure: Measure, sample: &Sample) -> Self {
        let samples = sample.count();
        let n = samples.max(1) as f64;
        let (value, low, high) = match measure {
            Measure::Quantile(fraction) => {
                let (lower, upper) = interval::quantile_ranks(samples, fraction);
                let rank = ((fraction * samples as f64).ceil() as u64).max(1);
                (sample.value_at(rank), sample.low_at(lower), sample.high_at(upper))
            },
            Measure::Mean => {
                let (mean, deviation) = sample.moments();
                let half = Z * deviation / (sample.known_count().max(1) as f64).sqrt();
                let open = !sample.censored.is_empty();
                (mean, mean - half, if open { f64::INFINITY } else { mean + half })
            },
            Measure::Max => {
                (sample.value_at(samples), sample.low_at(samples), sample.high_at(samples))
            },
            // Arrivals (flows) or answers (edges) per second, whatever became of them.
            Measure::Rate => {
                let seconds = sample.seconds.max(1e-9);
                let half = Z * (samples as f64).sqrt();
                (n / seconds, (n - half).max(0.0) / seconds, (n + half) / seconds)
            },
            Measure::Errors => {
                let errors = sample.errors.min(samples);
                let (low, high) = interval::share(errors, samples);
                (errors as f64 / n, low, high)
            },
            // Calls to the callee over requests; repeats are rare and independent, so their number
            // is taken as Poisson.
            Measure::Attempts => {
                let ratio = sample.attempts as f64 / n;
                let repeats = sample.attempts.abs_diff(samples).max(1) as f64;
                let half = Z * repeats.sqrt() / n;
                (ratio, (ratio - half).max(0.0), ratio + half)
            },
        };
        Self { value, low, high, samples }
    }

    /// Pass only when the whole interval is on the right side, fail only when none of it is.
    pub(super) fn compare(&self, operator: Operator, limit: f64) -> Verdict {
        let (low, high) = (operator.holds(self.low, limit), operator.holds(self.high, limit));
        match (low, high) {
            (true, true) => Verdict::Pass,
            (false, false) => Verdict::Fail,
            _ => Verdict::Unclear,
        }
    }

    /// What follows where `needed` samples are wanted. A share of errors fails by its interval also
    /// when samples are fewer: ten failures of ten need no more of them. So does a percentile, if
    /// these `are_all`: others to come could be better ones.
    pub(super) fn verdict(
        &self,
        measure: Measure,
        operator: Operator,
        limit: Limit,
        (needed, are_all): (u64, bool),
    ) -> Verdict {
        let enough_to_fail = match measure {
            Measure::Errors => 1,
            Measure::Quantile(_) if are_all => needed.min(COUNT_MIN),
            _ => needed,
        };
        match self.compare(operator, limit.value()) {
            _ if self.samples == 0 && measure != Measure::Rate => Verdict::Unclear,
            Verdict::Fail if self.samples >= enough_to_fail => Verdict::Fail,
            _ if self.samples < needed => Verdict::Unclear,
            verdict => verdict,
        }
    }

    /// `1.21s (1.18s..1.25s, n=1200)`.
    pub(super) fn describe(&self, measure: Measure) -> String {
        if self.samples == 0 {
            return "nothing (n=0)".to_owned();
        }
        let show = |value: f64| describe_value(measure, value);
        let (value, low, high) = (show(self.value), show(self.low), show(self.high));
        format!("{value} ({low}..{high}, n={})", self.samples)
    }
}

/// A value in the unit of its measure, with three digits.
pub(super) fn describe_value(measure: Measure, value: f64) -> String {
    match measure {
        Measure::Quantile(_) | Measure::Mean | Measure::Max => describe_us(value),
        Measure::Rate => format!("{}/s", three_digits(value)),
        Measure::Errors => format!("{}%", three_digits(value * 100.0)),
        Measure::Attempts => three_digits(value),
    }
}

pub(super) fn describe_us(us: f64) -> String {
    match us.max(0.0) {
        us if us.is_infinite() => "unbounded".to_owned(),
        us if us >= 1e6 => format!("{}s", three_digits(us / 1e6)),
        us if us >= 1e3 => format!("{}ms", three_digits(us / 1e3)),
        us => format!("{us:.0}us"),
    }
}

pub(super) fn describe_time(time: Duration) -> String {
    describe_us(time.as_secs_f64() * 1e6)
}

fn three_digits(value: f64) -> String {
    let decimals = match value.abs() {
        value if value >= 99.95 => 0,
        value if value >= 9.995 => 1,
        _ => 2,
    };
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}
