//! The files that remain of a run for people and for other programs, drawn from one
//! [`crate::result::RunResult`]: JUnit for CI, one offline page, and the text at the end of a run.
//!
//! Everything here is pure: it turns values into text and touches no file. Names, observed values
//! and log lines come from users and from the system under test, so nothing is written that
//! has not gone through `escape`. What the page shows second by second comes from the frames that
//! the dashboard drew.

mod chart;
pub(crate) mod escape;
pub(crate) mod figures;
mod html;
mod junit;
mod load_junit;
mod markup;
#[cfg(test)]
mod sample;
mod series;
mod tables;
#[cfg(test)]
mod tests;
pub(crate) mod text;
pub(crate) mod waterfall;
#[cfg(test)]
mod wellformed;

pub use html::html;
pub use junit::junit;
pub use load_junit::load_junit;
pub use text::text;
