//! The promise of keyed decisions: the same seed hits the same requests at any concurrency.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use model::edge::Edge;
use model::fault::{FaultKind, FaultSpec, Window};
use model::flow::{ClientPolicy, Flow, Step};
use model::load::{AtLimit, Load, LoadModel, LoadPlan, LoadStart, RateStep, Spacing, Weighted};
use model::phase::Timeline;
use model::plan::{EdgePlan, LeaseRequest, Plan, ProxyConfig, Route};
use model::policy::EdgePolicy;
use model::units::Share;
use telemetry::client::Client;
use telemetry::clock::Clock;
use telemetry::providers::{Identity, Providers};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::support::{self, ANY_PORT, machine};

const SEED: u64 = 42;

fn edge() -> Edge {
    Edge::new("client", "catalog")
}

/// A callee that answers every request with 204.
async fn callee() -> SocketAddr {
    let listener = TcpListener::bind(ANY_PORT).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 4096];
                // Requests without a body come in one piece over loopback.
                while socket.read(&mut request).await.is_ok_and(|bytes| bytes > 0) {
                    if socket.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.is_err() {
                        break;
                    }
                }
            });
        }
    });
    address
}

fn plan(callee: SocketAddr, zero_unix_ms: u64) -> Plan {
    let effect = FaultKind::Errors { status: 503, body: None, headers: Vec::new() };
    let fault = FaultSpec {
        share: Share::from_ppm(200_000),
        schedule: vec![Window { start_ms: 0, end_ms: 3_600_000 }],
        ..FaultSpec::new("some fail", vec![edge()], effect)
    };
    Plan {
        epoch: 1,
        seed: SEED,
        zero_unix_ms: Some(zero_unix_ms),
        control: Share::from_ppm(200_000),
        edges: vec![EdgePlan {
            edge: edge(),
            endpoints: vec![callee],
            policy: EdgePolicy::default(),
        }],
        routes: vec![Route::to("/", edge())],
        faults: vec![fault],
        held: false,
    }
}

pub(crate) fn load_plan(
    target: SocketAddr,
    report_to: SocketAddr,
    connections_max: u32,
) -> LoadPlan {
    let step = Step::new("read", "GET", "/items".parse().unwrap());
    LoadPlan {
        run_id: "hits".to_owned(),
        seed: SEED,
        worker: 0,
        workers: 1,
        targets: vec![target.into()],
        report_to: Some(report_to),
        report_token: None,
        otlp: None,
        control: Share::from_ppm(200_000),
        timeline: Timeline { before_ms: 0, during_ms: 0, after_ms: 2_000, end_ms: 2_000 },
        loads: vec![Load {
            name: "readers".to_owned(),
            flows: vec![Weighted { flow: "read".to_owned(), weight: 1 }],
            rate: vec![RateStep::ramp(300.0, 300.0, None)],
            spacing: Spacing::Poisson,
            model: LoadModel::Open,
            recorded_ns: Vec::new(),
            users: 50,
            levels: Vec::new(),
            think: None,
            timeout_ms: 10_000,
            client: ClientPolicy::default(),
        }],
        flows: vec![Flow::new("read", vec![step])],
        data: BTreeMap::new(),
        feeders: Vec::new(),
        setup: BTreeMap::new(),
        connections_max,
        at_limit: AtLimit::Queue,
        release_every_us: 0,
        threads: 1,
    }
}

async fn call(client: &Client, to: SocketAddr, method: &str, path: &str, body: String) {
    let request = http::Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json")
        .body(Bytes::from(body))
        .unwrap();
    let answer = client.send(to, request, Duration::from_secs(5)).await.unwrap();
    assert!(answer.status().is_success(), "{method} {path}: {answer:?}");
}

/// The correlation ids that the ledger calls hit, and those that it calls spared.
async fn ledger_at(connections_max: u32) -> (BTreeSet<String>, BTreeSet<String>) {
    let folder = TempDir::new().unwrap();
    let clock = Clock::system();
    let collector = support::collector("hits", &folder, &clock).await;
    let otlp = format!("http://{}", collector.addresses().grpc);
    let identity = Identity {
        service_name: "gateway".to_owned(),
        instance: "gateway-0".to_owned(),
        run_id: "hits".to_owned(),
    };
    let providers = Providers::start(&identity, Some(&otlp)).unwrap();
    let config = ProxyConfig::on_loopback("hits", [edge()]);
    let proxy = proxy::start(config, providers.clone(), clock.clone()).await.unwrap();
    let client = Client::new();
    let admin = proxy.addresses().admin;
    let plan = plan(callee().await, clock.unix_ms());
    call(&client, admin, "PUT", "/v1/plan", serde_json::to_string(&plan).unwrap()).await;
    let lease = LeaseRequest { holder: "test".to_owned(), lease_ms: 60_000 };
    call(&client, admin, "POST", "/v1/lease", serde_json::to_string(&lease).unwrap()).await;

    let load = load_plan(proxy.addresses().gateway, collector.addresses().api, connections_max);
    let (start_sender, start) = tokio::sync::oneshot::channel();
    let (_running, stop) = tokio::sync::watch::channel(None);
    start_sender.send(LoadStart { start_unix_ns: clock.unix_ns() + 100_000_000 }).unwrap();
    let done = loadgen::run(load, start, stop, clock).await.unwrap();
    assert!(done.offered > 400, "{done:?}");
    assert_eq!(done.offered, done.completed + done.failed, "{done:?}");

    proxy.shutdown();
    proxy.done().await;
    providers.shutdown().await;
    collector.seal().await.unwrap();
    let database = rusqlite::Connection::open(folder.path().join("run.db")).unwrap();
    let ids = |outcome: &str| -> BTreeSet<String> {
        let mut query =
            database.prepare("SELECT correlation_id FROM fault_hit WHERE outcome = ?1").unwrap();
        query.query_map([outcome], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    (ids("hit"), ids("skipped"))
}

#[test]
fn the_same_seed_hits_the_same_requests_at_any_concurrency() {
    let _machine = machine();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let ledger_at = |connections_max| runtime.block_on(ledger_at(connections_max));
    let alone = ledger_at(1);
    // 20 % of the 80 % that are not in the control group, of some 600 requests.
    assert!(alone.0.len() > 50, "{} hits", alone.0.len());
    assert!(!alone.1.is_empty(), "nobody of the control group was drawn and spared");
    assert_eq!(ledger_at(16), alone);
    assert_eq!(ledger_at(256), alone);
}
