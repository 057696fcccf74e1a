//! Where boxes stand and lines run.
//!
//! Each slot of a layer wants to stand level with those that it is linked to. The nearest places
//! to what all slots of a layer want, without overlap and in their order, are those of an isotonic
//! regression. Between two layers every slot that lines leave has a column of its own to turn in.

use std::collections::{BTreeMap, BTreeSet};

use ratatui::layout::Rect;

use super::super::paint;
use super::super::panel::Piece;
use super::{Graph, GraphBox, GraphLine};
use crate::derive::topology::Slot;

/// Lines between two slots of a layer.
const SPACE: i32 = 1;
const BOX_WIDTH_MIN: i32 = 8;
const BOX_HEIGHT_MIN: i32 = 3;
/// Longer texts do not make boxes and gaps wider.
const TEXT_MAX: i32 = 40;

/// A rectangle of the drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spot {
    pub x: i32,
    pub y: i32,
    pub width: i32,
    pub height: i32,
}

impl Spot {
    pub(super) fn middle(&self) -> i32 {
        self.y + self.height / 2
    }
}

/// A stretch of a line between two layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hop {
    pub line: usize,
    /// Slot numbers in this layer and in the next.
    from: usize,
    to: usize,
    /// It ends at a box, with an arrow.
    pub is_last: bool,
    /// Where it begins, turns, and ends.
    pub start: (i32, i32),
    pub turn_x: i32,
    pub end: (i32, i32),
    /// Where texts begin.
    pub text_x: i32,
}

/// A drawing with a place for everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Placed {
    pub width: i32,
    pub height: i32,
    /// By box.
    pub boxes: Vec<Spot>,
    pub(super) hops: Vec<Hop>,
    /// Lines that pass a layer, level.
    pub(super) passes: Vec<(usize, Spot)>,
}

impl Placed {
    /// The offset nearest to `offset` with which this box is in sight and no room is wasted.
    pub fn offset_for(&self, index: usize, offset: (i32, i32), area: Rect) -> (i32, i32) {
        let Some(spot) = self.boxes.get(index) else { return offset };
        let along = |offset: i32, at: i32, length: i32, room: u16, whole: i32| {
            let room = i32::from(room);
            let seen = offset.max(at + length - room).min(at);
            seen.min(whole - room).max(0)
        };
        (
            along(offset.0, spot.x, spot.width, area.width, self.width),
            along(offset.1, spot.y, spot.height, area.height, self.height),
        )
    }
}

/// What of a drawing is not wholly in sight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outside {
    pub boxes: usize,
    pub lines: usize,
    /// Where it is: left, right, above, below.
    pub sides: [bool; 4],
}

impl Placed {
    /// What is cut by the area, or lies beyond it.
    pub fn outside(&self, offset: (i32, i32), area: Rect) -> Outside {
        let (right, bottom) = (offset.0 + i32::from(area.width), offset.1 + i32::from(area.height));
        let sides = |from: (i32, i32), to: (i32, i32)| {
            [from.0 < offset.0, to.0 > right, from.1 < offset.1, to.1 > bottom]
        };
        let boxes = self
            .boxes
            .iter()
            .map(|spot| sides((spot.x, spot.y), (spot.x + spot.width, spot.y + spot.height)));
        let mut outside = Outside::default();
        for cut in boxes.filter(|sides| sides.contains(&true)) {
            outside.boxes += 1;
            (0..4).for_each(|side| outside.sides[side] |= cut[side]);
        }
        let mut lines = BTreeSet::new();
        for hop in &self.hops {
            let (top, low) = (hop.start.1.min(hop.end.1), hop.start.1.max(hop.end.1));
            let cut = sides((hop.start.0, top), (hop.end.0 + 1, low + 1));
            if cut.contains(&true) {
                lines.insert(hop.line);
                (0..4).for_each(|side| outside.sides[side] |= cut[side]);
            }
        }
        Outside { lines: lines.len(), ..outside }
    }
}

/// Places of a drawing are far below the end of what a number holds.
fn whole(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX / 2)
}

fn width(pieces: &[Piece]) -> i32 {
    let sum = pieces.iter().map(|(words, _)| i32::from(paint::width(words))).sum::<i32>();
    sum.min(TEXT_MAX)
}

fn box_width(of: &GraphBox) -> i32 {
    let lines = of.lines.iter().map(|line| width(line) + 4);
    lines.chain([width(&of.title) + 6, BOX_WIDTH_MIN]).max().unwrap_or(BOX_WIDTH_MIN)
}

