//! What connections and bodies cost.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::AsyncReadExt as _;

use super::origin::Origin;
use super::process::{Caller, Gateway, alone, field, soon};

const IDLE: usize = 2_000;
const IDLE_KIB_MAX: usize = 12;
/// For the test and its gateway alike, with room for everything else that is open.
const FILES: u64 = IDLE as u64 + 500;

const STREAM_BYTES: usize = 64 * 1_024 * 1_024;
const STREAM_KIB_MAX: usize = 8 * 1_024;

/// A line of the status of a process, in KiB.
fn kib(gateway: &Gateway, name: &str) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Lets this process and its children have so many files; says whether they may.
fn raise_files() -> bool {
    let limit = getrlimit(Resource::Nofile);
    let enough = |most: Option<u64>| most.is_none_or(|most| most >= FILES);
    if enough(limit.current) {
        return true;
    }
    enough(limit.maximum)
        && setrlimit(Resource::Nofile, Rlimit { current: Some(FILES), ..limit }).is_ok()
}

#[test]
fn an_idle_connection_costs_little_memory() {
    if !raise_files() {
        println!("an_idle_connection_costs_little_memory: skipped, {FILES} files are not allowed");
        return;
    }
    alone(async {
        let origin = Origin::start("shop").await;
        let gateway = Gateway::before(origin.address, &[]).await;
        let mut warm = Caller::to(gateway.address()).await;
        assert_eq!(warm.get("/").await.status, 200);
        let before = kib(&gateway, "VmRSS");
        let mut idle = Vec::with_capacity(IDLE);
        for _ in 0..IDLE {
            let mut caller = Caller::to(gateway.address()).await;
            assert_eq!(caller.get("/").await.status, 200);
            idle.push(caller);
        }
        let grown = kib(&gateway, "VmRSS").saturating_sub(before);
        println!("{grown} KiB for {IDLE} idle connections");
        assert!(grown <= IDLE * IDLE_KIB_MAX, "{grown} KiB for {IDLE} connections");
        // All of them are still served.
        for caller in &mut idle {
            assert_eq!(caller.get("/").await.status, 200);
        }
    });
}

#[test]
fn a_large_body_streams_through_in_bounded_memory() {
    alone(async {
        let origin = Origin::start("shop").await;
        let gateway = Gateway::before(origin.address, &[]).await;
        let mut caller = Caller::to(gateway.address()).await;
        assert_eq!(caller.get("/big/1000000").await.body.len(), 1_000_000);
        let before = kib(&gateway, "VmHWM");
        caller.ask(&format!("/big/{STREAM_BYTES}"), "").await;
        let head = caller.head().await;
        assert_eq!(field(&head, "content-length"), Some(STREAM_BYTES.to_string().as_str()));
        let mut stream = caller.into_stream();
        let mut buffer = vec![0; 256 * 1_024];
        let mut left = STREAM_BYTES;
        while left > 0 {
            let count = soon("bytes come", stream.read(&mut buffer)).await.unwrap();
            assert!(count > 0, "{left} bytes are missing");
            assert!(buffer[..count].iter().all(|byte| *byte == b'x'));
            left -= count;
        }
        let grown = kib(&gateway, "VmHWM") - before;
        println!("{grown} KiB more at the peak of {STREAM_BYTES} bytes");
        assert!(grown < STREAM_KIB_MAX, "{grown} KiB more at its peak");
    });
}
