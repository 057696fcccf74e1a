//! The live feed against a peer that answers, breaks and lies.

use std::net::SocketAddr;

use model::fault::Token;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::ask::{Answer, Question, TracesQuestion};
use crate::recording;

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Takes one connection and gives the path that it asks for.
async fn accept(listener: &TcpListener) -> (TcpStream, String) {
    let (socket, head) = accept_head(listener).await;
    (socket, head.split(' ').nth(1).unwrap().to_owned())
}

/// Takes one connection and gives the head of its request.
async fn accept_head(listener: &TcpListener) -> (TcpStream, String) {
    let (mut socket, _) = listener.accept().await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.unwrap());
    }
    (socket, String::from_utf8(head).unwrap())
}

async fn answer(socket: &mut TcpStream, status: &str, body: &str) {
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: text/event-stream\r\n\r\n{body}");
    socket.write_all(head.as_bytes()).await.unwrap();
}

fn event(seq: usize) -> String {
    let frame = recording::until(10).swap_remove(seq);
    format!("id: {seq}\ndata: {}\n\n", serde_json::to_string(&frame).unwrap())
}

/// What the collector has kept, of which only the oldest frame was asked for.
fn kept(seq: usize) -> String {
    let frame = recording::until(10).swap_remove(seq);
    serde_json::to_string(&[frame]).unwrap()
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
        for body in [event(0) + &event(1) + "data: {\"seq\"", kept(0), event(2)] {
            let (mut socket, path) = accept(&listener).await;
            paths.push(path);
            answer(&mut socket, "200 OK", &body).await;
        }
        paths
    });
    let mut feed = LiveFeed::new(Place::at(api));
    assert_eq!(feed.next().await, FeedEvent::Link(Link::Connected));
    assert_eq!(next_sequence(&mut feed).await, 0);
    assert_eq!(next_sequence(&mut feed).await, 1);
    assert_eq!(reason(feed.next().await), "the collector closed the live stream");
    assert_eq!(feed.next().await, FeedEvent::Link(Link::Connected));
    assert_eq!(next_sequence(&mut feed).await, 2);
    let paths = ["/v1/live?from=0", "/v1/frames?from=0&limit=1", "/v1/live?from=2"];
    assert_eq!(server.await.unwrap(), paths);
}

#[tokio::test]
async fn a_collector_that_was_started_anew_is_asked_for_all_its_frames() {
    for (answered, sequence) in [(kept(3), 3), ("[]".to_owned(), 0)] {
        let (listener, api) = listener().await;
        // The frames of another one have another second 0.
        let later = |text: String| text.replace("1800000003", "1800009003");
        let server = tokio::spawn(async move {
            let mut paths = Vec::new();
            for body in [event(0) + &event(5), later(answered), event(sequence)] {
                let (mut socket, path) = accept(&listener).await;
                paths.push(path);
                answer(&mut socket, "200 OK", &body).await;
            }
            paths
        });
        let mut feed = LiveFeed::new(Place::at(api));
        feed.next().await;
        assert_eq!(next_sequence(&mut feed).await, 0);
        assert_eq!(next_sequence(&mut feed).await, 5);
        reason(feed.next().await);
        assert_eq!(feed.next().await, FeedEvent::Link(Link::Connected));
        assert_eq!(next_sequence(&mut feed).await, sequence as u64);
        assert_eq!(server.await.unwrap()[2], "/v1/live?from=0");
    }
}

#[tokio::test]
async fn a_frame_that_cannot_be_read_is_named_and_not_asked_for_again() {
    let (listener, api) = listener().await;
    let server = tokio::spawn(async move {
        let (mut socket, _) = accept(&listener).await;
        answer(&mut socket, "200 OK", &(event(0) + "id: 1\ndata: {\"seq\": \"one\"}\n\n")).await;
        let (mut socket, _) = accept(&listener).await;
        answer(&mut socket, "200 OK", &kept(0)).await;
        drop(socket);
        let (mut socket, path) = accept(&listener).await;
        answer(&mut socket, "200 OK", &event(2)).await;
        path
    });
    let mut feed = LiveFeed::new(Place::at(api));
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
    let mut feed = LiveFeed::new(Place::at(api));
    let reason = reason(feed.next().await);
    assert_eq!(reason, "the collector answered 503 Service Unavailable to GET /v1/live?from=0");
    server.await.unwrap();
}

