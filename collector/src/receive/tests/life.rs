//! How long connections live, and how they end.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::grpc::{EXPORT, connect, frame};
use super::http::TRACE;
use crate::testing::{collector, collector_with, end, get, span, traces};

fn export(id: u8) -> Request<Full<Bytes>> {
    let message = traces("shop", vec![span(1, id, 10, 1)]).encode_to_vec();
    Request::post(format!("http://collector{EXPORT}"))
        .header("content-type", "application/grpc")
        .body(Full::new(frame(0, &message).into()))
        .unwrap()
}

async fn status(response: http::Response<hyper::body::Incoming>) -> String {
    let body = response.into_body().collect().await.unwrap();
    body.trailers().unwrap()["grpc-status"].to_str().unwrap().to_owned()
}

/// Lets time pass in steps, with room for pings and their answers between them.
async fn silence(to: SocketAddr, whole: Duration) {
    const STEP: Duration = Duration::from_secs(4);
    for _ in 0..whole.as_secs() / STEP.as_secs() {
        tokio::time::pause();
        tokio::time::advance(STEP).await;
        tokio::time::resume();
        // What was sent before these was sent on the same thread, and has come before their answer.
        for _ in 0..2 {
            assert_eq!(get(to, "/").await.status(), 404);
        }
    }
}

/// SG5.
#[tokio::test]
async fn a_grpc_connection_may_be_silent_for_ten_minutes() {
    let (handle, _folder) = collector().await;
    let to = handle.addresses().grpc;
    let mut sender = connect(to).await;
    for id in 1..=2 {
        sender.ready().await.unwrap();
        assert_eq!(status(sender.send_request(export(id)).await.unwrap()).await, "0");
        silence(to, Duration::from_mins(10)).await;
    }
    assert!(!sender.is_closed());
    end(handle).await;
}

/// SG5: also on a connection that has had no call yet.
#[tokio::test]
async fn pings_of_a_client_are_answered() {
    const PING: u8 = 6;
    let (handle, _folder) = collector().await;
    let mut socket = TcpStream::connect(handle.addresses().grpc).await.unwrap();
    socket.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    for round in 1..=3 {
        let ping = [&[0, 0, 8, PING, 0, 0, 0, 0, 0], &[round; 8][..]].concat();
        socket.write_all(&ping).await.unwrap();
        loop {
            let mut head = [0; 9];
            socket.read_exact(&mut head).await.unwrap();
            let mut payload = vec![0; usize::from(head[2])];
            socket.read_exact(&mut payload).await.unwrap();
            // The flag says that it is the answer.
            if (head[3], head[4]) == (PING, 1) {
                assert_eq!(payload, [round; 8]);
                break;
            }
        }
    }
    drop(socket);
    end(handle).await;
}

/// SG5, SH10.
#[tokio::test]
async fn a_request_in_work_is_finished_when_the_collector_ends() {
    let (handle, _folder) = collector().await;
    let mut socket = TcpStream::connect(handle.addresses().http).await.unwrap();
    let body = traces("shop", vec![span(1, 1, 10, 1)]).encode_to_vec();
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\n\
         expect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    // The word to go on says that the request is in work.
    let mut answer = [0; 25];
    socket.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n");
    handle.shutdown();
    socket.write_all(&body).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert_eq!(handle.trace(TRACE.parse().unwrap()).unwrap().spans.len(), 1);
    end(handle).await;
}

/// SH6, SH7: also of a client that sends all before it reads.
#[tokio::test]
async fn who_is_refused_in_the_middle_of_a_long_body_still_gets_to_read_the_answer() {
    let (handle, _folder) =
        collector_with(|config| config.receive.request_bytes_max = 5 << 20).await;
    let mut socket = TcpStream::connect(handle.addresses().http).await.unwrap();
    // Each connection is good for the next try.
    for (body_bytes, expected) in [(15 << 20, 413), (15 << 20, 413), (5 << 20, 503)] {
        if expected == 503 {
            handle.core().admission.close();
        }
        let head = format!(
            "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\n\
             content-length: {body_bytes}\r\n\r\n"
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        socket.write_all(&vec![0; body_bytes]).await.unwrap();
        let answer = head_of(&mut socket).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {expected}")), "{answer}");
        let length = answer.split("content-length: ").nth(1).unwrap();
        let mut body = vec![0; length.split('\r').next().unwrap().parse().unwrap()];
        socket.read_exact(&mut body).await.unwrap();
    }
    end(handle).await;
}

pub(super) async fn head_of(socket: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(socket.read_u8().await.unwrap());
    }
    String::from_utf8(answer).unwrap()
}
