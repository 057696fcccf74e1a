//! Faults that come, change and go while connections are open.

use model::fault::{FaultKind, FaultSpec, Flapping, Live, When, Window};
use model::units::Share;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::kit::{
    MS, Server, ask, at_connect, both, connect, down, is_reset, latency, living, named, patient,
    pattern, read_all, read_until_broken, set, stack_with, status, until, up,
};
use crate::tests::kit::Stack;

const LONG_MS: u64 = 600_000;

/// Hits every question and needs no clock to be noticed.
fn noise() -> FaultSpec {
    down(FaultKind::Corrupt { bytes: 100_000 })
}

/// Is the answer another one than the question?
async fn is_hit(socket: &mut TcpStream) -> bool {
    let question = pattern(200);
    ask(socket, &question).await.unwrap() != question
}

#[tokio::test]
async fn a_fault_acts_on_open_connections_unless_it_says_otherwise() {
    let server = Server::echo().await;
    for (live, hits_open) in [(Live::Apply, true), (Live::NewOnly, false)] {
        let stack = stack_with(server.address, Vec::new()).await;
        let mut open = connect(&stack).await;
        assert!(!is_hit(&mut open).await);
        set(&stack, server.address, vec![living(live, noise())]).await;
        assert_eq!(is_hit(&mut open).await, hits_open, "{live:?}");
        assert!(is_hit(&mut connect(&stack).await).await, "{live:?}");
        set(&stack, server.address, Vec::new()).await;
        assert!(!is_hit(&mut open).await, "{live:?}");
        assert_eq!(status_hits(&stack), if hits_open { 2 } else { 1 });
    }
}

#[tokio::test]
async fn a_draining_fault_closes_open_connections_in_order_when_they_are_idle() {
    let server = Server::with(async |mut socket| {
        while let Ok(byte) = socket.read_u8().await {
            if byte == b't' {
                // Thinks for longer than what counts as idle after an answer.
                tokio::time::sleep(300 * MS).await;
            }
            let _gone = socket.write_all(&[byte]).await;
        }
    })
    .await;
    let stack = stack_with(server.address, Vec::new()).await;
    let (mut idle, mut busy) = (connect(&stack).await, connect(&stack).await);
    ask(&mut idle, b"x").await.unwrap();
    busy.write_all(b"t").await.unwrap();
    until(&stack, |edge| edge.bytes_up == 2).await;
    set(&stack, server.address, vec![living(Live::Drain, noise())]).await;
    assert_eq!(read_all(&mut idle).await.unwrap(), b"");
    assert_eq!(read_all(&mut busy).await.unwrap(), b"t", "a question is answered first");
    assert!(is_hit(&mut connect(&stack).await).await, "its successor meets the fault");
}

#[tokio::test]
async fn the_end_of_a_fault_is_felt_at_once_by_what_it_holds_back() {
    let server = Server::echo().await;
    let bandwidth = FaultKind::Bandwidth { bytes_per_s: 1, shared: false };
    let pause = FaultKind::Slicer { bytes: 1, variation: 0, pause_us: LONG_MS * 1_000 };
    for held_back in [latency(LONG_MS), bandwidth, pause] {
        for by_lease in [false, true] {
            let stack = stack_with(server.address, vec![both(held_back.clone())]).await;
            let mut socket = connect(&stack).await;
            socket.write_all(b"hello").await.unwrap();
            let mut answer = Vec::new();
            let whole = async {
                while answer.len() < 5 {
                    socket.read_buf(&mut answer).await.unwrap();
                }
            };
            assert!(tokio::time::timeout(50 * MS, whole).await.is_err(), "{held_back}");
            if by_lease {
                stack.release().await;
            } else {
                set(&stack, server.address, Vec::new()).await;
            }
            while answer.len() < 5 {
                patient(socket.read_buf(&mut answer)).await.unwrap();
            }
            assert_eq!(answer, b"hello", "{held_back}");
        }
    }
}

#[tokio::test]
async fn a_window_begins_and_ends_for_open_connections() {
    let server = Server::echo().await;
    let mut window = down(latency(LONG_MS));
    // The plan's zero was a second ago.
    window.schedule = vec![Window { start_ms: 1_500, end_ms: 2_500 }];
    let stack = stack_with(server.address, vec![window]).await;
    let mut socket = connect(&stack).await;
    let mut slowest = std::time::Duration::ZERO;
    let asking = async {
        // The question that meets the window is answered at its end.
        while status(&stack, "it").await.hit == 0 {
            let asked = Instant::now();
            ask(&mut socket, b"x").await.unwrap();
            slowest = slowest.max(asked.elapsed());
        }
    };
    patient(asking).await;
    assert!(slowest >= 300 * MS, "{slowest:?}");
    let seen = status(&stack, "it").await;
    assert_eq!((seen.matched, seen.hit), (1, 1));
}

#[tokio::test]
async fn faults_come_and_go_without_harm_to_the_bytes() {
    let server = Server::echo().await;
    let stack = stack_with(server.address, Vec::new()).await;
    let sent = pattern(6 << 20);
    let (mut read, mut write) = connect(&stack).await.into_split();
    let sending = async {
        for part in sent.chunks(64 * 1024) {
            write.write_all(part).await.unwrap();
        }
        write.shutdown().await.unwrap();
    };
    let mut got = Vec::new();
    let changing = async {
        let slicer = FaultKind::Slicer { bytes: 9_000, variation: 4_000, pause_us: 0 };
        let wide = FaultKind::Bandwidth { bytes_per_s: 200_000_000, shared: true };
        for round in 0..20_u64 {
            let all = [
                named("late", both(latency(round % 4))),
                named("cut", up(slicer.clone())),
                named("wide", down(wide.clone())),
            ];
            let faults = all.into_iter().skip(round as usize % 4).collect();
            set(&stack, server.address, faults).await;
        }
        set(&stack, server.address, Vec::new()).await;
    };
    let all = async { tokio::join!(sending, read.read_to_end(&mut got), changing) };
    let ((), count, ()) = patient(all).await;
    assert_eq!(count.unwrap(), sent.len());
    assert!(got == sent, "the bytes differ");
}

