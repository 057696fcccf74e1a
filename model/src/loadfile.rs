//! A load file: what `shakedown load FILE` sends where, for how long, and what must hold.
//!
//! It shares its tables with scenarios (`[[load]]`, `[[flow]]`, `[data]`, `[feeder]`, `[setup]`,
//! `[teardown]`, `[export]`) and has neither a system nor a gateway nor faults: the target is any
//! server, and nothing is done to it but sending requests.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use toml::de::DeTable;

use crate::expect::Threshold;
use crate::feeder::Feeder;
use crate::flow::Flow;
use crate::load::{AtLimit, Load};
use crate::reading;
use crate::reading::reader::{Report, Table};
use crate::scenario::{Export, flows, loads, plans, sections};
use crate::target::Target;

mod read;
mod target;
#[cfg(test)]
mod tests;

pub use crate::reading::outside::{Nowhere, Outside};
pub use crate::reading::problem::{Problem, Problems};

/// One load file, read and resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadFile {
    pub title: String,
    pub seed: u64,
    /// `None` leaves it to the command line.
    pub target: Option<Target>,
    /// Load flows, nothing is judged.
    pub warmup: Duration,
    /// How long load is measured after the warm-up. `None` leaves it to the command line.
    pub duration: Option<Duration>,
    /// Most requests in flight at once. `None` takes what the rate may need.
    pub connections: Option<u32>,
    /// Engine threads. `None` takes what the machine has.
    pub threads: Option<u32>,
    pub at_limit: AtLimit,
    pub loads: Vec<Load>,
    /// The flows that the loads name.
    pub flows: Vec<Flow>,
    /// Lists for `${any:list}`.
    pub data: BTreeMap<String, Vec<String>>,
    /// Rows for `${feeder.column}`.
    pub feeders: Vec<Feeder>,
    /// Walked once before load begins.
    pub setup: Option<Flow>,
    /// Walked once when load has ended.
    pub teardown: Option<Flow>,
    /// What must hold of the load after its warm-up.
    pub thresholds: Vec<Threshold>,
    pub export: Export,
}

impl LoadFile {
    /// Enough connections for every journey of such loads of this file that can be under way at
    /// once, for a file that names no number.
    pub fn connections_needed(&self, loads: &[Load]) -> u32 {
        plans::connections(loads, &self.flows)
    }

    /// Reads and resolves one file, and the files of rows that it points to. `file_name` only
    /// serves the messages.
    pub fn read(file_name: &str, text: &str, outside: &dyn Outside) -> Result<Self, Problems> {
        let report = Report::new(text);
        let Some(document) = reading::document(&report, text, "a load file") else {
            return Err(Problems::new(file_name, report.into_found()));
        };
        let file = read::tables(file_name, Table::root(&report, &document), outside);
        let found = report.into_found();
        if found.is_empty() { Ok(file) } else { Err(Problems::new(file_name, found)) }
    }
}

/// Every table once, so that reading it asks for every key there is.
const WHOLE: &str = r"
target = {}
data = {}
feeder = { NAME = {} }
setup = { steps = [] }
teardown = { steps = [] }
export = {}
[[load]]
retry = {}
hedge = {}
[[flow]]
steps = [{ retry = {}, hedge = {} }]
";

/// The keys of every table that has fixed ones, as [`crate::scenario::language::keys`] has them for
/// scenarios; the top of the file is `the file`.
pub fn keys() -> BTreeMap<String, BTreeSet<&'static str>> {
    let report = Report::new(WHOLE);
    let (document, _errors) = DeTable::parse_recoverable(WHOLE);
    read::tables("keys", Table::root(&report, &document), &Nowhere);
    report.into_asked()
}
