//! Repeats of failed attempts, and second copies of slow ones.

use serde::{Deserialize, Serialize};

use crate::units::Share;

/// What makes an attempt worth repeating.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RetryOn {
    /// The callee could not be reached: nothing was sent, so any method may be repeated.
    Connect,
    /// The connection broke before an answer. Only idempotent methods and requests with an
    /// idempotency key are repeated.
    Reset,
    /// This status. The method rule of `Reset` applies, except for 503, which says that nothing
    /// was done.
    Status(u16),
}

/// Repeats of failed attempts, bounded in number and as a share of all traffic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetryPolicy {
    /// Attempts of one request, the first included.
    pub attempts: u32,
    pub on: Vec<RetryOn>,
    /// The n-th wait is uniform in `[0, min(max, min * 2^(n-1))]`, but not below `min / 2`.
    pub backoff_min_ms: u64,
    pub backoff_max_ms: u64,
    /// Retries allowed as a share of first attempts over the last ten seconds.
    pub budget: Share,
    /// Retries per second that are allowed whatever the traffic, so that a quiet edge can retry.
    pub budget_reserve_per_s: u32,
    /// A callee that says `retry-after` or `grpc-retry-pushback-ms` is not asked again before that
    /// time has passed; the drawn wait comes on top, so that not all come back at once. When the
    /// time is longer than this, the request is not repeated. 0 ignores both headers, except for a
    /// pushback that forbids to come again.
    #[serde(default)]
    pub retry_after_max_ms: u64,
}

/// A second copy of an attempt that takes long: the first answer wins. Only for idempotent
/// requests, and charged to the budget of the retry policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HedgePolicy {
    /// The copy leaves when the first has taken longer than this share of recent ones.
    pub percentile: Share,
    /// But not before this time.
    pub delay_min_ms: u64,
    /// Answers that must have been seen before a percentile is believed.
    pub minimum_requests: u32,
}
