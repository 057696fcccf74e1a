//! Edges without faults.

use std::sync::atomic::Ordering;

use model::policy::EdgePolicy;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::kit::{
    Server, ask, connect, is_reset, patient, pattern, reach, read_all, set, stack, stack_with,
    until,
};
use crate::tests::kit::refusing;

#[tokio::test]
async fn bytes_pass_both_ways_and_are_counted_while_they_do() {
    let server = Server::echo().await;
    let stack = stack_with(server.address, Vec::new()).await;
    let mut socket = connect(&stack).await;
    for number in 1..=3_u64 {
        assert_eq!(ask(&mut socket, b"hello").await.unwrap(), b"hello");
        until(&stack, |edge| (edge.bytes_up, edge.bytes_down) == (5 * number, 5 * number)).await;
        until(&stack, |edge| (edge.connections, edge.connections_open) == (1, 1)).await;
    }
    drop(socket);
    until(&stack, |edge| edge.connections_open == 0).await;
}

#[tokio::test]
async fn much_passes_unharmed_both_ways_at_once() {
    let server = Server::echo().await;
    let stack = stack_with(server.address, Vec::new()).await;
    let sent = pattern(24 << 20);
    let (mut read, mut write) = connect(&stack).await.into_split();
    let sending = async {
        write.write_all(&sent).await.unwrap();
        write.shutdown().await.unwrap();
    };
    let mut got = Vec::new();
    let ((), count) = patient(async { tokio::join!(sending, read.read_to_end(&mut got)) }).await;
    assert_eq!(count.unwrap(), sent.len());
    assert!(got == sent, "the bytes differ");
}

#[tokio::test]
async fn a_slow_reader_is_felt_by_the_sender_and_loses_nothing() {
    let server = Server::sending(16 << 20).await;
    let stack = stack_with(server.address, Vec::new()).await;
    let mut socket = connect(&stack).await;
    let mut before = 0;
    // The sender is stopped when buffers are full: the count stands still long before the end.
    until(&stack, |edge| edge.bytes_down > 0).await;
    for _ in 0..1_000 {
        let now = stack.state().await.edges[0].bytes_down;
        if now == before {
            break;
        }
        before = now;
    }
    assert!(before < 15 << 20, "{before} bytes were taken from the sender");
    assert!(read_all(&mut socket).await.unwrap() == pattern(16 << 20), "the bytes differ");
}

#[tokio::test]
async fn the_end_of_the_caller_closes_only_its_direction() {
    let server = Server::counting().await;
    let stack = stack_with(server.address, Vec::new()).await;
    let mut socket = connect(&stack).await;
    socket.write_all(&pattern(100_000)).await.unwrap();
    socket.shutdown().await.unwrap();
    assert_eq!(read_all(&mut socket).await.unwrap(), 100_000_u64.to_be_bytes());
}

#[tokio::test]
async fn the_end_of_the_callee_closes_only_its_direction() {
    let (told, tells) = std::sync::mpsc::channel();
    let server = Server::with(move |mut socket| {
        let told = told.clone();
        async move {
            socket.write_all(b"bye").await.unwrap();
            socket.shutdown().await.unwrap();
            let mut rest = Vec::new();
            socket.read_to_end(&mut rest).await.unwrap();
            told.send(rest.len()).unwrap();
        }
    })
    .await;
    let stack = stack_with(server.address, Vec::new()).await;
    let mut socket = connect(&stack).await;
    assert_eq!(read_all(&mut socket).await.unwrap(), b"bye");
    socket.write_all(&pattern(50_000)).await.unwrap();
    drop(socket);
    until(&stack, |edge| edge.connections_open == 0).await;
    assert_eq!(tells.recv().unwrap(), 50_000);
}

#[tokio::test]
async fn a_callee_that_refuses_or_resets_is_told_as_a_reset() {
    let (_held, refuses) = refusing();
    let stack = stack_with(refuses, Vec::new()).await;
    assert!(is_reset(&reach(&stack, b"x").await));
    let server = Server::with(async |mut socket| {
        let _first = socket.read_u8().await;
        socket2::SockRef::from(&socket).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    })
    .await;
    set(&stack, server.address, Vec::new()).await;
    let mut socket = connect(&stack).await;
    socket.write_all(b"x").await.unwrap();
    assert!(is_reset(&patient(socket.read_u8()).await));
    until(&stack, |edge| edge.connections_open == 0).await;
}

#[tokio::test]
async fn without_a_plan_nothing_is_served() {
    let stack = stack().await;
    assert!(is_reset(&reach(&stack, b"x").await));
}

#[tokio::test]
async fn a_plan_that_moves_the_callee_moves_new_connections_only() {
    let (first, second) = (Server::echo().await, Server::echo().await);
    let stack = stack_with(first.address, Vec::new()).await;
    let mut old = connect(&stack).await;
    ask(&mut old, b"a").await.unwrap();
    set(&stack, second.address, Vec::new()).await;
    let mut new = connect(&stack).await;
    ask(&mut new, b"b").await.unwrap();
    ask(&mut old, b"c").await.unwrap();
    let accepted = |server: &Server| server.accepted.load(Ordering::SeqCst);
    assert_eq!((accepted(&first), accepted(&second)), (1, 1));
}

#[tokio::test]
async fn idle_connections_end_with_the_process_and_busy_ones_after_their_answer() {
    let server = Server::echo().await;
    let stack = stack_with(server.address, Vec::new()).await;
    let (mut idle, mut used) = (connect(&stack).await, connect(&stack).await);
    ask(&mut used, b"x").await.unwrap();
    until(&stack, |edge| edge.connections_open == 2).await;
    stack.proxy.shutdown();
    for socket in [&mut idle, &mut used] {
        assert_eq!(read_all(socket).await.unwrap(), b"");
    }
    patient(stack.proxy.done()).await;
}

#[tokio::test]
async fn a_plan_without_the_edge_closes_its_connections() {
    let server = Server::echo().await;
    let stack = stack_with(server.address, Vec::new()).await;
    let mut socket = connect(&stack).await;
    ask(&mut socket, b"x").await.unwrap();
    let mut plan = stack.plan(Vec::new(), EdgePolicy::default(), Vec::new());
    (plan.edges, plan.routes) = (Vec::new(), Vec::new());
    assert_eq!(stack.put(&plan).await.status(), 200);
    assert_eq!(read_all(&mut socket).await.unwrap(), b"");
    assert!(is_reset(&reach(&stack, b"x").await));
}
