//! Pieces of a screen that know ratatui and plain numbers, and nothing of a run.
//!
//! Every one keeps to the rectangle that it is given, at any size down to nothing.

pub mod axis;
pub mod bars;
pub mod columns;
pub mod gantt;
pub mod graph;
pub mod heatmap;
pub mod lane;
pub mod lines;
pub mod matrix;
pub mod paint;
pub mod panel;
pub mod series;
pub mod shares;
pub mod spark;
pub mod spectrum;
pub mod table;
pub mod tree;
pub mod waterfall;

#[cfg(test)]
mod tests {
    use ratatui::buffer::{Buffer, Cell};
    use ratatui::layout::Rect;

    /// Has nothing been drawn outside this rectangle?
    pub(super) fn is_blank_outside(buffer: &Buffer, area: Rect) -> bool {
        buffer.area.positions().filter(|at| !area.contains(*at)).all(|at| buffer[at] == Cell::EMPTY)
    }
}
