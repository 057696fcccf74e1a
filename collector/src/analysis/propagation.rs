//! Where the context of a request was lost: which hop did not pass it on, or sent no span.
//!
//! | Seen | Meaning |
//! |---|---|
//! | a server span without a parent, its id known from elsewhere | the hop dropped the context |
//! | an answered call without a server span, of a service that sends them | the span is missing |
//! | a span whose parent never came | the parent was not sent, or was lost on the way |
//! | a span without the correlation id of the span above it | the hop dropped the correlation id |
//! | a span with another correlation id than the span above it | the hop replaced it |

use std::collections::BTreeSet;

use model::frame::{Span, Trace};
use model::id::{SpanId, TraceId};
use model::names::attribute;
use model::trace::{Tree, attribute_text, correlation_id, edges_of};
use serde::{Deserialize, Serialize};

/// A client and a server whose clocks differ by less are still taken to overlap.
const TOLERANCE_NS: u64 = 5_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// The trace begins again in the middle.
    TraceContext,
    /// An answered call has no server span.
    ServerSpan,
    /// The parent of a span never came.
    ParentSpan,
    /// The correlation id is missing from here on.
    CorrelationId,
    /// The correlation id is another one from here on.
    OtherCorrelationId,
}

impl Loss {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TraceContext => "trace context",
            Self::ServerSpan => "server span",
            Self::ParentSpan => "parent span",
            Self::CorrelationId => "correlation id",
            Self::OtherCorrelationId => "other correlation id",
        }
    }
}

/// A hop that lost something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostHop {
    pub loss: Loss,
    /// The service that had it last; empty when nobody is known to have had it.
    pub from: String,
    /// The service that no longer had it.
    pub to: String,
    /// The last span that had it.
    pub from_span: Option<(TraceId, SpanId)>,
    /// The first span without it; `None` when it has not come.
    pub to_span: Option<(TraceId, SpanId)>,
    pub unix_ns: u64,
    /// For people.
    pub text: String,
}

/// Looks at the traces of one request, or at any traces: what is joined is joined by correlation
/// id. By time.
pub fn lost_hops(traces: &[Trace]) -> Vec<LostHop> {
    let trees: Vec<(TraceId, Tree<'_>)> =
        traces.iter().map(|trace| (trace.trace_id, Tree::of(&trace.spans))).collect();
    let open = open_calls(&trees);
    let mut lost = Vec::new();
    let mut answered = BTreeSet::new();
    for (trace_id, tree) in &trees {
        for root in &tree.roots {
            lost.extend(lost_root(&trees, &open, (*trace_id, tree, *root), &mut answered));
        }
        lost.extend((0..tree.nodes.len()).filter_map(|at| lost_id(*trace_id, tree, at)));
    }
    let known = servers(&trees);
    let missing = open.iter().filter(|call| !answered.contains(&(call.trace_id, call.span_id)));
    lost.extend(missing.filter_map(|call| call.without_server(&known)));
    lost.sort_by_key(|hop| (hop.unix_ns, hop.loss));
    lost
}

/// A call without a server span below it.
#[derive(Debug)]
struct OpenCall<'a> {
    trace_id: TraceId,
    span_id: SpanId,
    span: &'a Span,
    correlation_id: Option<&'a str>,
    /// The callee, when the span or its edge names it.
    callee: Option<&'a str>,
    from_unix_ns: u64,
    to_unix_ns: u64,
}

/// The last part of `caller -> callee`.
fn callee_of(span: &Span) -> Option<&str> {
    let edge = attribute_text(span, attribute::EDGE);
    edge.and_then(|edge| edge.split_once(" -> "))
        .map(|(_, callee)| callee)
        .or_else(|| attribute_text(span, "peer.service"))
        .or_else(|| attribute_text(span, "service.peer.name"))
}

fn open_calls<'a>(trees: &[(TraceId, Tree<'a>)]) -> Vec<OpenCall<'a>> {
    let mut open = Vec::new();
    for (trace_id, tree) in trees {
        for node in tree.nodes.iter().filter(|node| node.span.kind == "client") {
            if node.children.iter().any(|child| tree.nodes[*child].span.kind == "server") {
                continue;
            }
            open.push(OpenCall {
                trace_id: *trace_id,
                span_id: node.span.span_id,
                span: node.span,
                correlation_id: correlation_id(node.span),
                callee: callee_of(node.span),
                from_unix_ns: node.start_unix_ns,
                to_unix_ns: node.end_unix_ns,
            });
        }
    }
    open
}

/// Services that are known to send server spans.
fn servers<'a>(trees: &[(TraceId, Tree<'a>)]) -> BTreeSet<&'a str> {
    let nodes = trees.iter().flat_map(|(_, tree)| &tree.nodes);
    nodes.filter(|node| node.span.kind == "server").map(|node| node.span.service.as_str()).collect()
}

impl OpenCall<'_> {
    /// Only calls that were answered must have been served, and only by a service that sends spans.
    fn without_server(&self, known: &BTreeSet<&str>) -> Option<LostHop> {
        let callee = self.callee.filter(|callee| known.contains(callee))?;
        let answered = self.span.attributes.contains_key(attribute::HTTP_STATUS);
        // An answer that a fault made, or the gateway itself, was served by nobody.
        let made_up = self.span.attributes.contains_key(attribute::BLAME);
        (answered && !made_up).then(|| LostHop {
            loss: Loss::ServerSpan,
            from: self.span.service.clone(),
            to: callee.to_owned(),
            from_span: Some((self.trace_id, self.span_id)),
            to_span: None,
            unix_ns: self.from_unix_ns,
            text: format!(
                "{callee} answered {:?}, and its server span has not come",
                self.span.name
            ),
        })
    }
}

