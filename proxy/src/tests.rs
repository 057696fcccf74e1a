//! The gateway as its neighbours see it: real sockets on port 0, a small upstream, and a recorder
//! in the place of the OTLP exporter.

mod admin;
mod api;
mod breaker;
pub(crate) mod by_hand;
mod effects;
mod faults;
mod forwarding;
mod hostile;
pub(crate) mod kit;
mod lease;
mod ledger;
mod limits;
mod retries;
mod routing;
mod streaming;
mod swap;
mod telemetry;
mod uploads;
mod upstreams;
