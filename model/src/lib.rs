//! The vocabulary that all parts of Shakedown share: pure types and pure logic.
//!
//! Nothing in this crate reads a clock, a file, a socket or a random source, and nothing in it is
//! async: the same input always gives the same output, so a fault decision, a schedule or a
//! verdict can be computed again anywhere. The parts (`proxy`, `collector`, `loadgen`, `tui`,
//! `services`) never depend on each other; what they say to each other on the wire is written
//! down here.
//!
//! Reading order: [`id`] and [`edge`] (names), [`decision`] (who is hit), [`distribution`] and
//! [`fault`] (what happens to them), [`policy`] (what the gateway does about it), [`plan`] (the
//! proxy's control API), [`flow`], [`feeder`], [`target`], [`load`] and
//! [`rendezvous`] (what the load generator does and reports, and how its workers meet),
//! [`hist`] (how durations are counted), [`frame`] (what viewers get each second), [`phase`],
//! [`trace`] (what traces mean), [`scenario`] (the file that a person writes), [`expect`] (how a
//! run is judged) and [`scenario::check`] (what can be said before it runs), [`gateway`] (the file
//! of a proxy that stands alone), [`loadfile`] (the file of a load that stands alone).

pub mod answer;
pub mod decision;
pub mod distribution;
pub mod edge;
pub mod expect;
pub mod fault;
pub mod feeder;
pub mod flow;
pub mod frame;
pub mod gateway;
pub mod hdr;
pub mod hist;
pub mod id;
pub mod limits;
pub mod load;
pub mod loadfile;
pub mod names;
pub mod phase;
pub mod plan;
pub mod policy;
pub mod propagation;
pub mod reading;
pub mod rendezvous;
pub mod scenario;
pub mod shop;
pub mod target;
pub mod template;
pub mod trace;
pub mod units;

pub use reading::nearest::{hint, nearest};
