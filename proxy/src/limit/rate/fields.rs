//! What a client is told about its quota, in header fields.

use std::time::Duration;

use super::{Quota, Rate};
use crate::digits::Digits;

/// Of draft-ietf-httpapi-ratelimit-headers, up to its seventh version; what clients read today.
const LIMIT: &str = "ratelimit-limit";
const REMAINING: &str = "ratelimit-remaining";
const RESET: &str = "ratelimit-reset";
const RETRY_AFTER: &str = "retry-after";

impl Rate {
    pub(crate) fn quota(&self) -> &Quota {
        match self {
            Self::Pass(quota) | Self::Limited(quota) => quota,
        }
    }

    /// Hands name and value of each field to `put`: of every answer the quota, of a refusal also
    /// when to come back.
    pub(crate) fn fields(&self, mut put: impl FnMut(&'static str, &str)) {
        let quota = self.quota();
        let mut field = |name, number| put(name, Digits::of(number).as_str());
        field(LIMIT, u64::from(quota.limit));
        field(REMAINING, u64::from(quota.remaining));
        field(RESET, seconds(quota.reset_after));
        if let Self::Limited(quota) = self {
            field(RETRY_AFTER, seconds(quota.retry_after).max(1));
        }
    }
}

/// Whole seconds, rounded up: a client that waits so long is not refused again.
fn seconds(duration: Duration) -> u64 {
    duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0))
}
