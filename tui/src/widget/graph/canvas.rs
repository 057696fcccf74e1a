//! The part of a drawing that is in sight.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::paint;
use super::super::panel::Piece;
use super::place::{Placed, Spot};
use super::{Graph, GraphLine};

const UP: u8 = 1;
const RIGHT: u8 = 2;
const DOWN: u8 = 4;
const LEFT: u8 = 8;

pub(super) fn draw(graph: &Graph<'_>, placed: &Placed, buffer: &mut Buffer, area: Rect) {
    let area = area.intersection(buffer.area);
    if area.is_empty() {
        return;
    }
    let mut canvas = Canvas { buffer, area, offset: graph.offset };
    lines(&mut canvas, graph, placed);
    for (of, spot) in graph.boxes.iter().zip(&placed.boxes) {
        if spot.width < 2 || !canvas.sees(*spot) {
            continue;
        }
        frame(&mut canvas, graph, *spot, of.style);
        let room = spot.x + spot.width - 2;
        if !of.title.is_empty() {
            let end = canvas.pieces((spot.x + 3, spot.y), &of.title, room - 1);
            canvas.put(spot.x + 2, spot.y, " ", of.style);
            canvas.put(end, spot.y, " ", of.style);
        }
        let last = spot.y + spot.height - 1;
        for (y, line) in (spot.y + 1..last).zip(&of.lines) {
            canvas.pieces((spot.x + 2, y), line, room);
        }
    }
}

fn frame(canvas: &mut Canvas<'_>, graph: &Graph<'_>, spot: Spot, style: Style) {
    let (right, bottom) = (spot.x + spot.width - 1, spot.y + spot.height - 1);
    let border = graph.border;
    for x in canvas.columns(spot.x + 1, right - 1) {
        canvas.put(x, spot.y, border.horizontal, style);
        canvas.put(x, bottom, border.horizontal, style);
    }
    for y in canvas.rows(spot.y + 1, bottom - 1) {
        canvas.put(spot.x, y, border.vertical, style);
        canvas.put(right, y, border.vertical, style);
    }
    canvas.put(spot.x, spot.y, border.top_left, style);
    canvas.put(right, spot.y, border.top_right, style);
    canvas.put(spot.x, bottom, border.bottom_left, style);
    canvas.put(right, bottom, border.bottom_right, style);
}

/// Lines first, so that where they meet all of them are seen; then arrows and texts.
fn lines(canvas: &mut Canvas<'_>, graph: &Graph<'_>, placed: &Placed) {
    let mut web = Web::default();
    let line_of = |index: usize| graph.lines.get(index).and_then(Option::as_ref);
    for (index, spot) in &placed.passes {
        if let Some(line) = line_of(*index) {
            let ends = (spot.x - 1, spot.x + spot.width);
            web.level(canvas, ends, spot.y, line);
        }
    }
    for hop in &placed.hops {
        let Some(line) = line_of(hop.line) else { continue };
        let (start, end) = (hop.start, hop.end);
        if start.1 == end.1 {
            web.level(canvas, (start.0 - 1, end.0 + 1), start.1, line);
            continue;
        }
        web.level(canvas, (start.0 - 1, hop.turn_x), start.1, line);
        web.upright(canvas, hop.turn_x, (start.1.min(end.1), start.1.max(end.1)), line);
        web.level(canvas, (hop.turn_x, end.0 + 1), end.1, line);
    }
    for ((y, x), (joint, _, style)) in web.cells {
        canvas.put(x, y, graph.signs.joints[usize::from(joint)], style);
    }
    for hop in placed.hops.iter().filter(|hop| hop.is_last) {
        let Some(line) = line_of(hop.line) else { continue };
        canvas.put(hop.end.0, hop.end.1, graph.signs.arrow, line.style);
        canvas.pieces((hop.text_x, hop.end.1 - 1), &line.above, hop.end.0);
        canvas.pieces((hop.text_x, hop.end.1 + 1), &line.below, hop.end.0);
        if let Some((sign, style)) = &line.mark {
            canvas.put((hop.text_x + hop.end.0 - 1) / 2, hop.end.1, sign, *style);
        }
    }
}

/// Cells of lines: where each leads, and the style of the highest rank.
#[derive(Debug, Default)]
struct Web {
    cells: BTreeMap<(i32, i32), (u8, u8, Style)>,
}

impl Web {
    /// From the middle of one cell to the middle of the other.
    fn level(&mut self, canvas: &Canvas<'_>, (from, to): (i32, i32), y: i32, line: &GraphLine) {
        if canvas.rows(y, y).is_empty() {
            return;
        }
        for x in canvas.columns(from, to) {
            let joint = if x < to { RIGHT } else { 0 } | if x > from { LEFT } else { 0 };
            self.add((y, x), joint, line);
        }
    }

    fn upright(&mut self, canvas: &Canvas<'_>, x: i32, (from, to): (i32, i32), line: &GraphLine) {
        if canvas.columns(x, x).is_empty() {
            return;
        }
        for y in canvas.rows(from, to) {
            let joint = if y < to { DOWN } else { 0 } | if y > from { UP } else { 0 };
            self.add((y, x), joint, line);
        }
    }

    fn add(&mut self, at: (i32, i32), joint: u8, line: &GraphLine) {
        let cell = self.cells.entry(at).or_insert((0, line.rank, line.style));
        cell.0 |= joint;
        if line.rank > cell.1 {
            (cell.1, cell.2) = (line.rank, line.style);
        }
    }
}

struct Canvas<'a> {
    buffer: &'a mut Buffer,
    area: Rect,
    offset: (i32, i32),
}

impl Canvas<'_> {
    /// Those of the drawing that are in sight.
    fn columns(&self, from: i32, to: i32) -> RangeInclusive<i32> {
        seen(from, to, self.offset.0, self.area.width)
    }

    fn rows(&self, from: i32, to: i32) -> RangeInclusive<i32> {
        seen(from, to, self.offset.1, self.area.height)
    }

    fn sees(&self, spot: Spot) -> bool {
        !self.columns(spot.x, spot.x + spot.width - 1).is_empty()
            && !self.rows(spot.y, spot.y + spot.height - 1).is_empty()
    }

    fn put(&mut self, x: i32, y: i32, symbol: &str, style: Style) {
        let column = u16::try_from(i64::from(x) - i64::from(self.offset.0));
        let row = u16::try_from(i64::from(y) - i64::from(self.offset.1));
        if let (Ok(column), Ok(row)) = (column, row) {
            paint::cell(self.buffer, self.area, (column, row), symbol, style);
        }
    }

    /// Writes up to and without the column `end`; gives the column behind the last letter.
    fn pieces(&mut self, (mut x, y): (i32, i32), pieces: &[Piece], end: i32) -> i32 {
        for (words, style) in pieces {
            for letter in words.chars() {
                let mut bytes = [0; 4];
                let text: &str = letter.encode_utf8(&mut bytes);
                let wide = if letter.is_control() { 0 } else { i32::from(paint::width(text)) };
                if x + wide > end {
                    return x;
                }
                let whole = self.columns(x, x + wide - 1) == (x..=x + wide - 1);
                if wide > 0 && whole {
                    self.put(x, y, text, *style);
                    // A wide letter covers the cell behind it.
                    for covered in x + 1..x + wide {
                        self.put(covered, y, " ", *style);
                    }
                }
                x += wide;
            }
        }
        x
    }
}

fn seen(from: i32, to: i32, offset: i32, room: u16) -> RangeInclusive<i32> {
    let last = offset.saturating_add(i32::from(room)).saturating_sub(1);
    from.max(offset)..=to.min(last)
}
