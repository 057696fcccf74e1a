//! The forest of a trace, from spans in any order.
//!
//! The same spans give the same forest whatever order they came in. Parents that never came,
//! spans that were sent twice, circles of parents, and children outside the time of their parents
//! are repaired where that is possible, flagged at the span, and counted, never passed over.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::skew;
use crate::frame::Span;
use crate::id::SpanId;

/// What was odd about one trace, or about many when merged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    pub traces: u64,
    /// Distinct spans.
    pub spans: u64,
    /// Spans that came again with the same id and kind; one of them is kept.
    pub duplicates: u64,
    /// Server spans that share the id of their client span, as B3 allows.
    pub shared_ids: u64,
    /// Spans without a parent, by their own word.
    pub roots: u64,
    /// Spans whose parent never came. They stand beside the roots.
    pub orphans: u64,
    /// Circles of parents, cut at their earliest span.
    pub cycles: u64,
    /// Spans that were moved because the clock of their process disagrees with their caller's.
    pub shifted: u64,
    /// Farthest move, in nanoseconds.
    pub shift_ns_max: u64,
    /// Spans that end after their parent: work that nobody waited for, or asynchronous work.
    pub overruns: u64,
    /// Spans that begin after their parent has ended.
    pub detached: u64,
}

impl Findings {
    pub fn merge(&mut self, other: &Self) {
        self.traces += other.traces;
        self.spans += other.spans;
        self.duplicates += other.duplicates;
        self.shared_ids += other.shared_ids;
        self.roots += other.roots;
        self.orphans += other.orphans;
        self.cycles += other.cycles;
        self.shifted += other.shifted;
        self.shift_ns_max = self.shift_ns_max.max(other.shift_ns_max);
        self.overruns += other.overruns;
        self.detached += other.detached;
    }
}

/// A span at its place. Times are those after the repair of clocks.
#[derive(Debug, Clone)]
pub struct Node<'a> {
    pub span: &'a Span,
    pub parent: Option<usize>,
    /// By start.
    pub children: Vec<usize>,
    pub start_unix_ns: u64,
    pub end_unix_ns: u64,
    /// How far the repair of clocks moved it; 0 for most.
    pub shift_ns: i64,
    /// It names a parent that never came.
    pub orphan: bool,
    /// It closed a circle of parents, which was cut here.
    pub cut: bool,
}

impl Node<'_> {
    pub fn duration_ns(&self) -> u64 {
        self.end_unix_ns - self.start_unix_ns
    }

    pub(super) fn is(&self, kind: &str) -> bool {
        self.span.kind == kind
    }
}

/// The spans of one trace as a forest. Nodes are numbered by start.
#[derive(Debug, Clone)]
pub struct Tree<'a> {
    pub nodes: Vec<Node<'a>>,
    /// Nodes without a parent, the main one first: real roots before orphans before cut circles,
    /// each by start.
    pub roots: Vec<usize>,
    pub findings: Findings,
    by_id: BTreeMap<SpanId, Vec<usize>>,
}

impl<'a> Tree<'a> {
    pub fn of(spans: &'a [Span]) -> Self {
        let (kept, duplicates) = distinct(spans);
        let mut nodes: Vec<Node<'a>> = kept.into_iter().map(node).collect();
        let mut findings =
            Findings { traces: 1, spans: nodes.len() as u64, duplicates, ..Findings::default() };
        let by_id = link(&mut nodes, &mut findings);
        findings.cycles = cut_cycles(&mut nodes);
        for child in 0..nodes.len() {
            if let Some(parent) = nodes[child].parent {
                nodes[parent].children.push(child);
            }
        }
        let roots = roots_of(&nodes);
        let mut tree = Self { nodes, roots, findings, by_id };
        skew::repair(&mut tree);
        tree.order_children();
        tree.look_at_times();
        tree
    }

    /// The main root; `None` without spans.
    pub fn root(&self) -> Option<usize> {
        self.roots.first().copied()
    }

    /// The span of an id; the client's when a server shares it.
    pub fn find(&self, span_id: SpanId) -> Option<usize> {
        let same = self.by_id.get(&span_id)?;
        same.iter().find(|at| self.nodes[**at].is("client")).or(same.first()).copied()
    }

