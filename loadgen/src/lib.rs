//! Open-model load from one seed, measured from the intended start.
//!
//! A load generator that waits for answers before it sends the next request slows down with the
//! system that it measures, and so hides the very stall that it should show. Here the instants of
//! all arrivals are computed from the seed ([`arrival`]), whatever the system does; durations count
//! from those instants; and every arrival ends in the account, also those that were never answered.
//!
//! One call of [`run`] is one worker: engine threads of its own pace, send and record, with nothing
//! shared; the caller's runtime joins their seconds, posts a report each second to the collector
//! and exports the spans. The engines never wait for the reporting side, and nothing acts before
//! the order to start comes. Nothing is sent twice unless a flow says that its client tries again.
//! What a run needs once, before and after all workers, is [`walk_once`].
//!
//! Users who wait for answers can be had, too, and their figures are never mixed with those of
//! arrivals: a plan with such loads needs a process of its own ([`needs_child`]).
//!
//! Reading order: `plan` (checked and resolved), [`arrival`], `schedule`, `identity`, `flow`,
//! `journey`, `client`, `engine` (who waits for what), `closed`, `record`, `report`, `spans`,
//! [`worker`] (started by a runner), [`join`] (one of many).

mod account;
pub mod arrival;
mod client;
mod closed;
mod cpu;
mod engine;
mod error;
mod fill;
mod flow;
mod identity;
pub mod join;
mod journey;
pub mod limit;
mod once;
mod pacer;
mod plan;
mod queue;
mod record;
mod report;
mod run;
mod samples;
mod schedule;
mod spans;
pub mod summary;
#[cfg(test)]
mod testing;
pub mod worker;

pub use client::{HandshakeError, shake_hands};
pub use closed::needs_child;
pub use error::LoadError;
pub use once::{Once, walk_once};
pub use run::{Stop, Watcher, run, run_watched};

/// Body of the fuzz target in `loadgen/fuzz`.
#[cfg(fuzzing)]
pub fn fuzz_answer(bytes: &[u8]) {
    client::answer::oracle::compare(bytes);
}
