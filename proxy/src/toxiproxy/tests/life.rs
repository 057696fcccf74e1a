//! Proxies that come, change and go while bytes pass.

use std::io;
use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use super::kit::{Bench, MS, address_of, ask, connect, echo, patient, rest};

/// A connection that was cut off: the end or a reset, and no more bytes.
async fn is_cut_off(socket: &mut TcpStream) -> bool {
    rest(socket).await.map_or(true, |rest| rest.is_empty())
}

async fn is_refused(to: SocketAddr) -> bool {
    let tried = TcpStream::connect(to).await;
    tried.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

#[tokio::test]
async fn a_disabled_proxy_cuts_off_and_refuses_until_it_is_enabled_on_the_same_port() {
    for threads in [1, 3] {
        let bench = Bench::on_threads(threads).await;
        let address = bench.made("p").await;
        switch_off_and_on(&bench, address).await;
    }
}

async fn switch_off_and_on(bench: &Bench, address: SocketAddr) {
    let mut open = connect(address).await;
    assert_eq!(ask(&mut open, b"hello").await.unwrap(), b"hello");
    bench.toxic("latency", "downstream", json!({"latency": 60})).await;
    for _ in 0..3 {
        let off = bench.ok("POST", "/proxies/p", json!({"enabled": false}), 200).await;
        assert_eq!((&off["enabled"], address_of(&off)), (&json!(false), address));
        assert!(is_cut_off(&mut open).await);
        assert!(is_refused(address).await);
        let on = bench.ok("PATCH", "/proxies/p", json!({"enabled": true}), 200).await;
        assert_eq!((&on["enabled"], address_of(&on)), (&json!(true), address));
        open = connect(address).await;
        let began = Instant::now();
        assert_eq!(ask(&mut open, b"hello").await.unwrap(), b"hello");
        assert!(began.elapsed() >= 60 * MS, "its toxic is still there");
    }
}

#[tokio::test]
async fn a_proxy_that_is_made_disabled_listens_when_it_is_enabled() {
    let bench = Bench::start().await;
    let wanted = json!({
        "name": "p", "listen": "127.0.0.1:0", "upstream": bench.echo.to_string(), "enabled": false,
    });
    let made = bench.ok("POST", "/proxies", wanted, 201).await;
    assert_eq!((&made["enabled"], &made["listen"]), (&json!(false), &json!("127.0.0.1:0")));
    let on = bench.ok("PATCH", "/proxies/p", json!({"enabled": true}), 200).await;
    let mut socket = connect(address_of(&on)).await;
    assert_eq!(ask(&mut socket, b"hello").await.unwrap(), b"hello");
}

#[tokio::test]
async fn another_upstream_keeps_port_and_toxics_and_cuts_off_who_is_there() {
    let (bench, address) = Bench::with_proxy().await;
    bench.toxic("limit_data", "downstream", json!({"bytes": 3})).await;
    let mut open = connect(address).await;
    assert_eq!(ask(&mut open, b"he").await.unwrap(), b"he");
    let other = echo().await;
    let change = json!({"upstream": other.to_string()});
    let changed = bench.ok("PATCH", "/proxies/p", change, 200).await;
    assert_eq!((address_of(&changed), &changed["enabled"]), (address, &json!(true)));
    assert!(is_cut_off(&mut open).await);
    let mut socket = connect(address).await;
    socket.write_all(b"hello").await.unwrap();
    assert_eq!(rest(&mut socket).await.unwrap(), b"hel");
}

#[tokio::test]
async fn an_edge_that_was_made_here_is_in_the_state_of_the_gateway_as_long_as_it_listens() {
    let (bench, address) = Bench::with_proxy().await;
    let edges = async || {
        let state = bench.stack.state().await;
        let all = state.edges.into_iter();
        all.map(|edge| (edge.edge.to_string(), edge.address)).collect::<Vec<_>>()
    };
    let made = ("client -> p".to_owned(), address);
    assert!(edges().await.contains(&made), "{:?}", edges().await);
    bench.ok("POST", "/proxies/p", json!({"enabled": false}), 200).await;
    assert_eq!(edges().await.len(), 1, "{:?}", edges().await);
    bench.ok("POST", "/proxies/p", json!({"enabled": true}), 200).await;
    assert!(edges().await.contains(&made));
}

#[tokio::test]
async fn a_deleted_proxy_cuts_off_while_data_flows_and_frees_its_port() {
    let (bench, address) = Bench::with_proxy().await;
    bench.toxic("bandwidth", "downstream", json!({"rate": 50})).await;
    let (mut read, mut write) = connect(address).await.into_split();
    let flood = tokio::spawn(async move { while write.write_all(&[7; 10_000]).await.is_ok() {} });
    let mut some = vec![0; 5_000];
    patient(read.read_exact(&mut some)).await.unwrap();
    bench.ok("DELETE", "/proxies/p", Value::Null, 204).await;
    patient(async { while matches!(read.read(&mut some).await, Ok(count) if count > 0) {} }).await;
    patient(flood).await.unwrap();
    let again = TcpListener::bind(address).await;
    assert!(again.is_ok(), "{again:?}");
    assert!(bench.faults().await.is_empty());
    assert_eq!(bench.send("GET", "/proxies/p", "").await.0, 404);
    drop(again);
    bench.made("p").await;
}

#[tokio::test]
async fn populate_makes_replaces_and_leaves_alone() {
    let bench = Bench::start().await;
    let stays = bench.made("stays").await;
    let moves = bench.made("p").await;
    bench.toxic("latency", "downstream", json!({"latency": 5})).await;
    let latency = json!({"type": "latency"});
    bench.ok("POST", "/proxies/stays/toxics", latency, 200).await;
    let mut open = connect(stays).await;
    assert_eq!(ask(&mut open, b"hello").await.unwrap(), b"hello");
    let (here, other) = (bench.echo.to_string(), echo().await.to_string());
    let epoch = bench.stack.state().await.epoch;
    let wanted = json!([
        {"name": "stays", "listen": stays.to_string(), "upstream": here, "toxics": null},
        {"name": "p", "listen": moves.to_string(), "upstream": other},
        {"name": "off", "listen": "127.0.0.1:0", "upstream": here, "enabled": false},
        {"name": "new", "listen": "127.0.0.1:0", "upstream": here,
         "toxics": [{"type": "limit_data", "attributes": {"bytes": 2}}]},
    ]);
    let made = bench.ok("POST", "/populate", wanted, 201).await;
    assert_eq!(bench.stack.state().await.epoch, epoch + 1, "all in one change");
    let of = |name: &str| {
        let list = made["proxies"].as_array().unwrap().iter();
        list.clone().find(|proxy| proxy["name"] == name).unwrap().clone()
    };
    let counts =
        ["stays", "p", "off", "new"].map(|name| of(name)["toxics"].as_array().unwrap().len());
    assert_eq!(counts, [1, 0, 0, 1], "{made}");
    assert_eq!((address_of(&of("p")), of("off")["enabled"].clone()), (moves, json!(false)));
    assert_eq!(ask(&mut open, b"still").await.unwrap(), b"still", "it was not touched");
    let mut socket = connect(address_of(&of("new"))).await;
    socket.write_all(b"hello").await.unwrap();
    assert_eq!(rest(&mut socket).await.unwrap(), b"he");
}

#[tokio::test]
async fn a_proxy_that_cannot_listen_does_not_keep_the_others_of_populate_from_it() {
    let (bench, taken) = Bench::with_proxy().await;
    let here = bench.echo.to_string();
    let wanted = json!([
        {"name": "bad", "listen": taken.to_string(), "upstream": here},
        {"name": "good", "listen": "127.0.0.1:0", "upstream": here},
    ]);
    let answer = bench.ok("POST", "/populate", wanted, 500).await;
    assert!(answer["error"].as_str().unwrap().contains("address already in use"), "{answer}");
    assert_eq!(
        (answer["status"].as_u64(), answer["proxies"].as_array().unwrap().len()),
        (Some(500), 1)
    );
    let all = bench.ok("GET", "/proxies", Value::Null, 200).await;
    assert_eq!(all.as_object().unwrap().keys().collect::<Vec<_>>(), ["good", "p"]);
}

#[tokio::test]
async fn reset_enables_everything_and_removes_every_toxic() {
    let (bench, address) = Bench::with_proxy().await;
    let second = bench.made("q").await;
    bench.toxic("timeout", "upstream", json!({})).await;
    bench.ok("PATCH", "/proxies/q", json!({"enabled": false}), 200).await;
    bench.ok("POST", "/reset", Value::Null, 204).await;
    for address in [address, second] {
        assert_eq!(ask(&mut connect(address).await, b"hello").await.unwrap(), b"hello");
    }
    assert_eq!(bench.ok("GET", "/proxies/p/toxics", Value::Null, 200).await, json!([]));
    assert!(bench.faults().await.is_empty());
}

#[tokio::test]
async fn counters_move_while_a_connection_is_open() {
    let (bench, address) = Bench::with_proxy().await;
    let mut socket = connect(address).await;
    assert_eq!(ask(&mut socket, b"hello").await.unwrap(), b"hello");
    let line = |direction: &str| {
        let (listener, upstream) = (address, bench.echo);
        format!(
            "toxiproxy_proxy_sent_bytes_total{{direction=\"{direction}\",listener=\"{listener}\",\
             proxy=\"p\",upstream=\"{upstream}\"}} 5\n"
        )
    };
    // The client may have its bytes a moment before they are counted.
    let counted = async {
        let all =
            |page: &str| ["upstream", "downstream"].iter().all(|way| page.contains(&line(way)));
        while !all(&bench.send("GET", "/metrics", "").await.1) {
            tokio::task::yield_now().await;
        }
    };
    patient(counted).await;
}

#[tokio::test]
async fn plans_and_rollbacks_leave_proxies_and_toxics_alone() {
    let (bench, address) = Bench::with_proxy().await;
    bench.toxic("limit_data", "downstream", json!({"bytes": 3})).await;
    let plan = bench.stack.plan(Vec::new(), model::policy::EdgePolicy::default(), Vec::new());
    let plan = model::plan::Plan { epoch: 100, ..plan };
    assert_eq!(bench.stack.put(&plan).await.status(), 200);
    assert_eq!(bench.stack.admin("POST", "/v1/rollback", r#"{"to_epoch": 1}"#).await.status(), 200);
    let mut socket = connect(address).await;
    socket.write_all(b"hello").await.unwrap();
    assert_eq!(rest(&mut socket).await.unwrap(), b"hel");
}
