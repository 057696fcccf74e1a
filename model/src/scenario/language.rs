//! The words of the scenario language: the keys that a file may hold, and what this version knows
//! and does not act on. The latter is refused by name, so that nobody believes that a fault or a
//! check took place.
//!
//! For those who write about the language; reading a scenario needs none of the functions here.

use std::collections::{BTreeMap, BTreeSet};

use crate::fault::{KINDS, KindRow};

/// Every table once, so that reading it asks for every key there is.
const WHOLE: &str = r#"
system = {}
run = {}
safety = {}
export = {}
data = {}
feeder = { NAME = {} }
setup = { steps = [] }
teardown = { steps = [] }
[gateway]
edge = {}
[gateway.defaults]
retry = {}
hedge = {}
breaker = { backoff = {} }
rate_limit = {}
bulkhead = {}
adaptive_limit = {}
balance = {}
health = {}
outlier = {}
[[service]]
[[load]]
retry = {}
hedge = {}
[[flow]]
retry = {}
hedge = {}
steps = [{ retry = {}, hedge = {} }]
[[fault]]
add = {}
match = {}
when = {}
kind = "latency"
[[expect]]
"#;

/// The keys of every table that has fixed ones, by the name that messages give the table
/// (`[run]`, `[[fault]]`, `retry of [gateway.defaults]`); the top of the file is `the file`.
///
/// It is what the parser really asks for: an empty file of all tables is read, and what was asked
/// is noted. Tables whose keys the writer chooses (`[data]`, `[gateway.edge]`, `save`, `headers`)
/// have none; a feeder is called `[feeder.NAME]`.
pub fn keys() -> BTreeMap<String, BTreeSet<&'static str>> {
    super::read::keys(WHOLE)
}

/// Everything that is refused as not supported by this version: keys, kinds of faults, functions
/// and phrases of expectations.
pub fn refused() -> Vec<&'static str> {
    let words: [&[&'static str]; 9] = [
        &TABLES,
        &SERVICE_KEYS,
        &FAULT_KEYS,
        &SAFETY_KEYS,
        &EXPORT_KEYS,
        &FAULT_KINDS,
        &FUNCTIONS,
        &PHRASES,
        &COMPARISONS,
    ];
    words.concat()
}

/// Kinds of faults that a scenario can ask for: its edges carry HTTP, and it holds no secrets.
pub fn kinds() -> Vec<&'static str> {
    let asked = |row: &&KindRow| row.http && row.name != "caller";
    KINDS.iter().filter(asked).map(|row| row.name).collect()
}

pub(super) const TABLES: [&str; 2] = ["search", "invariant"];
pub(super) const SERVICE_KEYS: [&str; 3] = ["ready", "env", "url"];
pub(super) const FAULT_KEYS: [&str; 2] = ["back", "pick"];
pub(super) const SAFETY_KEYS: [&str; 2] = ["stop_when", "only"];
pub(super) const EXPORT_KEYS: [&str; 3] = ["junit", "html", "json"];

pub(super) const FAULT_KINDS: [&str; 11] = [
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_of_the_file_is_asked_for_its_keys() {
        let keys = keys();
        for table in &keys["the file"] {
            let scalar = ["title", "seed", "data", "feeder"].contains(table);
            let known = [format!("[{table}]"), format!("[[{table}]]")];
            assert!(scalar || known.iter().any(|name| keys.contains_key(name)), "{table}");
        }
        for inner in [
            "[gateway.defaults]",
            "retry of [gateway.defaults]",
            "breaker of [gateway.defaults]",
            "a step of [[flow]]",
            "outlier of [gateway.defaults]",
            "add of [[fault]]",
            "match of [[fault]]",
            "when of [[fault]]",
        ] {
            assert!(keys.contains_key(inner), "{inner}");
        }
        assert!(keys["[[fault]]"].contains("share"), "{keys:?}");
    }
}
