//! Senders that are slow, greedy or broken: they harm nobody but themselves.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body::{Body, Frame};
use model::limits::OTLP_REQUEST_BYTES_MAX;
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::grpc::connect;
use super::http::{JSON, PROTOBUF};
use super::life::head_of;
use super::{RpcStatus, bomb, zstd};
use crate::CollectorHandle;
use crate::testing::{PATIENCE, collector, collector_with, end, get, post, span, traces};
use crate::wire::put_bytes;

async fn begin(to: SocketAddr, content_length: usize) -> TcpStream {
    let mut socket = TcpStream::connect(to).await.unwrap();
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\n\
         content-length: {content_length}\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    socket
}

fn displaced(handle: &CollectorHandle) -> u64 {
    let dropped = handle.dropped();
    dropped.into_iter().find(|drop| drop.what == "collector senders cut off").unwrap().count
}

async fn is_served(to: SocketAddr) -> bool {
    let good = traces("shop", vec![span(1, 1, 10, 1)]).encode_to_vec();
    post(to, "/v1/traces", &[PROTOBUF], good).await.status() == 200
}

/// SV8.
#[tokio::test(start_paused = true)]
async fn a_body_that_pauses_too_long_is_asked_for_again_later() {
    let (handle, _folder) = collector().await;
    let began = Instant::now();
    let mut socket = begin(handle.addresses().http, 10).await;
    let answer = head_of(&mut socket).await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("retry-after: 1\r\n"), "{answer}");
    // Long before the time for a whole body is over.
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    end(handle).await;
}

