//! What the tests of this API share.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use model::plan::{FaultStatus, ProxyConfig};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::tests::kit::{PATIENCE, Stack, edge};

pub(super) const MS: Duration = Duration::from_millis(1);

/// A gateway with this API and a server that sends back what it gets.
pub(super) struct Bench {
    pub(super) stack: Stack,
    pub(super) echo: SocketAddr,
}

impl Bench {
    pub(super) async fn start() -> Self {
        Self::on_threads(1).await
    }

    pub(super) async fn on_threads(count: usize) -> Self {
        let mut config = ProxyConfig::on_loopback("test", [edge()]);
        config.toxiproxy = Some("127.0.0.1:0".parse().unwrap());
        config.threads = Some(count);
        Self { stack: Stack::of(config).await, echo: echo().await }
    }

    /// With one proxy `p` in front of the echo server.
    pub(super) async fn with_proxy() -> (Self, SocketAddr) {
        let bench = Self::start().await;
        let made = bench.made("p").await;
        (bench, made)
    }

    /// A proxy in front of the echo server; where it listens.
    pub(super) async fn made(&self, name: &str) -> SocketAddr {
        let upstream = self.echo.to_string();
        let wanted = json!({"name": name, "listen": "127.0.0.1:0", "upstream": upstream});
        address_of(&self.ok("POST", "/proxies", wanted, 201).await)
    }

    pub(super) async fn send(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let api = self.stack.proxy.addresses().toxiproxy.unwrap();
        let request = Request::builder().method(method).uri(path);
        let request = request.body(Bytes::from(body.to_owned())).unwrap();
        let answer = self.stack.client.send(api, request, PATIENCE).await.unwrap();
        let text = String::from_utf8(answer.body().to_vec()).unwrap();
        (answer.status().as_u16(), text)
    }

    /// Sends what shall be answered with this status.
    pub(super) async fn ok(&self, method: &str, path: &str, body: Value, status: u16) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (got, text) = self.send(method, path, &body).await;
        assert_eq!(got, status, "{method} {path}: {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// Puts a toxic on `p`.
    pub(super) async fn toxic(&self, kind: &str, stream: &str, attributes: Value) {
        let toxic = json!({"name": "t", "type": kind, "stream": stream, "attributes": attributes});
        self.ok("POST", "/proxies/p/toxics", toxic, 200).await;
    }

    pub(super) async fn remove(&self) {
        self.ok("DELETE", "/proxies/p/toxics/t", Value::Null, 204).await;
    }

    pub(super) async fn faults(&self) -> Vec<FaultStatus> {
        self.stack.state().await.faults
    }

    pub(super) async fn fault(&self, name: &str) -> FaultStatus {
        let found = self.faults().await.into_iter().find(|fault| fault.name == name);
        found.expect("the fault is armed")
    }
}

pub(super) fn address_of(proxy: &Value) -> SocketAddr {
    proxy["listen"].as_str().unwrap().parse().unwrap()
}

pub(super) async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            socket.set_nodelay(true).unwrap();
            tokio::spawn(async move {
                let (mut read, mut write) = socket.split();
                let _ended = tokio::io::copy(&mut read, &mut write).await;
                let _gone = write.shutdown().await;
            });
        }
    });
    address
}

pub(super) async fn connect(to: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(to).await.unwrap();
    socket.set_nodelay(true).unwrap();
    socket
}

/// Sends some bytes and reads as many.
pub(super) async fn ask(socket: &mut TcpStream, bytes: &[u8]) -> io::Result<Vec<u8>> {
    socket.write_all(bytes).await?;
    let mut answer = vec![0; bytes.len()];
    patient(socket.read_exact(&mut answer)).await?;
    Ok(answer)
}

/// Reads until the end.
pub(super) async fn rest(socket: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    patient(socket.read_to_end(&mut all)).await?;
    Ok(all)
}

pub(super) async fn patient<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("this never happened")
}

pub(super) async fn is_silent(socket: &mut TcpStream, time: Duration) -> bool {
    tokio::time::timeout(time, socket.read_u8()).await.is_err()
}
