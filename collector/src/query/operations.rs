//! Spans counted by service, operation and kind.

use std::collections::BTreeMap;

use model::hist::Histogram;
use serde::{Deserialize, Serialize};

use super::Durations;

/// Which operations, and when; minutes are counted whole.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperationQuery {
    pub service: Option<String>,
    /// `server`, `client`, `internal`, `producer`, `consumer`.
    pub kind: Option<String>,
    pub from_unix_ms: Option<u64>,
    /// Up to this time and without it.
    pub to_unix_ms: Option<u64>,
}

/// Which routes, and when; of a run that is over, minutes are counted whole.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RouteQuery {
    pub(crate) service: Option<String>,
    pub(crate) from_unix_ms: Option<u64>,
    pub(crate) to_unix_ms: Option<u64>,
}

impl RouteQuery {
    /// Routes are the operations of servers.
    pub(crate) fn as_operations(&self) -> OperationQuery {
        OperationQuery {
            service: self.service.clone(),
            kind: Some("server".to_owned()),
            from_unix_ms: self.from_unix_ms,
            to_unix_ms: self.to_unix_ms,
        }
    }
}

/// One operation of a service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OperationRow {
    pub service: String,
    /// The route, or the name of the span where there is none.
    pub operation: String,
    pub kind: String,
    pub spans: u64,
    pub errors: u64,
    #[serde(flatten)]
    pub durations: Durations,
}

/// Errors and durations by service, operation and kind.
pub(crate) type OperationCounts = BTreeMap<(String, String, String), (u64, Histogram)>;

/// In the order of the counts.
pub(crate) fn rows(counts: OperationCounts) -> Vec<OperationRow> {
    let row = |((service, operation, kind), (errors, histogram)): (_, (u64, Histogram))| {
        let (spans, durations) = (histogram.count(), Durations::of(&histogram));
        OperationRow { service, operation, kind, spans, errors, durations }
    };
    counts.into_iter().map(row).collect()
}
