//! Peers by hand: every byte of a connection as the test wants it, every wait bounded and ended by
//! what comes.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::kit::PATIENCE;

/// One connection, of a caller or of a callee.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) socket: TcpStream,
    /// Read and not looked at yet.
    got: Vec<u8>,
}

impl Wire {
    pub(crate) fn new(socket: TcpStream) -> Self {
        socket.set_nodelay(true).unwrap();
        Self { socket, got: Vec::new() }
    }

    pub(crate) async fn to(address: SocketAddr) -> Self {
        Self::new(TcpStream::connect(address).await.unwrap())
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let sending = self.socket.write_all(bytes.as_ref());
        tokio::time::timeout(PATIENCE, sending).await.expect("nobody reads").unwrap();
    }

    /// `Ok(false)` at the end.
    async fn more(&mut self) -> io::Result<bool> {
        let reading = self.socket.read_buf(&mut self.got);
        let read = tokio::time::timeout(PATIENCE, reading).await;
        let so_far = String::from_utf8_lossy(&self.got[..self.got.len().min(500)]);
        Ok(read.unwrap_or_else(|_| panic!("nothing follows {so_far:?}"))? > 0)
    }

    /// Everything up to and with `end`.
    pub(crate) async fn until(&mut self, end: &str) -> String {
        loop {
            let found = self.got.windows(end.len()).position(|part| part == end.as_bytes());
            if let Some(place) = found {
                let taken = self.got.drain(..place + end.len()).collect();
                return String::from_utf8(taken).unwrap();
            }
            let more = self.more().await;
            let so_far = String::from_utf8_lossy(&self.got);
            assert!(matches!(more, Ok(true)), "{more:?} instead of {end:?} after {so_far:?}");
        }
    }

    pub(crate) async fn head(&mut self) -> String {
        self.until("\r\n\r\n").await.to_lowercase()
    }

    pub(crate) async fn exactly(&mut self, count: usize) -> Vec<u8> {
        while self.got.len() < count {
            let more = self.more().await;
            assert!(matches!(more, Ok(true)), "{more:?} after {} of {count}", self.got.len());
        }
        self.got.drain(..count).collect()
    }

    /// Head and body of an answer with a length.
    pub(crate) async fn answer(&mut self) -> (String, Vec<u8>) {
        let head = self.head().await;
        let length = field(&head, "content-length").map_or(0, |length| length.parse().unwrap());
        let body = self.exactly(length).await;
        (head, body)
    }

    /// Everything until the end; the error is what the kernel said.
    pub(crate) async fn rest(&mut self) -> io::Result<Vec<u8>> {
        while self.more().await? {}
        Ok(std::mem::take(&mut self.got))
    }

    /// Everything until the end, whatever it is, and whether it was a reset.
    pub(crate) async fn rest_and_reset(&mut self) -> (Vec<u8>, bool) {
        let is_reset = loop {
            match self.more().await {
                Ok(true) => {},
                Ok(false) => break false,
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
                    break true;
                },
            }
        };
        (std::mem::take(&mut self.got), is_reset)
    }

    /// Did the connection end before anything came?
    pub(crate) async fn rest_unless_answered(&mut self) -> bool {
        !matches!(self.more().await, Ok(true))
    }

    /// Nothing comes for a short while.
    pub(crate) async fn is_silent(&mut self) -> bool {
        let was_empty = self.got.is_empty();
        let reading = self.socket.read_buf(&mut self.got);
        was_empty && tokio::time::timeout(Duration::from_millis(80), reading).await.is_err()
    }

    pub(crate) fn reset(self) {
        socket2::SockRef::from(&self.socket).set_linger(Some(Duration::ZERO)).unwrap();
    }
}

/// The value of a field in a head in lower case.
pub(crate) fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// A callee whose connections the test takes itself.
#[derive(Debug)]
pub(crate) struct Callee {
    listener: TcpListener,
    pub(crate) address: SocketAddr,
}

impl Callee {
    pub(crate) async fn bind() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        Self { listener, address }
    }

    pub(crate) async fn accept(&self) -> Wire {
        let accepting = self.listener.accept();
        let (socket, _) =
            tokio::time::timeout(PATIENCE, accepting).await.expect("nobody came").unwrap();
        Wire::new(socket)
    }

    /// Does nobody come for a short while?
    pub(crate) async fn is_left_alone(&self) -> bool {
        tokio::time::timeout(Duration::from_millis(80), self.listener.accept()).await.is_err()
    }

    /// Does the same with each connection.
    pub(crate) async fn playing<F, P>(play: P) -> SocketAddr
    where
        P: Fn(usize, Wire) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let callee = Self::bind().await;
        let address = callee.address;
        tokio::spawn(async move {
            for number in 0.. {
                let Ok((socket, _)) = callee.listener.accept().await else { return };
                tokio::spawn(play(number, Wire::new(socket)));
            }
        });
        address
    }

    /// Answers the first request of each connection with these bytes and closes.
    pub(crate) async fn saying(answer: &'static str) -> SocketAddr {
        Self::playing(move |_number, mut wire| async move {
            wire.head().await;
            wire.send(answer).await;
        })
        .await
    }
}

/// Sends a request and gives everything until the end.
pub(crate) async fn say(to: SocketAddr, request: &str) -> String {
    let mut wire = Wire::to(to).await;
    wire.send(request).await;
    String::from_utf8(wire.rest().await.unwrap()).unwrap()
}

/// A GET that ends its connection, with header lines.
pub(crate) fn get(lines: &str) -> String {
    format!("GET /charges HTTP/1.1\r\nhost: payments\r\nconnection: close\r\n{lines}\r\n")
}

/// The body behind the head.
pub(crate) fn body_of(answer: &[u8]) -> &[u8] {
    let end = answer.windows(4).position(|part| part == b"\r\n\r\n").unwrap() + 4;
    &answer[end..]
}
