//! How much an edge lets through: per time and client ([`rate`]), at once ([`bulkhead`]), and at
//! once by what the callee can bear ([`adaptive`]).
//!
//! All three are asked before any work is done for a request, so each answers from a few atomic
//! words: no allocation, and a lock only where something rare happens (a key that is seen for the
//! first time, the end of a window, a wait). Time is handed in. None of them wakes up on its own.

use tokio::time::Instant;

pub(crate) mod adaptive;
pub(crate) mod bulkhead;
pub(crate) mod rate;
pub(crate) mod times;

/// Nanoseconds from `origin` to `now`. A clock that was read before the origin is at the origin.
pub(crate) fn since_ns(origin: Instant, now: Instant) -> u64 {
    let since = now.saturating_duration_since(origin);
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
