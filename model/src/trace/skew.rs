//! Repair of clocks that disagree.
//!
//! A server span lies inside the client span that waited for it. Where it does not, its process is
//! taken to have another clock, and the span is moved so that the time on the wire is split evenly
//! between request and answer, as Jaeger's adjuster does (`jaeger/internal/adjuster/clockskew.go`).
//! Everything below it in the same service is moved along.
//!
//! An end after the end of the client is weaker evidence than a start before its start. It says
//! nothing when the client gave up: work that outlives its caller is a finding, not a wrong clock.
//! It says nothing about work that nobody waits for. And many servers end their span some time
//! after the last byte of the answer is out, when the client has ended already; such an end is cut
//! off on the critical path and moves nothing.

use super::tree::{Node, Tree};

/// A server may take so long to end its span once the answer is out.
const FINISHING_NS: u64 = 5_000_000;

pub(super) fn repair(tree: &mut Tree<'_>) {
    let mut waiting = tree.roots.clone();
    while let Some(at) = waiting.pop() {
        if let Some(parent) = tree.nodes[at].parent {
            let shift_ns = shift_of(&tree.nodes[at], &tree.nodes[parent]);
            let node = &mut tree.nodes[at];
            let duration_ns = node.duration_ns();
            node.start_unix_ns = node.start_unix_ns.saturating_add_signed(shift_ns);
            node.end_unix_ns = node.start_unix_ns.saturating_add(duration_ns);
            node.shift_ns = shift_ns;
            tree.findings.shifted += u64::from(shift_ns != 0);
            tree.findings.shift_ns_max = tree.findings.shift_ns_max.max(shift_ns.unsigned_abs());
        }
        waiting.extend(&tree.nodes[at].children);
    }
}

/// How far the child has to move; its parent stands already where it belongs.
fn shift_of(child: &Node<'_>, parent: &Node<'_>) -> i64 {
    if child.span.service == parent.span.service {
        return parent.shift_ns;
    }
    let begins_before = child.start_unix_ns < parent.start_unix_ns;
    let to = |start_unix_ns: u64| {
        i64::try_from(i128::from(start_unix_ns) - i128::from(child.start_unix_ns)).unwrap_or(0)
    };
    let is_call = parent.is("client") && child.is("server");
    if !is_call || child.duration_ns() > parent.duration_ns() {
        // Nothing is known but that a cause comes before its effect.
        return if begins_before { to(parent.start_unix_ns) } else { 0 };
    }
    if !begins_before && !ends_too_late(child, parent) {
        return 0;
    }
    to(parent.start_unix_ns + (parent.duration_ns() - child.duration_ns()) / 2)
}

/// Is another clock the likeliest reason for the end of this server span?
fn ends_too_late(child: &Node<'_>, parent: &Node<'_>) -> bool {
    if parent.span.error {
        return false;
    }
    let late_ns = child.end_unix_ns.saturating_sub(parent.end_unix_ns);
    // A clock that is ahead delays the begin by as much as the end.
    let begin_ns = child.start_unix_ns.saturating_sub(parent.start_unix_ns);
    child.start_unix_ns > parent.end_unix_ns || (late_ns > FINISHING_NS && begin_ns >= late_ns)
}
