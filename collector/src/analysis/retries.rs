//! Work that was repeated, and work that was done for nobody.
//!
//! Each attempt of a call is a client span of its own (OpenTelemetry's HTTP conventions), so how
//! often calls are repeated can be counted. Spans that go on after the call that wanted them has
//! ended show work without a reader of its result, like retries after the caller's deadline.

use std::collections::BTreeMap;

use model::id::TraceId;
use model::names::attribute;
use model::trace::{Node, Tree, attribute_text, edges_of, is_attempt, is_repeat, is_request};
use serde::{Deserialize, Serialize};

use super::sample::{Gathered, Prepared, SampleSize};

/// Traces named as examples.
const EXAMPLES_MAX: usize = 5;
const SECOND_NS: u64 = 1_000_000_000;
/// Ending takes a moment; what is at work longer than this has not noticed that nobody waits.
const NOTICED_NS: u64 = 1_000_000;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RetryReport {
    pub traces: SampleSize,
    /// By name. Edges of the gateway, and calls between services that it did not see.
    pub edges: Vec<EdgeRetries>,
}

/// Repeated and wasted work on one edge.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct EdgeRetries {
    /// `caller -> callee`
    pub edge: String,
    /// Calls that the caller made, each counted once however often it repeated them.
    pub calls: u64,
    /// Calls that the caller made again itself.
    pub resends: u64,
    /// Requests that the gateway served on this edge; 0 without a gateway.
    pub requests: u64,
    /// Attempts of the gateway.
    pub attempts: u64,
    /// Attempts for each call; without a gateway, calls with resends for each call.
    pub amplification: f64,
    /// Most attempts for one call.
    pub attempts_max: u64,
    /// The second with most attempts for each call, among those with a repetition.
    pub worst_second: Option<WorstSecond>,
    /// What attempts that were repeated had failed with, by `error.type`.
    pub reasons: BTreeMap<String, u64>,
    /// Repeated calls that succeeded in the end.
    pub rescued: u64,
    /// Spans that went on after the call that wanted them had ended, and for how long.
    pub outlived: u64,
    pub wasted_ns: u64,
    /// Of them, those that began only then.
    pub begun_after: u64,
    /// Most repetitions first.
    pub repeated_in: Vec<TraceId>,
    /// Most wasted time first.
    pub wasted_in: Vec<TraceId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorstSecond {
    pub unix_s: u64,
    pub calls: u64,
    pub attempts: u64,
}

/// What is counted beside the report.
#[derive(Debug, Default)]
struct Account {
    edge: EdgeRetries,
    /// Calls and attempts by second.
    seconds: BTreeMap<u64, (u64, u64)>,
    repetitions: BTreeMap<TraceId, u64>,
    waste: BTreeMap<TraceId, u64>,
}

pub fn retries(gathered: &Gathered) -> RetryReport {
    let mut accounts: BTreeMap<String, Account> = BTreeMap::new();
    for sample in &gathered.prepared() {
        let edges = edges_of(&sample.tree);
        for at in 0..sample.tree.nodes.len() {
            count_call(&mut accounts, sample, &edges, at);
        }
        count_waste(&mut accounts, sample, &edges);
    }
    let edges = accounts.into_iter().map(|(edge, account)| account.finish(edge)).collect();
    RetryReport { traces: gathered.size(), edges }
}

/// A request of the gateway with its attempts, or a call that no gateway saw.
fn count_call(
    accounts: &mut BTreeMap<String, Account>,
    sample: &Prepared<'_>,
    edges: &[Option<String>],
    at: usize,
) {
    let tree = &sample.tree;
    let node = &tree.nodes[at];
    if is_request(node.span) {
        let Some(edge) = attribute_text(node.span, attribute::EDGE) else { return };
        let attempts: Vec<&Node<'_>> = node
            .children
            .iter()
            .map(|child| &tree.nodes[*child])
            .filter(|child| is_attempt(child.span))
            .collect();
        // The caller's own repetition shows on its client span.
        let resent = node.parent.is_some_and(|parent| is_repeat(tree.nodes[parent].span));
        let account = accounts.entry(edge.to_owned()).or_default();
        account.edge.requests += 1;
        account.add(node, &attempts, resent, sample.trace_id);
    } else if node.span.kind == "client" && !is_attempt(node.span) {
        let server = node.children.iter().find(|child| tree.nodes[**child].span.kind == "server");
        // The gateway's request counts for it.
        let Some(server) = server.filter(|child| !is_request(tree.nodes[**child].span)) else {
            return;
        };
        let Some(edge) = &edges[*server] else { return };
        let account = accounts.entry(edge.clone()).or_default();
        account.add(node, &[], is_repeat(node.span), sample.trace_id);
    }
}

