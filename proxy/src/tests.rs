//! The gateway as its neighbours see it: real sockets on port 0, a small upstream, and a recorder
//! in the place of the OTLP exporter.

mod admin;
mod breaker;
mod faults;
mod forwarding;
pub(crate) mod kit;
mod lease;
mod ledger;
mod upstreams;
