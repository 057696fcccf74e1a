//! Faults on bytes, one by one.

use std::time::Duration;

use model::fault::{FaultKind, FaultState};
use model::units::Share;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::Instant;

use super::kit::{
    MS, Server, ask, both, connect, down, is_silent, latency, named, patient, pattern, read_all,
    read_until_broken, set, stack_with, status, up,
};

#[tokio::test]
async fn a_latency_holds_every_byte_of_its_direction_back_and_says_how_exactly() {
    let server = Server::echo().await;
    let faults = vec![named("up", up(latency(20))), named("down", down(latency(30)))];
    let stack = stack_with(server.address, faults).await;
    let mut socket = connect(&stack).await;
    for _ in 0..4 {
        let began = Instant::now();
        ask(&mut socket, b"hello").await.unwrap();
        assert!(began.elapsed() >= 50 * MS, "{:?}", began.elapsed());
    }
    for (name, planned_us) in [("up", "20000"), ("down", "30000")] {
        let seen = status(&stack, name).await;
        assert_eq!((seen.state, seen.matched, seen.hit), (FaultState::Active, 1, 1));
        let fidelity = seen.fidelity.unwrap();
        assert_eq!(fidelity.delays, 4);
        assert!(fidelity.delay_error_p50_us >= 0, "{fidelity:?}");
        let lines = stack.recorder.events("shakedown.fault.decision");
        let line = lines.iter().find(|line| line["shakedown.fault.name"] == name).unwrap();
        assert_eq!(line["shakedown.fault.planned_us"], planned_us);
        assert_eq!(line["shakedown.fault.outcome"], "hit");
        assert_eq!(line["shakedown.fault.subject_kind"], "counter");
        assert_eq!(line["shakedown.fault.subject"], "0");
    }
}

#[tokio::test]
async fn a_bandwidth_limits_its_direction_only() {
    let server = Server::echo().await;
    let limit = up(FaultKind::Bandwidth { bytes_per_s: 2_000_000, shared: false });
    let stack = stack_with(server.address, vec![limit]).await;
    let sent = pattern(600_000);
    let (mut read, mut write) = connect(&stack).await.into_split();
    let began = Instant::now();
    let sending = async {
        write.write_all(&sent).await.unwrap();
        write.shutdown().await.unwrap();
    };
    let mut got = Vec::new();
    let ((), read) = patient(async { tokio::join!(sending, read.read_to_end(&mut got)) }).await;
    read.unwrap();
    assert!(got == sent, "the bytes differ");
    assert!(began.elapsed() >= 295 * MS, "{:?}", began.elapsed());
    let rate_error = status(&stack, "it").await.fidelity.unwrap().rate_error.unwrap();
    assert!(rate_error < 0.01, "{rate_error}");
}

#[tokio::test]
async fn a_shared_bandwidth_is_for_all_connections_together() {
    let server = Server::sending(150_000).await;
    let limit = down(FaultKind::Bandwidth { bytes_per_s: 1_000_000, shared: true });
    let stack = stack_with(server.address, vec![limit]).await;
    let began = Instant::now();
    let reads = async || read_all(&mut connect(&stack).await).await.unwrap().len();
    let counts = tokio::join!(reads(), reads());
    assert_eq!(counts, (150_000, 150_000));
    assert!(began.elapsed() >= 290 * MS, "{:?}", began.elapsed());
    assert_eq!(status(&stack, "it").await.hit, 2);
}

#[tokio::test]
async fn a_shared_bandwidth_says_how_exactly_it_was_kept() {
    let server = Server::sending(2_000_000).await;
    let limit = down(FaultKind::Bandwidth { bytes_per_s: 10_000_000, shared: true });
    let stack = stack_with(server.address, vec![limit]).await;
    let began = Instant::now();
    let reads = async || read_all(&mut connect(&stack).await).await.unwrap().len();
    let counts = tokio::join!(reads(), reads());
    assert_eq!(counts, (2_000_000, 2_000_000));
    let took_s = began.elapsed().as_secs_f64();
    let rate_error = status(&stack, "it").await.fidelity.unwrap().rate_error.unwrap();
    // The clock of this test holds the connecting and the reading as well, so it is never faster.
    let seen = 4_000_000.0 / took_s / 10_000_000.0 - 1.0;
    assert!((-1.0..0.01).contains(&rate_error), "{rate_error}");
    assert!(rate_error > seen - 0.02, "{rate_error}, by the clock {seen}");
}

