use std::sync::atomic::Ordering;
use std::time::Duration;

use model::policy::EdgePolicy;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::by_hand::{Callee, Wire, body_of, field, get, say};
use super::kit::{PATIENCE, Stack, Upstream};

async fn plain(to: std::net::SocketAddr) -> Stack {
    Stack::with(to, EdgePolicy::default(), Vec::new()).await
}

const CHUNKED_POST: &str =
    "POST /echo HTTP/1.1\r\nhost: payments\r\ntransfer-encoding: chunked\r\n\r\n";
const CHUNKED_OK: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

#[tokio::test]
async fn a_callee_answers_piece_by_piece_while_the_body_still_comes() {
    let callee = Callee::bind().await;
    let stack = plain(callee.address).await;
    let mut caller = Wire::to(stack.edge_address()).await;
    caller.send(CHUNKED_POST).await;
    let mut served = callee.accept().await;
    served.head().await;
    served.send(CHUNKED_OK).await;
    assert!(caller.head().await.starts_with("http/1.1 200"));
    for number in 0..20 {
        let piece = format!("6\r\nping{number:02}\r\n");
        caller.send(&piece).await;
        assert_eq!(served.until(&piece).await, piece);
        let piece = piece.replace("ping", "pong");
        served.send(&piece).await;
        assert_eq!(caller.until(&piece).await, piece);
    }
    caller.send("0\r\n\r\n").await;
    assert_eq!(served.until("0\r\n\r\n").await, "0\r\n\r\n");
    served.send("0\r\n\r\n").await;
    assert_eq!(caller.until("0\r\n\r\n").await, "0\r\n\r\n");
    // Both connections are used again.
    caller.send("GET /next HTTP/1.1\r\nhost: payments\r\n\r\n").await;
    assert!(served.head().await.starts_with("get /next"));
    served.send("HTTP/1.1 204 No Content\r\n\r\n").await;
    assert!(caller.head().await.starts_with("http/1.1 204"));
    let state = stack.state().await.edges.remove(0);
    assert_eq!((state.bytes_up, state.bytes_down), (120, 120));
}

#[tokio::test]
async fn nothing_is_read_from_a_callee_whose_reader_takes_nothing() {
    let callee = Callee::bind().await;
    let stack = plain(callee.address).await;
    let mut caller = Wire::to(stack.edge_address()).await;
    caller.send("GET /endless HTTP/1.1\r\nhost: payments\r\n\r\n").await;
    let mut served = callee.accept().await;
    served.head().await;
    served.send("HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n").await;
    let block = vec![7; 256 * 1024];
    let mut written = 0;
    let pause = Duration::from_millis(400);
    while let Ok(sent) = tokio::time::timeout(pause, served.socket.write(&block)).await {
        written += sent.unwrap();
        assert!(written < 64 * 1024 * 1024, "nobody held the callee back");
    }
    caller.head().await;
    caller.exactly(written).await;
    served.send(&block).await;
    assert_eq!(caller.exactly(block.len()).await, block);
}

#[tokio::test]
async fn nothing_is_read_from_a_caller_whose_callee_takes_nothing() {
    let callee = Callee::bind().await;
    let stack = plain(callee.address).await;
    let mut caller = Wire::to(stack.edge_address()).await;
    caller.send("POST /endless HTTP/1.1\r\nhost: x\r\ncontent-length: 1073741824\r\n\r\n").await;
    let mut served = callee.accept().await;
    served.head().await;
    let block = vec![7; 256 * 1024];
    let mut written = 0;
    let pause = Duration::from_millis(400);
    while let Ok(sent) = tokio::time::timeout(pause, caller.socket.write(&block)).await {
        written += sent.unwrap();
        assert!(written < 64 * 1024 * 1024, "nobody held the caller back");
    }
    served.exactly(written).await;
    caller.send(&block).await;
    assert_eq!(served.exactly(block.len()).await, block);
}

/// Bytes each way.
const LARGE: usize = 32 * 1024 * 1024;

