//! What says that an endpoint does worse than it should: Envoy's five detectors, as counting and
//! arithmetic only. What follows from a detection is the roster's affair.
//!
//! Three count failures in a row and speak with the request that reaches their limit. Two compare
//! the endpoints at the end of each interval: who succeeds less often than the mean by more than so
//! many standard deviations, and who fails more often than a fixed share.
//!
//! Only what an endpoint did counts. The gateway's own refusals never do: when they did in Envoy,
//! a limit that was reached here had healthy endpoints ejected there. Injected faults do not
//! either, unless the policy asks for it.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use model::policy::balance::OutlierPolicy;
use model::units::Share;

use super::Cause;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detector {
    Consecutive5xx,
    GatewayFailure,
    LocalOriginFailure,
    SuccessRate,
    FailurePercentage,
}

impl Detector {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Consecutive5xx => "consecutive-5xx",
            Self::GatewayFailure => "consecutive-gateway-failure",
            Self::LocalOriginFailure => "consecutive-local-origin-failure",
            Self::SuccessRate => "success-rate",
            Self::FailurePercentage => "failure-percentage",
        }
    }

    /// The share of its detections that are acted on.
    pub(super) fn enforcing(self, policy: &OutlierPolicy) -> Share {
        match self {
            Self::Consecutive5xx => policy.enforcing_consecutive_5xx,
            Self::GatewayFailure => policy.enforcing_consecutive_gateway_failure,
            Self::LocalOriginFailure => policy.enforcing_consecutive_local_origin_failure,
            Self::SuccessRate => policy.enforcing_success_rate,
            Self::FailurePercentage => policy.enforcing_failure_percentage,
        }
    }

    /// Why a detector of failures in a row spoke, for people.
    pub(super) fn reason_in_a_row(self, policy: &OutlierPolicy) -> String {
        match self {
            Self::GatewayFailure => {
                format!("{} gateway failures in a row", policy.consecutive_gateway_failure)
            },
            Self::LocalOriginFailure => {
                format!("{} attempts without an answer", policy.consecutive_local_origin_failure)
            },
            _ => format!("{} failures in a row", policy.consecutive_5xx),
        }
    }
}

/// What an outcome says about an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signal {
    Good,
    /// It answered 5xx.
    Failed {
        gateway: bool,
    },
    /// Refused, reset, timed out.
    Unanswered,
}

impl Signal {
    /// `None` says nothing.
    fn of(cause: Cause, policy: &OutlierPolicy) -> Option<Self> {
        match cause {
            Cause::Success => Some(Self::Good),
            Cause::Upstream { status } => Some(Self::of_status(status)),
            Cause::Injected { status } => policy.count_injected.then(|| Self::of_status(status)),
            Cause::Local | Cause::Unknown => None,
        }
    }

    fn of_status(status: Option<u16>) -> Self {
        match status {
            None => Self::Unanswered,
            Some(502..=504) => Self::Failed { gateway: true },
            Some(500..=599) => Self::Failed { gateway: false },
            // Whatever else the policies of the edge make of it, the endpoint does its work.
            Some(_) => Self::Good,
        }
    }
}

/// Attempts of one interval and how many of them were good.
#[derive(Debug, Default)]
struct Volume {
    total: AtomicU64,
    good: AtomicU64,
}

