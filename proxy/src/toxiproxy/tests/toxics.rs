//! What toxics do to bytes. How exactly each fault acts is tested where faults are.

use std::io;
use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::time::Instant;

use super::kit::{Bench, MS, ask, connect, is_silent, rest};

#[tokio::test]
async fn a_latency_is_felt_changed_and_gone_on_an_open_connection() {
    let (bench, address) = Bench::with_proxy().await;
    let mut socket = connect(address).await;
    assert_eq!(ask(&mut socket, b"hello").await.unwrap(), b"hello");
    bench.toxic("latency", "upstream", json!({"latency": 80})).await;
    let took = async |socket: &mut _| {
        let began = Instant::now();
        assert_eq!(ask(socket, b"hello").await.unwrap(), b"hello");
        began.elapsed()
    };
    assert!(took(&mut socket).await >= 80 * MS);
    let change = json!({"attributes": {"latency": 160}});
    bench.ok("PATCH", "/proxies/p/toxics/t", change, 200).await;
    assert!(took(&mut socket).await >= 160 * MS);
    assert_eq!(bench.fault("toxic p/t").await.hit, 1, "it is the same connection");
    let change = json!({"attributes": {"latency": 600_000}});
    bench.ok("PATCH", "/proxies/p/toxics/t", change, 200).await;
    socket.write_all(b"held").await.unwrap();
    bench.remove().await;
    assert_eq!(ask(&mut socket, b"back").await.unwrap(), b"held", "removing it frees at once");
}

#[tokio::test]
async fn a_bandwidth_is_in_thousands_of_bytes() {
    let (bench, address) = Bench::with_proxy().await;
    bench.toxic("bandwidth", "downstream", json!({"rate": 500})).await;
    let began = Instant::now();
    let sent = vec![7; 100_000];
    let (mut read, mut write) = connect(address).await.into_split();
    let sending = async {
        write.write_all(&sent).await.unwrap();
        write.shutdown().await.unwrap();
    };
    let mut got = Vec::new();
    let reading = tokio::io::AsyncReadExt::read_to_end(&mut read, &mut got);
    let ((), read) = super::kit::patient(async { tokio::join!(sending, reading) }).await;
    read.unwrap();
    assert!(got == sent, "the bytes differ");
    assert!(began.elapsed() >= 190 * MS, "{:?}", began.elapsed());
}

#[tokio::test]
async fn no_bandwidth_and_no_data_at_all_cut_off_as_test_suites_expect() {
    let (bench, address) = Bench::with_proxy().await;
    bench.toxic("bandwidth", "downstream", json!({"rate": 0})).await;
    let mut socket = connect(address).await;
    socket.write_all(b"hello").await.unwrap();
    assert!(is_silent(&mut socket, 100 * MS).await);
    bench.remove().await;
    assert_eq!(ask(&mut socket, b"again").await.unwrap(), b"hello", "nothing was lost");
    bench.toxic("limit_data", "downstream", json!({"bytes": 0})).await;
    let mut socket = connect(address).await;
    socket.write_all(b"hello").await.unwrap();
    assert_eq!(rest(&mut socket).await.unwrap(), b"");
}

#[tokio::test]
async fn a_limit_counts_on_when_it_is_changed() {
    let (bench, address) = Bench::with_proxy().await;
    bench.toxic("limit_data", "downstream", json!({"bytes": 100})).await;
    let mut socket = connect(address).await;
    assert_eq!(ask(&mut socket, b"hello").await.unwrap(), b"hello");
    bench.ok("POST", "/proxies/p/toxics/t", json!({"attributes": {"bytes": 8}}), 200).await;
    socket.write_all(b"hello").await.unwrap();
    assert_eq!(rest(&mut socket).await.unwrap(), b"hel");
}

#[tokio::test]
async fn a_timeout_swallows_closes_after_its_time_and_never_before() {
    let (bench, address) = Bench::with_proxy().await;
    bench.toxic("timeout", "downstream", json!({"timeout": 150})).await;
    // The time runs from the connection, not from its first byte.
    let began = Instant::now();
    let mut socket = connect(address).await;
    socket.write_all(b"hello").await.unwrap();
    // Bytes that nobody has read by then make the system end it with a reset.
    match rest(&mut socket).await {
        Ok(bytes) => assert_eq!(bytes, b""),
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
    }
    assert!(began.elapsed() >= 145 * MS, "{:?}", began.elapsed());
    bench.ok("PATCH", "/proxies/p/toxics/t", json!({"attributes": {"timeout": 0}}), 200).await;
    let mut socket = connect(address).await;
    socket.write_all(b"hello").await.unwrap();
    assert!(is_silent(&mut socket, 250 * MS).await, "0 is for ever");
    bench.remove().await;
    assert_eq!(rest(&mut socket).await.unwrap(), b"", "bytes are missing");
}

#[tokio::test]
async fn a_reset_waits_for_bytes_and_for_its_time_and_can_be_taken_back_until_then() {
    let (bench, address) = Bench::with_proxy().await;
    let mut open = connect(address).await;
    assert_eq!(ask(&mut open, b"hello").await.unwrap(), b"hello");
    bench.toxic("reset_peer", "upstream", json!({"timeout": 100})).await;
    assert!(is_silent(&mut open, 150 * MS).await, "no byte, no reset");
    let began = Instant::now();
    let reset = ask(&mut open, b"hello").await.unwrap_err();
    assert_eq!(reset.kind(), io::ErrorKind::ConnectionReset);
    assert!(began.elapsed() >= 100 * MS, "{:?}", began.elapsed());
    bench.ok("PATCH", "/proxies/p/toxics/t", json!({"attributes": {"timeout": 60_000}}), 200).await;
    let mut spared = connect(address).await;
    spared.write_all(b"held").await.unwrap();
    assert!(is_silent(&mut spared, 50 * MS).await);
    bench.remove().await;
    assert_eq!(ask(&mut spared, b"back").await.unwrap(), b"held");
}