#[tokio::test]
async fn thirty_two_mebibytes_go_both_ways_at_once_and_arrive_as_they_were() {
    let echo = Callee::playing(|_number, mut wire| async move {
        wire.head().await;
        wire.send(format!("HTTP/1.1 200 OK\r\ncontent-length: {LARGE}\r\n\r\n")).await;
        let mut buffer = vec![0; 128 * 1024];
        loop {
            let read = wire.socket.read(&mut buffer).await.unwrap();
            if read == 0 || wire.socket.write_all(&buffer[..read]).await.is_err() {
                return;
            }
        }
    });
    let stack = plain(echo.await).await;
    let Wire { socket, .. } = {
        let mut caller = Wire::to(stack.edge_address()).await;
        caller
            .send(format!("POST /big HTTP/1.1\r\nhost: x\r\ncontent-length: {LARGE}\r\n\r\n"))
            .await;
        caller.head().await;
        caller
    };
    let (mut reader, mut writer) = socket.into_split();
    let byte = |at: usize| (at.wrapping_mul(31) >> 3) as u8;
    let sending = tokio::spawn(async move {
        let mut at = 0;
        while at < LARGE {
            let block: Vec<u8> = (at..at + 64 * 1024).map(byte).collect();
            writer.write_all(&block).await.unwrap();
            at += block.len();
        }
        writer
    });
    let mut buffer = vec![0; 128 * 1024];
    let mut at = 0;
    while at < LARGE {
        let reading = tokio::time::timeout(PATIENCE, reader.read(&mut buffer));
        let read = reading.await.unwrap().unwrap();
        assert!(read > 0, "{at}");
        let wrong = buffer[..read].iter().enumerate().find(|(more, got)| **got != byte(at + more));
        assert_eq!(wrong, None, "at {at}");
        at += read;
    }
    drop(sending.await.unwrap());
}

#[tokio::test]
async fn chunks_go_on_with_their_trailers_both_ways() {
    let callee = Callee::bind().await;
    let stack = plain(callee.address).await;
    let mut caller = Wire::to(stack.edge_address()).await;
    caller.send(CHUNKED_POST).await;
    caller.send("3;name=x\r\nabc\r\n0\r\nx-sum: 1\r\n\r\n").await;
    let mut served = callee.accept().await;
    let head = served.head().await;
    assert_eq!(field(&head, "transfer-encoding"), Some("chunked"));
    assert_eq!(field(&head, "content-length"), None);
    assert_eq!(served.until("\r\n\r\n").await, "3\r\nabc\r\n0\r\nx-sum: 1\r\n\r\n");
    served.send(CHUNKED_OK).await;
    served.send("2\r\nhi\r\n0\r\nx-other: 2\r\n\r\n").await;
    caller.head().await;
    assert_eq!(caller.until("\r\n\r\n").await, "2\r\nhi\r\n0\r\nx-other: 2\r\n\r\n");
}

/// The payload of a body in chunks.
fn joined(mut chunks: &str) -> String {
    let mut whole = String::new();
    loop {
        let (size, rest) = chunks.split_once("\r\n").unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        whole.push_str(&rest[..size]);
        if size == 0 {
            return whole;
        }
        chunks = rest[size..].strip_prefix("\r\n").unwrap();
    }
}

#[tokio::test]
async fn a_message_may_be_torn_at_any_place() {
    let callee = Callee::bind().await;
    let stack = plain(callee.address).await;
    let message = "4\r\nwiki\r\n6\r\npedia \r\n00E\r\nin \r\n\r\nchunks.\r\n0\r\nx-end: 1\r\n\r\n";
    let whole = "wikipedia in \r\n\r\nchunks.";
    let request = format!("{CHUNKED_POST}{message}");
    let answer = format!("{CHUNKED_OK}{message}");
    let mut caller = Wire::to(stack.edge_address()).await;
    let mut served = None;
    for place in 1..request.len().max(answer.len()) {
        let (first, second) = request.split_at(place.min(request.len() - 1));
        caller.send(first).await;
        tokio::time::sleep(Duration::from_millis(1)).await;
        caller.send(second).await;
        let served = match &mut served {
            Some(served) => served,
            none => none.insert(callee.accept().await),
        };
        served.head().await;
        assert_eq!(joined(&served.until("x-end: 1\r\n\r\n").await), whole, "up at {place}");
        let (first, second) = answer.split_at(place.min(answer.len() - 1));
        served.send(first).await;
        tokio::time::sleep(Duration::from_millis(1)).await;
        served.send(second).await;
        caller.head().await;
        assert_eq!(joined(&caller.until("x-end: 1\r\n\r\n").await), whole, "down at {place}");
    }
}

#[tokio::test]
async fn messages_without_a_body_end_with_their_head() {
    let callee = Callee::bind().await;
    let stack = plain(callee.address).await;
    let mut caller = Wire::to(stack.edge_address()).await;
    let mut served = None;
    for (method, lines, answer, length) in [
        ("POST", "content-length: 0\r\n", "200 OK\r\ncontent-length: 0", Some("0")),
        ("HEAD", "", "200 OK\r\ncontent-length: 12", Some("12")),
        ("HEAD", "", "200 OK\r\ntransfer-encoding: chunked", None),
        ("GET", "", "204 No Content", None),
        ("GET", "", "304 Not Modified\r\ncontent-length: 7", Some("7")),
        ("DELETE", "", "200 OK\r\ncontent-length: 0", Some("0")),
    ] {
        caller.send(format!("{method} /x HTTP/1.1\r\nhost: x\r\n{lines}\r\n")).await;
        let served = match &mut served {
            Some(served) => served,
            none => none.insert(callee.accept().await),
        };
        let head = served.head().await;
        let sent = lines.strip_prefix("content-length: ").map(str::trim_end);
        assert_eq!(field(&head, "content-length"), sent, "{method} {answer}");
        served.send(format!("HTTP/1.1 {answer}\r\n\r\n")).await;
        let head = caller.head().await;
        assert_eq!(field(&head, "content-length"), length, "{method} {answer}");
        assert_eq!(field(&head, "connection"), None, "{method} {answer}");
    }
}

