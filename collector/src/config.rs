//! What a collector is told, and what it tells when it ends.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use model::fault::Token;
use model::units::Share;

use crate::export::ExportLimits;
use crate::receive::ReceiveConfig;

/// Port 0 lets the system choose; the addresses are in the handle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectorConfig {
    pub run_id: String,
    /// Customary port 4317. Both this and `http` take OTLP/gRPC and OTLP/HTTP.
    pub grpc: SocketAddr,
    /// Customary port 4318.
    pub http: SocketAddr,
    /// Frames, questions, reports of load workers.
    pub api: SocketAddr,
    /// Sizes, paths and web pages of `grpc` and `http`.
    pub receive: ReceiveConfig,
    /// The file of the run; must not hold another run. `None` keeps nothing on disk: questions are
    /// answered from memory alone.
    pub database: Option<PathBuf>,
    /// A folder of runs; questions may name one of them.
    pub runs: Option<PathBuf>,
    /// What callers of the API must show, on this machine, too.
    pub api_token: Option<Token>,
    /// Backends that get everything too, each a URL like `http://localhost:4318` and settings like
    /// `compression=zstd` after it; `telemetry::otlp::settings` has them all.
    pub export: Vec<String>,
    /// The `OTEL_EXPORTER_OTLP_*` variables, which hold for the backends too. The caller takes them
    /// from its environment.
    pub export_env: BTreeMap<String, String>,
    pub export_limits: ExportLimits,
    /// Of the traces without an error, a fault or a slow request, this share is written to the
    /// file; frames count all of them. The whole is the rule for runs.
    pub keep_share: Share,
}

impl CollectorConfig {
    /// On free ports of the loopback, without a backend.
    pub fn on_loopback(run_id: impl Into<String>, database: Option<PathBuf>) -> Self {
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            run_id: run_id.into(),
            grpc: any_port,
            http: any_port,
            api: any_port,
            receive: ReceiveConfig::default(),
            database,
            runs: None,
            api_token: None,
            export: Vec::new(),
            export_env: BTreeMap::new(),
            export_limits: ExportLimits::default(),
            keep_share: Share::WHOLE,
        }
    }
}

/// Where a collector listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CollectorAddresses {
    pub grpc: SocketAddr,
    pub http: SocketAddr,
    pub api: SocketAddr,
}

/// The account of a sealed run, in items.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sealed {
    /// Written to the file.
    pub spans: u64,
    pub logs: u64,
    pub points: u64,
    /// Came after their second was emitted; they are in the file and in the kept frames.
    pub late: u64,
    /// Refused one by one, with a partial success to their sender.
    pub rejected: u64,
    /// Lost at a bound or on the way to the disk or to the backend, here and in the processes that
    /// report their losses; `CollectorHandle::dropped` tells them apart.
    pub dropped: u64,
}