#[tokio::test]
async fn a_slow_close_and_a_slicer_lose_nothing() {
    let (bench, address) = Bench::with_proxy().await;
    bench.toxic("slow_close", "downstream", json!({"delay": 100})).await;
    let slicer = json!({
        "type": "slicer",
        "attributes": {"average_size": 100, "size_variation": 20, "delay": 2_000},
    });
    bench.ok("POST", "/proxies/p/toxics", slicer, 200).await;
    let mut socket = connect(address).await;
    let began = Instant::now();
    let sent = vec![7; 2_000];
    socket.write_all(&sent).await.unwrap();
    socket.shutdown().await.unwrap();
    assert_eq!(rest(&mut socket).await.unwrap(), sent);
    assert!(began.elapsed() >= 100 * MS, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_lossy_way_delivers_every_byte() {
    let (bench, address) = Bench::with_proxy().await;
    bench.toxic("packet_loss", "upstream", json!({"loss_rate": 1.0})).await;
    let mut socket = connect(address).await;
    let began = Instant::now();
    assert_eq!(ask(&mut socket, b"hello").await.unwrap(), b"hello");
    assert!(began.elapsed() >= 200 * MS, "{:?}", began.elapsed());
}

/// Which of twenty connections feel the toxic.
async fn felt(bench: &Bench, address: SocketAddr) -> (Vec<bool>, Vec<tokio::net::TcpStream>) {
    let (mut felt, mut sockets) = (Vec::new(), Vec::new());
    for _ in 0..20 {
        let mut socket = connect(address).await;
        let reset = ask(&mut socket, b"hello").await.is_err();
        felt.push(reset);
        sockets.push(socket);
    }
    assert!(!bench.faults().await.is_empty());
    (felt, sockets)
}

#[tokio::test]
async fn toxicity_is_drawn_once_for_both_faults_of_a_toxic_and_never_again() {
    let (bench, address) = Bench::with_proxy().await;
    let toxic = json!({
        "name": "t", "type": "reset_peer", "toxicity": 0.5, "attributes": {"timeout": 20},
    });
    bench.ok("POST", "/proxies/p/toxics", toxic, 200).await;
    let (reset, mut sockets) = felt(&bench, address).await;
    let count = reset.iter().filter(|reset| **reset).count();
    assert!((1..20).contains(&count), "{reset:?}");
    let [wait, end] = ["toxic p/t#wait", "toxic p/t"].map(|name| bench.fault(name));
    assert_eq!((wait.await.hit, end.await.hit), (count as u64, count as u64));
    bench.ok("POST", "/proxies/p/toxics", json!({"type": "latency"}), 200).await;
    for (socket, reset) in sockets.iter_mut().zip(&reset) {
        let is_reset = ask(socket, b"hello").await.is_err();
        assert_eq!(is_reset, *reset, "a neighbour made somebody join or leave");
    }
    let all = bench.ok("PATCH", "/proxies/p/toxics/t", json!({"toxicity": 0}), 200).await;
    assert_eq!(all["toxicity"], 0);
    let (none, _) = felt(&bench, address).await;
    assert_eq!(none, [false; 20]);
    // The same toxic on a gateway that was just started hits the same connections.
    let (again, address) = Bench::with_proxy().await;
    let toxic = json!({"name": "t", "type": "reset_peer", "toxicity": 0.5});
    again.ok("POST", "/proxies/p/toxics", toxic, 200).await;
    assert_eq!(felt(&again, address).await.0, reset);
}

#[tokio::test]
async fn toxics_act_in_the_order_in_which_they_came_and_hang_nobody_when_they_go() {
    let (bench, address) = Bench::with_proxy().await;
    for (name, kind, attributes) in [
        ("z", "bandwidth", json!({"rate": 1})),
        ("a", "latency", json!({"latency": 60_000})),
        ("m", "slicer", json!({"average_size": 1, "delay": 1_000_000})),
        ("b", "timeout", json!({})),
        ("c", "slow_close", json!({"delay": 60_000})),
    ] {
        let toxic = json!({"name": name, "type": kind, "attributes": attributes});
        bench.ok("POST", "/proxies/p/toxics", toxic, 200).await;
    }
    let names: Vec<String> = bench.faults().await.into_iter().map(|fault| fault.name).collect();
    assert_eq!(names, ["toxic p/z", "toxic p/a", "toxic p/m", "toxic p/b", "toxic p/c"]);
    let mut socket = connect(address).await;
    socket.write_all(&[7; 100]).await.unwrap();
    assert!(is_silent(&mut socket, 50 * MS).await);
    let began = Instant::now();
    for name in ["z", "b", "m", "c", "a"] {
        bench.ok("DELETE", &format!("/proxies/p/toxics/{name}"), Value::Null, 204).await;
    }
    assert_eq!(ask(&mut socket, &[8; 100]).await.unwrap(), [7; 100]);
    assert!(began.elapsed() < 5_000 * MS, "{:?}", began.elapsed());
}
