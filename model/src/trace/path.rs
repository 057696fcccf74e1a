//! The critical path of a request: what was waited for, instant by instant.
//!
//! Seen from its end, a span was last held up by the child that ended last; before that by the
//! latest child that had ended when that one began, and so on; what is left is its own time
//! (CRISP, USENIX ATC 2022, section 4). Each child is taken apart in the same way, so the segments
//! tile the span without gap or overlap.
//!
//! A call that outlasts its caller is cut off at the caller's end: the caller waited for it until
//! it gave up. Other children that outlast their parent ran beside it, and nobody waited for them.

use super::tree::{Node, Tree};

/// A stretch of time that one span spent itself, waiting for none of its children.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    pub node: usize,
    pub from_unix_ns: u64,
    pub to_unix_ns: u64,
}

impl Segment {
    pub fn duration_ns(&self) -> u64 {
        self.to_unix_ns - self.from_unix_ns
    }
}

/// A span that is being walked from its end to its start.
#[derive(Debug)]
struct Walk {
    node: usize,
    from_unix_ns: u64,
    /// Everything after it is explained.
    to_unix_ns: u64,
    /// The latest end first.
    children: Vec<usize>,
    next: usize,
    /// Until the first child is found, one that is still at work at the end may be it.
    at_the_end: bool,
}

impl Walk {
    fn of(tree: &Tree<'_>, node: usize, from_unix_ns: u64, to_unix_ns: u64) -> Self {
        let mut children = tree.nodes[node].children.clone();
        children.sort_by_key(|at| {
            let child = &tree.nodes[*at];
            std::cmp::Reverse((child.end_unix_ns, child.start_unix_ns, *at))
        });
        Self { node, from_unix_ns, to_unix_ns, children, next: 0, at_the_end: true }
    }

    /// The child that held it up before `to`, with the time in which it did.
    fn previous(&mut self, tree: &Tree<'_>) -> Option<(usize, u64, u64)> {
        while let Some(at) = self.children.get(self.next).copied() {
            self.next += 1;
            let child = &tree.nodes[at];
            let waited_for = if self.at_the_end {
                is_waited_for(child, &tree.nodes[self.node])
            } else {
                child.end_unix_ns <= self.to_unix_ns
            };
            let from = child.start_unix_ns.max(self.from_unix_ns);
            let to = child.end_unix_ns.min(self.to_unix_ns);
            if waited_for && from < to {
                self.at_the_end = false;
                return Some((at, from, to));
            }
        }
        None
    }
}

fn is_waited_for(child: &Node<'_>, parent: &Node<'_>) -> bool {
    child.end_unix_ns <= parent.end_unix_ns || child.is("client") || child.is("server")
}

/// The segments of the span `root` in order of time. Together they last exactly as long as it.
pub fn critical_path(tree: &Tree<'_>, root: usize) -> Vec<Segment> {
    let (from, to) = (tree.nodes[root].start_unix_ns, tree.nodes[root].end_unix_ns);
    let mut walks = vec![Walk::of(tree, root, from, to)];
    let mut path = Vec::new();
    while let Some(walk) = walks.last_mut() {
        let (node, before) = (walk.node, walk.to_unix_ns);
        let child = walk.previous(tree);
        let own_from = child.map_or(walk.from_unix_ns, |(_, _, to)| to);
        if own_from < before {
            path.push(Segment { node, from_unix_ns: own_from, to_unix_ns: before });
        }
        match child {
            Some((child, from, to)) => {
                walk.to_unix_ns = from;
                walks.push(Walk::of(tree, child, from, to));
            },
            None => {
                walks.pop();
            },
        }
    }
    path.reverse();
    path
}