/// Lines that a line of the graph needs for itself and its texts.
fn line_height(line: &GraphLine) -> i32 {
    1 + i32::from(!line.above.is_empty()) + i32::from(!line.below.is_empty())
}

#[derive(Debug)]
struct Work<'a> {
    graph: Graph<'a>,
    /// By layer.
    hops: Vec<Vec<Hop>>,
    spots: Vec<Vec<Spot>>,
}

pub(super) fn place(graph: &Graph<'_>) -> Placed {
    let mut work = Work { graph: *graph, hops: hops(graph), spots: Vec::new() };
    work.measure();
    let layers = work.spots.len();
    (1..layers).for_each(|layer| work.level(layer, layer - 1));
    (1..layers).rev().for_each(|layer| work.level(layer - 1, layer));
    work.raise();
    work.connect();
    work.placed()
}

/// The stretches of all lines, by the layer in which they begin.
fn hops(graph: &Graph<'_>) -> Vec<Vec<Hop>> {
    let mut at: BTreeMap<(Slot, usize), usize> = BTreeMap::new();
    let mut layer_of: BTreeMap<usize, usize> = BTreeMap::new();
    for (layer, slots) in graph.layers.iter().enumerate() {
        for (number, slot) in slots.iter().enumerate() {
            at.insert((*slot, layer), number);
            if let Slot::Node(node) = slot {
                layer_of.insert(*node, layer);
            }
        }
    }
    let mut hops = vec![Vec::new(); graph.layers.len()];
    for (index, line) in graph.lines.iter().enumerate() {
        let Some(line) = line else { continue };
        let ends = layer_of.get(&line.from).zip(layer_of.get(&line.to));
        let Some((first, last)) = ends.filter(|(first, last)| first < last) else { continue };
        let slot = |layer: usize| match layer {
            _ if layer == *first => Slot::Node(line.from),
            _ if layer == *last => Slot::Node(line.to),
            _ => Slot::Pass(index),
        };
        for (layer, hops) in hops.iter_mut().enumerate().take(*last).skip(*first) {
            let from = at.get(&(slot(layer), layer));
            let to = at.get(&(slot(layer + 1), layer + 1));
            let Some((from, to)) = from.zip(to) else { break };
            hops.push(Hop {
                line: index,
                from: *from,
                to: *to,
                is_last: layer + 1 == *last,
                start: (0, 0),
                turn_x: 0,
                end: (0, 0),
                text_x: 0,
            });
        }
    }
    hops
}

