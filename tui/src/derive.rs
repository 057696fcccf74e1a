//! From raw material (traces, log lines, frames, calls) to the plain data of a screen.
//!
//! Pure functions: the same input gives the same answer, without a clock and without ratatui.
//! Input comes from outside, so every function takes whatever it gets, in bounded time and memory,
//! and every text that it gives is safe to be written on a terminal.

pub mod budget;
pub mod compare;
pub mod gravity;
pub mod insight;
pub mod patterns;
pub mod record;
pub mod severity;
pub mod topology;
pub mod volume;
pub mod waterfall;
pub mod words;
