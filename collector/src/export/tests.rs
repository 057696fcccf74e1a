use std::collections::BTreeMap;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::*;

/// What the scripted backend does with one request.
enum Act {
    Answer(&'static [u8]),
    /// Closes the connection in the middle of an answer.
    BreakOff(&'static [u8]),
    /// Closes the connection without an answer.
    Hang,
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
const BUSY: &[u8] = b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n";
const THROTTLED: &[u8] = b"HTTP/1.1 429 Slow\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n";
const BROKEN: &[u8] = b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n";
const PARTIAL: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n\x0a\x02\x08\x02";

/// Plays a script, request by request; returns the bodies and when they came.
async fn backend(listener: TcpListener, script: Vec<Act>) -> Vec<(Vec<u8>, Instant)> {
    let mut seen = Vec::new();
    let mut connection: Option<TcpStream> = None;
    for act in script {
        let body = loop {
            let socket = match &mut connection {
                Some(socket) => socket,
                None => connection.insert(listener.accept().await.unwrap().0),
            };
            match read_request(socket).await {
                Some(body) => break body,
                None => connection = None,
            }
        };
        seen.push((body, Instant::now()));
        match act {
            Act::Answer(bytes) => connection.as_mut().unwrap().write_all(bytes).await.unwrap(),
            Act::BreakOff(bytes) => {
                connection.take().unwrap().write_all(bytes).await.unwrap();
            },
            Act::Hang => connection = None,
        }
    }
    seen
}

async fn read_request(socket: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if socket.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return None;
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
    assert!(text.starts_with("post /v1/traces http/1.1"), "{text}");
    let length = text.split("content-length: ").nth(1).unwrap();
    let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
    while bytes.len() < head + length {
        assert!(socket.read_buf(&mut bytes).await.unwrap() > 0);
    }
    Some(bytes.split_off(head))
}

struct Running {
    exporter: Exporter,
    workers: JoinSet<()>,
}

fn exporter(to: SocketAddr) -> Running {
    let settings = Settings::parse(&format!("http://{to}"), &BTreeMap::new()).unwrap();
    let (exporter, workers) = Exporter::new(settings);
    let mut running = JoinSet::new();
    for worker in workers {
        running.spawn(worker.run());
    }
    Running { exporter, workers: running }
}

fn lost(exporter: &Exporter) -> u64 {
    exporter.dropped().map(|drop| drop.count).sum()
}

/// Sends three items as one request through a scripted backend.
async fn play(script: Vec<Act>) -> (Running, Vec<(Vec<u8>, Instant)>) {
    let listener = TcpListener::bind(crate::testing::LOOPBACK).await.unwrap();
    let mut running = exporter(listener.local_addr().unwrap());
    running.exporter.offer(Signal::Traces, Bytes::from_static(b"payload"), 3);
    let seen = backend(listener, script).await;
    running.exporter.close();
    while running.workers.join_next().await.is_some() {}
    (running, seen)
}

#[tokio::test]
async fn a_busy_backend_gets_the_same_bytes_again() {
    let (running, seen) = play(vec![Act::Answer(BUSY), Act::Answer(OK)]).await;
    assert!(seen.iter().all(|(body, _)| body == b"payload"));
    assert_eq!((running.exporter.delivered(Signal::Traces), lost(&running.exporter)), (3, 0));
}

#[tokio::test]
async fn a_connection_that_breaks_before_the_answer_is_tried_again() {
    let (running, seen) = play(vec![Act::Hang, Act::Answer(OK)]).await;
    assert_eq!(seen.len(), 2);
    assert_eq!((running.exporter.delivered(Signal::Traces), lost(&running.exporter)), (3, 0));
}

#[tokio::test]
async fn an_answer_that_breaks_off_in_the_middle_is_tried_again() {
    let half = Act::BreakOff(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n\x0a\x02");
    let (running, seen) = play(vec![half, Act::Answer(OK)]).await;
    assert_eq!(seen.len(), 2);
    assert_eq!((running.exporter.delivered(Signal::Traces), lost(&running.exporter)), (3, 0));
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_final() {
    let mut answer = b"HTTP/1.1 200 OK\r\ncontent-length: 4194305\r\n\r\n".to_vec();
    answer.resize(answer.len() + 4_194_305, 0);
    let (running, seen) = play(vec![Act::Answer(answer.leak())]).await;
    assert_eq!(seen.len(), 1);
    assert_eq!((running.exporter.delivered(Signal::Traces), lost(&running.exporter)), (0, 3));
}

#[tokio::test]
async fn retry_after_is_honoured() {
    let (running, seen) = play(vec![Act::Answer(THROTTLED), Act::Answer(OK)]).await;
    // Without it the second try comes after 600 ms at the latest.
    assert!(seen[1].1 - seen[0].1 >= Duration::from_secs(1));
    assert_eq!(running.exporter.delivered(Signal::Traces), 3);
}

#[tokio::test]
async fn a_partial_success_is_counted_and_not_sent_again() {
    let (running, seen) = play(vec![Act::Answer(PARTIAL)]).await;
    assert_eq!(seen.len(), 1);
    assert_eq!((running.exporter.delivered(Signal::Traces), lost(&running.exporter)), (1, 2));
}

#[tokio::test]
async fn an_error_that_is_not_for_retrying_loses_the_items_at_once() {
    let (running, seen) = play(vec![Act::Answer(BROKEN)]).await;
    assert_eq!(seen.len(), 1);
    assert_eq!((running.exporter.delivered(Signal::Traces), lost(&running.exporter)), (0, 3));
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_is_not_there_costs_its_items_and_a_bounded_time_at_the_end() {
    let listener = TcpListener::bind(crate::testing::LOOPBACK).await.unwrap();
    let mut running = exporter(listener.local_addr().unwrap());
    drop(listener);
    running.exporter.offer(Signal::Logs, Bytes::from_static(b"x"), 5);
    running.exporter.offer(Signal::Logs, Bytes::from_static(b"y"), 6);
    let before = Instant::now();
    running.exporter.close();
    while running.workers.join_next().await.is_some() {}
    assert!(before.elapsed() <= DRAIN_TIMEOUT + Duration::from_secs(1));
    assert_eq!(lost(&running.exporter), 11);
}

#[tokio::test]
async fn what_does_not_fit_into_the_queue_is_counted() {
    let settings = Settings::parse("http://127.0.0.1:9", &BTreeMap::new()).unwrap();
    // The workers do not run, so nothing leaves the queue.
    let (exporter, workers) = Exporter::new(settings);
    for _ in 0..QUEUE_REQUESTS + 2 {
        exporter.offer(Signal::Metrics, Bytes::from_static(b"x"), 1);
    }
    assert_eq!(lost(&exporter), 2);
    drop(workers);
}
