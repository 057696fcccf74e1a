//! HTTP/2: places on connections, and servers that leave, refuse or say nonsense.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::Response;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::kinds::Authority;
use super::*;

/// A server that allows `streams` requests at once on a connection, the number of its connections
/// so far, and the most that it was asked at once on one of them. It answers with what it was sent
/// when `together` have come.
struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Server {
    async fn start(streams: u32, together: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, most) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
        let (count, at_once_max) = (Arc::clone(&connections), Arc::clone(&most));
        let barrier = Arc::new(Barrier::new(together));
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                let (at_once, most) = (Arc::<AtomicUsize>::default(), Arc::clone(&at_once_max));
                let barrier = Arc::clone(&barrier);
                let answer = service_fn(move |request: http::Request<Incoming>| {
                    most.fetch_max(at_once.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                    let (barrier, at_once) = (Arc::clone(&barrier), Arc::clone(&at_once));
                    async move {
                        barrier.wait().await;
                        at_once.fetch_sub(1, Ordering::Relaxed);
                        let uri = request.uri().to_string();
                        let sent = request.into_body().collect().await.unwrap().to_bytes();
                        let said = [uri.as_bytes(), b" ", &sent].concat();
                        let response = Response::builder().header("x-shakedown-fault", "slow");
                        Ok::<_, Infallible>(response.body(Full::new(Bytes::from(said))).unwrap())
                    }
                });
                tokio::spawn(async move {
                    let mut server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                    server.max_concurrent_streams(streams);
                    server.serve_connection(TokioIo::new(socket), answer).await.ok();
                });
            }
        });
        Self { address, connections, most }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

fn http2(address: SocketAddr) -> Target {
    Target { version: HttpVersion::Http2, ..address.into() }
}

/// All at once.
async fn at_once(client: Client, count: usize) -> Vec<Exchange> {
    let client = Rc::new(client);
    let mut all = JoinSet::new();
    for _ in 0..count {
        let client = Rc::clone(&client);
        all.spawn_local(async move { exchange(&client, LONG).await });
    }
    all.join_all().await
}

#[tokio::test]
async fn many_requests_at_once_go_over_one_connection() {
    let server = Server::start(200, 40).await;
    let done = LocalSet::new().run_until(at_once(client(http2(server.address)), 40)).await;
    for one in done {
        assert_eq!(one.end.unwrap(), format!("http://{}/ ", server.address));
        assert_eq!((one.status, one.faults.as_deref()), (Some(200), Some("slow")));
        assert!(one.ready.is_some() && one.written.is_some());
    }
    assert_eq!((server.connections(), server.most.load(Ordering::Relaxed)), (1, 40));
}

#[tokio::test]
async fn a_server_that_allows_three_requests_at_once_gets_more_connections_and_none_waits_on_one() {
    // It answers only when all are there: who waits within a connection would wait for ever.
    for (together, connections) in [(3, 1), (4, 2), (10, 4)] {
        let server = Server::start(3, together).await;
        let local = LocalSet::new();
        let done = local.run_until(at_once(client(http2(server.address)), together)).await;
        assert!(done.iter().all(|one| one.end.is_ok()), "{done:?}");
        assert_eq!((server.connections(), server.most.load(Ordering::Relaxed)), (connections, 3));
    }
}

#[tokio::test]
async fn no_connection_carries_more_requests_than_it_may() {
    let server = Server::start(100, 10).await;
    let target = Target { requests_per_connection: Some(2), ..http2(server.address) };
    let done = LocalSet::new().run_until(at_once(client(target), 10)).await;
    assert!(done.iter().all(|one| one.end.is_ok()), "{done:?}");
    assert_eq!((server.connections(), server.most.load(Ordering::Relaxed)), (5, 2));
}