impl Work<'_> {
    /// Heights of all slots, one under the other.
    fn measure(&mut self) {
        for (layer, slots) in self.graph.layers.iter().enumerate() {
            let mut need = vec![0; slots.len()];
            let before = layer.checked_sub(1).map(|before| &self.hops[before][..]);
            for hop in before.unwrap_or_default() {
                let line = self.graph.lines[hop.line].as_ref();
                need[hop.to] += line.map_or(1, line_height);
            }
            let mut y = 0;
            let mut spots = Vec::with_capacity(slots.len());
            for (slot, need) in slots.iter().zip(need) {
                let content = match slot {
                    Slot::Pass(_) => 1,
                    Slot::Node(node) => {
                        let lines = self.graph.boxes.get(*node).map_or(0, |of| of.lines.len());
                        need.max(whole(lines) + 2).max(BOX_HEIGHT_MIN)
                    },
                };
                spots.push(Spot { x: 0, y, width: 0, height: content });
                y += content + SPACE;
            }
            self.spots.push(spots);
        }
    }

    /// Moves the slots of one layer to where they are level with those of the other.
    fn level(&mut self, layer: usize, other: usize) {
        let mut wishes = vec![(0_i64, 0_i64); self.spots[layer].len()];
        for hop in &self.hops[layer.min(other)] {
            let (own, there) = if other < layer { (hop.to, hop.from) } else { (hop.from, hop.to) };
            wishes[own].0 += i64::from(self.spots[other][there].middle());
            wishes[own].1 += 1;
        }
        // Without the heights above it, every slot may be as low as the next one, not lower.
        let mut above = 0;
        let mut pools: Vec<(f64, usize)> = Vec::new();
        for (spot, (sum, count)) in self.spots[layer].iter().zip(wishes) {
            let wish = match count {
                0 => f64::from(spot.y),
                _ => sum as f64 / count as f64 - f64::from(spot.height / 2),
            };
            let mut pool = (wish - f64::from(above), 1);
            while let Some(last) = pools.last().copied().filter(|last| last.0 > pool.0) {
                let size = last.1 + pool.1;
                let mean = (last.0 * last.1 as f64 + pool.0 * pool.1 as f64) / size as f64;
                pool = (mean, size);
                pools.pop();
            }
            pools.push(pool);
            above += spot.height + SPACE;
        }
        let mut above = 0;
        let places = pools.into_iter().flat_map(|(y, size)| std::iter::repeat_n(y, size));
        for (spot, y) in self.spots[layer].iter_mut().zip(places) {
            spot.y = y.round() as i32 + above;
            above += spot.height + SPACE;
        }
    }

    /// The highest slot stands at the top.
    fn raise(&mut self) {
        let top = self.spots.iter().flatten().map(|spot| spot.y).min().unwrap_or(0);
        for spot in self.spots.iter_mut().flatten() {
            spot.y -= top;
        }
    }

    /// Gives lines their ends and turns, and layers their columns.
    fn connect(&mut self) {
        let mut x = 0;
        for layer in 0..self.spots.len() {
            let boxes = self.graph.layers[layer].iter().filter_map(|slot| match slot {
                Slot::Node(node) => self.graph.boxes.get(*node).map(box_width),
                Slot::Pass(_) => None,
            });
            let wide = boxes.max().unwrap_or(BOX_WIDTH_MIN);
            for spot in &mut self.spots[layer] {
                (spot.x, spot.width) = (x, wide);
            }
            x += wide;
            self.ports(layer);
            x = self.turns(layer, x);
        }
    }

    /// Rows in which the lines of one gap begin and end.
    fn ports(&mut self, layer: usize) {
        let Some(next) = self.spots.get(layer + 1) else { return };
        let hops = &mut self.hops[layer];
        hops.sort_by_key(|hop| (hop.to, hop.from, hop.line));
        let lines = self.graph.lines;
        let height = |hop: &Hop| lines[hop.line].as_ref().map_or(1, line_height);
        for group in hops.chunk_by_mut(|one, other| one.to == other.to) {
            let spot = next[group[0].to];
            let needed: i32 = group.iter().map(&height).sum();
            let mut y = spot.y + (spot.height - needed) / 2;
            let alone = group.len() == 1;
            for hop in group {
                let above = lines[hop.line].as_ref().is_some_and(|line| !line.above.is_empty());
                let row = if alone { spot.middle() } else { y + i32::from(above) };
                y += height(hop);
                hop.end.1 = row;
                hop.start.1 = self.spots[layer][hop.from].middle();
            }
        }
    }

    /// Columns in which the lines of one gap turn; gives where the next layer begins.
    fn turns(&mut self, layer: usize, x: i32) -> i32 {
        let bends = |hop: &&Hop| hop.start.1 != hop.end.1;
        let mut sources: Vec<usize> =
            self.hops[layer].iter().filter(bends).map(|hop| hop.from).collect();
        sources.sort_unstable();
        sources.dedup();
        let lines = self.graph.lines;
        let texts = self.hops[layer].iter().filter(|hop| hop.is_last).filter_map(|hop| {
            let line = lines[hop.line].as_ref()?;
            Some(width(&line.above).max(width(&line.below)))
        });
        let text = texts.max().unwrap_or(0).max(2);
        let text_x = x + whole(sources.len()) + 2;
        let end = text_x + text + 1;
        for hop in &mut self.hops[layer] {
            let column = sources.partition_point(|from| *from < hop.from);
            hop.turn_x = x + 1 + whole(column);
            hop.start.0 = x;
            hop.end.0 = end;
            hop.text_x = text_x;
        }
        end + 1
    }

    fn placed(self) -> Placed {
        let mut placed =
            Placed { boxes: vec![Spot::default(); self.graph.boxes.len()], ..Placed::default() };
        for (slots, spots) in self.graph.layers.iter().zip(&self.spots) {
            for (slot, spot) in slots.iter().zip(spots) {
                placed.width = placed.width.max(spot.x + spot.width);
                placed.height = placed.height.max(spot.y + spot.height);
                match slot {
                    Slot::Node(node) => {
                        if let Some(place) = placed.boxes.get_mut(*node) {
                            *place = *spot;
                        }
                    },
                    Slot::Pass(line) => placed.passes.push((*line, *spot)),
                }
            }
        }
        placed.hops = self.hops.into_iter().flatten().collect();
        placed
    }
}
