//! Whose work each stretch of a critical path was.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ledger::LedgerEntry;
use super::path::{Segment, critical_path};
use super::request::{attribute_text, edges_of, is_attempt, is_request};
use super::tree::Tree;
use crate::edge::Blame;
use crate::names::attribute;

/// What a span did while it waited for no other span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// Its service was at work (or waited for something that sends no spans, like its disk).
    Own,
    /// Between a client span and the server span that answered it: wire, connection, backlog.
    Transit,
    /// A call whose callee has sent no span.
    Unseen,
    /// For a place: a connection that was not ready, or the limits of the gateway.
    Queue,
    /// Between a failed attempt and the next one.
    RetryWait,
    /// A fault that was asked for.
    Injected,
}

impl Work {
    pub const ALL: [Self; 6] =
        [Self::Own, Self::Transit, Self::Unseen, Self::Queue, Self::RetryWait, Self::Injected];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Transit => "transit",
            Self::Unseen => "unseen",
            Self::Queue => "queue",
            Self::RetryWait => "retry-wait",
            Self::Injected => "injected",
        }
    }
}

/// A stretch of a critical path with its meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    pub node: usize,
    pub from_unix_ns: u64,
    pub to_unix_ns: u64,
    /// As [`edges_of`] tells it.
    pub edge: Option<String>,
    pub work: Work,
    /// The fault that made it, when it was injected.
    pub fault: Option<String>,
}

impl Piece {
    pub fn duration_ns(&self) -> u64 {
        self.to_unix_ns - self.from_unix_ns
    }
}

/// The event of a client span that says when its connection was there.
const CONNECTION_READY: &str = "connection ready";

/// The critical path of the span `root`, taken apart by meaning, in order of time. The pieces tile
/// it exactly, like the segments that they are cut from.
pub fn explain(tree: &Tree<'_>, root: usize, ledger: &[LedgerEntry]) -> Vec<Piece> {
    let mut injected = Injected::of(tree, ledger);
    let segments = critical_path(tree, root);
    // Delays before the call are taken from the front of an attempt, those after it from its back.
    let mut pieces: Vec<Piece> =
        segments.iter().flat_map(|segment| injected.cut(segment, true)).collect();
    pieces = pieces
        .into_iter()
        .rev()
        .flat_map(|piece| {
            if piece.work == Work::Injected {
                return vec![piece];
            }
            let segment = Segment {
                node: piece.node,
                from_unix_ns: piece.from_unix_ns,
                to_unix_ns: piece.to_unix_ns,
            };
            injected.cut(&segment, false)
        })
        .collect();
    pieces.reverse();
    pieces.into_iter().flat_map(|piece| ordinary(tree, piece)).collect()
}

/// What is left of the delays that faults made, by attempt.
#[derive(Debug)]
struct Injected {
    /// By node: fault, nanoseconds, and whether it acts before the callee is asked.
    left: BTreeMap<usize, Vec<(String, u64, bool)>>,
    edges: Vec<Option<String>>,
}

impl Injected {
    fn of(tree: &Tree<'_>, ledger: &[LedgerEntry]) -> Self {
        let mut left: BTreeMap<usize, Vec<(String, u64, bool)>> = BTreeMap::new();
        for entry in ledger.iter().filter(|entry| entry.hit) {
            let Some(at) = entry.span_id.and_then(|id| tree.find(id)) else { continue };
            if let Some(delay_ns) = entry.achieved_ns {
                left.entry(at).or_default().push((
                    entry.fault.clone(),
                    delay_ns,
                    entry.acts_first(),
                ));
            }
        }
        // A fault that is no delay but ended the attempt owns all of its waiting.
        for (at, node) in tree.nodes.iter().enumerate() {
            let is_blamed =
                attribute_text(node.span, attribute::BLAME) == Some(Blame::Injected.as_str());
            if is_attempt(node.span)
                && is_blamed
                && !left.contains_key(&at)
                && let Some(fault) = attribute_text(node.span, attribute::FAULT)
            {
                left.insert(at, vec![(fault.to_owned(), u64::MAX, true)]);
            }
        }
        Self { left, edges: edges_of(tree) }
    }

