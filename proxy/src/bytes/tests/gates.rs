//! Faults at the gate, before anything is read.

use std::io::ErrorKind;

use model::fault::{FaultKind, FaultSpec, Flapping, When, Window};
use model::units::Share;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::kit::{
    MS, Server, ask, at_connect, connect, fixed_ms, is_reset, is_silent, latency, patient, reach,
    read_all, set, stack_with, status, until,
};
use crate::tests::kit::Stack;

async fn try_connect(stack: &Stack) -> Result<TcpStream, ErrorKind> {
    TcpStream::connect(stack.edge_address()).await.map_err(|error| error.kind())
}

#[tokio::test]
async fn a_whole_refusal_really_refuses_and_its_end_really_opens() {
    let server = Server::echo().await;
    let stack = stack_with(server.address, Vec::new()).await;
    for round in 1..=3 {
        let mut open = connect(&stack).await;
        ask(&mut open, b"before").await.unwrap();
        set(&stack, server.address, vec![at_connect(FaultKind::Refuse)]).await;
        let refused = async {
            while try_connect(&stack).await.err() != Some(ErrorKind::ConnectionRefused) {}
        };
        patient(refused).await;
        assert_eq!(ask(&mut open, b"live").await.unwrap(), b"live", "open ones are not touched");
        set(&stack, server.address, Vec::new()).await;
        let opened = async {
            loop {
                if let Ok(mut socket) = try_connect(&stack).await {
                    return ask(&mut socket, b"after").await.unwrap();
                }
            }
        };
        assert_eq!(patient(opened).await, b"after");
        let lines = stack.recorder.events("shakedown.fault.decision");
        assert_eq!(lines.len(), round);
        assert!(lines.iter().all(|line| line["shakedown.fault.outcome"] == "hit"));
    }
}

#[tokio::test]
async fn a_refusal_follows_its_windows_and_the_lease() {
    let server = Server::echo().await;
    let mut refuse = at_connect(FaultKind::Refuse);
    // The plan's zero was a second ago.
    refuse.schedule = vec![Window { start_ms: 0, end_ms: 3_000 }];
    let stack = stack_with(server.address, vec![refuse]).await;
    patient(async { while try_connect(&stack).await.is_ok() {} }).await;
    let reopened = async {
        while try_connect(&stack).await.is_err() {
            tokio::time::sleep(5 * MS).await;
        }
    };
    patient(reopened).await;
    set(&stack, server.address, vec![at_connect(FaultKind::Refuse)]).await;
    patient(async { while try_connect(&stack).await.is_ok() {} }).await;
    stack.release().await;
    patient(async { while try_connect(&stack).await.is_err() {} }).await;
}

#[tokio::test]
async fn a_part_of_all_connections_is_accepted_and_reset() {
    let server = Server::echo().await;
    let share = Share::from_ppm(500_000);
    let refuse = FaultSpec { share, ..at_connect(FaultKind::Refuse) };
    let stack = stack_with(server.address, vec![refuse]).await;
    let mut served = 0;
    for _ in 0..40 {
        match reach(&stack, b"x").await {
            Ok(_) => served += 1,
            reset => assert!(is_reset(&reset), "{reset:?}"),
        }
    }
    let seen = status(&stack, "it").await;
    assert_eq!((seen.matched, seen.hit), (40, 40 - served));
    assert!((8..=32).contains(&served), "{served}");
}

#[tokio::test]
async fn a_slow_accept_delays_each_connection_by_itself() {
    let server = Server::echo().await;
    for effect in [FaultKind::SlowAccept { delay: fixed_ms(700) }, latency(700)] {
        let stack = stack_with(server.address, vec![at_connect(effect)]).await;
        let began = Instant::now();
        let served = async || ask(&mut connect(&stack).await, b"x").await.unwrap();
        tokio::join!(served(), served(), served(), served());
        assert!(began.elapsed() >= 699 * MS, "{:?}", began.elapsed());
        assert!(began.elapsed() < 2_700 * MS, "one waited for another: {:?}", began.elapsed());
        let seen = status(&stack, "it").await;
        assert_eq!((seen.hit, seen.fidelity.unwrap().delays), (4, 4));
    }
}

#[tokio::test]
async fn what_waits_at_the_gate_is_freed_when_the_fault_goes_or_the_lease_ends() {
    let server = Server::echo().await;
    let slow = || vec![at_connect(FaultKind::SlowAccept { delay: fixed_ms(600_000) })];
    let stack = stack_with(server.address, slow()).await;
    let mut held = connect(&stack).await;
    held.write_all(b"x").await.unwrap();
    assert!(is_silent(&mut held, 50 * MS).await);
    set(&stack, server.address, Vec::new()).await;
    assert_eq!(patient(held.read_u8()).await.unwrap(), b'x');
    set(&stack, server.address, slow()).await;
    let mut held = connect(&stack).await;
    held.write_all(b"x").await.unwrap();
    assert!(is_silent(&mut held, 50 * MS).await);
    stack.release().await;
    assert_eq!(patient(held.read_u8()).await.unwrap(), b'x');
}

#[tokio::test]
async fn a_blackhole_at_the_gate_swallows_until_it_ends_and_then_closes() {
    let server = Server::echo().await;
    let stack = stack_with(server.address, vec![at_connect(FaultKind::Blackhole)]).await;
    let (mut held, left) = (connect(&stack).await, connect(&stack).await);
    held.write_all(b"x").await.unwrap();
    until(&stack, |edge| edge.connections_open == 2).await;
    drop(left);
    until(&stack, |edge| edge.connections_open == 1).await;
    assert!(is_silent(&mut held, 50 * MS).await);
    set(&stack, server.address, Vec::new()).await;
    assert_eq!(read_all(&mut held).await.unwrap(), b"");
    assert_eq!(server.accepted.load(std::sync::atomic::Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_reset_at_the_gate_comes_before_the_callee_is_asked() {
    let server = Server::echo().await;
    let stack =
        stack_with(server.address, vec![at_connect(FaultKind::Reset { after_bytes: 0 })]).await;
    assert!(is_reset(&reach(&stack, b"x").await));
    assert_eq!(server.accepted.load(std::sync::atomic::Ordering::SeqCst), 0);
}

#[tokio::test]
async fn only_the_first_connections_are_taken_when_the_fault_says_so() {
    let server = Server::echo().await;
    let when = When { first: Some(2), ..When::default() };
    let refuse = FaultSpec { when, ..at_connect(FaultKind::Refuse) };
    let stack = stack_with(server.address, vec![refuse]).await;
    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(reach(&stack, b"x").await.is_ok());
    }
    assert_eq!(answers, [false, false, true, true]);
}

#[tokio::test]
async fn a_door_that_flaps_is_open_and_shut_by_turns() {
    let server = Server::echo().await;
    let when = When { flapping: Some(Flapping { on_ms: 60, off_ms: 60 }), ..When::default() };
    let refuse = FaultSpec { when, ..at_connect(FaultKind::Refuse) };
    let stack = stack_with(server.address, vec![refuse]).await;
    let turns = async {
        for _ in 0..3 {
            while try_connect(&stack).await.is_ok() {}
            while try_connect(&stack).await.is_err() {}
        }
    };
    patient(turns).await;
    assert!(status(&stack, "it").await.hit >= 3);
}
