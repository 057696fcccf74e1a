//! Encrypted connections: whom to trust, and what to show.
//!
//! Without a file of certificates the system's store is asked, so that the authorities of a company
//! and `SSL_CERT_FILE` count here as everywhere on the machine.

mod anybody;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
pub use tokio_rustls::client::TlsStream;

/// Why no encrypted connection can be made with these settings.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("cannot read {path}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{path} must hold {expected} in PEM")]
    Pem { path: PathBuf, expected: &'static str },
    #[error("a client certificate and its key must be given together")]
    Half,
    #[error("{certificate} and {key} do not belong together, or are of a kind that is not known")]
    Pair { certificate: PathBuf, key: PathBuf, source: rustls::Error },
    #[error("the system has no certificates to trust; name a file of them with certificate=FILE")]
    NoRoots,
    #[error("{name:?} is no name that a certificate can be for")]
    Name { name: String },
    #[error("TLS cannot be set up")]
    Setup(#[source] rustls::Error),
}

/// What is asked of the other side.
#[derive(Debug, Clone, Copy)]
pub enum Peer<'a> {
    /// A certificate of an authority in this file, or of one that the system trusts.
    Trusted(Option<&'a Path>),
    /// Nothing: any certificate will do. For test hosts whose certificates nobody has signed.
    Anybody,
}

/// Makes encrypted connections to one name. Cheap to clone.
#[derive(Clone)]
pub struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Tls").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Tls {
    /// `protocol` is what is negotiated, like `http/1.1`; `show` is the file of the key and that of
    /// the certificate.
    pub fn new(
        name: &str,
        protocol: &str,
        peer: Peer<'_>,
        show: Option<(&Path, &Path)>,
    ) -> Result<Self, TlsError> {
        let server_name = ServerName::try_from(name.to_owned())
            .map_err(|_no_name| TlsError::Name { name: name.to_owned() })?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Setup)?;
        let builder = match peer {
            Peer::Trusted(file) => builder.with_root_certificates(roots(file)?),
            Peer::Anybody => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(anybody::Anybody(provider))),
        };
        let mut config = match show {
            None => builder.with_no_client_auth(),
            Some((key_path, path)) => {
                let chain = certificates(path)?;
                let key = PrivateKeyDer::from_pem_slice(&read(key_path)?).map_err(|_no_key| {
                    TlsError::Pem { path: key_path.to_owned(), expected: "a private key" }
                })?;
                builder.with_client_auth_cert(chain, key).map_err(|source| TlsError::Pair {
                    certificate: path.to_owned(),
                    key: key_path.to_owned(),
                    source,
                })?
            },
        };
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), name: server_name })
    }

    /// Shakes hands over a socket that is connected.
    pub async fn wrap<S>(&self, socket: S) -> std::io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.connector.connect(self.name.clone(), socket).await
    }
}

fn roots(trust: Option<&Path>) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    let Some(path) = trust else {
        // Some of the system's certificates may be of an old kind; the others still count.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return if roots.is_empty() { Err(TlsError::NoRoots) } else { Ok(roots) };
    };
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|_unusable| TlsError::Pem {
            path: path.to_owned(),
            expected: "certificates of authorities",
        })?;
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let wrong = || TlsError::Pem { path: path.to_owned(), expected: "certificates" };
    let text = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    found.ok().filter(|found| !found.is_empty()).ok_or_else(wrong)
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Read { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests;
