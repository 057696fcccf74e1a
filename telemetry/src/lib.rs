//! The emitting side: what every process that serves or sends requests needs to be seen.
//!
//! [`clock`] is the only place that reads the system's time. [`providers`] sends spans, metrics and
//! log records to an OTLP endpoint; [`subscriber`] joins them to `tracing`. [`context`] reads and
//! writes the headers that tie the hops of one request together. [`client`] is the one small HTTP
//! client for control calls and for the sample services. [`ready`] is how a child process says
//! where it listens. [`prometheus`] writes pages of metrics. [`otlp`] sends OTLP that is held as
//! bytes.
//!
//! What is lost: the queues are bounded and full ones drop; [`providers::Providers::dropped`]
//! counts what went missing, so that it can be shown.

pub mod client;
pub mod clock;
pub mod context;
mod counting;
pub mod otlp;
pub mod prometheus;
pub mod providers;
pub mod ready;
pub mod shutdown;
pub mod subscriber;
pub mod tls;
pub mod uri;