/// Which of some open connections are hit.
async fn hit_ones(sockets: &mut [TcpStream]) -> Vec<bool> {
    let mut hit = Vec::new();
    for socket in sockets {
        hit.push(is_hit(socket).await);
    }
    hit
}

#[tokio::test]
async fn a_neighbour_never_changes_who_is_hit_and_a_changed_share_only_adds_or_spares() {
    let server = Server::echo().await;
    let hits = |ppm: u32| FaultSpec { share: Share::from_ppm(ppm), ..named("slow", noise()) };
    let neighbour =
        |bytes| named("wide", up(FaultKind::Slicer { bytes, variation: 0, pause_us: 0 }));
    let stack = stack_with(server.address, vec![hits(400_000)]).await;
    let mut sockets = Vec::new();
    for _ in 0..10 {
        sockets.push(connect(&stack).await);
    }
    let first = hit_ones(&mut sockets).await;
    assert!(first.contains(&true) && first.contains(&false), "{first:?}");
    for faults in
        [vec![neighbour(5), hits(400_000)], vec![hits(400_000), neighbour(9)], vec![hits(400_000)]]
    {
        set(&stack, server.address, faults).await;
        assert_eq!(hit_ones(&mut sockets).await, first);
    }
    set(&stack, server.address, vec![hits(0)]).await;
    assert!(!hit_ones(&mut sockets).await.contains(&true));
    set(&stack, server.address, vec![hits(700_000)]).await;
    let more = hit_ones(&mut sockets).await;
    assert!(first.iter().zip(&more).all(|(before, after)| !before | after), "{first:?} {more:?}");
    set(&stack, server.address, vec![hits(400_000)]).await;
    assert_eq!(hit_ones(&mut sockets).await, first);
}

#[tokio::test]
async fn a_reset_that_comes_later_resets_open_connections_at_once() {
    let server = Server::echo().await;
    let stack = stack_with(server.address, Vec::new()).await;
    let mut open = connect(&stack).await;
    ask(&mut open, b"x").await.unwrap();
    set(&stack, server.address, vec![at_connect(FaultKind::Reset { after_bytes: 0 })]).await;
    assert!(is_reset(&patient(open.read_u8()).await));
    until(&stack, |edge| edge.connections_open == 0).await;
    assert_eq!(status(&stack, "it").await.hit, 1);
}

#[tokio::test]
async fn a_reset_after_bytes_counts_from_when_it_came() {
    let server = Server::echo().await;
    let stack = stack_with(server.address, Vec::new()).await;
    let mut open = connect(&stack).await;
    ask(&mut open, &pattern(5_000)).await.unwrap();
    set(&stack, server.address, vec![down(FaultKind::Reset { after_bytes: 1_000 })]).await;
    open.write_all(&pattern(5_000)).await.unwrap();
    let (count, error) = read_until_broken(&mut open).await;
    assert_eq!(count, 1_000);
    assert_eq!(error.unwrap().kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn the_count_of_a_limit_survives_its_change() {
    let server = Server::echo().await;
    let limit = |bytes| vec![down(FaultKind::LimitData { bytes })];
    let stack = stack_with(server.address, limit(10_000)).await;
    let mut socket = connect(&stack).await;
    ask(&mut socket, &pattern(600)).await.unwrap();
    set(&stack, server.address, limit(1_000)).await;
    socket.write_all(&pattern(900)).await.unwrap();
    assert_eq!(read_all(&mut socket).await.unwrap(), pattern(400));
}

#[tokio::test]
async fn a_fault_that_flaps_is_felt_by_turns_and_judged_at_each() {
    let server = Server::echo().await;
    let when = When { flapping: Some(Flapping { on_ms: 100, off_ms: 100 }), ..When::default() };
    let stack =
        stack_with(server.address, vec![FaultSpec { when, ..down(latency(LONG_MS)) }]).await;
    let mut socket = connect(&stack).await;
    let asking = async {
        loop {
            // What it holds back is let go when it turns off, or this would never end.
            ask(&mut socket, b"x").await.unwrap();
            let seen = status(&stack, "it").await;
            if seen.matched >= 3 && seen.hit >= 2 {
                return;
            }
        }
    };
    patient(asking).await;
}

#[tokio::test]
async fn a_cap_spares_connections_and_says_so() {
    let server = Server::echo().await;
    let when = When { max_active: Some(1), ..When::default() };
    let stack = stack_with(server.address, vec![FaultSpec { when, ..noise() }]).await;
    let (mut first, mut second) = (connect(&stack).await, connect(&stack).await);
    assert!(is_hit(&mut first).await);
    assert!(!is_hit(&mut second).await);
    let lines = stack.recorder.events("shakedown.fault.decision");
    let reasons = lines.iter().filter_map(|line| line.get("shakedown.fault.skip_reason"));
    assert_eq!(reasons.collect::<Vec<_>>(), ["cap"]);
    drop(first);
    until(&stack, |edge| edge.connections_open == 1).await;
    assert!(is_hit(&mut connect(&stack).await).await, "the place is free again");
}

fn status_hits(stack: &Stack) -> usize {
    let lines = stack.recorder.events("shakedown.fault.decision");
    lines.iter().filter(|line| line["shakedown.fault.outcome"] == "hit").count()
}
