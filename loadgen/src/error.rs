//! What can keep a load from being run or reported.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use telemetry::client::ClientError;

/// Why there is no account of a load.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("the load plan {} cannot be read", path.display())]
    ReadPlan { path: PathBuf, source: io::Error },
    #[error("the load plan {} is not a load plan", path.display())]
    ParsePlan { path: PathBuf, source: serde_json::Error },
    /// `place` is a path into the plan, like `loads[1].rate[0].for_ms`.
    #[error("the load plan cannot be run: {place}: {problem}")]
    Plan { place: String, problem: String },
    #[error("the ready line cannot be written")]
    Announce { source: io::Error },
    #[error("the line {line:?} on standard input is not an order to start")]
    Order { line: String, source: serde_json::Error },
    #[error("{what} cannot be set up for the load engine")]
    Setup { what: &'static str, source: io::Error },
    #[error(transparent)]
    Client(#[from] crate::client::ClientError),
    /// A step of the set-up or the tear-down.
    #[error("the flow {flow:?} failed at {step:?}: {failure}")]
    Once { flow: String, step: String, failure: String },
    #[error("the users of the closed model cannot be run")]
    Closed { source: Box<goose::GooseError> },
    /// The panic message is on standard error.
    #[error("the load engine ended by a panic")]
    Panicked,
    #[error("the OTLP endpoint {endpoint:?} must be like \"http://127.0.0.1:4318\"")]
    Endpoint { endpoint: String },
    #[error("the host of the OTLP endpoint {endpoint:?} cannot be resolved")]
    Resolve { endpoint: String, source: io::Error },
    #[error("the collector at {to} took no report for {for_s} s, so the load was stopped")]
    Unreachable { to: SocketAddr, for_s: u64, source: ClientError },
    #[error("the collector at {to} answered {path} with status {status}: {body:?}")]
    Refused { to: SocketAddr, path: String, status: u16, body: String },
    #[error("the collector at {to} cannot be asked for a part in a load")]
    NoMeeting { to: SocketAddr, source: ClientError },
    #[error("the load has not begun: {signal}")]
    NotBegun { signal: &'static str },
}
