//! What other proxies are known to get wrong, each as a test.

use std::time::Duration;

use model::distribution::Distribution;
use model::fault::{FaultKind, FaultSpec};
use model::plan::EdgeState;
use model::units::Share;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket};
use tokio::time::Instant;

use super::kit::{
    MS, Server, ask, at_connect, both, connect, down, is_reset, latency, patient, pattern, reach,
    read_all, set, stack_with, status, until, up,
};

fn part(ppm: u32, fault: FaultSpec) -> FaultSpec {
    FaultSpec { share: Share::from_ppm(ppm), ..fault }
}

#[tokio::test]
async fn a_seed_decides_who_is_hit_and_not_chance() {
    let server = Server::echo().await;
    let mut runs = Vec::new();
    for _ in 0..2 {
        let refuse = part(500_000, down(FaultKind::Reset { after_bytes: 0 }));
        let stack = stack_with(server.address, vec![refuse]).await;
        let mut hits = Vec::new();
        for _ in 0..24 {
            hits.push(reach(&stack, b"x").await.is_err());
        }
        runs.push(hits);
    }
    assert_eq!(runs[0], runs[1]);
    assert!(runs[0].contains(&true) && runs[0].contains(&false), "all roll alike: {runs:?}");
}

#[tokio::test]
async fn a_share_of_zero_resets_nobody() {
    let server = Server::echo().await;
    let never = part(0, both(FaultKind::Reset { after_bytes: 0 }));
    let stack = stack_with(server.address, vec![never]).await;
    for _ in 0..20 {
        let mut socket = connect(&stack).await;
        ask(&mut socket, b"x").await.unwrap();
        socket.shutdown().await.unwrap();
        assert_eq!(read_all(&mut socket).await.unwrap(), b"", "its end is in order, too");
    }
    let seen = status(&stack, "it").await;
    assert_eq!((seen.matched, seen.hit), (20, 0));
}

#[tokio::test]
async fn a_reset_on_a_live_connection_is_no_orderly_close_and_waits_for_no_data() {
    let server = Server::echo().await;
    let stack = stack_with(server.address, Vec::new()).await;
    let mut silent = connect(&stack).await;
    ask(&mut silent, b"x").await.unwrap();
    set(&stack, server.address, vec![at_connect(FaultKind::Reset { after_bytes: 0 })]).await;
    assert!(is_reset(&patient(silent.read_u8()).await));
}

#[tokio::test]
async fn a_callee_that_never_answers_stalls_no_other_caller() {
    // A full backlog: the kernel answers no further attempt.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let full = socket.listen(1).unwrap();
    let address = full.local_addr().unwrap();
    let mut fillers = Vec::new();
    for _ in 0..4 {
        let filling = tokio::time::timeout(50 * MS, tokio::net::TcpStream::connect(address));
        fillers.push(filling.await);
    }
    let stack = stack_with(address, Vec::new()).await;
    let stalled = [connect(&stack).await, connect(&stack).await, connect(&stack).await];
    let server = Server::echo().await;
    set(&stack, server.address, Vec::new()).await;
    let began = Instant::now();
    ask(&mut connect(&stack).await, b"x").await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    drop((stalled, fillers));
}

#[tokio::test]
async fn half_closed_connections_go_on_with_and_without_faults() {
    let server = Server::counting().await;
    let harmless = FaultKind::Slicer { bytes: 1_000, variation: 0, pause_us: 0 };
    for faults in [Vec::new(), vec![both(latency(1))], vec![both(harmless)]] {
        let stack = stack_with(server.address, faults).await;
        let mut socket = connect(&stack).await;
        socket.write_all(&pattern(30_000)).await.unwrap();
        socket.shutdown().await.unwrap();
        assert_eq!(read_all(&mut socket).await.unwrap(), 30_000_u64.to_be_bytes());
    }
}

#[tokio::test]
async fn counters_move_while_a_connection_is_open() {
    let server = Server::echo().await;
    for faults in [Vec::new(), vec![both(latency(1))]] {
        let stack = stack_with(server.address, faults).await;
        let mut socket = connect(&stack).await;
        ask(&mut socket, &pattern(10_000)).await.unwrap();
        let seen = |edge: &EdgeState| (edge.bytes_up, edge.bytes_down, edge.connections_open);
        until(&stack, |edge| seen(edge) == (10_000, 10_000, 1)).await;
    }
}

#[tokio::test]
async fn loss_removes_no_byte_and_passes_the_end_on() {
    let server = Server::echo().await;
    let loss = FaultKind::Loss {
        rate: Share::from_ppm(300_000),
        correlation: Share::from_ppm(500_000),
        timeout_us: 100,
    };
    let stack = stack_with(server.address, vec![both(loss)]).await;
    let mut socket = connect(&stack).await;
    socket.write_all(&pattern(200_000)).await.unwrap();
    socket.shutdown().await.unwrap();
    assert!(read_all(&mut socket).await.unwrap() == pattern(200_000), "the bytes differ");
}

#[tokio::test]
async fn a_latency_holds_many_chunks_at_once_and_not_one_after_the_other() {
    let server = Server::echo().await;
    let stack = stack_with(server.address, vec![up(latency(200))]).await;
    let (mut read, mut write) = connect(&stack).await.into_split();
    let began = Instant::now();
    let sending = async {
        for _ in 0..40 {
            write.write_all(&[7; 100]).await.unwrap();
            tokio::time::sleep(2 * MS).await;
        }
    };
    let mut got = vec![0; 4_000];
    let ((), read) = patient(async { tokio::join!(sending, read.read_exact(&mut got)) }).await;
    read.unwrap();
    // One after the other it would be eight seconds.
    assert!((200 * MS..7_000 * MS).contains(&began.elapsed()), "{:?}", began.elapsed());
}

#[tokio::test]
async fn more_jitter_than_latency_is_no_delay_and_no_end_of_the_world() {
    let server = Server::echo().await;
    let delay = Distribution::Normal { mean_us: 1_000, deviation_us: 20_000 };
    let stack = stack_with(server.address, vec![both(FaultKind::Latency { delay })]).await;
    let mut socket = connect(&stack).await;
    for number in 0..20 {
        assert_eq!(ask(&mut socket, &[number; 64]).await.unwrap(), [number; 64]);
    }
}

#[tokio::test]
async fn jitter_keeps_the_order_of_bytes() {
    let server = Server::sending(200_000).await;
    let delay = Distribution::Uniform { min_us: 0, max_us: 30_000 };
    let slices = FaultKind::Slicer { bytes: 700, variation: 300, pause_us: 0 };
    let faults = vec![
        super::kit::named("jitter", down(FaultKind::Latency { delay })),
        super::kit::named("slices", down(slices)),
    ];
    let stack = stack_with(server.address, faults).await;
    assert!(read_all(&mut connect(&stack).await).await.unwrap() == pattern(200_000));
}

#[tokio::test]
async fn the_control_api_answers_at_once_whatever_faults_hold_back() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = listener.local_addr().unwrap();
    let stack = stack_with(silent, vec![both(latency(600_000))]).await;
    let mut held = Vec::new();
    for _ in 0..20 {
        let mut socket = connect(&stack).await;
        // More than anybody takes: writers wait on every hand.
        let _much = tokio::time::timeout(20 * MS, socket.write_all(&pattern(8 << 20))).await;
        held.push(socket);
    }
    let began = Instant::now();
    for round in 0..20 {
        let faults = if round % 2 == 0 { Vec::new() } else { vec![both(FaultKind::Blackhole)] };
        set(&stack, silent, faults).await;
    }
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}
