//! The fault-injecting gateway: every call between services passes through one of its listeners.
//!
//! One loopback listener per edge, so that the caller is always known; one public listener with
//! routes; one admin listener. [`start`] binds them all and returns; the plan comes later over the
//! admin API and can be replaced at any time. Without a plan nothing is served; without a held
//! lease no fault acts.
//!
//! Reading order: `pipeline` (what happens to a request, in order), `exchange` (one request and its
//! end), `fault` (who is hit and how), `control` (plan, lease, states), then `breaker`, `budget`,
//! `retry`, `pool`. `emit` is all telemetry; `server` all sockets.
//!
//! Kept neutral to the protocol: faults are drawn and judged by placement, edge, method and path
//! alone, and failures are classified in one table, so other protocols can bring their own
//! listener and reuse both.

mod admin;
mod balance;
mod breaker;
mod budget;
mod bytes;
mod control;
mod emit;
mod exchange;
mod failure;
mod fault;
mod hedge;
mod http1;
mod journeys;
mod limit;
mod payload;
mod pipeline;
mod pool;
mod relay;
mod retry;
mod server;
mod snapshot;
mod timer;
mod toxiproxy;
mod validate;
mod worker;

pub use server::{ProxyError, ProxyHandle, start};

#[cfg(test)]
mod tests;