#[tokio::test]
async fn a_place_that_is_given_back_is_used_before_a_connection_is_made() {
    let server = Server::start(3, 1).await;
    let client = client(http2(server.address));
    let local = LocalSet::new();
    for _ in 0..5 {
        assert!(local.run_until(exchange(&client, LONG)).await.end.is_ok());
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn connections_are_kept_as_the_target_says() {
    let table: [(Reuse, Option<u32>, usize); 4] = [
        (Reuse::Shared, None, 1),
        (Reuse::Shared, Some(2), 2),
        (Reuse::Never, None, 4),
        (Reuse::Journey, Some(3), 2),
    ];
    for (reuse, requests_per_connection, connections) in table {
        let server = Server::start(100, 1).await;
        let target = Target { reuse, requests_per_connection, ..http2(server.address) };
        let (client, request) = (client(target), get());
        let mut held = Held::default();
        let four = async {
            for _ in 0..4 {
                let deadline = Instant::now() + LONG;
                let exchange = client.exchange(&request, KEEP, deadline, &mut held);
                assert!(client.vigil.attended(exchange).await.end.is_ok());
            }
        };
        LocalSet::new().run_until(four).await;
        assert_eq!(server.connections(), connections, "{reuse:?} {requests_per_connection:?}");
    }
}

#[tokio::test]
async fn a_body_larger_than_the_window_of_the_server_arrives_whole() {
    let server = Server::start(100, 1).await;
    let client = client(http2(server.address));
    let sent = "x".repeat(3_000_000);
    let mut request = Outgoing::default();
    request.begin(0, &Method::PUT, "/");
    request.lines(b"host: test\r\n");
    request.end(Some(sent.as_bytes()));
    let mut held = Held::default();
    let exchange = client.exchange(&request, KEEP, Instant::now() + LONG, &mut held);
    let done = LocalSet::new().run_until(client.vigil.attended(exchange)).await;
    assert!(done.end.unwrap().ends_with(sent.as_bytes()));
}

/// Settings without anything in them, and one that allows no requests.
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
const NO_REQUESTS: &[u8] = &[0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0];

/// A frame of RFC 9113 §4.1.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let head = [&length[1..], &[kind, flags][..], &stream.to_be_bytes()].concat();
    [&head, payload].concat()
}

/// Status 200 and nothing else.
fn ok(stream: u32) -> Vec<u8> {
    frame(1, 5, stream, &[0x88])
}

fn reset(stream: u32, code: u32) -> Vec<u8> {
    frame(3, 0, stream, &code.to_be_bytes())
}

fn go_away(last: u32, code: u32) -> Vec<u8> {
    frame(7, 0, 0, &[last.to_be_bytes(), code.to_be_bytes()].concat())
}

/// A peer that sends `greeting`, and to each request on its connections from 0 what `reply` says,
/// byte by byte.
async fn raw(
    greeting: &'static [u8],
    reply: impl Fn(usize, u32) -> Act + Clone + Send + Sync + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for number in 0.. {
            let Ok((socket, _)) = listener.accept().await else { return };
            let reply = reply.clone();
            tokio::spawn(async move {
                let mut socket = socket;
                let end = frames(&mut socket, greeting, |stream| reply(number, stream)).await;
                if end.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionReset) {
                    socket.set_zero_linger().unwrap();
                }
            });
        }
    });
    address
}

async fn frames(
    mut socket: impl AsyncRead + AsyncWrite + Unpin,
    greeting: &[u8],
    reply: impl Fn(u32) -> Act,
) -> io::Result<()> {
    socket.read_exact(&mut [0; 24]).await?;
    socket.write_all(greeting).await?;
    loop {
        let mut head = [0; 9];
        socket.read_exact(&mut head).await?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        socket.read_exact(&mut vec![0; length as usize]).await?;
        if head[3] != 1 {
            continue;
        }
        let [.., a, b, c, d] = head;
        match reply(u32::from_be_bytes([a, b, c, d])) {
            Act::Bytes(bytes) => socket.write_all(&bytes).await?,
            Act::BytesThenClose(bytes) => {
                socket.write_all(&bytes).await?;
                socket.shutdown().await?;
            },
            Act::Hang => {},
            Act::Reset => return Err(io::ErrorKind::ConnectionReset.into()),
        }
    }
}

async fn once(address: SocketAddr, timeout: Duration) -> Exchange {
    LocalSet::new().run_until(exchange(&client(http2(address)), timeout)).await
}

