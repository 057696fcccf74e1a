//! Who calls whom as a drawing in layers, as a tree, and as a matrix.
//!
//! Input is a plain list of calls in any state: doubled, circular, to itself. Links carry the
//! indices of their calls, so that the caller finds his values again; nothing here knows them.
//! The same calls give the same drawing, so that nothing jumps about while numbers change.

use std::collections::{BTreeMap, BTreeSet};

mod layers;
mod matrix;
mod order;
mod tree;

pub use matrix::Matrix;
pub use tree::TreeRow;

/// Places in layers for links that pass them; beyond this long links are only marked.
const PASSES_MAX: usize = 4_000;

/// What a link is in the drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkKind {
    /// To a later layer.
    Forward,
    /// Closes a circle: to the same or an earlier layer.
    Back,
    /// Of a node to itself.
    Itself,
    /// To a later layer, but there is no more room to draw it.
    Undrawn,
}

/// All calls from one node to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub from: usize,
    pub to: usize,
    /// Indices into the calls that were given; at least one.
    pub calls: Vec<usize>,
    pub kind: LinkKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub name: String,
    pub layer: usize,
    /// Nobody calls it and it calls nobody.
    pub is_unlinked: bool,
    /// It is part of a circle of calls, its own calls to itself included.
    pub in_circle: bool,
}

/// A place in a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Slot {
    Node(usize),
    /// A link on its way to a later layer.
    Pass(usize),
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Topology {
    /// By name.
    pub nodes: Vec<Node>,
    /// By caller and callee.
    pub links: Vec<Link>,
    /// From the first callers to the last callees; each from top to bottom.
    pub layers: Vec<Vec<Slot>>,
    /// Links that close circles, and calls of nodes to themselves.
    pub circles: usize,
}

impl Topology {
    /// `calls` are caller and callee; `others` are nodes that may have no calls.
    pub fn of(calls: &[(&str, &str)], others: &[&str]) -> Self {
        let ends = calls.iter().flat_map(|(caller, callee)| [*caller, *callee]);
        let names: BTreeSet<&str> = ends.chain(others.iter().copied()).collect();
        let places: BTreeMap<&str, usize> =
            names.iter().enumerate().map(|(at, name)| (*name, at)).collect();
        let mut by_pair: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
        for (at, (caller, callee)) in calls.iter().enumerate() {
            by_pair.entry((places[caller], places[callee])).or_default().push(at);
        }
        let mut links: Vec<Link> = by_pair
            .into_iter()
            .map(|((from, to), calls)| Link { from, to, calls, kind: LinkKind::Forward })
            .collect();
        let layer = layers::assign(names.len(), &mut links);
        let mut topology = Self { nodes: Vec::new(), layers: Vec::new(), circles: 0, links };
        topology.nodes = names
            .iter()
            .zip(layer)
            .map(|(name, layer)| Node {
                name: (*name).to_owned(),
                layer,
                is_unlinked: true,
                in_circle: false,
            })
            .collect();
        topology.mark();
        topology.layers = order::layers(&topology.nodes, &mut topology.links);
        topology
    }

    /// Links of a node that are not drawn as lines: its part of circles.
    pub fn marked(&self, node: usize) -> impl Iterator<Item = &Link> {
        let is_marked = move |link: &&Link| link.from == node && link.kind != LinkKind::Forward;
        self.links.iter().filter(is_marked)
    }

    pub fn node(&self, name: &str) -> Option<usize> {
        self.nodes.binary_search_by(|node| node.name.as_str().cmp(name)).ok()
    }

    pub fn tree(&self) -> Vec<TreeRow> {
        tree::rows(self)
    }

    pub fn matrix(&self) -> Matrix {
        matrix::matrix(self)
    }

    fn mark(&mut self) {
        let circle = layers::in_circles(self.nodes.len(), &self.links);
        for link in &self.links {
            self.nodes[link.from].is_unlinked = false;
            self.nodes[link.to].is_unlinked = false;
            if matches!(link.kind, LinkKind::Back | LinkKind::Itself) {
                self.circles += 1;
            }
        }
        for (node, in_circle) in self.nodes.iter_mut().zip(circle) {
            node.in_circle = in_circle;
        }
    }
}

/// For each node its links to other nodes (or from them), in order.
fn neighbours<'a>(
    nodes: usize,
    links: impl Iterator<Item = &'a Link>,
    end: fn(&Link) -> (usize, usize),
) -> Vec<Vec<usize>> {
    let mut found = vec![Vec::new(); nodes];
    for link in links.filter(|link| link.from != link.to) {
        let (at, other) = end(link);
        found[at].push(other);
    }
    found
}

#[cfg(test)]
mod tests;
