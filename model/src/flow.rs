//! Flows: what one user does, step by step.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::template::Template;

/// A user journey. Steps run one after the other; the first failed step ends the journey.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flow {
    pub name: String,
    pub steps: Vec<Step>,
}

/// One request of a journey.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// For people and statistics, like `place order`.
    pub name: String,
    /// Index into the targets of the plan.
    #[serde(default)]
    pub target: usize,
    /// Upper case.
    pub method: String,
    /// Path and query.
    pub path: Template,
    #[serde(default)]
    pub headers: BTreeMap<String, Template>,
    /// Sent as JSON.
    #[serde(default)]
    pub body: Option<Template>,
    /// Value of the `idempotency-key` header.
    #[serde(default)]
    pub key: Option<Template>,
    /// Name to JSON pointer (RFC 6901) into the answer.
    #[serde(default)]
    pub save: BTreeMap<String, String>,
    /// Statuses that count as success; empty means 200 to 299.
    #[serde(default)]
    pub status: Vec<u16>,
    /// A saved name: once the step succeeds, the system has promised to keep this thing, and the
    /// end of the run checks that it did.
    #[serde(default)]
    pub acknowledges: Option<String>,
    /// `None` uses the load's timeout.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
}
