//! The other kinds of target: Unix sockets, TLS, HTTP/2, and the ways to keep connections.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::Response;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use model::target::{Place, TargetTls};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixListener};
use tokio_rustls::TlsAcceptor;

use super::*;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";

async fn one(client: &Client) -> Exchange {
    LocalSet::new().run_until(exchange(client, LONG)).await
}

#[tokio::test]
async fn a_unix_socket_is_a_target_like_any_other() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("app.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let serving = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 1_024];
        while socket.read(&mut request).await.unwrap_or(0) > 0 {
            socket.write_all(ANSWER).await.unwrap();
        }
    });
    let (target, _) = Target::parse_url(&format!("unix:{}", path.display())).unwrap();
    let client = client(target);
    for _ in 0..2 {
        assert_eq!(one(&client).await.end.unwrap(), "hi");
    }
    drop(client);
    serving.await.unwrap();
}

/// Certificates of an authority of the test's own.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, folder }
    }

    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    /// An encrypted server for `localhost` that answers once per connection, and asks for a
    /// certificate of this authority when `mutual`.
    async fn serve(&self, mutual: bool) -> SocketAddr {
        let (certificate, key) = self.issue("localhost");
        let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = if mutual {
            let mut roots = rustls::RootCertStore::empty();
            roots
                .add(CertificateDer::from_pem_slice(self.issuer.pem().as_bytes()).unwrap())
                .unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let acceptor = TlsAcceptor::from(Arc::new(builder.with_single_cert(chain, key).unwrap()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let Ok(mut socket) = acceptor.accept(socket).await else { continue };
                let mut request = vec![0; 1_024];
                if socket.read(&mut request).await.unwrap_or(0) > 0 {
                    socket.write_all(ANSWER).await.ok();
                }
            }
        });
        address
    }

    fn target(&self, address: SocketAddr, change: impl FnOnce(&mut TargetTls)) -> Client {
        client(self.at(address, change))
    }

    fn at(&self, address: SocketAddr, change: impl FnOnce(&mut TargetTls)) -> Target {
        let mut tls = TargetTls {
            server_name: Some("localhost".into()),
            trust: Some(self.folder.path().join("ca.pem")),
            ..TargetTls::default()
        };
        change(&mut tls);
        Target { tls: Some(tls), ..address.into() }
    }
}

#[tokio::test]
async fn an_encrypted_target_is_trusted_by_its_authority_and_its_name() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let address = authority.serve(false).await;
    let good = one(&authority.target(address, |_| {})).await;
    assert_eq!(good.end.unwrap(), "hi");
    assert!(good.dial.tls.is_some() && good.dial.connect.is_some() && good.dial.dns.is_none());
    let distrusted = one(&stranger.target(address, |_| {})).await;
    assert_eq!((distrusted.end, distrusted.written), (Err(Failure::Tls), None));
    let misnamed = authority.target(address, |tls| tls.server_name = Some("other.example".into()));
    assert_eq!(one(&misnamed).await.end, Err(Failure::Tls));
    let anybody = stranger.target(address, |tls| tls.insecure = true);
    assert_eq!(one(&anybody).await.end.unwrap(), "hi");
}

#[tokio::test]
async fn a_handshake_before_the_load_says_why_it_failed() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let address = authority.serve(false).await;
    let shake = async |target: &Target| {
        shake_hands(target, TcpStream::connect(address).await.unwrap()).await
    };
    shake(&authority.at(address, |_| {})).await.unwrap();
    shake(&address.into()).await.unwrap();
    let newer = Target { version: HttpVersion::Http2, ..authority.at(address, |_| {}) };
    let table = [
        (stranger.at(address, |_| {}), "invalid peer certificate"),
        (newer, "it does not speak HTTP/2"),
    ];
    for (target, why) in table {
        let HandshakeError::Failed { source, .. } = shake(&target).await.unwrap_err() else {
            panic!("the settings are right")
        };
        assert!(source.to_string().contains(why), "{source}");
    }
}

#[tokio::test]
async fn a_target_that_asks_for_a_certificate_gets_ours() {
    let authority = Authority::new();
    let address = authority.serve(true).await;
    let (certificate, key) = authority.issue("load");
    let at = |name: &str| authority.folder.path().join(name);
    std::fs::write(at("load.pem"), certificate).unwrap();
    std::fs::write(at("load.key"), key).unwrap();
    let shown = |tls: &mut TargetTls| tls.show = Some((at("load.pem"), at("load.key")));
    assert_eq!(one(&authority.target(address, shown)).await.end.unwrap(), "hi");
    assert!(one(&authority.target(address, |_| {})).await.end.is_err());
    let missing = TargetTls { trust: Some(at("nothing.pem")), ..TargetTls::default() };
    let target = Target { tls: Some(missing), ..address.into() };
    let refused = Client::new(&[target], Vigil::default(), true).unwrap_err();
    assert!(refused.to_string().contains("cannot be spoken to"), "{refused}");
}

