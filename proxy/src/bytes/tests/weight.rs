//! What connections weigh.

use std::fs;

use super::kit::{Server, ask, connect, set, stack_with};
use crate::tests::kit::Stack;

/// Bytes of this process that are in memory.
fn resident() -> u64 {
    let pages = fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4_096
}

#[tokio::test]
#[ignore = "a measurement; needs 16,000 file descriptors"]
async fn thousands_of_idle_connections() {
    let count = 4_000;
    let server = Server::with(async |socket| {
        let _open = socket.readable().await;
        std::future::pending::<()>().await;
    })
    .await;
    let stack: Stack = stack_with(server.address, Vec::new()).await;
    let before = resident();
    let mut open = Vec::with_capacity(count);
    for _ in 0..count {
        open.push(connect(&stack).await);
    }
    super::kit::until(&stack, |edge| edge.connections_open == count as u64).await;
    let each = (resident() - before) / count as u64;
    println!("{each} bytes for each idle connection, with both of its ends in this process");
    set(&stack, server.address, Vec::new()).await;
    assert!(each < 16 * 1_024, "{each}");
}

#[tokio::test]
async fn a_connection_is_no_larger_than_a_few_cache_lines() {
    let size = size_of::<crate::bytes::Connection>();
    assert!(size <= 1_024, "{size}");
    // An echo through it, so that the number is about something that works.
    let server = Server::echo().await;
    let stack = stack_with(server.address, Vec::new()).await;
    ask(&mut connect(&stack).await, b"x").await.unwrap();
}
