//! Services and the calls between them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{CallRow, Durations, EdgeCounts, EdgeQuery, EdgeRow, Window};
use crate::live::ServiceCall;
use crate::store::Rollup;

/// The service graph of a window.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Graph {
    /// By name.
    pub nodes: Vec<GraphNode>,
    pub edges: Vec<EdgeRow>,
    /// Calls since the start of the run as the spans of both sides tell them, also of services that
    /// no gateway stands between; empty for a run that is over.
    pub calls: Vec<CallRow>,
}

/// A service, with what was asked of it by all its callers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GraphNode {
    pub service: String,
    pub requests: u64,
    pub errors: u64,
    /// Services that it calls.
    pub calls: Vec<String>,
    #[serde(flatten)]
    pub durations: Durations,
}

#[derive(Default)]
struct Node {
    asked: Rollup,
    calls: Vec<String>,
}

impl Graph {
    /// From counts of edges over the whole window.
    pub(crate) fn of(query: &EdgeQuery, window: Window, counts: EdgeCounts) -> Self {
        let mut nodes: BTreeMap<String, Node> = BTreeMap::new();
        for ((_, edge), counted) in &counts {
            nodes.entry(edge.caller.clone()).or_default().calls.push(edge.callee.clone());
            nodes.entry(edge.callee.clone()).or_default().asked.merge(counted);
        }
        let nodes = nodes.into_iter().map(|(service, Node { asked, mut calls })| {
            calls.sort();
            GraphNode {
                service,
                requests: asked.duration.count(),
                errors: asked.errors,
                calls,
                durations: Durations::of(&asked.duration),
            }
        });
        Self { nodes: nodes.collect(), edges: query.rows(window, counts), calls: Vec::new() }
    }

    pub(crate) fn with_calls(self, calls: Vec<ServiceCall>) -> Self {
        let row = |call: ServiceCall| CallRow {
            caller: call.caller,
            callee: call.callee,
            calls: call.calls,
            errors: call.failed,
            server: Durations::of(&call.server),
            client: Durations::of(&call.client),
        };
        Self { calls: calls.into_iter().map(row).collect(), ..self }
    }
}