#[tokio::test]
async fn each_way_to_fail_has_its_own_kind() {
    const REFUSED_STREAM: u32 = 7;
    const ENHANCE_YOUR_CALM: u32 = 11;
    type Reply = fn(u32) -> Act;
    let table: [(Reply, Failure); 7] = [
        (|_| Act::Reset, Failure::Reset),
        (|_| Act::BytesThenClose(Vec::new()), Failure::Closed),
        (|stream| Act::Bytes(reset(stream, REFUSED_STREAM)), Failure::Reset),
        (|_| Act::Bytes(go_away(0, ENHANCE_YOUR_CALM)), Failure::Reset),
        // The connection is new, so that this one has looked at nothing.
        (|_| Act::Bytes(go_away(0, 0)), Failure::Closed),
        (|stream| Act::Bytes(frame(1, 5, stream, &[0xff; 9])), Failure::Garbage),
        (|_| Act::Bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()), Failure::Garbage),
    ];
    for (number, (act, kind)) in table.into_iter().enumerate() {
        let done = once(raw(SETTINGS, move |_, stream| act(stream)).await, LONG).await;
        assert_eq!(done.end, Err(kind), "{number}");
        assert!(done.written.is_some(), "{number}");
    }
}

#[tokio::test]
async fn nothing_is_sent_to_a_server_that_does_not_greet_or_allows_nothing() {
    let short = Duration::from_millis(60);
    for (greeting, timeout, kind) in [
        (&b""[..], short, Failure::Timeout),
        (NO_REQUESTS, short, Failure::Timeout),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", LONG, Failure::Garbage),
    ] {
        let done = once(raw(greeting, |_, _| Act::Hang).await, timeout).await;
        assert_eq!((done.end, done.ready, done.written), (Err(kind), None, None));
    }
}

#[tokio::test]
async fn silence_ends_at_the_deadline_and_leaves_the_connection_to_others() {
    let address = raw(SETTINGS, |number, stream| match (number, stream) {
        (0, 1) => Act::Hang,
        (0, other) => Act::Bytes(ok(other)),
        _ => Act::Reset,
    });
    let client = client(http2(address.await));
    let local = LocalSet::new();
    let first = local.run_until(exchange(&client, Duration::from_millis(60))).await;
    assert_eq!(first.end, Err(Failure::Timeout));
    assert!(first.written.is_some());
    let second = local.run_until(exchange(&client, LONG)).await;
    assert_eq!((second.end.is_ok(), second.status), (true, Some(200)));
}

#[tokio::test]
async fn a_request_that_a_leaving_server_has_not_looked_at_goes_to_another_connection() {
    let address = raw(SETTINGS, |number, stream| match (number, stream) {
        (0 | 1, 1) => Act::Bytes(ok(stream)),
        // Says so only when the request is there already.
        (0, 3) => Act::BytesThenClose(go_away(1, 0)),
        _ => Act::Reset,
    });
    let client = client(http2(address.await));
    let local = LocalSet::new();
    for _ in 0..2 {
        let done = local.run_until(exchange(&client, LONG)).await;
        assert_eq!((done.end.is_ok(), done.status), (true, Some(200)));
        assert!(done.dial.connect.is_some());
        assert!(done.ready <= done.written && done.written.is_some_and(|at| at <= done.finished));
    }
}

/// A listener that counts, and greets with settings unless the number of the connection is among
/// those that it does not want.
async fn greets(
    wanted: impl Fn(usize) -> Welcome + Send + 'static,
) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let welcome = wanted(counted.fetch_add(1, Ordering::Relaxed));
            tokio::spawn(async move {
                match welcome {
                    Welcome::None => return,
                    Welcome::After(pause) => tokio::time::sleep(pause).await,
                }
                frames(socket, SETTINGS, |stream| Act::Bytes(ok(stream))).await.ok();
            });
        }
    });
    (address, count)
}

enum Welcome {
    /// The connection is closed.
    None,
    After(Duration),
}

#[tokio::test]
async fn a_connection_that_is_not_made_is_the_failure_of_all_who_waited_for_it() {
    let (address, connections) = greets(|_| Welcome::None).await;
    let done = LocalSet::new().run_until(at_once(client(http2(address)), 20)).await;
    let broken = |one: &Exchange| matches!(one.end, Err(Failure::Reset | Failure::Closed));
    assert!(done.iter().all(broken), "{done:?}");
    assert!(done.iter().all(|one| one.ready.is_none() && one.dial.connect.is_some()), "{done:?}");
    assert_eq!(connections.load(Ordering::Relaxed), 1);
    let (_socket, address) = nobody();
    let done = LocalSet::new().run_until(at_once(client(http2(address)), 20)).await;
    assert!(done.iter().all(|one| one.end == Err(Failure::Refused)), "{done:?}");
}

