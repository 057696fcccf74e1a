//! Boxes in layers from left to right with lines between them.
//!
//! What stands in boxes and at lines is passed in. A drawing that is larger than its area is
//! scrolled: [`Graph::place`] says how large it is and where each box stands.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::panel::Piece;
use crate::derive::topology::Slot;
use crate::glyphs;

mod canvas;
mod place;

pub use place::{Outside, Placed, Spot};

/// Signs of lines by where they lead: 1 up, 2 right, 4 down, 8 left, and their sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineSigns {
    pub joints: [&'static str; 16],
    pub arrow: &'static str,
}

impl LineSigns {
    pub const UTF8: Self = Self {
        joints: [" ", "│", "─", "└", "│", "│", "┌", "├", "─", "┘", "─", "┴", "┐", "┤", "┬", "┼"],
        arrow: "▶",
    };
    pub const ASCII: Self = Self {
        joints: [" ", "|", "-", "+", "|", "|", "+", "+", "-", "+", "-", "+", "+", "+", "+", "+"],
        arrow: ">",
    };
}

#[derive(Debug, Clone, Default)]
pub struct GraphBox {
    pub title: Vec<Piece>,
    pub lines: Vec<Vec<Piece>>,
    /// Of the border.
    pub style: Style,
}

#[derive(Debug, Clone)]
pub struct GraphLine {
    /// Indices of boxes.
    pub from: usize,
    pub to: usize,
    /// Texts over and under its last stretch.
    pub above: Vec<Piece>,
    pub below: Vec<Piece>,
    /// A sign on its last stretch.
    pub mark: Option<Piece>,
    pub style: Style,
    /// Where lines meet, the one with the highest rank gives the style.
    pub rank: u8,
}

#[derive(Debug, Clone, Copy)]
pub struct Graph<'a> {
    pub boxes: &'a [GraphBox],
    /// By link of the topology; `None` for links that are not drawn.
    pub lines: &'a [Option<GraphLine>],
    pub layers: &'a [Vec<Slot>],
    pub border: &'a glyphs::Box,
    pub signs: &'a LineSigns,
    /// Columns and lines that are scrolled out of sight at the left and at the top.
    pub offset: (i32, i32),
}

impl Graph<'_> {
    /// Draws what is in sight.
    pub fn draw(&self, buffer: &mut Buffer, area: Rect) -> Placed {
        let placed = self.place();
        canvas::draw(self, &placed, buffer, area);
        placed
    }

    /// Where everything stands, whatever is in sight.
    pub fn place(&self) -> Placed {
        place::place(self)
    }
}

#[cfg(test)]
mod tests;
