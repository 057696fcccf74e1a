//! Why a collector cannot start or end in order.

use std::net::SocketAddr;

use crate::export::ExportError;
use crate::receive::ReceiveError;
use crate::runs::RunsError;
use crate::store::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum CollectorError {
    #[error("cannot listen on {address} for {purpose}")]
    Listen { purpose: &'static str, address: SocketAddr, source: std::io::Error },
    #[error(
        "an API that other machines reach needs a token; without one it listens on the loopback, \
         got {address}"
    )]
    Exposed { address: SocketAddr },
    #[error(transparent)]
    Runs(#[from] RunsError),
    #[error(transparent)]
    Receive(#[from] ReceiveError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Export(#[from] ExportError),
}
