//! Words of the scenario language that this version knows and does not act on. They are refused by
//! name, so that nobody believes that a fault or a check took place.

pub(super) const TABLES: [&str; 3] = ["search", "service", "invariant"];
pub(super) const FAULT_KEYS: [&str; 3] = ["when", "back", "pick"];
pub(super) const STEP_KEYS: [&str; 2] = ["until", "within"];
pub(super) const SAFETY_KEYS: [&str; 2] = ["stop_when", "only"];
pub(super) const EXPORT_KEYS: [&str; 3] = ["junit", "html", "json"];

pub(super) const FAULT_KINDS: [&str; 17] = [
    "bandwidth",
    "refuse",
    "truncate",
    "corrupt",
    "slow-drip",
    "duplicate",
    "dns-fail",
    "kill",
    "pause",
    "cpu",
    "memory",
    "disk-full",
    "fds",
    "clock",
    "drop",
    "delay",
    "reorder",
];

/// Functions of expectations.
pub(crate) const FUNCTIONS: [&str; 8] =
    ["goodput", "leak", "wasted", "cpu", "rss", "queue", "fallback", "compensation"];
/// What phrases of expectations begin with.
pub(crate) const PHRASES: [&str; 3] = ["not metastable", "detected within", "mitigated within"];
/// What comparisons with another phase begin with.
pub(crate) const COMPARISONS: [&str; 2] = ["same as", "not worse than"];