#[tokio::test]
async fn a_reset_comes_after_exactly_so_many_bytes() {
    let server = Server::sending(1_000_000).await;
    for after_bytes in [1, 100_000] {
        let stack = stack_with(server.address, vec![down(FaultKind::Reset { after_bytes })]).await;
        let (count, error) = read_until_broken(&mut connect(&stack).await).await;
        assert_eq!(count as u64, after_bytes);
        assert_eq!(error.unwrap().kind(), std::io::ErrorKind::ConnectionReset);
        let seen = status(&stack, "it").await;
        assert_eq!((seen.matched, seen.hit, seen.skipped), (1, 1, 0));
    }
}

#[tokio::test]
async fn a_limit_closes_in_order_after_exactly_so_many_bytes() {
    let server = Server::sending(1_000_000).await;
    let stack =
        stack_with(server.address, vec![down(FaultKind::LimitData { bytes: 70_000 })]).await;
    assert!(read_all(&mut connect(&stack).await).await.unwrap() == pattern(70_000));
    assert_eq!(status(&stack, "it").await.hit, 1);
    let enough = stack_with(server.address, vec![down(FaultKind::LimitData { bytes: 2_000_000 })]);
    let stack = enough.await;
    assert_eq!(read_all(&mut connect(&stack).await).await.unwrap().len(), 1_000_000);
    assert_eq!(status(&stack, "it").await.hit, 0);
}

#[tokio::test]
async fn a_time_limit_closes_a_connection_whatever_passes() {
    let server = Server::echo().await;
    let limit = FaultKind::LimitTime { after_ms: 150 };
    let stack = stack_with(server.address, vec![down(limit)]).await;
    let mut socket = connect(&stack).await;
    let began = Instant::now();
    let (mut read, mut write) = socket.split();
    let flood = async { while write.write_all(&[7; 1_000]).await.is_ok() {} };
    let drain =
        async { while matches!(read.read(&mut [0; 1_000]).await, Ok(count) if count > 0) {} };
    patient(async { tokio::join!(flood, drain) }).await;
    assert!(began.elapsed() >= 149 * MS, "{:?}", began.elapsed());
    assert_eq!(status(&stack, "it").await.hit, 1);
}

#[tokio::test]
async fn what_a_blackhole_swallows_is_gone_and_so_is_the_connection_when_it_ends() {
    let (told, mut tells) = tokio::sync::mpsc::channel(2);
    let server = Server::with(move |mut socket| {
        let told = told.clone();
        async move {
            while let Ok(byte) = socket.read_u8().await {
                // More than all sockets hold: when it is written, some of it is swallowed.
                let size = if byte == b'm' { 32 << 20 } else { 1 };
                socket.write_all(&vec![byte; size]).await.unwrap();
                told.send(()).await.unwrap();
            }
        }
    })
    .await;
    let stack = stack_with(server.address, vec![down(FaultKind::Blackhole)]).await;
    let (mut hit, mut spared) = (connect(&stack).await, connect(&stack).await);
    hit.write_all(b"m").await.unwrap();
    assert_eq!(patient(tells.recv()).await, Some(()), "the request is through");
    assert!(is_silent(&mut hit, 100 * MS).await);
    set(&stack, server.address, Vec::new()).await;
    assert_eq!(read_all(&mut hit).await.unwrap(), b"", "bytes are missing");
    assert_eq!(ask(&mut spared, b"x").await.unwrap(), b"x", "nothing is missing here");
    let lines = stack.recorder.events("shakedown.fault.decision");
    let outcomes: Vec<&str> =
        lines.iter().map(|line| line["shakedown.fault.outcome"].as_str()).collect();
    assert!(outcomes.contains(&"hit") && outcomes.contains(&"skipped"), "{outcomes:?}");
}

#[tokio::test]
async fn a_slicer_cuts_and_loses_nothing() {
    let server = Server::sending(4_000).await;
    let slicer = FaultKind::Slicer { bytes: 100, variation: 20, pause_us: 2_000 };
    let stack = stack_with(server.address, vec![down(slicer)]).await;
    let mut socket = connect(&stack).await;
    let began = Instant::now();
    assert_eq!(read_all(&mut socket).await.unwrap(), pattern(4_000));
    // 34 to 50 pieces.
    assert!(began.elapsed() >= 66 * MS, "{:?}", began.elapsed());
}

#[tokio::test]
async fn corrupt_bytes_arrive_with_other_values_and_the_rest_does_not() {
    let server = Server::echo().await;
    let stack = stack_with(server.address, vec![up(FaultKind::Corrupt { bytes: 3 })]).await;
    let mut answers = Vec::new();
    for _ in 0..2 {
        let sent = pattern(1_000);
        let got = ask(&mut connect(&stack).await, &sent).await.unwrap();
        let places: Vec<usize> = (0..sent.len()).filter(|at| got[*at] != sent[*at]).collect();
        assert_eq!(places.len(), 3, "{places:?}");
        answers.push(places);
    }
    assert_ne!(answers[0], answers[1], "each connection has its own draw");
}

