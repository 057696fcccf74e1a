//! The fault-injecting gateway: every call between services passes through one of its listeners.
//!
//! One listener per edge, so that the caller is always known: of requests (HTTP/1.1), or of any
//! bytes (`protocol = "tcp"`); one public listener with routes; one admin listener; and the API of
//! Toxiproxy, if it is wanted. [`start`] binds them all and returns; the plan comes then, from a
//! file or over the admin API, and can be replaced at any time. Without a plan nothing is served;
//! without something that holds it no fault acts.
//!
//! Reading order: `pipeline` (what happens to a request, in order), `exchange` (one request and its
//! end), `fault` (who is hit and how), `control` (plan, lease, what was armed by hand), `snapshot`
//! (all of it, made ready for requests); then the policies: `breaker`, `limit`, `balance`, `retry`,
//! `budget`, `hedge`, `deadline`, `route`. Below them: `caller`, `call`, `pool` and `wire` move
//! bytes between sockets, `http1` reads and writes heads, `shape` does to a stream what a fault
//! wants, `bytes` serves TCP edges, `timer` waits exactly. `emit` and `access` are all telemetry;
//! `server` all listeners and threads; `admin` and `toxiproxy` the two APIs.
//!
//! Kept neutral to the protocol: faults are drawn by what a match may look at in any request,
//! bodies are shaped as bytes, and failures are classified in one table, so other protocols can
//! bring their own reader and writer and meet the same pipeline.

mod access;
mod admin;
mod balance;
mod breaker;
mod budget;
mod bytes;
mod call;
mod caller;
mod control;
mod deadline;
mod digits;
mod emit;
mod exchange;
mod failure;
mod fault;
mod hedge;
mod http1;
mod journeys;
mod limit;
mod pipeline;
mod pool;
mod retry;
mod route;
mod server;
mod shape;
mod snapshot;
mod sync;
mod timer;
mod toxiproxy;
mod validate;
mod wire;
mod worker;

#[doc(hidden)]
pub mod bench;
#[doc(hidden)]
pub mod fuzz;

pub use emit::EndpointError;
pub use server::{ProxyError, ProxyHandle, start};

#[cfg(test)]
mod tests;
