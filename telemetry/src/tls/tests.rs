//! Against a TLS server with an authority of its own.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::clock::Clock;
use crate::otlp::{Courier, Delivery, Pace, Settings, Signal, request};

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Certificate and key for `name`, in PEM.
    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }
}

/// Serves empty answers on loopback to whom the authority knows, or to anybody.
async fn server(authority: &Authority, name: &str, mutual: bool) -> (SocketAddr, AbortHandle) {
    let (certificate, key) = authority.issue(name);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = if mutual {
        let mut roots = RootCertStore::empty();
        roots.add(authority.0.der().clone()).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
        builder.with_client_cert_verifier(verifier.build().unwrap())
    } else {
        builder.with_no_client_auth()
    };
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let mut config = builder.with_single_cert(chain, key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            // Some clients are to be turned away.
            let Ok(socket) = acceptor.accept(socket).await else { continue };
            let service = service_fn(|_| async {
                let answer = Response::builder().header("grpc-status", "0");
                Ok::<_, Infallible>(answer.body(Full::<Bytes>::default()).unwrap())
            });
            let builder = auto::Builder::new(TokioExecutor::new());
            let _hung_up = builder.serve_connection(TokioIo::new(socket), service).await;
        }
    });
    (address, serving.abort_handle())
}

async fn send(text: &str) -> Delivery {
    let settings = Settings::parse(text, &BTreeMap::new(), "tester/1").unwrap();
    let target = settings.target(Signal::Traces);
    let pace = Pace { first: Duration::ZERO, max: Duration::ZERO, asked_max: Duration::ZERO };
    let request = request(target, [Bytes::from_static(b"x")]);
    Courier::new(Clock::system(), pace).deliver(target, &request, |_, _| false).await
}

fn write(folder: &TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[tokio::test]
async fn ex1_a_server_is_trusted_by_the_authority_that_was_named_and_by_its_name() {
    let (authority, other, folder) = (Authority::new(), Authority::new(), TempDir::new().unwrap());
    let ours = write(&folder, "ours.pem", &authority.0.pem());
    let theirs = write(&folder, "theirs.pem", &other.0.pem());
    let (good, serving) = server(&authority, "127.0.0.1", false).await;
    let (misnamed, serving_misnamed) = server(&authority, "elsewhere.example", false).await;
    for protocol in ["grpc", "http/protobuf", "http/json"] {
        for (address, certificate, expected) in
            [(good, &ours, true), (good, &theirs, false), (misnamed, &ours, false)]
        {
            let text = format!("https://{address} protocol={protocol} certificate={certificate}");
            let delivery = send(&text).await;
            let delivered = matches!(delivery, Delivery::Taken { .. });
            assert_eq!(delivered, expected, "{text}: {delivery:?}");
            if let Delivery::GivenUp(reason) = delivery {
                assert!(reason.words.contains("certificate"), "{reason}");
            }
        }
    }
    serving.abort();
    serving_misnamed.abort();
}

#[tokio::test]
async fn ex1_a_client_certificate_is_shown_to_a_server_that_wants_one() {
    let (authority, folder) = (Authority::new(), TempDir::new().unwrap());
    let trust = write(&folder, "trust.pem", &authority.0.pem());
    let (certificate, key) = authority.issue("client");
    let certificate = write(&folder, "client.pem", &certificate);
    let key = write(&folder, "client.key", &key);
    let (address, serving) = server(&authority, "127.0.0.1", true).await;
    for protocol in ["grpc", "http/protobuf"] {
        let text = format!("https://{address} protocol={protocol} certificate={trust}");
        let Delivery::GivenUp(reason) = send(&text).await else { panic!("{protocol}: taken") };
        assert!(reason.words.contains("CertificateRequired"), "{protocol}: {reason}");
        let shown = format!("{text} client-certificate={certificate} client-key={key}");
        let delivery = send(&shown).await;
        assert!(matches!(delivery, Delivery::Taken { .. }), "{protocol}: {delivery:?}");
    }
    serving.abort();
}

#[tokio::test]
async fn the_small_client_is_answered_over_tls_and_refuses_a_certificate_that_nobody_knows() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, ours.0.pem()).unwrap();
    for (authority, answered) in [(&ours, true), (&theirs, false)] {
        let (to, serving) = server(authority, "localhost", false).await;
        let tls = Tls::new("localhost", "http/1.1", Peer::Trusted(Some(&file)), None).unwrap();
        let request = http::Request::get("/").body(Bytes::new()).unwrap();
        let client = crate::client::Client::encrypted(tls);
        let answer = client.send(to, request, Duration::from_secs(5)).await;
        match answer {
            Ok(answer) => assert!(answered && answer.status().is_success()),
            Err(crate::client::ClientError::Encrypt { .. }) => assert!(!answered),
            Err(other) => panic!("{other:?}"),
        }
        serving.abort();
    }
}