/// Calls that go on after a call above them has given up.
fn count_waste(
    accounts: &mut BTreeMap<String, Account>,
    sample: &Prepared<'_>,
    edges: &[Option<String>],
) {
    let tree = &sample.tree;
    let given_up = given_up(tree);
    for (at, node) in tree.nodes.iter().enumerate() {
        let (Some(edge), true) = (&edges[at], is_call(node)) else { continue };
        let wanted_until = given_up[at];
        if node.end_unix_ns <= wanted_until.saturating_add(NOTICED_NS) {
            continue;
        }
        let account = accounts.entry(edge.clone()).or_default();
        account.edge.outlived += 1;
        account.edge.begun_after += u64::from(node.start_unix_ns >= wanted_until);
        // The time of a span holds that of the spans below it: only the uppermost counts.
        let parent = node.parent.filter(|parent| is_call(&tree.nodes[*parent]));
        let is_counted = parent.is_some_and(|parent| {
            tree.nodes[parent].end_unix_ns > wanted_until.saturating_add(NOTICED_NS)
                && given_up[parent] == wanted_until
        });
        if !is_counted {
            let wasted_ns = node.end_unix_ns - wanted_until.max(node.start_unix_ns);
            account.edge.wasted_ns = account.edge.wasted_ns.saturating_add(wasted_ns);
            *account.waste.entry(sample.trace_id).or_default() += wasted_ns;
        }
    }
}

fn is_call(node: &Node<'_>) -> bool {
    matches!(node.span.kind.as_str(), "client" | "server")
}

/// For each node the time at which the first failed call above it had ended; the end of time when
/// none has. Work that its parent does not wait for has no caller.
fn given_up(tree: &Tree<'_>) -> Vec<u64> {
    let mut given_up = vec![u64::MAX; tree.nodes.len()];
    for at in tree.roots.iter().flat_map(|root| tree.below(*root)) {
        let node = &tree.nodes[at];
        let Some(parent_at) = node.parent else { continue };
        let parent = &tree.nodes[parent_at];
        let goes_on_beside = !is_call(node) && node.end_unix_ns > parent.end_unix_ns;
        if goes_on_beside {
            continue;
        }
        let ended =
            if is_call(parent) && parent.span.error { parent.end_unix_ns } else { u64::MAX };
        given_up[at] = given_up[parent_at].min(ended);
    }
    given_up
}

impl Account {
    fn add(&mut self, node: &Node<'_>, attempts: &[&Node<'_>], resent: bool, trace_id: TraceId) {
        let tried = attempts.len() as u64;
        let edge = &mut self.edge;
        edge.calls += u64::from(!resent);
        edge.resends += u64::from(resent);
        edge.attempts += tried;
        edge.attempts_max = edge.attempts_max.max(tried.max(1));
        let second = self.seconds.entry(node.start_unix_ns / SECOND_NS).or_default();
        second.0 += u64::from(!resent);
        second.1 += if tried == 0 { 1 } else { tried };
        let repeated = tried.saturating_sub(1) + u64::from(resent);
        if repeated > 0 {
            *self.repetitions.entry(trace_id).or_default() += repeated;
            edge.rescued += u64::from(!node.span.error);
        }
        let failed = attempts.iter().rev().skip(1).filter(|attempt| attempt.span.error);
        for attempt in failed {
            let reason = attribute_text(attempt.span, attribute::ERROR_TYPE).unwrap_or("unknown");
            *edge.reasons.entry(reason.to_owned()).or_default() += 1;
        }
    }

    fn finish(self, name: String) -> EdgeRetries {
        let mut edge = self.edge;
        edge.edge = name;
        let tries = if edge.requests > 0 { edge.attempts } else { edge.calls + edge.resends };
        edge.amplification = tries as f64 / edge.calls.max(1) as f64;
        edge.worst_second = self
            .seconds
            .iter()
            .filter(|(_, (calls, attempts))| attempts > calls)
            .map(|(unix_s, (calls, attempts))| WorstSecond {
                unix_s: *unix_s,
                calls: *calls,
                attempts: *attempts,
            })
            // Larger by cross multiplication: no division by a second without first calls.
            .max_by(|one, other| {
                let (left, right) = (one.attempts * other.calls, other.attempts * one.calls);
                left.cmp(&right).then(other.unix_s.cmp(&one.unix_s))
            });
        edge.repeated_in = most(&self.repetitions);
        edge.wasted_in = most(&self.waste);
        edge
    }
}

/// The traces with most, the most first.
fn most(counts: &BTreeMap<TraceId, u64>) -> Vec<TraceId> {
    let mut traces: Vec<(&TraceId, &u64)> = counts.iter().collect();
    traces.sort_by_key(|(trace_id, count)| (std::cmp::Reverse(**count), **trace_id));
    traces.into_iter().take(EXAMPLES_MAX).map(|(trace_id, _)| *trace_id).collect()
}

#[cfg(test)]
mod tests;
