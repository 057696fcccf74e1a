//! The live feed against a peer that answers, breaks and lies.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::recording;

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Takes one connection and gives the path that it asks for.
async fn accept(listener: &TcpListener) -> (TcpStream, String) {
    let (mut socket, _) = listener.accept().await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    (socket, path)
}

async fn answer(socket: &mut TcpStream, status: &str, body: &str) {
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: text/event-stream\r\n\r\n{body}");
    socket.write_all(head.as_bytes()).await.unwrap();
}

fn event(seq: usize) -> String {
    let frame = recording::until(10).swap_remove(seq);
    format!("id: {seq}\ndata: {}\n\n", serde_json::to_string(&frame).unwrap())
}

async fn next_sequence(feed: &mut LiveFeed) -> u64 {
    match feed.next().await {
        FeedEvent::Frame(frame) => frame.seq,
        other @ FeedEvent::Link(_) => panic!("{other:?}"),
    }
}

fn reason(event: FeedEvent) -> String {
    match event {
        FeedEvent::Link(Link::Lost { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_broken_stream_is_joined_again_after_the_last_frame() {
    let (listener, api) = listener().await;
    let server = tokio::spawn(async move {
        let mut paths = Vec::new();
        for body in [event(0) + &event(1) + "data: {\"seq\"", event(2)] {
            let (mut socket, path) = accept(&listener).await;
            paths.push(path);
            answer(&mut socket, "200 OK", &body).await;
        }
        paths
    });
    let mut feed = LiveFeed::new(Client::new(), api);
    assert_eq!(feed.next().await, FeedEvent::Link(Link::Connected));
    assert_eq!(next_sequence(&mut feed).await, 0);
    assert_eq!(next_sequence(&mut feed).await, 1);
    reason(feed.next().await);
    assert_eq!(feed.next().await, FeedEvent::Link(Link::Connected));
    assert_eq!(next_sequence(&mut feed).await, 2);
    assert_eq!(server.await.unwrap(), ["/v1/live?from=0", "/v1/live?from=2"]);
}

#[tokio::test]
async fn a_frame_that_cannot_be_read_is_named_and_not_asked_for_again() {
    let (listener, api) = listener().await;
    let server = tokio::spawn(async move {
        let (mut socket, _) = accept(&listener).await;
        answer(&mut socket, "200 OK", &(event(0) + "id: 1\ndata: {\"seq\": \"one\"}\n\n")).await;
        let (mut socket, path) = accept(&listener).await;
        answer(&mut socket, "200 OK", &event(2)).await;
        path
    });
    let mut feed = LiveFeed::new(Client::new(), api);
    assert_eq!(feed.next().await, FeedEvent::Link(Link::Connected));
    assert_eq!(next_sequence(&mut feed).await, 0);
    assert!(reason(feed.next().await).starts_with("frame 1 of the live stream cannot be read"));
    assert_eq!(feed.next().await, FeedEvent::Link(Link::Connected));
    assert_eq!(next_sequence(&mut feed).await, 2);
    assert_eq!(server.await.unwrap(), "/v1/live?from=2");
}

#[tokio::test]
async fn an_answer_that_is_no_stream_is_a_lost_link_with_its_status() {
    let (listener, api) = listener().await;
    let server = tokio::spawn(async move {
        let (mut socket, _) = accept(&listener).await;
        answer(&mut socket, "503 Service Unavailable", "").await;
    });
    let mut feed = LiveFeed::new(Client::new(), api);
    let reason = reason(feed.next().await);
    assert_eq!(reason, "the collector answered 503 Service Unavailable to GET /v1/live?from=0");
    server.await.unwrap();
}

#[tokio::test]
async fn nobody_there_is_a_lost_link_with_the_cause() {
    let (listener, api) = listener().await;
    drop(listener);
    let mut feed = LiveFeed::new(Client::new(), api);
    let reason = reason(feed.next().await);
    assert!(reason.starts_with(&format!("cannot connect to {api}: ")), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_is_lost() {
    let (listener, api) = listener().await;
    let server = tokio::spawn(async move {
        let (mut socket, _) = accept(&listener).await;
        answer(&mut socket, "200 OK", "").await;
        // Held open until the feed gives it up.
        let _ = socket.read_u8().await;
    });
    let mut feed = LiveFeed::new(Client::new(), api);
    assert_eq!(feed.next().await, FeedEvent::Link(Link::Connected));
    assert_eq!(reason(feed.next().await), "the live stream was silent for 10 s");
    server.await.unwrap();
}

#[test]
fn waits_grow_are_capped_and_never_in_step() {
    assert_eq!(retry_after(0, 0.0), RETRY_MIN);
    assert_eq!(retry_after(1, 0.0), RETRY_MIN * 2);
    for failures in [6, 40, u32::MAX] {
        assert_eq!(retry_after(failures, 0.0), RETRY_MAX);
        assert_eq!(retry_after(failures, 1.0), RETRY_MAX / 2);
    }
}
