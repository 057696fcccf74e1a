//! The metrics that are no more than a counter or a level of an edge.

use super::super::edge::{Count, Level};
use super::super::family::{Key, Unit};

const LIMITER: Key = Key { attribute: "shakedown.limiter", word: "limiter" };
const DIRECTION: Key = Key { attribute: "direction", word: "direction" };
pub(super) const RESULT: Key = Key { attribute: "result", word: "result" };

/// A metric whose series differ by edge and by one label at most.
pub(super) struct Plain {
    pub(super) name: &'static str,
    pub(super) unit: Unit,
    pub(super) help: &'static str,
    pub(super) label: Option<Key>,
    /// The counters, each with the value of the label.
    pub(super) counts: &'static [(Count, &'static str)],
}

pub(super) const PLAIN: [Plain; 12] = [
    Plain {
        name: "shakedown.requests.begun",
        unit: Unit::One,
        help: "Requests that came in, also those that have not ended.",
        label: None,
        counts: &[(Count::Requests, "")],
    },
    Plain {
        name: "shakedown.attempts.begun",
        unit: Unit::One,
        help: "Attempts that went out, also those that have not ended.",
        label: None,
        counts: &[(Count::Attempts, "")],
    },
    Plain {
        name: "shakedown.retries",
        unit: Unit::One,
        help: "Attempts after the first one of their request.",
        label: None,
        counts: &[(Count::Retries, "")],
    },
    Plain {
        name: "shakedown.retries.refused",
        unit: Unit::One,
        help: "Retries that the budget had nothing left for.",
        label: None,
        counts: &[(Count::RetriesRefused, "")],
    },
    Plain {
        name: "shakedown.hedges",
        unit: Unit::One,
        help: "Second attempts that were sent beside a slow first one.",
        label: None,
        counts: &[(Count::Hedges, "")],
    },
    Plain {
        name: "shakedown.hedges.won",
        unit: Unit::One,
        help: "Hedges that answered first.",
        label: None,
        counts: &[(Count::HedgesWon, "")],
    },
    Plain {
        name: "shakedown.limited",
        unit: Unit::One,
        help: "Requests that a limit turned away.",
        label: Some(LIMITER),
        counts: &[
            (Count::RateLimited, "rate"),
            (Count::BulkheadLimited, "bulkhead"),
            (Count::AdaptiveLimited, "adaptive"),
        ],
    },
    Plain {
        name: "shakedown.breaker.rejected",
        unit: Unit::One,
        help: "Requests that the breaker turned away.",
        label: None,
        counts: &[(Count::BreakerRejected, "")],
    },
    Plain {
        name: "shakedown.transferred",
        unit: Unit::Bytes,
        help: "Bytes towards the callee (up) and towards the caller (down).",
        label: Some(DIRECTION),
        counts: &[(Count::BytesUp, "up"), (Count::BytesDown, "down")],
    },
    Plain {
        name: "shakedown.connections",
        unit: Unit::One,
        help: "Connections of callers that were accepted.",
        label: None,
        counts: &[(Count::ConnectionsAccepted, "")],
    },
    Plain {
        name: "shakedown.connections.refused",
        unit: Unit::One,
        help: "Connections of callers that were closed at once because there were too many.",
        label: None,
        counts: &[(Count::ConnectionsRefused, "")],
    },
    Plain {
        name: "shakedown.pool.taken",
        unit: Unit::One,
        help: "Connections to the callee that an attempt took: opened for it, or used again.",
        label: Some(RESULT),
        counts: &[(Count::PoolOpened, "opened"), (Count::PoolReused, "reused")],
    },
];

/// What goes up and down.
pub(super) const LEVELS: [(Level, &str, &str); 2] = [
    (Level::InFlight, "http.server.active_requests", "Requests that have not ended."),
    (Level::ConnectionsOpen, "shakedown.connections.open", "Open connections of callers."),
];
