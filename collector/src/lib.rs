//! OTLP in, joined and kept in one SQLite file per run; queries, live frames, OTLP out.
//!
//! [`start`] opens three listeners. On two of them any OpenTelemetry SDK can send traces, metrics
//! and logs, by OTLP/gRPC and OTLP/HTTP alike (`receive`, bounded by `admission`). What is sound is
//! decoded straight from the wire (`decode`, `wire`), counted and kept at hand (`live`), written to
//! the file of the run (`store`), and sent on when a backend is configured (`export`). The third
//! listener serves one frame per second (`ticker`) and answers questions (`api`, `query`), also
//! about what the traces mean ([`analysis`]). `core` is the way of a request through all of them.
//! `replay` sends a recorded run once more.
//!
//! Everything is bounded; what is refused, lost or late is counted and shown in the frames. The
//! collector sends no telemetry about itself, so it can never feed on its own output.

mod admission;
pub mod analysis;
mod api;
mod ask;
mod config;
mod core;
mod decode;
mod error;
mod export;
mod handle;
mod live;
mod query;
mod receive;
mod record;
mod replay;
mod run_file;
mod runs;
mod sampling;
mod store;
#[cfg(test)]
mod testing;
mod ticker;
mod wire;

#[doc(hidden)]
pub mod fuzz;

pub use ask::{Answer, AskError, ask_file};
pub use config::{CollectorAddresses, CollectorConfig, Sealed};
pub use error::CollectorError;
pub use export::{ExportError, ExportLimits, check_backends};
pub use handle::{CollectorHandle, start};
pub use live::{LedgerCount, LoadWord, RouteRed, ServiceCall, SpanMetric, Unplanned};
pub use query::{
    BreakerChange, CallRow, Durations, EdgeQuery, EdgeRow, FaultChange, FaultRow, Graph, GraphNode,
    LogCursor, LogQuery, OperationQuery, OperationRow, TraceCursor, TraceLine, TraceOrder,
    TraceQuery, parse_severity,
};
pub use receive::{LINE_BYTES_MAX, LineCount, LineIntake, LineSource, ReceiveConfig, ReceiveError};
pub use replay::{
    FileTotals, Recording, RecordingSummary, ReplayError, ReplayPlan, ReplayTotals, Speed,
    send as send_recording, to_files,
};
pub use run_file::RunFile;
pub use runs::{Removed, Retention, RunEntry, RunFolder, RunName, RunsError};
pub use sampling::SamplingCounts;
pub use store::{Recovered, StoreError, recover};
