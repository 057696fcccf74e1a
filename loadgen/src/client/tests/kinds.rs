//! The other kinds of target: Unix sockets, TLS, and the ways to keep connections.

use std::net::SocketAddr;
use std::sync::Arc;

use model::target::{Place, TargetTls};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixListener};
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
pub(super) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    pub(super) fn new() -> Self {
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

    /// Of an encrypted server for `localhost` that asks for a certificate of this authority when
    /// `mutual`.
    pub(super) fn acceptor(&self, mutual: bool, speaks: Option<&[u8]>) -> TlsAcceptor {
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
        let mut config = builder.with_single_cert(chain, key).unwrap();
        config.alpn_protocols = speaks.map(<[u8]>::to_vec).into_iter().collect();
        TlsAcceptor::from(Arc::new(config))
    }

    /// One that answers once per connection.
    async fn serve(&self, mutual: bool) -> SocketAddr {
        self.serve_by(self.acceptor(mutual, None)).await
    }

    async fn serve_by(&self, acceptor: TlsAcceptor) -> SocketAddr {
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

    pub(super) fn at(&self, address: SocketAddr, change: impl FnOnce(&mut TargetTls)) -> Target {
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
    let strict = authority.serve_by(authority.acceptor(false, Some(b"http/1.1"))).await;
    let plain = serve(|_| async { Act::json(200, "") }).await;
    let shake = async |target: &Target| {
        let Place::Tcp { port, .. } = target.place else { unreachable!("all have one") };
        shake_hands(target, TcpStream::connect(("127.0.0.1", port)).await.unwrap()).await
    };
    shake(&authority.at(address, |_| {})).await.unwrap();
    shake(&address.into()).await.unwrap();
    let newer = |target| Target { version: HttpVersion::Http2, ..target };
    let table = [
        (stranger.at(address, |_| {}), "invalid peer certificate"),
        (newer(authority.at(address, |_| {})), "it does not speak HTTP/2"),
        (newer(authority.at(strict, |_| {})), "it does not speak HTTP/2"),
        (newer(plain.address.into()), "it does not speak HTTP/2"),
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
async fn a_journey_does_not_ask_one_target_over_its_connection_to_another() {
    let said = |what: &'static str| serve(move |_| async move { Act::json(200, what) });
    let (one, other) = (said("one").await, said("other").await);
    let kept = |address: SocketAddr| Target { reuse: Reuse::Journey, ..address.into() };
    let targets = [kept(one.address), kept(other.address)];
    let client = Client::new(&targets, Vigil::default(), true).unwrap();
    let mut held = Held::default();
    for (round, (target, expected)) in [(0, "one"), (1, "other")].repeat(2).into_iter().enumerate()
    {
        let mut request = get();
        request.target = target;
        let exchange = client.exchange(&request, KEEP, Instant::now() + LONG, &mut held);
        let done = client.vigil.attended(exchange).await;
        assert_eq!(done.end.unwrap(), expected);
        // Each target has a connection of its own, which is used again.
        assert_eq!(done.dial.connect.is_some(), round < 2);
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
