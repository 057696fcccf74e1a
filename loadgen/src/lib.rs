//! Open-model load from one seed, measured from the intended start.
//!
//! A load generator that waits for answers before it sends the next request slows down with the
//! system that it measures, and so hides the very stall that it should show. Here the instants of
//! all arrivals are computed from the seed ([`arrival`]), whatever the system does; durations count
//! from those instants; and every arrival ends in the account, also those that were never answered.
//!
//! One call of [`run`] is one worker: an engine thread of its own paces, sends and records, with
//! nothing shared; the caller's runtime posts a report each second to the collector and exports the
//! spans. The engine never waits for the reporting side. Nothing acts before the order to start
//! comes, and nothing is sent twice: this client does not retry.
//!
//! Reading order: `plan` (checked and resolved), [`arrival`], `schedule`, `identity`, `journey`,
//! `client`, `engine` (who waits for what), `record`, `report`, `spans`, [`worker`].

pub mod arrival;
mod client;
mod cpu;
mod engine;
mod error;
mod fill;
mod identity;
pub mod join;
mod journey;
mod pacer;
mod plan;
mod queue;
mod record;
mod report;
mod run;
mod samples;
mod schedule;
mod spans;
#[cfg(test)]
mod testing;
pub mod worker;

/// Body of the fuzz target in `loadgen/fuzz`.
#[cfg(fuzzing)]
pub fn fuzz_answer(bytes: &[u8]) {
    client::answer::oracle::compare(bytes);
}

pub use error::LoadError;
pub use run::run;