impl Volume {
    fn add(&self, good: bool) {
        self.total.fetch_add(1, Ordering::Relaxed);
        if good {
            self.good.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn take(&self) -> Sample {
        let total = self.total.swap(0, Ordering::Relaxed);
        // An attempt that ends between the two swaps is good without being counted.
        let good = self.good.swap(0, Ordering::Relaxed).min(total);
        Sample { good, total }
    }
}

/// The counters of one endpoint.
#[derive(Debug, Default)]
pub(super) struct Tally {
    failures: AtomicU32,
    gateway_failures: AtomicU32,
    unanswered: AtomicU32,
    /// Judged by answers; with everything else in it unless the origins are split.
    external: Volume,
    /// Judged by whether there was an answer; only when the origins are split.
    local: Volume,
}

impl Tally {
    /// Learns an outcome; the detectors that it set off.
    pub(super) fn learn(&self, cause: Cause, policy: &OutlierPolicy) -> [Option<Detector>; 2] {
        let split = policy.split_external_local_origin_errors;
        match Signal::of(cause, policy) {
            None => [None, None],
            Some(Signal::Good) => {
                self.external.add(true);
                clear(&self.failures);
                clear(&self.gateway_failures);
                self.was_answered(split);
                [None, None]
            },
            Some(Signal::Failed { gateway }) => {
                self.was_answered(split);
                self.failed(gateway, policy)
            },
            Some(Signal::Unanswered) if split => {
                self.local.add(false);
                let limit = policy.consecutive_local_origin_failure;
                [reached(&self.unanswered, limit).then_some(Detector::LocalOriginFailure), None]
            },
            Some(Signal::Unanswered) => self.failed(true, policy),
        }
    }

    fn failed(&self, gateway: bool, policy: &OutlierPolicy) -> [Option<Detector>; 2] {
        self.external.add(false);
        let at_gateway = if gateway {
            reached(&self.gateway_failures, policy.consecutive_gateway_failure)
        } else {
            clear(&self.gateway_failures);
            false
        };
        let at_all = reached(&self.failures, policy.consecutive_5xx);
        [at_gateway.then_some(Detector::GatewayFailure), at_all.then_some(Detector::Consecutive5xx)]
    }

    fn was_answered(&self, split: bool) {
        if split {
            self.local.add(true);
            clear(&self.unanswered);
        }
    }

    /// A detector has spoken and begins anew.
    pub(super) fn restart(&self, detector: Detector) {
        match detector {
            Detector::Consecutive5xx => clear(&self.failures),
            Detector::GatewayFailure => clear(&self.gateway_failures),
            Detector::LocalOriginFailure => clear(&self.unanswered),
            Detector::SuccessRate | Detector::FailurePercentage => {},
        }
    }

    /// An endpoint that comes back is not judged by what it did before.
    pub(super) fn clear(&self) {
        clear(&self.failures);
        clear(&self.gateway_failures);
        clear(&self.unanswered);
        self.take();
    }

    /// The interval that ends: by answers, and by whether there were any.
    pub(super) fn take(&self) -> [Sample; 2] {
        [self.external.take(), self.local.take()]
    }
}

/// Exactly one of several threads sees the limit reached.
fn reached(streak: &AtomicU32, limit: u32) -> bool {
    streak.fetch_add(1, Ordering::Relaxed).wrapping_add(1) == limit
}

/// Most calls are good after good ones: looking first leaves the cache line to its readers.
fn clear(streak: &AtomicU32) {
    if streak.load(Ordering::Relaxed) != 0 {
        streak.store(0, Ordering::Relaxed);
    }
}

/// What one endpoint did in one interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) good: u64,
    pub(super) total: u64,
}

impl Sample {
    fn success_percent(self) -> f64 {
        self.good as f64 * 100.0 / self.total as f64
    }

    fn has(self, volume: u32) -> bool {
        self.total > 0 && self.total >= u64::from(volume)
    }
}

/// A detection at the end of an interval: which of the endpoints, by what, and why.
pub(super) type Found = (usize, Detector, String);

/// Compares the endpoints that are not ejected; `samples` holds them with their places in the list.
pub(super) fn compare(samples: &[(usize, Sample)], policy: &OutlierPolicy) -> Vec<Found> {
    let mut found = below_the_mean(samples, policy);
    found.extend(above_the_share(samples, policy));
    found
}

fn below_the_mean(samples: &[(usize, Sample)], policy: &OutlierPolicy) -> Vec<Found> {
    let enough = |(_, sample): &&(usize, Sample)| sample.has(policy.success_rate_request_volume);
    let rates: Vec<(usize, f64)> = samples
        .iter()
        .filter(enough)
        .map(|(place, sample)| (*place, sample.success_percent()))
        .collect();
    if rates.is_empty() || rates.len() < policy.success_rate_minimum_hosts as usize {
        return Vec::new();
    }
    let count = rates.len() as f64;
    let mean = rates.iter().map(|(_, rate)| rate).sum::<f64>() / count;
    let variance = rates.iter().map(|(_, rate)| (rate - mean).powi(2)).sum::<f64>() / count;
    let allowed = f64::from(policy.success_rate_stdev_factor) / 1_000.0 * variance.sqrt();
    rates
        .into_iter()
        // Equal rates differ from their mean by rounding alone, which is no reason.
        .filter(|(_, rate)| mean - rate > allowed && mean - rate > 1e-9)
        .map(|(place, rate)| {
            let threshold = mean - allowed;
            let reason = format!("success rate {rate:.1}% below {threshold:.1}%, mean {mean:.1}%");
            (place, Detector::SuccessRate, reason)
        })
        .collect()
}

fn above_the_share(samples: &[(usize, Sample)], policy: &OutlierPolicy) -> Vec<Found> {
    let volume = policy.failure_percentage_request_volume;
    let judged: Vec<&(usize, Sample)> =
        samples.iter().filter(|(_, sample)| sample.has(volume)).collect();
    if judged.len() < policy.failure_percentage_minimum_hosts as usize {
        return Vec::new();
    }
    let limit = policy.failure_percentage_threshold;
    let is_above = |sample: &Sample| {
        let failed = u128::from(sample.total - sample.good);
        failed * u128::from(Share::WHOLE_PPM) >= u128::from(sample.total) * u128::from(limit.ppm())
    };
    judged
        .into_iter()
        .filter(|(_, sample)| is_above(sample))
        .map(|(place, sample)| {
            let (failed, total) = (sample.total - sample.good, sample.total);
            let reason = format!("{failed} of {total} attempts failed (limit {limit})");
            (*place, Detector::FailurePercentage, reason)
        })
        .collect()
}

#[cfg(test)]
mod tests;
