//! The terminal dashboard over the collector's live frames, and over what it answers.
//!
//! ```text
//! collector ──frames──> feed ──> keeper: store, answers ──snapshot──> view ──> terminal
//! recording                       │  ^          ^                      ^
//!     ^                           │  └──query───┼───────────────────── app <── keys, mouse
//!     └───────────questions───────┴──answers────┘
//! ```
//!
//! Frames come by themselves and are kept for an hour. Traces, log lines and calls are asked for
//! by the screen that shows them ([`ask`]), of the collector or of a recording ([`recorded`]).
//!
//! What holds here:
//! - [`app::update`] and [`view::view`] are pure: no input, no output, no clock.
//! - [`widget`] knows ratatui and plain numbers; [`store`], [`kept`], [`feed`] and
//!   [`mod@derive`] know no ratatui; nothing that draws computes a number of the run.
//! - All time panels share one axis and one cursor, so that cause and effect line up by column.
//! - Percentiles come from merged histograms of exactly the window that is shown.
//! - Looking never changes the system, and nothing is lost silently.
//!
//! It acts only on a terminal. Without one, [`plain`] writes one line per second.

pub mod app;
pub mod ask;
pub mod config;
pub mod control;
pub mod derive;
pub mod export;
pub mod feed;
pub mod filter;
pub mod format;
pub mod glyphs;
pub mod help;
mod keeper;
pub mod kept;
pub mod keys;
pub mod layout;
pub mod own;
mod picture;
pub mod plain;
pub mod recorded;
#[cfg(test)]
mod recording;
mod run;
pub mod screen;
pub mod store;
mod terminal;
pub mod theme;
pub mod view;
pub mod widget;

pub use app::{Playback, Quit};
pub use picture::{PictureOptions, snapshot};
pub use run::{Setup, TuiError, run, run_with};
pub use theme::ColorChoice;
