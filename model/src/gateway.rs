//! `gateway.toml`: a proxy that stands alone, as one file that a person writes.
//!
//! It is read by the same reader as a scenario and speaks the same language of policies and faults;
//! what it has of its own are listeners, endpoints, routes and limits. Secrets are never in it. Its
//! faults need no lease: they act as long as they stand in the file.

use crate::plan::{Plan, ProxyConfig};
use crate::reading;
use crate::reading::reader::Report;

mod arm;
mod edges;
pub mod language;
mod process;
mod read;
mod routes;

pub use crate::reading::outside::{Nowhere, Outside};
pub use crate::reading::problem::{Problem, Problems};
pub use arm::{ArmFile, parse_fault};
pub use process::{ADMIN_DEFAULT, admin_problem};

/// Keys that would hold a secret, if the file were the place for one.
const SECRET_KEYS: &[&str] = &["admin_token", "token"];

/// One file, read and checked.
#[derive(Debug, Clone, PartialEq)]
pub struct GatewayFile {
    /// What is bound once. A path in it counts from the folder of the file.
    pub config: ProxyConfig,
    /// The first plan, under epoch 1 and without a zero, which the process gives it.
    pub plan: Plan,
}

impl GatewayFile {
    /// Reads one file. `file_name` only serves the messages; `outside` is asked for what the file
    /// points to.
    pub fn parse(file_name: &str, text: &str, outside: &dyn Outside) -> Result<Self, Problems> {
        let report = Report::hiding(text, SECRET_KEYS);
        let read = reading::document(&report, text, "a gateway file")
            .map(|document| read::file(&report, &document, outside));
        let found = report.into_found();
        match read.flatten().filter(|_| found.is_empty()) {
            Some(file) => Ok(file),
            None => Err(Problems::new(file_name, found)),
        }
    }
}

/// What is wrong with the URL of an OTLP backend, if anything is.
pub fn otlp_problem(url: &str) -> Option<String> {
    reading::url::check_otlp(url).err()
}

#[cfg(test)]
mod tests;