#[tokio::test]
async fn nobody_there_is_a_lost_link_with_the_cause() {
    let (listener, api) = listener().await;
    drop(listener);
    let mut feed = LiveFeed::new(Place::at(api));
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
    let mut feed = LiveFeed::new(Place::at(api));
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

/// One answer of the collector to `question`, and the head of the request.
async fn asked(question: Question, status: &str, body: &str) -> (Result<Answer, String>, String) {
    let (listener, api) = listener().await;
    let (status, body) = (status.to_owned(), body.to_owned());
    let server = tokio::spawn(async move {
        let (mut socket, head) = accept_head(&listener).await;
        answer(&mut socket, &status, &body).await;
        head
    });
    let place = Place::at(api).with_token(Some(Token::new("s3cret")));
    let got = LiveAsker::new(place).ask(question).await;
    (got.map_err(|error| error.0), server.await.unwrap())
}

#[tokio::test]
async fn a_question_shows_the_token_and_is_answered() {
    let question = Question::Traces(TracesQuestion { limit: 3, ..TracesQuestion::default() });
    let line = r#"[{"trace_id":"9c1e44d0a7f2b8135f60c1aa20d94e77","correlation_id":null,
        "start_unix_ns":5,"duration_ns":7,"error":true,"fault":"slow","service":"orders",
        "name":"POST /orders","spans":4,"errors":1}]"#;
    let (got, head) = asked(question, "200 OK", line).await;
    let Ok(Answer::Traces(lines)) = got else { panic!("{got:?}") };
    assert_eq!((lines[0].head.duration_ns, lines[0].spans), (7, 4));
    assert!(head.starts_with("GET /v1/traces?limit=3 HTTP/1.1\r\n"), "{head}");
    assert!(head.to_ascii_lowercase().contains("authorization: bearer s3cret\r\n"), "{head}");
}

#[tokio::test]
async fn a_trace_that_the_collector_does_not_know_is_no_error_and_a_page_that_is_missing_is() {
    let id = "9c1e44d0a7f2b8135f60c1aa20d94e77".parse().unwrap();
    let unknown = r#"{"error":"no span of it has come in","field":null}"#;
    let (got, _) = asked(Question::Trace(id), "404 Not Found", unknown).await;
    assert_eq!(got, Ok(Answer::Trace(None)));
    let (got, _) = asked(Question::Trace(id), "404 Not Found", "<html>").await;
    let path = format!("/v1/traces/{id}");
    assert_eq!(got, Err(format!("the collector answered 404 Not Found to GET {path}")));
}

#[tokio::test]
async fn a_refusal_is_a_sentence_with_what_the_collector_says() {
    let refusal = r#"{"error":"the API wants its token","field":null}"#;
    let (got, _) = asked(Question::Calls, "401 Unauthorized", refusal).await;
    let expected = "the collector answered 401 Unauthorized to GET /v1/graph: the API wants its \
                    token";
    assert_eq!(got, Err(expected.to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_collector_that_does_not_answer_is_given_up() {
    let (listener, api) = listener().await;
    let server = tokio::spawn(async move {
        let (mut socket, _) = accept(&listener).await;
        let _ = socket.read_u8().await;
    });
    let got = LiveAsker::new(Place::at(api)).ask(Question::Calls).await;
    let error = got.unwrap_err().0;
    assert!(error.contains("within 5000 ms") || error.contains("within 5 s"), "{error}");
    server.await.unwrap();
}

#[tokio::test]
async fn a_collector_whose_process_dies_is_a_lost_link_at_once() {
    let (listener, api) = listener().await;
    let server = tokio::spawn(async move {
        let (mut socket, _) = accept(&listener).await;
        answer(&mut socket, "200 OK", &event(0)).await;
        socket
    });
    let mut feed = LiveFeed::new(Place::at(api));
    assert_eq!(feed.next().await, FeedEvent::Link(Link::Connected));
    assert_eq!(next_sequence(&mut feed).await, 0);
    // The kernel closes the connections of a process that ends in any way.
    drop(server.await.unwrap());
    reason(feed.next().await);
}

#[tokio::test(start_paused = true)]
async fn a_collector_that_goes_after_the_verdict_has_ended_and_the_next_run_there_is_shown() {
    let (listener, api) = listener().await;
    let last = recording::run().pop().unwrap();
    let text = |frame: &Frame| {
        format!("id: {}\ndata: {}\n\n", frame.seq, serde_json::to_string(frame).unwrap())
    };
    let server = tokio::spawn(async move {
        let (mut socket, _) = accept(&listener).await;
        answer(&mut socket, "200 OK", &text(&last)).await;
        drop(socket);
        // Nobody answers for some time.
        for _ in 0..4 {
            drop(accept(&listener).await);
        }
        let mut next = recording::until(1);
        next[0].run.run_id = "another".to_owned();
        let kept = serde_json::to_string(&next).unwrap();
        for body in [kept, text(&next[0])] {
            let (mut socket, _) = accept(&listener).await;
            answer(&mut socket, "200 OK", &body).await;
        }
    });
    let mut feed = LiveFeed::new(Place::at(api));
    assert_eq!(feed.next().await, FeedEvent::Link(Link::Connected));
    assert_eq!(next_sequence(&mut feed).await, 99);
    assert_eq!(feed.next().await, FeedEvent::Link(Link::Ended));
    let before = tokio::time::Instant::now();
    assert_eq!(feed.next().await, FeedEvent::Link(Link::Connected));
    assert!(before.elapsed() >= NEXT_RUN * 5, "{:?}", before.elapsed());
    assert_eq!(next_sequence(&mut feed).await, 0);
    server.await.unwrap();
}
