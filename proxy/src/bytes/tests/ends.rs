//! How connections end.

use std::time::Duration;

use model::fault::FaultKind;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::kit::{
    MS, Server, ask, both, connect, down, is_reset, patient, pattern, read_all, read_until_broken,
    stack_with, until, up,
};

#[tokio::test]
async fn a_reader_that_is_slow_still_gets_every_byte_before_the_reset() {
    let server = Server::sending(1_000_000).await;
    let stack =
        stack_with(server.address, vec![down(FaultKind::Reset { after_bytes: 300_000 })]).await;
    let mut socket = connect(&stack).await;
    until(&stack, |edge| edge.bytes_down == 300_000).await;
    let (count, error) = read_until_broken(&mut socket).await;
    assert_eq!(count, 300_000);
    assert_eq!(error.unwrap().kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_limit_on_requests_lets_the_answer_to_them_be_read() {
    let server = Server::echo().await;
    let stack = stack_with(server.address, vec![up(FaultKind::LimitData { bytes: 1_000 })]).await;
    let mut socket = connect(&stack).await;
    socket.write_all(&pattern(50_000)).await.unwrap();
    // Closed in order: whatever of the answer was on its way arrives, and no reset destroys it.
    let got = read_all(&mut socket).await.unwrap();
    assert!(pattern(1_000).starts_with(&got), "{}", got.len());
}

#[tokio::test]
async fn a_reset_of_the_upward_direction_is_told_to_both_sides() {
    let (told, mut tells) = tokio::sync::mpsc::channel(1);
    let server = Server::with(move |mut socket| {
        let told = told.clone();
        async move {
            let mut got = Vec::new();
            let ended = socket.read_to_end(&mut got).await;
            told.send((got.len(), is_reset(&ended))).await.unwrap();
        }
    })
    .await;
    let stack = stack_with(server.address, vec![up(FaultKind::Reset { after_bytes: 10 })]).await;
    let mut socket = connect(&stack).await;
    socket.write_all(&pattern(100)).await.unwrap();
    assert!(is_reset(&patient(socket.read_u8()).await));
    assert_eq!(patient(tells.recv()).await, Some((10, true)));
}

#[tokio::test]
async fn a_caller_that_breaks_off_is_told_to_the_callee_as_a_reset() {
    let (told, mut tells) = tokio::sync::mpsc::channel(1);
    let server = Server::with(move |mut socket| {
        let told = told.clone();
        async move {
            let _first = socket.read_u8().await;
            told.send(false).await.unwrap();
            let ended = socket.read_u8().await;
            told.send(is_reset(&ended)).await.unwrap();
        }
    })
    .await;
    for faults in
        [Vec::new(), vec![both(FaultKind::Bandwidth { bytes_per_s: 1_000_000, shared: false })]]
    {
        let stack = stack_with(server.address, faults).await;
        let mut socket = connect(&stack).await;
        socket.write_all(b"x").await.unwrap();
        assert_eq!(patient(tells.recv()).await, Some(false));
        socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO)).unwrap();
        drop(socket);
        assert_eq!(patient(tells.recv()).await, Some(true));
        until(&stack, |edge| edge.connections_open == 0).await;
    }
}

#[tokio::test]
async fn the_end_of_a_sender_waits_for_what_it_sent_before() {
    let server = Server::counting().await;
    let slow = FaultKind::Latency { delay: super::kit::fixed_ms(100) };
    let stack = stack_with(server.address, vec![up(slow)]).await;
    let mut socket = connect(&stack).await;
    socket.write_all(&pattern(20_000)).await.unwrap();
    socket.shutdown().await.unwrap();
    let began = tokio::time::Instant::now();
    assert_eq!(read_all(&mut socket).await.unwrap(), 20_000_u64.to_be_bytes());
    assert!(began.elapsed() >= 95 * MS, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_connection_that_is_over_leaves_no_task_behind() {
    let server = Server::echo().await;
    let stack = stack_with(server.address, Vec::new()).await;
    for _ in 0..50 {
        let mut socket = connect(&stack).await;
        ask(&mut socket, b"x").await.unwrap();
    }
    until(&stack, |edge| edge.connections_open == 0).await;
    assert_eq!(stack.state().await.edges[0].connections, 50);
}

#[tokio::test]
async fn a_reset_in_front_of_the_first_byte_waits_for_that_byte() {
    let server = Server::echo().await;
    let stack = stack_with(server.address, vec![down(FaultKind::Reset { after_bytes: 0 })]).await;
    let mut socket = connect(&stack).await;
    assert!(super::kit::is_silent(&mut socket, 50 * MS).await, "nothing has come yet");
    socket.write_all(b"x").await.unwrap();
    assert!(is_reset(&patient(socket.read_u8()).await));
}