    /// The parents of a node, nearest first, without itself.
    pub fn ancestors(&self, of: usize) -> impl Iterator<Item = usize> + '_ {
        std::iter::successors(self.nodes[of].parent, |at| self.nodes[*at].parent)
    }

    /// The node and everything below it, parents before children.
    pub fn below(&self, of: usize) -> Vec<usize> {
        let mut found = vec![of];
        let mut next = 0;
        while let Some(at) = found.get(next) {
            found.extend(&self.nodes[*at].children);
            next += 1;
        }
        found
    }

    /// The repair of clocks may have changed their order.
    fn order_children(&mut self) {
        for at in 0..self.nodes.len() {
            let mut children = std::mem::take(&mut self.nodes[at].children);
            children.sort_by_key(|child| (self.nodes[*child].start_unix_ns, *child));
            self.nodes[at].children = children;
        }
    }

    fn look_at_times(&mut self) {
        for node in &self.nodes {
            let Some(parent) = node.parent.map(|at| &self.nodes[at]) else { continue };
            if node.start_unix_ns > parent.end_unix_ns {
                self.findings.detached += 1;
            } else if node.end_unix_ns > parent.end_unix_ns {
                self.findings.overruns += 1;
            }
        }
    }
}

fn node(span: &Span) -> Node<'_> {
    Node {
        span,
        parent: None,
        children: Vec::new(),
        start_unix_ns: span.start_unix_ns,
        end_unix_ns: span.start_unix_ns.saturating_add(span.duration_ns),
        shift_ns: 0,
        orphan: false,
        cut: false,
    }
}

/// One span for each id and kind, by start; of unequal ones the earliest and then the longest.
fn distinct(spans: &[Span]) -> (Vec<&Span>, u64) {
    let mut kept: Vec<&Span> = spans.iter().collect();
    kept.sort_by(|left, right| {
        let key = |span: &Span| {
            (span.span_id, span.start_unix_ns, std::cmp::Reverse(span.duration_ns), span.parent)
        };
        (left.kind.as_str(), key(left))
            .cmp(&(right.kind.as_str(), key(right)))
            .then_with(|| (&left.service, &left.name).cmp(&(&right.service, &right.name)))
    });
    kept.dedup_by(|next, first| (next.span_id, &next.kind) == (first.span_id, &first.kind));
    kept.sort_by_key(|span| (span.start_unix_ns, span.span_id));
    let duplicates = (spans.len() - kept.len()) as u64;
    (kept, duplicates)
}

/// Finds everybody's parent by id.
fn link(nodes: &mut [Node<'_>], findings: &mut Findings) -> BTreeMap<SpanId, Vec<usize>> {
    let mut by_id: BTreeMap<SpanId, Vec<usize>> = BTreeMap::new();
    for (at, node) in nodes.iter().enumerate() {
        by_id.entry(node.span.span_id).or_default().push(at);
    }
    for child in 0..nodes.len() {
        let span = nodes[child].span;
        let of_kind = |id: SpanId, kind: &str| {
            by_id.get(&id)?.iter().copied().find(|at| nodes[*at].span.kind == kind)
        };
        if span.kind == "server"
            && let Some(client) = of_kind(span.span_id, "client")
        {
            findings.shared_ids += 1;
            nodes[child].parent = Some(client);
            continue;
        }
        let Some(id) = span.parent else {
            findings.roots += 1;
            continue;
        };
        // Of two spans with one id, the server's is the one that made further calls.
        let parent = of_kind(id, "server").or_else(|| by_id.get(&id)?.first().copied());
        nodes[child].parent = parent;
        nodes[child].orphan = parent.is_none();
        findings.orphans += u64::from(parent.is_none());
    }
    by_id
}

/// Makes a root of the earliest node of every circle.
fn cut_cycles(nodes: &mut [Node<'_>]) -> u64 {
    // The walk that a node was first seen in; 0 is none.
    let mut seen_in = vec![0_usize; nodes.len()];
    let mut cycles = 0;
    for start in 0..nodes.len() {
        let walk = start + 1;
        let mut at = Some(start);
        while let Some(here) = at.filter(|here| seen_in[*here] == 0) {
            seen_in[here] = walk;
            at = nodes[here].parent;
        }
        // A walk that meets itself has gone in a circle, and stands on it.
        let Some(met) = at.filter(|here| seen_in[*here] == walk) else { continue };
        let circle = std::iter::successors(Some(met), |here| nodes[*here].parent);
        let rest = circle.skip(1).take_while(|here| *here != met);
        let earliest = rest.min().map_or(met, |least| least.min(met));
        nodes[earliest].parent = None;
        nodes[earliest].cut = true;
        cycles += 1;
    }
    cycles
}

fn roots_of(nodes: &[Node<'_>]) -> Vec<usize> {
    let mut roots: Vec<usize> = (0..nodes.len()).filter(|at| nodes[*at].parent.is_none()).collect();
    roots.sort_by_key(|at| (nodes[*at].cut, nodes[*at].orphan, *at));
    roots
}
