//! A scenario, read and resolved: everything in it can be acted on without looking anything up.
//!
//! Wildcards are edges, relative times are milliseconds after the end of the baseline, defaults are
//! filled in, and every name leads somewhere. What the language knows but this version does not act
//! on is refused with its position, never ignored.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use crate::edge::Edge;
use crate::expect::Expectation;
use crate::fault::FaultSpec;
use crate::feeder::Feeder;
use crate::flow::Flow;
use crate::load::Load;
use crate::policy::EdgePolicy;
use crate::units::Share;

pub mod check;
mod expects;
mod faults;
pub(crate) mod flows;
mod gateway;
pub mod language;
pub(crate) mod loads;
pub(crate) mod plans;
mod rate;
mod read;
mod recorded;
mod scale;
pub(crate) mod sections;
mod services;
#[cfg(test)]
mod tests;
mod users;

pub use crate::reading::outside::{Nowhere, Outside};
pub use crate::reading::problem::{Problem, Problems};
pub(crate) use rate::per_second;
pub use services::OwnService;

/// One resolved scenario file.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    pub title: String,
    pub seed: u64,
    /// Planted flaws of the sample shop that are switched on.
    pub weaknesses: Vec<String>,
    /// Programs that run beside the shop.
    pub services: Vec<OwnService>,
    /// Where the public gateway listens; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// For every edge of the system.
    pub policies: BTreeMap<Edge, EdgePolicy>,
    pub run: RunTimes,
    pub loads: Vec<Load>,
    /// The flows that the loads name.
    pub flows: Vec<Flow>,
    /// Lists for `${any:list}`.
    pub data: BTreeMap<String, Vec<String>>,
    /// Rows for `${feeder.column}`.
    pub feeders: Vec<Feeder>,
    /// Walked once before load begins; what it saves is there for all, as `${setup.name}`.
    pub setup: Option<Flow>,
    /// Walked once when load has ended.
    pub teardown: Option<Flow>,
    pub faults: Vec<FaultSpec>,
    pub expectations: Vec<Expectation>,
    pub safety: Safety,
    pub export: Export,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunTimes {
    /// Load flows, nothing is judged.
    pub warmup: Duration,
    /// The baseline.
    pub before: Duration,
    /// Without faults: how long `during` lasts. With faults it lasts until the last one ends.
    pub during: Duration,
    /// Watched once the last fault is gone.
    pub after: Duration,
    /// Share of users that no fault may touch.
    pub control: Share,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Safety {
    /// Faults end this long after the last heartbeat of the runner.
    pub lease: Duration,
    /// The run is stopped (exit code 3) when it takes longer than this.
    pub limit: Duration,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Export {
    /// Base of an OTLP backend, like `http://127.0.0.1:4318`.
    pub otlp: Option<String>,
}

impl Scenario {
    /// Reads and resolves one file that points to no other. `file_name` only serves the messages.
    pub fn parse(file_name: &str, text: &str) -> Result<Self, Problems> {
        Self::read(file_name, text, &Nowhere)
    }

    /// Reads and resolves one file, and the files of rows that it points to.
    pub fn read(file_name: &str, text: &str, outside: &dyn Outside) -> Result<Self, Problems> {
        read::read(file_name, text, outside).map_err(|found| Problems::new(file_name, found))
    }
}