#[tokio::test]
async fn a_caller_of_the_old_version_gets_no_chunks_and_the_end_of_its_connection() {
    let chunks = Callee::saying(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    );
    let stack = plain(chunks.await).await;
    let answer = say(stack.edge_address(), "GET /x HTTP/1.0\r\n\r\n").await;
    assert_eq!(body_of(answer.as_bytes()), b"abcde", "{answer}");
    assert!(!answer.contains("transfer-encoding"), "{answer}");
    // What is cut off must not look whole.
    let half = Callee::saying("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n");
    let stack = plain(half.await).await;
    let mut caller = Wire::to(stack.edge_address()).await;
    caller.send("GET /x HTTP/1.0\r\n\r\n").await;
    let (_got, is_reset) = caller.rest_and_reset().await;
    assert!(is_reset, "an end in order looks like the whole answer");
}

#[tokio::test]
async fn a_caller_of_the_old_version_may_ask_to_be_kept() {
    let upstream = Upstream::friendly().await;
    let stack = plain(upstream.address).await;
    let mut caller = Wire::to(stack.edge_address()).await;
    for _ in 0..2 {
        caller.send("GET /x HTTP/1.0\r\nconnection: keep-alive\r\n\r\n").await;
        let (head, body) = caller.answer().await;
        assert_eq!((field(&head, "connection"), &body[..]), (Some("keep-alive"), &b"ok"[..]));
    }
    caller.send("GET /x HTTP/1.0\r\n\r\n").await;
    let last = String::from_utf8(caller.rest().await.unwrap()).unwrap();
    assert!(last.contains("connection: close"), "{last}");
}

#[tokio::test]
async fn an_answer_until_the_end_of_its_connection_is_passed_on_in_chunks() {
    let until_close = Callee::saying("HTTP/1.0 200 OK\r\n\r\nall of it").await;
    let stack = plain(until_close).await;
    let mut caller = Wire::to(stack.edge_address()).await;
    for _ in 0..2 {
        caller.send("GET /x HTTP/1.1\r\nhost: x\r\n\r\n").await;
        assert_eq!(field(&caller.head().await, "transfer-encoding"), Some("chunked"));
        assert_eq!(joined(&caller.until("0\r\n\r\n").await), "all of it");
    }
}

#[tokio::test]
async fn a_body_is_invited_only_when_the_request_was_let_in() {
    let callee = Callee::bind().await;
    let stack = plain(callee.address).await;
    let expecting = "POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\nexpect: 100-continue\r\n";
    let mut caller = Wire::to(stack.edge_address()).await;
    caller.send(format!("{expecting}\r\n")).await;
    assert_eq!(caller.head().await, "http/1.1 100 continue\r\n\r\n");
    caller.send("hi").await;
    let mut served = callee.accept().await;
    let head = served.head().await;
    assert_eq!(field(&head, "expect"), None);
    assert_eq!(served.exactly(2).await, b"hi");
    served.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    assert!(caller.head().await.starts_with("http/1.1 200"));
    // Time that is over: refused, not invited, and the connection ends because nobody knows
    // whether the body comes.
    caller.send(format!("{expecting}x-shakedown-deadline-ms: 0\r\n\r\n")).await;
    let refused = String::from_utf8(caller.rest().await.unwrap()).unwrap();
    assert!(refused.starts_with("HTTP/1.1 504"), "{refused}");
    assert!(refused.contains("connection: close"), "{refused}");
    assert!(callee.is_left_alone().await);
}

