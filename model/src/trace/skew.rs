//! Repair of clocks that disagree.
//!
//! A server span lies inside the client span that waited for it. Where it does not, its process is
//! taken to have another clock, and the span is moved so that the time on the wire is split evenly
//! between request and answer, as Jaeger's adjuster does (`jaeger/internal/adjuster/clockskew.go`).
//! Everything below it in the same service is moved along.
//!
//! An end after the end of the client says nothing when the client gave up: work that outlives its
//! caller is a finding, not a wrong clock. It says nothing either about work that nobody waits for.

use super::tree::{Node, Tree};

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
    let ends_after = child.end_unix_ns > parent.end_unix_ns && !parent.span.error;
    if !begins_before && !ends_after {
        return 0;
    }
    to(parent.start_unix_ns + (parent.duration_ns() - child.duration_ns()) / 2)
}
