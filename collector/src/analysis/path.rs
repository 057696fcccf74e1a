//! The critical path of one trace, for `GET /v1/traces/{id}/critical-path`.

use model::frame::Trace;
use model::id::{SpanId, TraceId};
use model::trace::{Blame, BlameShare, Findings, Work, explain};
use serde::{Deserialize, Serialize};

use super::sample::prepared;

/// What a trace was waiting for, instant by instant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CriticalPath {
    pub trace_id: TraceId,
    /// The main root: the path is that of this span.
    pub root: SpanId,
    pub start_unix_ns: u64,
    /// The sum of all pieces.
    pub duration_ns: u64,
    /// In order of time, without gap or overlap.
    pub pieces: Vec<PathPiece>,
    pub services: Vec<BlameShare>,
    pub work: Vec<BlameShare>,
    /// Spans that began after the root had ended: work that went on in the background.
    pub background_spans: u64,
    /// What had to be repaired to make a tree of the spans.
    pub findings: Findings,
    /// Spans that were moved because clocks disagree.
    pub shifted: Vec<Shift>,
}

/// A stretch of time that one span spent itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PathPiece {
    /// After the start of the root.
    pub at_ns: u64,
    pub duration_ns: u64,
    pub span_id: SpanId,
    pub service: String,
    pub name: String,
    /// `caller -> callee`
    pub edge: Option<String>,
    pub work: Work,
    /// The fault that made it, when it was injected.
    pub fault: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shift {
    pub span_id: SpanId,
    /// Added to its times.
    pub shift_ns: i64,
}

/// `None` without spans.
pub fn critical_path(trace: &Trace) -> Option<CriticalPath> {
    let sample = prepared(trace);
    let tree = &sample.tree;
    let root = tree.root()?;
    let pieces = explain(tree, root, &sample.ledger);
    let mut blame = Blame::default();
    blame.add(tree, &pieces);
    let (start, end) = (tree.nodes[root].start_unix_ns, tree.nodes[root].end_unix_ns);
    let background = tree.nodes.iter().filter(|node| node.start_unix_ns >= end);
    let background_spans = background.filter(|node| node.parent.is_some()).count() as u64;
    let shifted = tree.nodes.iter().filter(|node| node.shift_ns != 0);
    Some(CriticalPath {
        trace_id: trace.trace_id,
        root: tree.nodes[root].span.span_id,
        start_unix_ns: start,
        duration_ns: end - start,
        services: blame.by(|key| key.service.clone()),
        work: blame.by(|key| key.work.as_str().to_owned()),
        background_spans,
        findings: tree.findings,
        shifted: shifted
            .map(|node| Shift { span_id: node.span.span_id, shift_ns: node.shift_ns })
            .collect(),
        pieces: pieces
            .into_iter()
            .map(|piece| {
                let span = tree.nodes[piece.node].span;
                PathPiece {
                    at_ns: piece.from_unix_ns - start,
                    duration_ns: piece.duration_ns(),
                    span_id: span.span_id,
                    service: span.service.clone(),
                    name: span.name.clone(),
                    edge: piece.edge,
                    work: piece.work,
                    fault: piece.fault,
                }
            })
            .collect(),
    })
}
