//! Faults, breakers and runs as they are listed.

use model::edge::Edge;
use model::id::TraceId;
use serde::{Deserialize, Serialize};

/// One fault: what it did and when it was armed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FaultRow {
    pub fault: String,
    pub hits: u64,
    /// Drawn and spared.
    pub skipped: u64,
    pub edges: Vec<String>,
    /// By time.
    pub transitions: Vec<FaultChange>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultChange {
    pub unix_ns: u64,
    pub state: String,
    pub cause: String,
}

/// One change of a breaker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BreakerChange {
    pub unix_ns: u64,
    pub edge: Edge,
    pub from: String,
    pub to: String,
    pub reason: String,
    /// How long it stays open; `None` for other states.
    pub open_ms: Option<u64>,
    /// The request that made it change.
    pub trace_id: Option<TraceId>,
}