    /// Cuts off a segment what faults made of it: from its front, giving pieces in order of time,
    /// or from its back, giving the last piece first.
    fn cut(&mut self, segment: &Segment, at_front: bool) -> Vec<Piece> {
        let piece = |from_unix_ns, to_unix_ns, fault: Option<&String>| Piece {
            node: segment.node,
            from_unix_ns,
            to_unix_ns,
            edge: self.edges[segment.node].clone(),
            work: if fault.is_some() { Work::Injected } else { Work::Own },
            fault: fault.cloned(),
        };
        let (mut from, mut to) = (segment.from_unix_ns, segment.to_unix_ns);
        let mut pieces = Vec::new();
        for (fault, left_ns, acts_first) in self.left.get_mut(&segment.node).into_iter().flatten() {
            let taken_ns = (*left_ns).min(to - from);
            if *acts_first != at_front || taken_ns == 0 {
                continue;
            }
            *left_ns -= taken_ns;
            if at_front {
                pieces.push(piece(from, from + taken_ns, Some(fault)));
                from += taken_ns;
            } else {
                pieces.push(piece(to - taken_ns, to, Some(fault)));
                to -= taken_ns;
            }
        }
        if from < to {
            pieces.push(piece(from, to, None));
        }
        pieces
    }
}

/// Tells the kinds of work apart where no fault was at work.
fn ordinary(tree: &Tree<'_>, piece: Piece) -> Vec<Piece> {
    let node = &tree.nodes[piece.node];
    if piece.work == Work::Injected {
        return vec![piece];
    }
    if node.is("client") {
        let answered = node.children.iter().any(|at| tree.nodes[*at].is("server"));
        let work = if answered { Work::Transit } else { Work::Unseen };
        return queue_of_client(tree, Piece { work, ..piece });
    }
    // Children are in order of their start; those that begin when this piece ends end it.
    let start = |at: &usize| tree.nodes[*at].start_unix_ns;
    let first = node.children.partition_point(|at| start(at) < piece.to_unix_ns);
    let before = node.children[first..].iter().take_while(|at| start(at) == piece.to_unix_ns);
    let repeats = |at: &usize| is_repeat(tree.nodes[*at].span);
    let work = if before.clone().any(repeats) {
        Work::RetryWait
    } else if is_request(node.span)
        && piece.from_unix_ns == node.start_unix_ns
        && before.clone().any(|at| is_attempt(tree.nodes[*at].span))
    {
        Work::Queue
    } else {
        Work::Own
    };
    vec![Piece { work, ..piece }]
}

/// Until its connection was ready, a client stood in a queue.
fn queue_of_client(tree: &Tree<'_>, piece: Piece) -> Vec<Piece> {
    let node = &tree.nodes[piece.node];
    let ready = node.span.events.iter().find(|event| event.name == CONNECTION_READY);
    let Some(ready) = ready else { return vec![piece] };
    let ready_unix_ns = ready.unix_ns.saturating_add_signed(node.shift_ns);
    if ready_unix_ns <= piece.from_unix_ns {
        return vec![piece];
    }
    let end = ready_unix_ns.min(piece.to_unix_ns);
    let queue = Piece { to_unix_ns: end, work: Work::Queue, ..piece.clone() };
    let rest = Piece { from_unix_ns: end, ..piece };
    let has_rest = rest.from_unix_ns < rest.to_unix_ns;
    std::iter::once(queue).chain(has_rest.then_some(rest)).collect()
}

/// Is this call a repetition of one that failed?
pub fn is_repeat(span: &crate::frame::Span) -> bool {
    let count = |name: &str| span.attributes.get(name).and_then(serde_json::Value::as_u64);
    count(attribute::HTTP_RESEND_COUNT).or_else(|| count(attribute::ATTEMPT)).unwrap_or(0) > 0
}
