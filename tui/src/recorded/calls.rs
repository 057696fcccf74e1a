//! Calls between services, as the frames count them.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use model::answer::{CallRow, Durations};
use model::edge::Edge;
use model::frame::Frame;
use model::hist::Histogram;

/// All requests through the edges of the gateway, by caller and callee. What calls another service
/// without the gateway is not in the frames.
pub fn calls_of<F: Borrow<Frame>>(frames: impl Iterator<Item = F>) -> Vec<CallRow> {
    let mut edges: BTreeMap<Edge, (u64, u64, Histogram)> = BTreeMap::new();
    for frame in frames.filter(|frame| crate::store::is_sound(frame.borrow())) {
        for edge in &frame.borrow().edges {
            let (calls, errors, durations) = edges.entry(edge.edge.clone()).or_default();
            *calls = calls.saturating_add(edge.requests);
            *errors = errors.saturating_add(edge.error_count());
            durations.merge(&edge.duration);
        }
    }
    let row = |(edge, (calls, errors, durations)): (Edge, (u64, u64, Histogram))| CallRow {
        caller: edge.caller,
        callee: edge.callee,
        calls,
        errors,
        server: Durations::of(&durations),
        client: Durations::default(),
    };
    edges.into_iter().map(row).collect()
}
