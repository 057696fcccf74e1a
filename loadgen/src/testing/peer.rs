//! A small HTTP/1.1 server that does what a test wants of it, byte by byte.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use model::load::{LoadDone, LoadInterval, LoadReply};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;

#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Number of the connection, from 0.
    pub(crate) connection: usize,
    pub(crate) method: String,
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// What the peer does about a request.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Sends these bytes and goes on.
    Bytes(Vec<u8>),
    /// Sends these bytes and closes the connection.
    BytesThenClose(Vec<u8>),
    /// Never answers.
    Hang,
    Reset,
}

impl Act {
    pub(crate) fn json(status: u16, body: &str) -> Self {
        Self::with_headers(status, "", body)
    }

    /// Each header line must end with `\r\n`.
    pub(crate) fn with_headers(status: u16, headers: &str, body: &str) -> Self {
        let length = body.len();
        let head = format!("HTTP/1.1 {status} Said\r\n{headers}content-length: {length}\r\n\r\n");
        Self::Bytes((head + body).into_bytes())
    }
}

/// Stops serving when dropped.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An address that refuses connections for as long as the socket is kept: it is bound, so that
/// no other test gets its port, and nobody listens on it.
pub(crate) fn nobody() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// Serves on port 0, each request by `answer`.
pub(crate) async fn serve<F, A>(answer: F) -> Peer
where
    F: Fn(Request) -> A + Clone + Send + 'static,
    A: Future<Output = Act> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        let mut connections = tokio::task::JoinSet::new();
        for number in 0.. {
            let Ok((socket, _)) = listener.accept().await else { return };
            connections.spawn(connection(socket, number, answer.clone()));
        }
    });
    Peer { address, task }
}

async fn connection<F, A>(mut socket: TcpStream, number: usize, answer: F)
where
    F: Fn(Request) -> A,
    A: Future<Output = Act>,
{
    socket.set_nodelay(true).unwrap();
    while let Some(request) = read(&mut socket, number).await {
        match answer(request).await {
            Act::Bytes(bytes) => {
                if socket.write_all(&bytes).await.is_err() {
                    return;
                }
            },
            Act::BytesThenClose(bytes) => {
                socket.write_all(&bytes).await.ok();
                return;
            },
            Act::Hang => std::future::pending().await,
            Act::Reset => {
                socket.set_zero_linger().unwrap();
                return;
            },
        }
    }
}

async fn read(socket: &mut TcpStream, connection: usize) -> Option<Request> {
    let mut bytes = Vec::new();
    let head_length = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if socket.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..head_length].to_vec()).unwrap();
    let mut lines = head.split("\r\n").filter(|line| !line.is_empty());
    let mut first = lines.next()?.split(' ').map(str::to_owned);
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let mut request = Request {
        connection,
        method: first.next()?,
        path: first.next()?,
        headers,
        body: Bytes::new(),
    };
    let length = request.header("content-length").map_or(0, |text| text.parse().unwrap());
    while bytes.len() < head_length + length {
        if socket.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    request.body = Bytes::copy_from_slice(&bytes[head_length..]);
    Some(request)
}

/// What a collector got.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    pub(crate) intervals: Vec<LoadInterval>,
    pub(crate) done: Vec<LoadDone>,
    pub(crate) spans: Vec<Span>,
}

/// A collector that answers each interval by `reply` of its sequence number.
pub(crate) async fn collector(
    reply: impl Fn(u64) -> LoadReply + Clone + Send + Sync + 'static,
) -> (Peer, Arc<Mutex<Collected>>) {
    let collected = Arc::new(Mutex::new(Collected::default()));
    let into = Arc::clone(&collected);
    let peer = serve(move |request| {
        let act = collect(&mut into.lock().unwrap(), &request, &reply);
        async { act }
    });
    (peer.await, collected)
}

fn collect(into: &mut Collected, request: &Request, reply: impl Fn(u64) -> LoadReply) -> Act {
    let answer = match request.path.as_str() {
        "/v1/load/intervals" => {
            let interval: LoadInterval = serde_json::from_slice(&request.body).unwrap();
            let answer = reply(interval.sequence);
            into.intervals.push(interval);
            answer
        },
        "/v1/load/done" => {
            into.done.push(serde_json::from_slice(&request.body).unwrap());
            LoadReply::Continue
        },
        "/v1/traces" => {
            assert_eq!(request.header("content-type"), Some("application/x-protobuf"));
            let message = ExportTraceServiceRequest::decode(request.body.clone()).unwrap();
            let scopes = message.resource_spans.into_iter().flat_map(|r| r.scope_spans);
            into.spans.extend(scopes.flat_map(|scope| scope.spans));
            return Act::json(200, "");
        },
        other => panic!("nobody asks a collector for {other}"),
    };
    Act::json(200, &serde_json::to_string(&answer).unwrap())
}
