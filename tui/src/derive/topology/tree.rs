//! The calls as a tree: for small screens, and for whoever reads line by line.

use super::Topology;

/// A node below one of its callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeRow {
    pub depth: usize,
    pub node: usize,
    /// The link from the row above it; `None` for heads.
    pub link: Option<usize>,
    /// No sibling follows.
    pub is_last: bool,
    /// What it calls stands at another row of the same node.
    pub is_repeated: bool,
    /// It calls, over others or itself, the row that it stands below.
    pub closes_circle: bool,
}

/// Heads by name: those whom nobody calls, then of circles the first by name; last what is linked
/// to nothing. Each link is one row.
pub(super) fn rows(topology: &Topology) -> Vec<TreeRow> {
    let count = topology.nodes.len();
    let mut links_of = vec![Vec::new(); count];
    let mut is_called = vec![false; count];
    for (at, link) in topology.links.iter().enumerate() {
        links_of[link.from].push(at);
        is_called[link.to] |= link.from != link.to;
    }
    let unlinked = |at: &usize| topology.nodes[*at].is_unlinked;
    let heads = (0..count).filter(|at| !is_called[*at] && !unlinked(at));
    let heads = heads.chain(0..count).filter(|at| !unlinked(at)).chain((0..count).filter(unlinked));
    let mut seen = vec![false; count];
    let mut rows = Vec::with_capacity(count + topology.links.len());
    for head in heads {
        if seen[head] {
            continue;
        }
        let mut open = vec![(0, head, None, true)];
        while let Some((depth, node, link, is_last)) = open.pop() {
            let is_repeated = std::mem::replace(&mut seen[node], true);
            let kind = link.map(|link: usize| topology.links[link].kind);
            rows.push(TreeRow {
                depth,
                node,
                link,
                is_last,
                is_repeated,
                closes_circle: matches!(
                    kind,
                    Some(super::LinkKind::Back | super::LinkKind::Itself)
                ),
            });
            if !is_repeated {
                let below = links_of[node].iter().rev().enumerate();
                open.extend(below.map(|(from_end, link)| {
                    (depth + 1, topology.links[*link].to, Some(*link), from_end == 0)
                }));
            }
        }
    }
    rows
}
