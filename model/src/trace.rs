//! What a trace means: its tree, the path that made it take so long, and who is to blame for that.
//!
//! Everything here is computed from spans and log lines as viewers get them. A trace may be
//! incomplete, doubled, cyclic, or told by clocks that disagree; [`Tree`] makes a forest of
//! whatever came and counts every repair. [`critical_path`] tiles the time of a request without
//! gap or overlap, [`explain`] says of each tile whose work it was, and [`Blame`] adds tiles of
//! many requests up, in whole nanoseconds, so that the parts are exactly the whole.

mod band;
mod blame;
mod ledger;
mod path;
mod request;
mod skew;
#[cfg(test)]
pub(crate) mod tests;
mod tree;
mod work;

pub use band::{QuantileBand, quantile_band};
pub use blame::{Blame, BlameKey, BlameLine, BlameShare};
pub use ledger::LedgerEntry;
pub use path::{Segment, critical_path};
pub use request::{
    UserRequest, attribute_text, correlation_id, edges_of, is_attempt, is_control, is_request,
};
pub use tree::{Findings, Node, Tree};
pub use work::{Piece, Work, explain, is_repeat};
