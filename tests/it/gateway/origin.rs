//! The callees of these tests.
//!
//! | Path | Answer |
//! |---|---|
//! | `/held` | once the test allows it |
//! | `/big/N` | N bytes |
//! | `/events` | an event for each one that the test allows, for ever |
//! | `/ticks` | an event every 20 ms, for ever |
//! | `/echo` | 101, then every byte comes back |
//! | `/.../fails` | 500 |
//! | any other | the name of the origin |

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::process::soon;
use crate::support::ANY_PORT;

const TICK: Duration = Duration::from_millis(20);
const PIECE_BYTES: usize = 64 * 1_024;

/// A callee.
pub(super) struct Origin {
    pub(super) address: SocketAddr,
    marks: Arc<Marks>,
}

struct Marks {
    name: &'static str,
    /// A permit for each request that has come.
    come: Semaphore,
    /// A permit for each answer or event that may go.
    allowed: Semaphore,
}

impl Origin {
    pub(super) async fn start(name: &'static str) -> Self {
        let listener = TcpListener::bind(ANY_PORT).await.unwrap();
        let address = listener.local_addr().unwrap();
        let marks = Marks { name, come: Semaphore::new(0), allowed: Semaphore::new(0) };
        let marks = Arc::new(marks);
        let shared = Arc::clone(&marks);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let marks = Arc::clone(&shared);
                // A connection that breaks is the business of the one who broke it.
                tokio::spawn(async move { serve(socket, &marks).await });
            }
        });
        Self { address, marks }
    }

    /// Waits until one request more has come.
    pub(super) async fn asked(&self) {
        soon("the request comes to the origin", self.marks.come.acquire()).await.unwrap().forget();
    }

    /// Lets one answer more go.
    pub(super) fn allow(&self) {
        self.marks.allowed.add_permits(1);
    }
}

async fn serve(socket: TcpStream, marks: &Marks) -> std::io::Result<()> {
    let mut stream = BufReader::new(socket);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head).await? == 0 {
                return Ok(());
            }
        }
        marks.come.add_permits(1);
        let path = head.split(' ').nth(1).unwrap_or_default();
        match path {
            "/held" => {
                marks.allowed.acquire().await.unwrap().forget();
                answer(&mut stream, 200, marks.name).await?;
            },
            "/events" => return events(&mut stream, marks).await,
            "/ticks" => return ticks(&mut stream).await,
            "/echo" => return echo(stream).await,
            path if path.ends_with("/fails") => answer(&mut stream, 500, marks.name).await?,
            path => match path.strip_prefix("/big/") {
                Some(size) => big(&mut stream, size.parse().unwrap()).await?,
                None => answer(&mut stream, 200, marks.name).await?,
            },
        }
    }
}

async fn answer(stream: &mut BufReader<TcpStream>, status: u16, body: &str) -> std::io::Result<()> {
    let length = body.len();
    let text = format!("HTTP/1.1 {status} Status\r\ncontent-length: {length}\r\n\r\n{body}");
    stream.write_all(text.as_bytes()).await
}

async fn big(stream: &mut BufReader<TcpStream>, size: usize) -> std::io::Result<()> {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {size}\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    let piece = vec![b'x'; PIECE_BYTES];
    let mut left = size;
    while left > 0 {
        let count = left.min(PIECE_BYTES);
        stream.write_all(&piece[..count]).await?;
        left -= count;
    }
    Ok(())
}

const EVENTS_HEAD: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

async fn event(stream: &mut BufReader<TcpStream>, number: u64) -> std::io::Result<()> {
    let event = format!("data: {number}\n\n");
    stream.write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes()).await
}

async fn events(stream: &mut BufReader<TcpStream>, marks: &Marks) -> std::io::Result<()> {
    stream.write_all(EVENTS_HEAD).await?;
    for number in 0.. {
        marks.allowed.acquire().await.unwrap().forget();
        event(stream, number).await?;
    }
    Ok(())
}

async fn ticks(stream: &mut BufReader<TcpStream>) -> std::io::Result<()> {
    stream.write_all(EVENTS_HEAD).await?;
    let mut ticks = tokio::time::interval(TICK);
    for number in 0.. {
        ticks.tick().await;
        event(stream, number).await?;
    }
    Ok(())
}

async fn echo(mut stream: BufReader<TcpStream>) -> std::io::Result<()> {
    let head = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\n\
                upgrade: websocket\r\n\r\n";
    stream.write_all(head.as_bytes()).await?;
    let (mut reader, mut writer) = tokio::io::split(stream);
    tokio::io::copy(&mut reader, &mut writer).await?;
    writer.shutdown().await
}