#[tokio::test]
async fn a_refused_request_does_not_cost_its_connection_when_its_body_is_short() {
    let upstream = Upstream::friendly().await;
    let stack = plain(upstream.address).await;
    let mut caller = Wire::to(stack.edge_address()).await;
    for _ in 0..3 {
        let lines = "x-shakedown-deadline-ms: 0\r\ncontent-length: 5\r\n";
        caller.send(format!("POST /x HTTP/1.1\r\nhost: x\r\n{lines}\r\nab")).await;
        let (head, _) = caller.answer().await;
        assert!(head.starts_with("http/1.1 504"), "{head}");
        assert_eq!(field(&head, "connection"), None);
        caller.send("cde").await;
    }
    caller.send(get("")).await;
    assert!(caller.rest().await.unwrap().starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn early_hints_go_on_and_an_invitation_of_the_callee_does_not() {
    let hints = Callee::saying(
        "HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n\
         HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    );
    let stack = plain(hints.await).await;
    let answer = say(stack.edge_address(), &get("")).await;
    let heads: Vec<&str> = answer.split_inclusive("\r\n\r\n").collect();
    assert_eq!(heads.len(), 2, "{answer}");
    assert!(heads[0].starts_with("HTTP/1.1 103") && heads[0].contains("link: </a.css>"));
    assert!(heads[1].starts_with("HTTP/1.1 200"));
    let old = say(stack.edge_address(), "GET /x HTTP/1.0\r\n\r\n").await;
    assert!(old.starts_with("HTTP/1.1 200"), "{old}");
}

#[tokio::test]
async fn an_early_refusal_reaches_a_caller_that_is_still_sending() {
    let refuses = Callee::playing(|_number, mut wire| async move {
        wire.head().await;
        let answer = "HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\nconnection: close\r\n\r\nbig";
        wire.send(answer).await;
        wire.socket.shutdown().await.unwrap();
        let _rest = wire.rest().await;
    });
    let stack = plain(refuses.await).await;
    for _ in 0..5 {
        let mut caller = Wire::to(stack.edge_address()).await;
        caller.send("POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: 100000000\r\n\r\n").await;
        let block = vec![1; 64 * 1024];
        let mut sent = 0;
        // It reads only when it has sent a part, as simple clients do.
        while sent < 4 * 1024 * 1024 {
            match caller.socket.write(&block).await {
                Ok(count) => sent += count,
                Err(_closed) => break,
            }
        }
        let (head, body) = caller.answer().await;
        assert!(head.starts_with("http/1.1 413"), "{head}");
        assert_eq!(body, b"big");
    }
}

#[tokio::test]
async fn requests_that_come_ahead_are_answered_in_order() {
    let upstream = Upstream::answering(|number| {
        http::Response::new(http_body_util::Full::from(format!("answer {number}")))
    })
    .await;
    let stack = plain(upstream.address).await;
    let mut caller = Wire::to(stack.edge_address()).await;
    let mut requests = String::new();
    for number in 0..50 {
        let number = number.to_string();
        let parts = ["POST /", &number, " HTTP/1.1\r\nhost: x\r\n", "content-length: 3\r\n\r\nabc"];
        requests.push_str(&parts.concat());
    }
    caller.send(&requests).await;
    for number in 0..50 {
        let (_head, body) = caller.answer().await;
        assert_eq!(String::from_utf8(body).unwrap(), format!("answer {number}"));
    }
    let seen: Vec<String> =
        upstream.requests.lock().unwrap().iter().map(|head| head.uri.path().into()).collect();
    assert_eq!(seen, (0..50).map(|number| format!("/{number}")).collect::<Vec<_>>());
    assert_eq!(upstream.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_upgrade_passes_bytes_both_ways_also_those_that_came_with_the_heads() {
    let callee = Callee::bind().await;
    let stack = plain(callee.address).await;
    let mut caller = Wire::to(stack.edge_address()).await;
    let upgrade = "connection: upgrade\r\nupgrade: chat\r\n";
    caller.send(format!("GET /x HTTP/1.1\r\nhost: x\r\n{upgrade}\r\nearly")).await;
    let mut served = callee.accept().await;
    let head = served.head().await;
    assert_eq!(
        (field(&head, "upgrade"), field(&head, "connection")),
        (Some("chat"), Some("upgrade"))
    );
    served.send(format!("HTTP/1.1 101 Switching Protocols\r\n{upgrade}\r\nhello")).await;
    let head = caller.head().await;
    assert!(head.starts_with("http/1.1 101"), "{head}");
    assert_eq!(
        (field(&head, "upgrade"), field(&head, "connection")),
        (Some("chat"), Some("upgrade"))
    );
    assert_eq!(caller.exactly(5).await, b"hello");
    assert_eq!(served.exactly(5).await, b"early");
    caller.send("up").await;
    assert_eq!(served.exactly(2).await, b"up");
    // Each side ends by itself.
    caller.socket.shutdown().await.unwrap();
    assert_eq!(served.rest().await.unwrap(), b"");
    served.send("down").await;
    drop(served);
    assert_eq!(caller.rest().await.unwrap(), b"down");
    assert_eq!(stack.state().await.edges[0].in_flight, 0);
}

#[tokio::test]
async fn a_switch_of_protocols_that_nobody_asked_for_is_garbage() {
    let switches = Callee::saying(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: chat\r\n\r\n",
    );
    let stack = plain(switches.await).await;
    let answer = say(stack.edge_address(), &get("")).await;
    assert!(answer.starts_with("HTTP/1.1 502"), "{answer}");
    assert!(answer.contains("x-shakedown-blame: upstream"), "{answer}");
}
