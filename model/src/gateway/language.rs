//! The words of the gateway file, for those who write about it.

use std::collections::{BTreeMap, BTreeSet};

use toml::de::DeTable;

use super::read;
use crate::reading::outside::Nowhere;
use crate::reading::reader::Report;

/// Every table once, so that reading it asks for every key there is.
const WHOLE: &str = r#"
[proxy]
[limits]
[defaults]
retry = {}
hedge = {}
breaker = { backoff = {} }
rate_limit = {}
bulkhead = {}
adaptive_limit = {}
balance = {}
health = {}
outlier = {}
[edge."a -> b"]
[[route]]
[[fault]]
kind = "latency"
add = {}
match = {}
when = {}
"#;

/// The keys of every table that has fixed ones, by the name that messages give the table; the top
/// of the file is `the file`, and every edge is `[edge]`.
///
/// It is what the parser really asks for: an empty file of all tables is read, and what was asked
/// is noted.
pub fn keys() -> BTreeMap<String, BTreeSet<&'static str>> {
    let report = Report::new(WHOLE);
    let (document, _errors) = DeTable::parse_recoverable(WHOLE);
    _ = read::file(&report, &document, &Nowhere);
    let named = |(table, keys): (String, _)| (table.replace(".\"a -> b\"", ""), keys);
    report.into_asked().into_iter().map(named).collect()
}