#[tokio::test]
async fn a_slow_close_delays_the_end_and_nothing_else() {
    let server = Server::sending(1_000).await;
    let delay = super::kit::fixed_ms(200);
    let stack = stack_with(server.address, vec![down(FaultKind::SlowClose { delay })]).await;
    let mut socket = connect(&stack).await;
    let mut bytes = vec![0; 1_000];
    let began = Instant::now();
    patient(socket.read_exact(&mut bytes)).await.unwrap();
    assert_eq!(read_all(&mut socket).await.unwrap(), b"");
    assert!(began.elapsed() >= 199 * MS, "{:?}", began.elapsed());
    assert_eq!(status(&stack, "it").await.hit, 1);
}

#[tokio::test]
async fn a_half_open_connection_never_hears_of_its_peers_end_until_the_fault_ends() {
    let server = Server::sending(1_000).await;
    let stack = stack_with(server.address, vec![down(FaultKind::HalfOpen)]).await;
    let mut socket = connect(&stack).await;
    let mut bytes = vec![0; 1_000];
    patient(socket.read_exact(&mut bytes)).await.unwrap();
    assert!(is_silent(&mut socket, 200 * MS).await);
    socket.write_all(b"still there?").await.unwrap();
    set(&stack, server.address, Vec::new()).await;
    assert_eq!(read_all(&mut socket).await.unwrap(), b"");
    assert_eq!(status_of_gone(&stack), ["hit"]);
}

#[tokio::test]
async fn a_caller_that_vanishes_from_a_half_open_connection_is_kept_from_the_callee() {
    let (told, mut tells) = tokio::sync::mpsc::channel(4);
    let server = Server::with(move |mut socket| {
        let told = told.clone();
        async move {
            let first = socket.read_u8().await.is_ok();
            told.send(first).await.unwrap();
            // Answers to somebody who is gone are accepted without an error.
            for _ in 0..3 {
                socket.write_all(b"answer").await.unwrap();
                tokio::time::sleep(10 * MS).await;
            }
            let ended = socket.read_u8().await;
            told.send(ended.is_err()).await.unwrap();
        }
    })
    .await;
    let stack = stack_with(server.address, vec![up(FaultKind::HalfOpen)]).await;
    let mut socket = connect(&stack).await;
    socket.write_all(b"x").await.unwrap();
    assert_eq!(patient(tells.recv()).await, Some(true));
    socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO)).unwrap();
    drop(socket);
    assert!(tokio::time::timeout(200 * MS, tells.recv()).await.is_err(), "the callee was told");
    set(&stack, server.address, Vec::new()).await;
    assert_eq!(patient(tells.recv()).await, Some(true));
}

#[tokio::test]
async fn lost_segments_come_late_and_none_is_missing() {
    let server = Server::sending(300_000).await;
    let loss = FaultKind::Loss {
        rate: Share::from_ppm(20_000),
        correlation: Share::ZERO,
        timeout_us: 100_000,
    };
    let stack = stack_with(server.address, vec![both(loss)]).await;
    let began = Instant::now();
    assert!(read_all(&mut connect(&stack).await).await.unwrap() == pattern(300_000));
    // About 206 segments: at least one of a hundred is lost with this seed.
    assert!(began.elapsed() >= 100 * MS, "{:?}", began.elapsed());
    assert_eq!(status(&stack, "it").await.hit, 1);
}

#[tokio::test]
async fn faults_of_one_direction_work_together() {
    let server = Server::sending(100_000).await;
    let faults = vec![
        named("late", down(latency(50))),
        named("thin", down(FaultKind::Bandwidth { bytes_per_s: 1_000_000, shared: false })),
        named("short", down(FaultKind::LimitData { bytes: 50_000 })),
    ];
    let stack = stack_with(server.address, faults).await;
    let began = Instant::now();
    assert_eq!(read_all(&mut connect(&stack).await).await.unwrap(), pattern(50_000));
    assert!(began.elapsed() >= 98 * MS, "{:?}", began.elapsed());
    for name in ["late", "thin", "short"] {
        assert_eq!(status(&stack, name).await.hit, 1, "{name}");
    }
}

/// Outcomes in the ledger.
fn status_of_gone(stack: &crate::tests::kit::Stack) -> Vec<String> {
    let lines = stack.recorder.events("shakedown.fault.decision");
    lines.iter().map(|line| line["shakedown.fault.outcome"].clone()).collect()
}
