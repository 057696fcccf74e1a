//! One fault by itself, for `shakedown fault arm`: the same `[[fault]]` table as in a file.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Outside, Problems, SECRET_KEYS, read};
use crate::edge::Edge;
use crate::fault::{FOREVER_MS, FaultSpec};
use crate::plan::Protocol;
use crate::reading;
use crate::reading::faults;
use crate::reading::reader::{Report, Table};

/// A fault that is to be armed on a running gateway.
#[derive(Debug, Clone, PartialEq)]
pub struct ArmFile {
    /// Its windows count from its arming.
    pub fault: FaultSpec,
    /// When its last window ends; `None` when it says no end.
    pub ends_after: Option<Duration>,
}

/// Reads a file with one `[[fault]]`. `edges` are those of the gateway with what they carry, where
/// that is known.
pub fn parse_fault(
    file_name: &str,
    text: &str,
    edges: &BTreeMap<Edge, Option<Protocol>>,
    outside: &dyn Outside,
) -> Result<ArmFile, Problems> {
    let report = Report::hiding(text, SECRET_KEYS);
    let faults = reading::document(&report, text, "a fault").map(|document| {
        let mut root = Table::root(&report, &document);
        let tables = root.tables("fault");
        match tables.as_slice() {
            [] if report.is_empty() => root.wrong("this needs a [[fault]]"),
            [_, second, ..] => second.wrong("one fault is armed at a time"),
            _ => {},
        }
        root.finish(&[]);
        faults::read_tables(tables, &read::rules(edges, outside)).specs
    });
    let found = report.into_found();
    let fault = faults.into_iter().flatten().next().filter(|_| found.is_empty());
    let Some(fault) = fault else { return Err(Problems::new(file_name, found)) };
    let end_ms = Some(fault.end_ms()).filter(|end_ms| *end_ms < FOREVER_MS);
    Ok(ArmFile { fault, ends_after: end_ms.map(Duration::from_millis) })
}
