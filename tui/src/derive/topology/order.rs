//! The order within layers, so that few links cross.
//!
//! Each slot wants to stand at the mean place of its neighbours in the layer before, then in the
//! one after, in turns (Sugiyama's barycentre method); the best order of all turns is kept.

use super::{Link, LinkKind, Node, PASSES_MAX, Slot};

/// Turns in each direction; more hardly ever help.
const TURNS: usize = 4;

/// Slots by layer with the links between them: for each slot the places in the next layer.
#[derive(Debug, Clone)]
struct Grid {
    layers: Vec<Vec<Slot>>,
    /// By layer: pairs of slot numbers here and in the next layer.
    between: Vec<Vec<(usize, usize)>>,
    /// By layer and slot number: its place from the top.
    places: Vec<Vec<usize>>,
}

pub(super) fn layers(nodes: &[Node], links: &mut [Link]) -> Vec<Vec<Slot>> {
    let mut grid = Grid::of(nodes, links);
    let mut best = (grid.crossings(), grid.places.clone());
    for turn in 0..2 * TURNS {
        if best.0 == 0 {
            break;
        }
        grid.turn(turn % 2 == 0);
        let crossings = grid.crossings();
        if crossings < best.0 {
            best = (crossings, grid.places.clone());
        }
    }
    let ordered = |(slots, places): (&Vec<Slot>, &Vec<usize>)| {
        let mut pairs: Vec<(usize, Slot)> =
            places.iter().copied().zip(slots.iter().copied()).collect();
        pairs.sort_unstable();
        pairs.into_iter().map(|(_, slot)| slot).collect()
    };
    grid.layers.iter().zip(&best.1).map(ordered).collect()
}

impl Grid {
    /// Nodes by name, passes behind them. Links that find no room become [`LinkKind::Undrawn`].
    fn of(nodes: &[Node], links: &mut [Link]) -> Self {
        let count = nodes.iter().map(|node| node.layer + 1).max().unwrap_or(0);
        let mut layers: Vec<Vec<Slot>> = vec![Vec::new(); count];
        let mut number = vec![0; nodes.len()];
        // What is linked to nothing stands below the rest.
        let by_link = (0..nodes.len()).filter(|at| !nodes[*at].is_unlinked);
        for at in by_link.chain((0..nodes.len()).filter(|at| nodes[*at].is_unlinked)) {
            let layer = &mut layers[nodes[at].layer];
            number[at] = layer.len();
            layer.push(Slot::Node(at));
        }
        let mut between = vec![Vec::new(); count];
        let mut passes = 0;
        for (at, link) in links.iter_mut().enumerate() {
            if link.kind != LinkKind::Forward {
                continue;
            }
            let (first, last) = (nodes[link.from].layer, nodes[link.to].layer);
            passes += last - first - 1;
            if passes > PASSES_MAX {
                passes -= last - first - 1;
                link.kind = LinkKind::Undrawn;
                continue;
            }
            let mut here = number[link.from];
            for layer in first + 1..last {
                between[layer - 1].push((here, layers[layer].len()));
                here = layers[layer].len();
                layers[layer].push(Slot::Pass(at));
            }
            between[last - 1].push((here, number[link.to]));
        }
        let places = layers.iter().map(|layer| (0..layer.len()).collect()).collect();
        Self { layers, between, places }
    }

    fn turn(&mut self, onward: bool) {
        let count = self.layers.len();
        if onward {
            (1..count).for_each(|layer| self.arrange(layer, layer - 1, true));
        } else {
            (1..count).rev().for_each(|layer| self.arrange(layer - 1, layer, false));
        }
    }

    /// Orders one layer by the places in the other.
    fn arrange(&mut self, layer: usize, other: usize, onward: bool) {
        let mut sums = vec![(0_usize, 0_usize); self.layers[layer].len()];
        for (here, there) in &self.between[layer.min(other)] {
            let (own, neighbour) = if onward { (*there, *here) } else { (*here, *there) };
            sums[own].0 += self.places[other][neighbour];
            sums[own].1 += 1;
        }
        let wish = |slot: usize| {
            let (sum, count) = sums[slot];
            let stays = self.places[layer][slot] as f64;
            if count == 0 { stays } else { sum as f64 / count as f64 }
        };
        let mut order: Vec<(f64, usize, usize)> =
            (0..sums.len()).map(|slot| (wish(slot), self.places[layer][slot], slot)).collect();
        order.sort_by(|one, next| one.0.total_cmp(&next.0).then(one.1.cmp(&next.1)));
        for (place, (_, _, slot)) in order.into_iter().enumerate() {
            self.places[layer][slot] = place;
        }
    }

    fn crossings(&self) -> usize {
        (0..self.layers.len()).map(|layer| self.crossings_after(layer)).sum()
    }

    /// Two links cross when they begin in one order and end in the other: inversions, counted
    /// with a tree of sums.
    fn crossings_after(&self, layer: usize) -> usize {
        let Some(next) = self.places.get(layer + 1) else { return 0 };
        let mut ends: Vec<(usize, usize)> = self.between[layer]
            .iter()
            .map(|(here, there)| (self.places[layer][*here], next[*there]))
            .collect();
        ends.sort_unstable();
        let mut sums = vec![0_usize; next.len() + 1];
        let mut crossings = 0;
        for (before, (_, end)) in ends.iter().enumerate() {
            let mut at = end + 1;
            let mut not_after = 0;
            while at > 0 {
                not_after += sums[at];
                at &= at - 1;
            }
            crossings += before - not_after;
            let mut at = end + 1;
            while at < sums.len() {
                sums[at] += 1;
                at += at & at.wrapping_neg();
            }
        }
        crossings
    }
}
