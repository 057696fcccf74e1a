//! Pieces of a screen that know ratatui and plain numbers, and nothing of a run.
//!
//! Every one keeps to the rectangle that it is given, at any size down to nothing.

pub mod axis;
pub mod bars;
pub mod heatmap;
pub mod lane;
pub mod paint;
pub mod panel;
pub mod series;
pub mod table;
