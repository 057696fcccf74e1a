//! `shakedown proxy` and `shakedown fault` as a person runs them: real processes, real sockets,
//! real databases.
//!
//! Nothing here has a port of its own: the gateway says where it listens, and servers are asked.
//! What must have happened is waited for by its event; a wait that does not end fails the test.

/// Client libraries of Toxiproxy; ignored where they are not installed.
mod clients;
/// Signals end it: in order, or at once.
mod ending;
/// What `shakedown fault` arms, shows and disarms.
mod faults;
/// `gateway.toml`, and what an edit of it does.
mod file;
/// What connections and bodies cost.
mod memory;
/// The callees of these tests.
mod origin;
/// PostgreSQL behind an edge; ignored where it is not installed.
mod postgres;
/// The gateway as a process, and those who call it.
mod process;
/// Redis behind an edge; ignored where it is not installed.
mod redis;
/// A database as a process of its own.
mod server;
/// Answers that do not end, and bytes both ways.
mod streams;

pub(crate) use server::free_port;
