//! What a load has shown: the reports of all its workers as one result.
//!
//! Everything here is pure. [`Book`] takes reports in any order and any number of times, by worker
//! and sequence number; adding is exact, so many workers give the result of one. [`Summary`] is
//! what is drawn from it, as often as anybody asks. What the load was asked for but never saw the
//! end of is counted, and a percentile that it could move is an interval.
//!
//! Reading order: `decoded`, `book`, `series`, `spread`, `figures` (the form of the result),
//! `totals` (from the book to the result), `validity`.

mod book;
mod decoded;
mod distribute;
mod figures;
mod series;
mod spread;
mod totals;
mod validity;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use crate::account::Account;
pub use book::{Book, BookError, Setting};
pub use decoded::{Cell, Decoded, Dials};
pub use figures::{
    CellFigures, DialFigures, Distribution, Group, Percentile, Phased, PointOfTime, Rates, Summary,
    Trust,
};
pub use series::{Series, Slot};
pub use spread::{Bounds, Spread};