#[tokio::test(start_paused = true)]
async fn a_body_that_only_drips_is_cut_off() {
    let (handle, _folder) = collector().await;
    let began = Instant::now();
    let socket = begin(handle.addresses().http, 1 << 20).await;
    let (mut reader, mut writer) = socket.into_split();
    let dripping = tokio::spawn(async move {
        while writer.write_all(b"drop").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    let mut answer = [0; 12];
    reader.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 503");
    // Long before the time for a whole body is over.
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    dripping.abort();
    end(handle).await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_never_says_what_it_wants_is_closed() {
    let (handle, _folder) = collector().await;
    // Nothing, half of each protocol's first words, and HTTP/2 without an answer to pings.
    let settings = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    for first in [&b""[..], b"PRI * HT", b"POST /v1/tra", settings] {
        let mut socket = TcpStream::connect(handle.addresses().http).await.unwrap();
        socket.write_all(first).await.unwrap();
        let mut rest = Vec::new();
        let _closed_or_reset = socket.read_to_end(&mut rest).await;
    }
    tokio::time::resume();
    assert!(is_served(handle.addresses().http).await);
    end(handle).await;
}

#[tokio::test]
async fn who_opens_every_connection_displaces_only_itself() {
    let (handle, _folder) = collector_with(|config| config.receive.connections_max = 4).await;
    let to = handle.addresses().http;
    let mut greedy = Vec::new();
    for _ in 0..20 {
        greedy.push(TcpStream::connect(to).await.unwrap());
    }
    assert!(is_served(to).await);
    assert!(displaced(&handle) >= 16);
    // The first ones were closed for the last ones.
    assert_eq!(greedy[0].read_u8().await.unwrap_err().kind(), std::io::ErrorKind::UnexpectedEof);
    end(handle).await;
}

/// A body of which nothing ever comes.
struct Never;

impl Body for Never {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

#[tokio::test]
async fn bodies_that_never_come_leave_room_for_those_that_do() {
    let (handle, _folder) = collector().await;
    let to = handle.addresses().http;
    let mut waiting = tokio::task::JoinSet::new();
    // As many as there are requests in work at most, twice as many as bodies that are being read.
    for _ in 0..crate::admission::QUEUE_BATCHES / 128 {
        let sender = connect::<Never>(to).await;
        for _ in 0..128 {
            let mut sender = sender.clone();
            sender.ready().await.unwrap();
            waiting.spawn(async move {
                let request = Request::post("http://x/v1/traces").header(PROTOBUF.0, PROTOBUF.1);
                sender.send_request(request.body(Never).unwrap()).await.unwrap().status()
            });
        }
    }
    // Half of them must give way to the other half.
    for _ in 0..crate::admission::QUEUE_BATCHES / 2 {
        assert_eq!(waiting.join_next().await.unwrap().unwrap(), 503);
    }
    assert!(is_served(to).await);
    assert!(displaced(&handle) >= 512);
    waiting.shutdown().await;
    end(handle).await;
}

#[tokio::test]
async fn a_body_that_holds_memory_without_sending_loses_it_to_one_that_sends() {
    let (handle, _folder) = collector().await;
    let to = handle.addresses().http;
    let mut others = handle.core().admission.enter().unwrap();
    others.grow(4 * OTLP_REQUEST_BYTES_MAX - (600 << 10)).unwrap();
    let mut stalled = begin(to, 500 << 10).await;
    stalled.write_all(&vec![0; 300 << 10]).await.unwrap();
    // On this one thread, what was sent before these has been read when they are answered.
    for _ in 0..16 {
        assert_eq!(get(to, "/").await.status(), 404);
    }
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(2)).await;
    tokio::time::resume();
    let padding = format!("{{{}}}", " ".repeat(400 << 10));
    // This one finds no room but makes some, so the next try is served.
    assert_eq!(post(to, "/v1/traces", &[JSON], padding.clone()).await.status(), 503);
    assert!(head_of(&mut stalled).await.starts_with("HTTP/1.1 503"));
    assert_eq!(post(to, "/v1/traces", &[JSON], padding).await.status(), 200);
    assert_eq!(displaced(&handle), 1);
    end(handle).await;
}

/// SV2.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_is_given_back_whatever_was_sent_and_another_sender_is_served_meanwhile() {
    let (handle, _folder) = collector().await;
    let to = handle.addresses().http;
    let zeros = zstd(&vec![0; OTLP_REQUEST_BYTES_MAX + 1]);
    let (deep, open) = ("[".repeat(1 << 20), "{\"a\":".repeat(1 << 18));
    let gzip = ("content-encoding", "gzip");
    let zstd = ("content-encoding", "zstd");
    let mut attacks = tokio::task::JoinSet::new();
    for round in 0..3 {
        for (headers, body) in [
            (vec![PROTOBUF, gzip], bomb()),
            (vec![PROTOBUF, zstd], zeros.clone()),
            (vec![JSON, zstd], zeros.clone()),
            (vec![JSON], deep.clone().into_bytes()),
            (vec![JSON], open.clone().into_bytes()),
            (vec![PROTOBUF], vec![0x0a; 1 << 20]),
            (vec![PROTOBUF, gzip], vec![0; 1 << 10]),
        ] {
            attacks.spawn(async move { post(to, "/v1/traces", &headers, body).await.status() });
        }
        let mut broken = begin(to, 1 << 20).await;
        broken.write_all(&vec![round; 1 << 18]).await.unwrap();
        drop(broken);
        assert!(is_served(to).await);
    }
    while let Some(status) = attacks.join_next().await {
        assert!([400, 413, 503].contains(&status.unwrap().as_u16()));
    }
    let emptied = tokio::time::timeout(PATIENCE, handle.core().admission.emptied()).await;
    assert!(emptied.is_ok());
    end(handle).await;
}

/// A request for logs with so many empty records.
fn empty_records(count: usize) -> Vec<u8> {
    let (mut entry, mut request) = (Vec::new(), Vec::new());
    put_bytes(2, &[2 << 3 | 2, 0].repeat(count), &mut entry);
    put_bytes(1, &entry, &mut request);
    request
}

#[tokio::test]
async fn items_that_are_small_on_the_wire_and_large_in_memory_are_counted_before_they_are_decoded()
{
    let (handle, _folder) = collector().await;
    let to = handle.addresses().http;
    let headers = [PROTOBUF, ("content-encoding", "zstd")];
    let answer = post(to, "/v1/logs", &headers, zstd(&empty_records(10_000_000))).await;
    assert_eq!(answer.status(), 413);
    let said = RpcStatus::decode(answer.body().clone()).unwrap().message;
    assert_eq!(said, "10000000 log records in one request; send fewer at once");
    // These would find room if they were alone.
    let mut others = handle.core().admission.enter().unwrap();
    others.grow(4 * OTLP_REQUEST_BYTES_MAX - (20 << 20)).unwrap();
    let many = empty_records(100_000);
    assert_eq!(post(to, "/v1/logs", &[PROTOBUF], many.clone()).await.status(), 503);
    drop(others);
    assert_eq!(post(to, "/v1/logs", &[PROTOBUF], many).await.status(), 200);
    assert_eq!(handle.seal().await.unwrap().logs, 100_000);
    end(handle).await;
}

#[tokio::test]
async fn a_head_beyond_its_bounds_is_refused() {
    let (handle, _folder) = collector().await;
    let to = handle.addresses().http;
    for headers in ["x: y\r\n".repeat(200), format!("x: {}\r\n", "y".repeat(100_000))] {
        let mut socket = TcpStream::connect(to).await.unwrap();
        let head = format!("POST /v1/traces HTTP/1.1\r\nhost: x\r\n{headers}\r\n");
        let _may_be_cut_off = socket.write_all(head.as_bytes()).await;
        let mut answer = [0; 12];
        socket.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 431");
    }
    assert!(is_served(to).await);
    end(handle).await;
}
