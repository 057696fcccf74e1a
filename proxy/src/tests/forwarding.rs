use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::Request;
use model::policy::EdgePolicy;
use model::propagation::TraceParent;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::kit::{PATIENCE, Stack, Upstream, attribute, header};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[tokio::test]
async fn context_goes_on_with_the_attempt_as_parent_and_everything_else_as_it_came() {
    let upstream = Upstream::friendly().await;
    let stack = Stack::with(upstream.address, EdgePolicy::default(), Vec::new()).await;
    let response = stack
        .call(
            "POST",
            &[
                ("traceparent", PARENT),
                ("tracestate", "a=1,b=2"),
                ("baggage", "user=7"),
                ("x-correlation-id", "u00000f-000001"),
                ("host", "payments.internal"),
                ("x-own", "kept"),
                ("connection", "x-hop"),
                ("x-hop", "dropped"),
            ],
        )
        .await
        .unwrap();
    assert_eq!((response.status().as_u16(), response.body().as_ref()), (200, &b"ok"[..]));
    assert_eq!(header(&response, "x-correlation-id"), Some("u00000f-000001"));
    for (name, expected) in [
        ("tracestate", Some("a=1,b=2")),
        ("baggage", Some("user=7")),
        ("x-correlation-id", Some("u00000f-000001")),
        ("host", Some("payments.internal")),
        ("x-own", Some("kept")),
        ("x-hop", None),
        ("content-length", Some("2")),
    ] {
        assert_eq!(upstream.seen_header(0, name).as_deref(), expected, "{name}");
    }
    let sent: TraceParent = upstream.seen_header(0, "traceparent").unwrap().parse().unwrap();
    let spans = stack.recorder.spans();
    let (attempt, request) = (&spans[0], &spans[1]);
    assert_eq!(sent.trace_id.to_string(), "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(sent.span_id.to_string(), attempt.span_context.span_id().to_string());
    assert_eq!(attempt.parent_span_id, request.span_context.span_id());
    assert_eq!(request.parent_span_id.to_string(), "b7ad6b7169203331");
    assert_eq!(attribute(request, "shakedown.edge").as_deref(), Some("orders -> payments"));
    assert_eq!(attribute(request, "shakedown.epoch").as_deref(), Some("1"));
    assert_eq!(attribute(request, "shakedown.blame"), None);
}

#[tokio::test]
async fn a_missing_correlation_id_is_made_once_sent_up_and_returned() {
    let upstream = Upstream::friendly().await;
    let stack = Stack::with(upstream.address, EdgePolicy::default(), Vec::new()).await;
    let response = stack.call("GET", &[("tracestate", "orphan=1")]).await.unwrap();
    let made = header(&response, "x-correlation-id").unwrap();
    assert!(made.starts_with("gw."), "{made}");
    assert_eq!(upstream.seen_header(0, "x-correlation-id").as_deref(), Some(made));
    assert_eq!(upstream.seen_header(0, "tracestate"), None, "state without a parent");
    let kept = stack.call("GET", &[("x-request-id", "r-1")]).await.unwrap();
    assert_eq!(header(&kept, "x-correlation-id"), Some("r-1"));
    assert_eq!(upstream.seen_header(1, "x-request-id").as_deref(), Some("r-1"));
}

#[tokio::test]
async fn connections_are_kept_alive_on_both_sides() {
    let upstream = Upstream::friendly().await;
    let stack = Stack::with(upstream.address, EdgePolicy::default(), Vec::new()).await;
    for _ in 0..20 {
        assert_eq!(stack.call("POST", &[]).await.unwrap().status(), 200);
    }
    assert_eq!(upstream.seen(), 20);
    assert_eq!(upstream.connections.load(Ordering::SeqCst), 1);
    assert_eq!(stack.state().await.edges[0].in_flight, 0);
}

#[tokio::test]
async fn the_deadline_shrinks_on_its_way_and_a_spent_one_is_not_served() {
    let upstream = Upstream::friendly().await;
    let policy = EdgePolicy { timeout_ms: Some(5_000), ..EdgePolicy::default() };
    let stack = Stack::with(upstream.address, policy, Vec::new()).await;
    for (sent, at_most) in [("900000", 5_000), ("3000", 3_000)] {
        stack.call("GET", &[("x-shakedown-deadline-ms", sent)]).await.unwrap();
        let got = upstream.seen_header(upstream.seen() - 1, "x-shakedown-deadline-ms").unwrap();
        assert!((1..=at_most).contains(&got.parse::<u64>().unwrap()), "{got}");
    }
    let spent = stack.call("GET", &[("x-shakedown-deadline-ms", "0")]).await.unwrap();
    assert_eq!(
        (spent.status().as_u16(), header(&spent, "x-shakedown-blame")),
        (504, Some("internal"))
    );
    assert_eq!(upstream.seen(), 2);
}

#[tokio::test]
async fn the_public_listener_routes_by_prefix_and_says_when_it_cannot() {
    let upstream = Upstream::friendly().await;
    let stack = Stack::start().await;
    let public = stack.proxy.addresses().gateway;
    let edge = stack.call("GET", &[]).await.unwrap();
    assert_eq!(
        (edge.status().as_u16(), header(&edge, "x-shakedown-blame")),
        (503, Some("internal"))
    );
    let mut plan = stack.plan(vec![upstream.address], EdgePolicy::default(), Vec::new());
    plan.routes[0].prefix = "/charges".into();
    assert_eq!(stack.put(&plan).await.status(), 200);
    assert_eq!(stack.call_at(public, "GET", &[]).await.unwrap().status(), 200);
    let request = Request::builder().uri("/elsewhere").body(Bytes::new()).unwrap();
    let lost = stack.client.send(public, request, PATIENCE).await.unwrap();
    assert_eq!(
        (lost.status().as_u16(), header(&lost, "x-shakedown-blame")),
        (404, Some("internal"))
    );
    assert!(header(&lost, "x-correlation-id").is_some());
}

/// Bytes sent each way; far above every buffer on the path.
const LARGE: usize = 64 * 1024 * 1024;

#[tokio::test]
async fn large_bodies_stream_both_ways_with_back_pressure() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let upstream = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut buffer = vec![0; 1024 * 1024];
        let read = socket.read(&mut buffer).await.unwrap();
        let head = String::from_utf8_lossy(&buffer[..read]).to_lowercase();
        let body_at = head.find("\r\n\r\n").unwrap() + 4;
        assert!(head.contains(&format!("content-length: {LARGE}")), "{head}");
        // The answer begins before the request has ended: nothing may wait for a whole body.
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {LARGE}\r\n\r\n");
        socket.write_all(answer.as_bytes()).await.unwrap();
        let mut left = LARGE - (read - body_at);
        while left > 0 {
            left -= socket.read(&mut buffer).await.unwrap();
        }
        let chunk = vec![7; 1024 * 1024];
        for _ in 0..LARGE / chunk.len() {
            socket.write_all(&chunk).await.unwrap();
        }
        socket
    });
    let stack = Stack::with(address, EdgePolicy::default(), Vec::new()).await;
    let mut caller = TcpStream::connect(stack.edge_address()).await.unwrap();
    let head = format!("POST /big HTTP/1.1\r\nhost: x\r\ncontent-length: {LARGE}\r\n\r\n");
    caller.write_all(head.as_bytes()).await.unwrap();
    let mut first = vec![0; 4_096];
    let chunk = vec![1; 1024 * 1024];
    caller.write_all(&chunk).await.unwrap();
    let answered = caller.read(&mut first).await.unwrap();
    assert!(first[..answered].starts_with(b"HTTP/1.1 200"), "no answer before the body's end");
    let before = resident_bytes();
    for _ in 1..LARGE / chunk.len() {
        caller.write_all(&chunk).await.unwrap();
    }
    let head_bytes = first[..answered].windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
    let mut left = LARGE - (answered - head_bytes);
    let mut buffer = vec![0; 1024 * 1024];
    while left > 0 {
        let read = caller.read(&mut buffer).await.unwrap();
        assert!(read > 0, "{left} bytes are missing");
        left -= read;
    }
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < LARGE / 4, "{grown} bytes more are resident");
    drop(upstream.await.unwrap());
}

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4_096
}
