//! The calls as a matrix: for graphs with so many lines that none can be followed.

use std::collections::BTreeMap;

use super::Topology;

/// Callers in rows, callees in columns, both by layer, so that calls stand above the diagonal and
/// circles below it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Matrix {
    /// Nodes that call.
    pub callers: Vec<usize>,
    /// Nodes that are called.
    pub callees: Vec<usize>,
    /// Link by caller and callee, as nodes.
    pub links: BTreeMap<(usize, usize), usize>,
}

pub(super) fn matrix(topology: &Topology) -> Matrix {
    let ends = topology.links.iter().enumerate();
    let links: BTreeMap<(usize, usize), usize> =
        ends.map(|(at, link)| ((link.from, link.to), at)).collect();
    let mut by_layer: Vec<usize> = (0..topology.nodes.len()).collect();
    by_layer.sort_by_key(|at| (topology.nodes[*at].layer, *at));
    let mut calls = vec![false; topology.nodes.len()];
    let mut called = calls.clone();
    for link in &topology.links {
        calls[link.from] = true;
        called[link.to] = true;
    }
    Matrix {
        callers: by_layer.iter().copied().filter(|at| calls[*at]).collect(),
        callees: by_layer.iter().copied().filter(|at| called[*at]).collect(),
        links,
    }
}