/// A root in the middle of a request.
fn lost_root(
    trees: &[(TraceId, Tree<'_>)],
    open: &[OpenCall<'_>],
    (trace_id, tree, root): (TraceId, &Tree<'_>, usize),
    answered: &mut BTreeSet<(TraceId, SpanId)>,
) -> Option<LostHop> {
    let node = &tree.nodes[root];
    let service = &node.span.service;
    let to_span = Some((trace_id, node.span.span_id));
    if node.orphan {
        let from = caller_of(tree, root).unwrap_or_default();
        let text = format!("the span above {:?} of {service} has not come", node.span.name);
        let (to, unix_ns) = (service.clone(), node.start_unix_ns);
        return Some(LostHop {
            loss: Loss::ParentSpan,
            from,
            to,
            from_span: None,
            to_span,
            unix_ns,
            text,
        });
    }
    let id = correlation_id(node.span).filter(|_| node.span.kind == "server" && !node.cut)?;
    let target = [Some(service.as_str()), callee_of(node.span)];
    let fits = |call: &&OpenCall<'_>| {
        let elsewhere = (call.trace_id, call.span_id) != (trace_id, node.span.span_id);
        let in_time = call.from_unix_ns <= node.start_unix_ns.saturating_add(TOLERANCE_NS)
            && node.start_unix_ns <= call.to_unix_ns.saturating_add(TOLERANCE_NS);
        let named = call.callee.is_none() || target.contains(&call.callee);
        elsewhere
            && call.trace_id != trace_id
            && call.correlation_id == Some(id)
            && in_time
            && named
    };
    let distance = |call: &&OpenCall<'_>| call.from_unix_ns.abs_diff(node.start_unix_ns);
    let taken = |call: &&OpenCall<'_>| !answered.contains(&(call.trace_id, call.span_id));
    let call = open.iter().filter(fits).filter(taken).min_by_key(distance);
    let (from, from_span) = match call {
        Some(call) => {
            answered.insert((call.trace_id, call.span_id));
            (call.span.service.clone(), Some((call.trace_id, call.span_id)))
        },
        // Nobody's call fits: the caller made it without a span of its own.
        None => (caller_within(trees, trace_id, tree, root)?, None),
    };
    let text = format!("{from} did not pass the trace context on: {service} began a new trace");
    let (to, unix_ns) = (service.clone(), node.start_unix_ns);
    Some(LostHop { loss: Loss::TraceContext, from, to, from_span, to_span, unix_ns, text })
}

fn caller_of(tree: &Tree<'_>, at: usize) -> Option<String> {
    let edge = edges_of(tree)[at].clone()?;
    edge.split_once(" -> ").map(|(caller, _)| caller.to_owned())
}

/// The service that was at work on the same request in another trace when this root began.
fn caller_within(
    trees: &[(TraceId, Tree<'_>)],
    trace_id: TraceId,
    tree: &Tree<'_>,
    root: usize,
) -> Option<String> {
    let node = &tree.nodes[root];
    let id = correlation_id(node.span)?;
    let mut at_work: BTreeSet<(u64, &str)> = BTreeSet::new();
    for (_, other) in trees.iter().filter(|(other, _)| *other != trace_id) {
        for above in &other.nodes {
            let holds = (above.start_unix_ns..=above.end_unix_ns).contains(&node.start_unix_ns);
            if holds && correlation_id(above.span) == Some(id) {
                at_work.insert((above.start_unix_ns, above.span.service.as_str()));
            }
        }
    }
    // The edge names the caller; else it was the span that began last.
    let named = caller_of(tree, root);
    let is_named = |service: &str| named.as_deref().is_none_or(|named| named == service);
    let last = at_work.iter().rev().find(|(_, service)| is_named(service))?;
    Some(last.1.to_owned())
}

/// A span that lost the correlation id of the span above it.
fn lost_id(trace_id: TraceId, tree: &Tree<'_>, at: usize) -> Option<LostHop> {
    let node = &tree.nodes[at];
    let above = node.parent.map(|parent| tree.nodes[parent].span)?;
    let had = correlation_id(above)?;
    let (loss, text) = match correlation_id(node.span) {
        Some(has) if has == had => return None,
        Some(has) => {
            let text = format!("{} goes on with {has:?} instead of {had:?}", node.span.service);
            (Loss::OtherCorrelationId, text)
        },
        // Spans inside a service need not repeat what the request's span says.
        None if node.span.kind != "server" => return None,
        None => {
            let text = format!("{} has no correlation id below {had:?}", node.span.service);
            (Loss::CorrelationId, text)
        },
    };
    Some(LostHop {
        loss,
        from: above.service.clone(),
        to: node.span.service.clone(),
        from_span: Some((trace_id, above.span_id)),
        to_span: Some((trace_id, node.span.span_id)),
        unix_ns: node.start_unix_ns,
        text,
    })
}

#[cfg(test)]
mod tests;
