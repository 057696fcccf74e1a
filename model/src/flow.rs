//! Flows: what one user does, step by step.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::distribution::Distribution;
use crate::template::Template;

mod body;
mod client;
mod condition;
mod extract;
pub mod header;

pub use body::Body;
pub use client::{ClientHedge, ClientPolicy, Setting};
pub use condition::{Comparison, Condition, Operand, Seen, Test, Value};
pub use extract::{Extract, ExtractError, Path, Pattern};

/// A user journey. Steps run one after the other; the first failed step ends the journey.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flow {
    pub name: String,
    pub steps: Vec<Step>,
    /// The user keeps the cookies that answers set, and sends them back.
    #[serde(default)]
    pub cookies: bool,
}

/// One request of a journey.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    #[serde(default)]
    pub body: Option<Body>,
    /// Value of the `idempotency-key` header.
    #[serde(default)]
    pub key: Option<Template>,
    /// Name to the place of its value in the answer.
    #[serde(default)]
    pub save: BTreeMap<String, Extract>,
    /// Statuses that count as success; empty means 200 to 299.
    #[serde(default)]
    pub status: Vec<u16>,
    /// What must hold of an answer with such a status.
    #[serde(default)]
    pub check: Vec<Condition>,
    /// A saved name: once the step succeeds, the system has promised to keep this thing, and the
    /// end of the run checks that it did.
    #[serde(default)]
    pub acknowledges: Option<String>,
    /// The step is left out unless all of these hold.
    #[serde(default)]
    pub when: Vec<Condition>,
    /// The step is left out when all of these hold; empty never leaves it out.
    #[serde(default)]
    pub unless: Vec<Condition>,
    #[serde(default)]
    pub turns: Turns,
    /// How long the user looks at the answer before going on.
    #[serde(default)]
    pub think: Option<Distribution>,
    /// For all attempts of one turn. `None` uses the load's timeout.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
    #[serde(default)]
    pub client: ClientPolicy,
}

/// How often a step is done before the next one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Turns {
    /// All of them without `until`, at most so many with it.
    pub max: u32,
    /// The step is done again until all of these hold of its answer. When they still do not at the
    /// last turn, the step has failed. Empty holds never.
    pub until: Vec<Condition>,
    /// No turn begins later than this after the first one; with `until` only.
    pub within_ms: Option<u64>,
    /// Between two turns; with `until` only.
    pub pause: Option<Distribution>,
}

impl Default for Turns {
    fn default() -> Self {
        Self { max: 1, until: Vec::new(), within_ms: None, pause: None }
    }
}

impl Flow {
    pub fn new(name: impl Into<String>, steps: Vec<Step>) -> Self {
        Self { name: name.into(), steps, cookies: false }
    }
}

impl Step {
    /// A request without anything more.
    pub fn new(name: impl Into<String>, method: impl Into<String>, path: Template) -> Self {
        Self {
            name: name.into(),
            target: 0,
            method: method.into(),
            path,
            headers: BTreeMap::new(),
            body: None,
            key: None,
            save: BTreeMap::new(),
            status: Vec::new(),
            check: Vec::new(),
            acknowledges: None,
            when: Vec::new(),
            unless: Vec::new(),
            turns: Turns::default(),
            think: None,
            timeout_ms: None,
            client: ClientPolicy::default(),
        }
    }

    /// Every template of the step, in which holes are filled before a request is sent.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        let body = self.body.as_ref().and_then(Body::template);
        std::iter::once(&self.path).chain(self.headers.values()).chain(body).chain(&self.key)
    }

    /// Every condition of the step, asked before or after its request.
    pub fn conditions(&self) -> impl Iterator<Item = &Condition> {
        self.when.iter().chain(&self.unless).chain(&self.check).chain(&self.turns.until)
    }
}