#[tokio::test]
async fn a_connection_is_made_to_its_end_although_its_request_gives_up() {
    let (address, connections) = greets(|_| Welcome::After(Duration::from_millis(150))).await;
    let client = client(http2(address));
    let local = LocalSet::new();
    let given_up = local.run_until(exchange(&client, Duration::from_millis(30))).await;
    assert_eq!((given_up.end, given_up.ready), (Err(Failure::Timeout), None));
    assert!(local.run_until(exchange(&client, LONG)).await.end.is_ok());
    assert_eq!(connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn another_connection_is_tried_when_one_takes_long() {
    let slow_at_first = |number| Welcome::After(if number == 0 { LONG } else { Duration::ZERO });
    let (address, connections) = greets(slow_at_first).await;
    let client = client(http2(address));
    assert!(LocalSet::new().run_until(exchange(&client, LONG)).await.end.is_ok());
    assert_eq!(connections.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_thousand_answers_that_came_too_late_ended_the_connection() {
    const ROUNDS: u32 = 11;
    const AT_ONCE: u32 = 100;
    let last = ROUNDS * AT_ONCE;
    let address = raw(SETTINGS, move |_, stream| match stream / 2 {
        nth if nth < last => Act::Hang,
        _ => Act::Bytes((0..=last).flat_map(|nth| ok(2 * nth + 1)).collect()),
    });
    let client = Rc::new(client(http2(address.await)));
    let late = async {
        for _ in 0..ROUNDS {
            let mut all = JoinSet::new();
            for _ in 0..AT_ONCE {
                let client = Rc::clone(&client);
                all.spawn_local(async move { exchange(&client, Duration::from_millis(20)).await });
            }
            let given_up = |one: Exchange| one.end == Err(Failure::Timeout);
            assert!(all.join_all().await.into_iter().all(given_up));
        }
        exchange(&client, LONG).await
    };
    let done = LocalSet::new().run_until(late).await;
    assert_eq!((done.end, done.status), (Ok(Bytes::new()), Some(200)));
    assert_eq!(done.dial, DialTimes::default(), "it went over the same connection");
}

#[tokio::test]
async fn a_kept_connection_that_has_ended_is_replaced_without_an_error() {
    for reuse in [Reuse::Shared, Reuse::Journey] {
        let address = raw(SETTINGS, |_, stream| Act::BytesThenClose(ok(stream))).await;
        let (client, request) = (client(Target { reuse, ..http2(address) }), get());
        let mut held = Held::default();
        let steps = async {
            for _ in 0..3 {
                let deadline = Instant::now() + LONG;
                let exchange = client.exchange(&request, KEEP, deadline, &mut held);
                let done = client.vigil.attended(exchange).await;
                assert!(done.end.is_ok() && done.dial.connect.is_some(), "{reuse:?}: {done:?}");
                // Whoever thinks gives the end of the connection time to be seen.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        LocalSet::new().run_until(steps).await;
    }
}

#[tokio::test]
async fn an_answer_that_came_whole_is_one_although_its_connection_ended() {
    let address = raw(SETTINGS, |_, stream| {
        let head = frame(1, 4, stream, &[0x88, 0x5c, 1, b'2']);
        Act::BytesThenClose([head, frame(0, 0, stream, b"hi")].concat())
    });
    let done = once(address.await, LONG).await;
    assert_eq!((done.end.unwrap(), done.status), (Bytes::from("hi"), Some(200)));
}

#[tokio::test]
async fn over_tls_http2_is_agreed_on_and_a_client_that_is_refused_says_so() {
    let authority = Authority::new();
    for (mutual, expected) in [(false, Ok(Bytes::new())), (true, Err(Failure::Tls))] {
        let acceptor = authority.acceptor(mutual, Some(b"h2"));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let Ok(socket) = acceptor.accept(socket).await else { continue };
                frames(socket, SETTINGS, |stream| Act::Bytes(ok(stream))).await.ok();
            }
        });
        let target = Target { version: HttpVersion::Http2, ..authority.at(address, |_| {}) };
        let client = client(target.clone());
        let done = LocalSet::new().run_until(exchange(&client, LONG)).await;
        assert_eq!(done.end, expected);
        assert!(done.dial.tls.is_some());
        let shaken = shake_hands(&target, tokio::net::TcpStream::connect(address).await.unwrap());
        match shaken.await {
            Ok(()) => assert!(!mutual),
            Err(HandshakeError::Failed { source, .. }) => {
                assert!(mutual && source.to_string().contains("tls_handshake_failed"), "{source}");
            },
            Err(other) => panic!("{other}"),
        }
    }
}
