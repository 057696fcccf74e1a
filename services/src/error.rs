//! Why a service process cannot start or had to end.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::store::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    #[error(
        "there is no service {name:?} in the sample shop, only {}",
        model::shop::SERVICES.join(", ")
    )]
    UnknownService { name: String },
    #[error(
        "there is no weakness {name:?} in the sample shop, only {}",
        model::shop::WEAKNESSES.map(|(name, _)| name).join(", ")
    )]
    UnknownWeakness { name: String },
    #[error("{service} needs the address of {callee}: set {variable}=http://HOST:PORT")]
    NoAddress { service: String, callee: String, variable: String },
    #[error("{variable} must be http://IP:PORT, got {value:?}")]
    Address { variable: String, value: String },
    #[error("{service} cannot make its data folder {}", path.display())]
    Folder { service: String, path: PathBuf, source: std::io::Error },
    #[error("{service} cannot open its store {}", path.display())]
    Store { service: String, path: PathBuf, source: StoreError },
    #[error("{service} cannot listen on {address}")]
    Listen { service: String, address: SocketAddr, source: std::io::Error },
    #[error("{service} cannot go on serving")]
    Serve { service: String, source: std::io::Error },
}
