//! A callee made of a script, for tests: it tells what it was asked and answers what it was told,
//! or drops the connection instead.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use serde_json::Value;
use telemetry::client::Client;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// Longest wait for what must happen; reached only when a test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Value,
}

#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Json(u16, Value),
    /// The connection is closed without an answer.
    Lost,
    /// The connection stays open without an answer.
    Silence,
}

#[derive(Debug)]
pub(crate) struct Fake {
    pub(crate) address: SocketAddr,
    seen: mpsc::Receiver<Seen>,
}

impl Fake {
    /// Answers with one reply after the other; the last one is repeated.
    pub(crate) async fn answering(replies: &[Reply]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, seen) = mpsc::channel(1_024);
        let replies = Arc::new(Mutex::new(VecDeque::from(replies.to_vec())));
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(socket, Arc::clone(&replies), tell.clone()));
            }
        });
        Self { address, seen }
    }

    /// The next request, which must come.
    pub(crate) async fn asked(&mut self) -> Seen {
        let next = tokio::time::timeout(PATIENCE, self.seen.recv()).await;
        next.expect("the service calls its callee").expect("the fake lives as long as its test")
    }

    /// Requests that came and were not looked at yet.
    pub(crate) fn left(&mut self) -> Vec<Seen> {
        std::iter::from_fn(|| self.seen.try_recv().ok()).collect()
    }
}

async fn serve(socket: TcpStream, replies: Arc<Mutex<VecDeque<Reply>>>, tell: mpsc::Sender<Seen>) {
    let mut socket = BufReader::new(socket);
    while let Some(seen) = read(&mut socket).await {
        let reply = {
            let mut replies = replies.lock().unwrap();
            if replies.len() > 1 { replies.pop_front() } else { replies.front().cloned() }
        };
        // The answer goes out first: who has seen the request may count on it.
        match reply.expect("a script has at least one reply") {
            Reply::Json(status, body) => {
                let body = body.to_string();
                let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n", body.len());
                socket.write_all((head + &body).as_bytes()).await.unwrap();
                tell.send(seen).await.unwrap();
            },
            Reply::Lost => {
                tell.send(seen).await.unwrap();
                return;
            },
            Reply::Silence => {
                tell.send(seen).await.unwrap();
                std::future::pending::<()>().await;
            },
        }
    }
}

/// One request; `None` at the end of the connection.
async fn read(socket: &mut BufReader<TcpStream>) -> Option<Seen> {
    let mut first = String::new();
    if socket.read_line(&mut first).await.ok()? == 0 {
        return None;
    }
    let path = first.split(' ').nth(1)?.to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        socket.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    socket.read_exact(&mut body).await.ok()?;
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Some(Seen { path, headers, body })
}

/// An address where nobody listens.
pub(crate) async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// Sends a request as a customer would and returns status, headers and JSON body.
pub(crate) async fn ask(
    to: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Value,
) -> (u16, http::HeaderMap, Value) {
    let mut request = http::Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let request =
        request.header("content-type", "application/json").body(Bytes::from(body)).unwrap();
    let answer = Client::new().send(to, request, PATIENCE).await.unwrap();
    let body = serde_json::from_slice(answer.body()).unwrap_or(Value::Null);
    (answer.status().as_u16(), answer.headers().clone(), body)
}
