//! What must hold for any bytes: the bodies of the fuzz targets in `proxy/fuzz`.
//!
//! They live here so that they are built with everything else, and an ordinary test runs each of
//! them over its seeds, over seeds with damage and over random bytes. To add a target: a function
//! that panics when something is wrong, a line in [`TARGETS`], a folder of seeds, and a file in
//! `proxy/fuzz/fuzz_targets`.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use model::fault::{FaultSpec, Window};
use model::plan::{ArmRequest, EdgePlan, Plan, Protocol};
use model::policy::EdgePolicy;

pub mod caller;
pub mod context;
pub mod http1;
pub mod text;

/// The body of a fuzz target.
pub type Target = fn(&[u8]);

/// Every target by the name of its file and of its folder of seeds.
pub const TARGETS: &[(&str, Target)] = &[
    ("request_head", http1::request_head),
    ("response_head", http1::response_head),
    ("chunked_body", http1::chunked_body),
    ("deadline", deadline),
    ("retry_advice", retry_advice),
    ("caller_faults", caller::caller_faults),
    ("trace_context", context::trace_context),
    ("event_stream", event_stream),
    ("query_match", text::query_match),
    ("units", text::units),
    ("plan", plan),
    ("toxic", toxic),
];

/// Times of the caller, from an instant that does not matter.
pub fn deadline(data: &[u8]) {
    crate::deadline::fuzz_deadline(data, tokio::time::Instant::now());
}

/// What a callee says about another attempt.
pub fn retry_advice(data: &[u8]) {
    crate::retry::advice::fuzz_advice(data);
}

/// Where a stream of server-sent events is cut.
pub fn event_stream(data: &[u8]) {
    crate::shape::fuzz_events(data);
}

/// Bodies of the admin API: what is read is written so that the same is read again, and an answer
/// about what is wrong names a place.
pub fn plan(data: &[u8]) {
    if let Ok(plan) = serde_json::from_slice::<Plan>(data) {
        let text = serde_json::to_vec(&plan).expect("a plan can be written");
        let again: Plan = serde_json::from_slice(&text).expect("a written plan can be read");
        // Secrets are not written, so texts are compared.
        assert_eq!(serde_json::to_vec(&again).ok(), Some(text));
        let checked = crate::validate::validate(&plan, &BTreeMap::new());
        assert!(checked.is_ok() || checked.is_err_and(|wrong| !wrong.field.is_empty()));
    }
    if let Ok(request) = serde_json::from_slice::<ArmRequest>(data) {
        let text = serde_json::to_vec(&request.fault).expect("a fault can be written");
        let again: FaultSpec = serde_json::from_slice(&text).expect("it can be read again");
        assert_eq!(serde_json::to_vec(&again).ok(), Some(text));
    }
}

/// Toxics of the Toxiproxy API: what is taken becomes faults of a valid plan.
pub fn toxic(data: &[u8]) {
    crate::toxiproxy::fuzz_toxic(data, |edge, fault| {
        // The window comes when the fault is armed.
        let schedule = vec![Window { start_ms: 0, end_ms: 1 }];
        let endpoints = vec![SocketAddr::from(([127, 0, 0, 1], 1))];
        let edges = vec![EdgePlan { edge: edge.clone(), endpoints, policy: EdgePolicy::default() }];
        let plan = Plan { edges, faults: vec![FaultSpec { schedule, ..fault }], ..Plan::empty() };
        let known = BTreeMap::from([(plan.edges[0].edge.clone(), Protocol::Tcp)]);
        assert_eq!(crate::validate::validate(&plan, &known), Ok(()));
    });
}

#[cfg(test)]
mod tests;
