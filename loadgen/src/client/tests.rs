mod http2;
mod kinds;

use std::time::Duration;

use http::Method;
use tokio::task::LocalSet;

use super::*;
use crate::testing::{Act, Peer, Request as Seen, nobody, serve};

const LONG: Duration = Duration::from_secs(20);
const KEEP: Wanted = Wanted { head: false, body: true };

fn client(target: impl Into<Target>) -> Client {
    Client::new(&[target.into()], Vigil::default(), true).unwrap()
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
async fn a_target_that_goes_away_between_two_requests_has_got_nothing_of_the_second() {
    let peer = serve(|_| async { Act::json(200, "") }).await;
    let client = client(peer.address);
    let local = LocalSet::new();
    assert!(local.run_until(exchange(&client, LONG)).await.end.is_ok());
    drop(peer);
    tokio::task::yield_now().await;
    let done = local.run_until(exchange(&client, LONG)).await;
    assert_eq!((done.end, done.ready, done.written), (Err(Failure::Refused), None, None));
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

fn idle(client: &Client) -> usize {
    match &client.lanes[0].protocol {
        Protocol::Http1(http) => http.idle(),
        Protocol::Http2(_) => unreachable!("nobody asked for it"),
    }
}

#[tokio::test]
async fn a_connection_that_ends_while_nobody_uses_it_is_taken_away_when_that_happens() {
    let peer = serve(|_| async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        closing("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n0")
    });
    let peer = peer.await;
    let client = client(peer.address);
    let local = LocalSet::new();
    // Both are under way at once, so there are two connections.
    let two = local.run_until(async {
        tokio::join!(exchange(&client, LONG), exchange(&client, LONG));
    });
    two.await;
    // Returns only because somebody is woken by the end of each.
    let gone = std::future::poll_fn(|context| {
        client.tend_lanes(context);
        if idle(&client) == 0 { Poll::Ready(()) } else { Poll::Pending }
    });
    gone.await;
}

#[tokio::test]
async fn connections_that_live_are_kept_however_many_there_are_and_used_again() {
    const MANY: usize = 300;
    let peer = serve(|seen| async move {
        tokio::time::sleep(Duration::from_millis(50)).await;
        Act::json(200, &number(&seen))
    });
    let peer = peer.await;
    let client = client(peer.address);
    let local = LocalSet::new();
    local
        .run_until(async {
            let mut all = tokio::task::JoinSet::new();
            let client = Rc::new(client);
            for _ in 0..MANY {
                let client = Rc::clone(&client);
                all.spawn_local(async move { exchange(&client, LONG).await.end.is_ok() });
            }
            assert!(all.join_all().await.into_iter().all(|is_ok| is_ok));
            let kept = idle(&client);
            for _ in 0..3 {
                client.tend_now().await;
                assert_eq!(idle(&client), kept);
                assert!(exchange(&client, LONG).await.dial == DialTimes::default());
            }
        })
        .await;
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
