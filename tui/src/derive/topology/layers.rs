//! The layer of each node: one more than that of its farthest caller.
//!
//! Circles are cut first, at the links that lead back to where a walk along the calls came from.
//! Walks begin at those whom nobody calls; in a circle that nobody enters, at the node that comes
//! first by name.

use super::{Link, LinkKind, neighbours};

/// Names the kinds of the links and gives the layers of the nodes.
pub(super) fn assign(nodes: usize, links: &mut [Link]) -> Vec<usize> {
    let first_link: Vec<usize> =
        (0..=nodes).map(|at| links.partition_point(|link| link.from < at)).collect();
    let mut called = vec![false; nodes];
    for link in links.iter().filter(|link| link.from != link.to) {
        called[link.to] = true;
    }
    let heads = (0..nodes).filter(|at| !called[*at]);
    let mut state = vec![Visit::Unseen; nodes];
    // Callees come before their callers.
    let mut ended = Vec::with_capacity(nodes);
    for start in heads.chain(0..nodes) {
        if state[start] != Visit::Unseen {
            continue;
        }
        state[start] = Visit::Open;
        let mut open = vec![(start, first_link[start])];
        while let Some((at, next)) = open.last_mut() {
            let here = *at;
            if *next == first_link[here + 1] {
                state[here] = Visit::Ended;
                ended.push(here);
                open.pop();
                continue;
            }
            let link = &mut links[*next];
            *next += 1;
            match state[link.to] {
                _ if link.to == here => link.kind = LinkKind::Itself,
                Visit::Open => link.kind = LinkKind::Back,
                Visit::Ended => {},
                Visit::Unseen => {
                    state[link.to] = Visit::Open;
                    open.push((link.to, first_link[link.to]));
                },
            }
        }
    }
    let mut layer = vec![0; nodes];
    for at in ended.into_iter().rev() {
        for link in &links[first_link[at]..first_link[at + 1]] {
            if link.kind == LinkKind::Forward {
                layer[link.to] = layer[link.to].max(layer[at] + 1);
            }
        }
    }
    layer
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Visit {
    Unseen,
    Open,
    Ended,
}

/// Which nodes can reach themselves: those of strong components of more than one node, and those
/// that call themselves (Kosaraju's algorithm).
pub(super) fn in_circles(nodes: usize, links: &[Link]) -> Vec<bool> {
    let onward = neighbours(nodes, links.iter(), |link| (link.from, link.to));
    let back = neighbours(nodes, links.iter(), |link| (link.to, link.from));
    let mut ended = Vec::with_capacity(nodes);
    let mut seen = vec![false; nodes];
    for start in 0..nodes {
        walk(start, &onward, &mut seen, &mut ended);
    }
    let mut found = vec![false; nodes];
    let mut seen = vec![false; nodes];
    for start in ended.into_iter().rev() {
        let mut component = Vec::new();
        walk(start, &back, &mut seen, &mut component);
        if component.len() > 1 {
            for at in component {
                found[at] = true;
            }
        }
    }
    for link in links.iter().filter(|link| link.from == link.to) {
        found[link.from] = true;
    }
    found
}

/// Adds what has not been seen from `start` on, callees before callers.
fn walk(start: usize, next: &[Vec<usize>], seen: &mut [bool], ended: &mut Vec<usize>) {
    if std::mem::replace(&mut seen[start], true) {
        return;
    }
    let mut open = vec![(start, 0)];
    while let Some((at, tried)) = open.last_mut() {
        let Some(to) = next[*at].get(*tried).copied() else {
            ended.push(*at);
            open.pop();
            continue;
        };
        *tried += 1;
        if !std::mem::replace(&mut seen[to], true) {
            open.push((to, 0));
        }
    }
}
