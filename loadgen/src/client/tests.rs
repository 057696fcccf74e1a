mod kinds;

use std::time::Duration;

use http::Method;
use tokio::task::LocalSet;

use super::*;
use crate::testing::{Act, Peer, Request as Seen, nobody, serve};

const LONG: Duration = Duration::from_secs(20);
const KEEP: Wanted = Wanted { head: false, body: true };

fn client(target: impl Into<Target>) -> Client {
    Client::new(&[target.into()], Vigil::default()).unwrap()
}

fn get() -> Outgoing {
    let mut out = Outgoing::default();
    out.begin(0, &Method::GET, "/");
    out.lines(b"host: test\r\n");
    out.end(None);
    out
}

async fn exchange(client: &Client, timeout: Duration) -> Exchange {
    let request = get();
    let mut held = Held::default();
    let exchange = client.exchange(&request, KEEP, Instant::now() + timeout, &mut held);
    client.vigil.attended(exchange).await
}

/// One request against a peer that always does the same.
async fn once(act: Act, timeout: Duration) -> Exchange {
    let peer = serve(move |_| {
        let act = act.clone();
        async { act }
    });
    let peer: Peer = peer.await;
    LocalSet::new().run_until(exchange(&client(peer.address), timeout)).await
}

fn bytes(text: &str) -> Act {
    Act::Bytes(text.as_bytes().to_vec())
}

fn closing(text: &str) -> Act {
    Act::BytesThenClose(text.as_bytes().to_vec())
}

#[tokio::test]
async fn an_answer_comes_with_its_instants_in_order() {
    let before = Instant::now();
    let done = once(Act::with_headers(201, "x-shakedown-fault: slow\r\n", "hello"), LONG).await;
    assert_eq!(done.end.unwrap(), "hello");
    assert_eq!((done.status, done.body_bytes), (Some(201), 5));
    assert_eq!(done.faults.as_deref(), Some("slow"));
    let stamps = [Some(before), done.ready, done.written, Some(done.finished)];
    assert!(stamps.iter().all(Option::is_some) && stamps.is_sorted(), "{stamps:?}");
}

#[tokio::test]
async fn each_way_to_fail_has_its_own_kind() {
    let table = [
        (Act::Reset, Failure::Reset),
        (closing(""), Failure::Closed),
        (closing("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"), Failure::Closed),
        (bytes("SSH-2.0-OpenSSH\r\n\r\n"), Failure::Garbage),
        (bytes("HTTP/1.1 200 OK\r\ncontent-length: nine\r\n\r\n"), Failure::Garbage),
        (bytes("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"), Failure::Garbage),
    ];
    for (act, kind) in table {
        let name = format!("{act:?}");
        let done = once(act, LONG).await;
        assert_eq!(done.end, Err(kind), "{name}");
        assert!(done.written.is_some(), "{name}");
    }
}

#[tokio::test]
async fn a_refused_connection_has_written_nothing() {
    let (_socket, address) = nobody();
    let client = client(address);
    let done = LocalSet::new().run_until(exchange(&client, LONG)).await;
    assert_eq!((done.end, done.written), (Err(Failure::Refused), None));
}

#[tokio::test]
async fn silence_ends_at_the_deadline_and_keeps_what_is_known() {
    let done = once(Act::Hang, Duration::from_millis(50)).await;
    assert_eq!(done.end, Err(Failure::Timeout));
    assert!(done.finished - done.written.unwrap() >= Duration::from_millis(40));
    let slow = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf";
    let done = once(bytes(slow), Duration::from_millis(50)).await;
    assert_eq!((done.end, done.status), (Err(Failure::Timeout), Some(200)));
    assert_eq!(done.body_bytes, 4);
}

#[tokio::test]
async fn an_abort_ends_a_request_before_its_deadline() {
    let peer = serve(|_| async { Act::Hang }).await;
    let client = client(peer.address);
    let aborting = async {
        tokio::task::yield_now().await;
        client.vigil.abort();
    };
    let both = async { tokio::join!(exchange(&client, LONG), aborting).0 };
    assert_eq!(LocalSet::new().run_until(both).await.end, Err(Failure::Stopped));
    // Nothing begins after it either.
    let later = LocalSet::new().run_until(exchange(&client, LONG)).await;
    assert_eq!(later.end, Err(Failure::Stopped));
}

#[tokio::test]
async fn an_answer_without_end_is_cut_at_the_bound() {
    let length = model::limits::API_BODY_BYTES_MAX + 1;
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
    let answer = [head.into_bytes(), vec![b'x'; length]].concat();
    let done = once(Act::BytesThenClose(answer), LONG).await;
    assert_eq!(done.end, Err(Failure::TooLarge));
}

async fn connection_numbers(
    answer: impl Fn(Seen) -> Act + Clone + Send + Sync + 'static,
    requests: usize,
) -> Vec<Result<Bytes, Failure>> {
    let peer = serve(move |seen| {
        let act = answer(seen);
        async { act }
    });
    let peer = peer.await;
    let client = client(peer.address);
    let local = LocalSet::new();
    let mut ends = Vec::new();
    for _ in 0..requests {
        ends.push(local.run_until(exchange(&client, LONG)).await.end);
    }
    ends
}

fn number(seen: &Seen) -> String {
    seen.connection.to_string()
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let ends = connection_numbers(|seen| Act::json(200, &number(&seen)), 5).await;
    assert_eq!(ends, vec![Ok(Bytes::from("0")); 5]);
}

#[tokio::test]
async fn a_connection_that_the_target_closed_while_idle_is_replaced_without_an_error() {
    let answer = |seen: Seen| {
        let number = number(&seen);
        closing(&format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{number}", number.len()))
    };
    let ends = connection_numbers(answer, 4).await;
    // The close may be seen before or after the connection is kept, never by a request.
    let expected: Vec<_> = (0..4).map(|number: i32| Ok(Bytes::from(number.to_string()))).collect();
    assert_eq!(ends, expected);
}

#[tokio::test]
async fn a_connection_is_given_up_together_with_its_request() {
    let answer = |seen: Seen| match seen.connection {
        0 => Act::Hang,
        other => Act::json(200, &other.to_string()),
    };
    let peer = serve(move |seen| {
        let act = answer(seen);
        async { act }
    });
    let peer = peer.await;
    let client = client(peer.address);
    let local = LocalSet::new();
    let first = local.run_until(exchange(&client, Duration::from_millis(30))).await;
    assert_eq!(first.end, Err(Failure::Timeout));
    let second = local.run_until(exchange(&client, LONG)).await;
    assert_eq!(second.end.unwrap(), "1");
}