/// An HTTP/2 server and the number of its connections.
async fn serve_http2(pause: Duration) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            let answer =
                service_fn(move |request: http::Request<hyper::body::Incoming>| async move {
                    tokio::time::sleep(pause).await;
                    let path = request.uri().to_string();
                    let response = Response::builder().header("x-shakedown-fault", "slow");
                    Ok::<_, Infallible>(response.body(Full::new(Bytes::from(path))).unwrap())
                });
            tokio::spawn(async move {
                let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                server.serve_connection(TokioIo::new(socket), answer).await.ok();
            });
        }
    });
    (address, connections)
}

fn http2(address: SocketAddr) -> Target {
    Target { version: HttpVersion::Http2, ..address.into() }
}

#[tokio::test]
async fn http2_carries_many_requests_at_once_on_one_connection() {
    let (address, connections) = serve_http2(Duration::from_millis(30)).await;
    let client = client(http2(address));
    let local = LocalSet::new();
    let first = local.run_until(exchange(&client, LONG)).await;
    assert_eq!(first.end.unwrap(), format!("http://{address}/"));
    assert_eq!((first.status, first.faults.as_deref()), (Some(200), Some("slow")));
    let many = local.run_until(async {
        let exchanges = (0..40).map(|_| exchange(&client, LONG));
        let mut ends = Vec::new();
        for done in futures(exchanges).await {
            ends.push(done.end);
        }
        ends
    });
    assert!(many.await.iter().all(Result::is_ok));
    assert_eq!(connections.load(Ordering::Relaxed), 1);
}

/// Runs all at once, on this task.
async fn futures(all: impl Iterator<Item = impl Future<Output = Exchange>>) -> Vec<Exchange> {
    let mut all: Vec<_> = all.map(|one| (Box::pin(one), None)).collect();
    std::future::poll_fn(|context| {
        for (future, done) in &mut all {
            if done.is_none()
                && let Poll::Ready(exchange) = future.as_mut().poll(context)
            {
                *done = Some(exchange);
            }
        }
        if all.iter().all(|(_, done)| done.is_some()) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    all.into_iter().filter_map(|(_, done)| done).collect()
}

#[tokio::test]
async fn a_connection_that_is_not_kept_carries_one_request_over_http2_too() {
    let (address, connections) = serve_http2(Duration::ZERO).await;
    let client = client(Target { reuse: Reuse::Never, ..http2(address) });
    let local = LocalSet::new();
    for number in 1..=3 {
        assert!(local.run_until(exchange(&client, LONG)).await.end.is_ok());
        assert_eq!(connections.load(Ordering::Relaxed), number);
    }
}

#[tokio::test]
async fn silence_over_http2_ends_at_the_deadline() {
    let (address, _) = serve_http2(LONG).await;
    let client = client(http2(address));
    let local = LocalSet::new();
    let done = local.run_until(exchange(&client, Duration::from_millis(60))).await;
    assert_eq!(done.end, Err(Failure::Timeout));
}

#[tokio::test]
async fn connections_are_kept_as_the_target_says() {
    let table: [(Reuse, Option<u32>, [&str; 4]); 4] = [
        (Reuse::Shared, None, ["0", "0", "0", "0"]),
        (Reuse::Shared, Some(2), ["0", "0", "1", "1"]),
        (Reuse::Never, None, ["0", "1", "2", "3"]),
        // Each exchange of this test is a journey of its own.
        (Reuse::Journey, None, ["0", "1", "2", "3"]),
    ];
    for (reuse, requests_per_connection, expected) in table {
        let peer = serve(|seen| async move { Act::json(200, &seen.connection.to_string()) }).await;
        let client = client(Target { reuse, requests_per_connection, ..peer.address.into() });
        for number in expected {
            assert_eq!(one(&client).await.end.unwrap(), number, "{reuse:?}");
        }
    }
}

#[tokio::test]
async fn a_journey_may_keep_a_connection_for_itself() {
    let peer = serve(|seen| async move { Act::json(200, &seen.connection.to_string()) }).await;
    let client = client(Target { reuse: Reuse::Journey, ..peer.address.into() });
    let request = get();
    let mut held = Held::default();
    for _ in 0..3 {
        let deadline = Instant::now() + LONG;
        let exchange = client.exchange(&request, KEEP, deadline, &mut held);
        assert_eq!(client.vigil.attended(exchange).await.end.unwrap(), "0");
    }
}

#[tokio::test]
async fn a_name_that_nobody_knows_is_told_as_such() {
    let place = Place::Tcp { host: "no-such-host.invalid".into(), port: 80 };
    let target: Target = SocketAddr::from(([127, 0, 0, 1], 80)).into();
    let done = one(&client(Target { place, ..target })).await;
    assert_eq!((done.end, done.ready), (Err(Failure::NameUnknown), None));
    assert!(done.dial.dns.is_some());
}
