//! The control API, call by call.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use model::fault::{FaultKind, FaultSpec, Token};
use model::plan::{
    ApiError, Applied, ArmRequest, ArmedFault, BreakerOrder, BreakerStatus, Change, FaultSource,
    ProxyConfig, Rollback,
};
use model::policy::{BreakerPolicy, BreakerState, EdgePolicy};
use serde_json::Value;
use telemetry::clock::Clock;
use telemetry::providers::Providers;

use super::kit::{PATIENCE, Stack, Upstream, edge, fault, header, latency_ms};
use crate::admin::openapi::CALLS;
use crate::{ProxyError, start};

fn sick() -> FaultKind {
    FaultKind::Errors { status: 500, body: None, headers: Vec::new() }
}

fn armed(name: &str, effect: FaultKind, for_ms: u64) -> Vec<u8> {
    let fault = FaultSpec::new(name, vec![edge()], effect);
    serde_json::to_vec(&ArmRequest { fault, for_ms }).unwrap()
}

fn error(answer: &http::Response<Bytes>) -> ApiError {
    serde_json::from_slice(answer.body()).unwrap()
}

async fn list(stack: &Stack) -> Vec<ArmedFault> {
    serde_json::from_slice(stack.admin("GET", "/v1/faults", "").await.body()).unwrap()
}

async fn changes(stack: &Stack) -> Vec<Change> {
    serde_json::from_slice(stack.admin("GET", "/v1/changes", "").await.body()).unwrap()
}

#[tokio::test]
async fn a_fault_is_armed_without_a_lease_listed_and_disarmed() {
    let upstream = Upstream::friendly().await;
    let planned = vec![fault("planned", latency_ms(1))];
    let stack = Stack::start().await;
    let plan = stack.plan(vec![upstream.address], EdgePolicy::default(), planned);
    assert_eq!(stack.put(&plan).await.status(), 200);
    assert_eq!(
        stack.admin("POST", "/v1/faults", armed("sick", sick(), 60_000)).await.status(),
        200
    );
    assert_eq!(stack.call("GET", &[]).await.unwrap().status(), 500);
    let listed: Vec<(String, FaultSource, bool, u64)> = list(&stack)
        .await
        .into_iter()
        .map(|it| {
            (it.fault.name, it.source, it.left_ms.is_some_and(|left| left > 50_000), it.status.hit)
        })
        .collect();
    let row = |name: &str, source, bounded, hit| (name.to_owned(), source, bounded, hit);
    assert_eq!(
        listed,
        [row("planned", FaultSource::Plan, false, 0), row("sick", FaultSource::Api, true, 1)]
    );
    for (name, hint) in [("nobody", ""), ("planned", "belongs to the plan")] {
        let missing = stack.admin("DELETE", &format!("/v1/faults/{name}"), "").await;
        assert_eq!(missing.status(), 404);
        let text = error(&missing).error;
        assert!(text.contains(name) && text.contains(hint), "{text}");
    }
    let clash = stack.admin("POST", "/v1/faults", armed("planned", sick(), 60_000)).await;
    assert_eq!(clash.status(), 409);
    assert!(error(&clash).error.contains("planned"));
    assert_eq!(stack.admin("DELETE", "/v1/faults/sick", "").await.status(), 200);
    assert_eq!(stack.call("GET", &[]).await.unwrap().status(), 200);
    let told = stack.recorder.events("shakedown.fault.transition");
    assert!(told.iter().all(|it| it["shakedown.fault.cause"] == "by hand"), "{told:?}");
    assert!(told[0].contains_key("shakedown.fault.left_ms"), "{told:?}");
    for name in ["one", "two"] {
        assert_eq!(
            stack.admin("POST", "/v1/faults", armed(name, sick(), 60_000)).await.status(),
            200
        );
    }
    assert_eq!(stack.admin("DELETE", "/v1/faults", "").await.status(), 200);
    assert_eq!(list(&stack).await.len(), 1);
    assert_eq!(stack.call("GET", &[]).await.unwrap().status(), 200);
}

#[tokio::test]
async fn what_was_armed_by_hand_ends_by_itself_and_frees_what_it_holds() {
    let upstream = Upstream::friendly().await;
    let stack = Stack::with(upstream.address, EdgePolicy::default(), Vec::new()).await;
    let hole = armed("hole", FaultKind::Blackhole, 600);
    assert_eq!(stack.admin("POST", "/v1/faults", hole).await.status(), 200);
    let freed = stack.call("GET", &[]).await.unwrap();
    assert_eq!((freed.status().as_u16(), header(&freed, "x-shakedown-fault")), (200, Some("hole")));
    let gone = async { while !list(&stack).await.is_empty() {} };
    tokio::time::timeout(PATIENCE, gone).await.unwrap();
    assert_eq!(changes(&stack).await[0].by, "expiry");
    assert_eq!(changes(&stack).await[0].what, ["- fault hole"]);
    let slow = armed("slow", latency_ms(600_000), 60_000);
    assert_eq!(stack.admin("POST", "/v1/faults", slow).await.status(), 200);
    let (freed, ()) = tokio::join!(stack.call("GET", &[]), async {
        while stack.state().await.edges[0].in_flight == 0 {}
        assert_eq!(stack.admin("DELETE", "/v1/faults/slow", "").await.status(), 200);
    });
    assert_eq!(freed.unwrap().status(), 200);
}

#[tokio::test]
async fn a_request_that_makes_no_sense_changes_nothing_and_names_its_field() {
    let upstream = Upstream::friendly().await;
    let stack = Stack::with(upstream.address, EdgePolicy::default(), Vec::new()).await;
    let before = stack.state().await.epoch;
    let cases = [
        ("POST", "/v1/faults", armed("x", sick(), 0), 422, Some("for_ms")),
        ("POST", "/v1/faults", armed("x", sick(), u64::MAX), 422, Some("for_ms")),
        ("POST", "/v1/faults", armed("", sick(), 1_000), 422, Some("faults[0].name")),
        (
            "POST",
            "/v1/faults",
            armed("x", FaultKind::HalfOpen, 1_000),
            422,
            Some("faults[0].edges[0]"),
        ),
        ("POST", "/v1/faults", b"{\"fault\":{}}".to_vec(), 422, Some("name")),
        ("POST", "/v1/rollback", b"{\"to_epoch\":77}".to_vec(), 404, None),
        ("POST", "/v1/rollback", b"{\"to\":1}".to_vec(), 422, Some("to")),
        ("POST", "/v1/lease", b"{\"holder\":\"x\",\"lease_ms\":1}".to_vec(), 422, Some("lease_ms")),
        ("POST", "/v1/breakers", b"[]".to_vec(), 422, None),
        ("PUT", "/v1/plan", vec![0xff; 10], 422, None),
    ];
    for (method, path, body, status, field) in cases {
        let text = String::from_utf8_lossy(&body).into_owned();
        let answer = stack.admin(method, path, body).await;
        assert_eq!(answer.status(), status, "{path} {text}");
        let told = error(&answer);
        match field {
            Some(field) => {
                let named = told.field.unwrap_or_default();
                assert!(named.starts_with(field), "{path} {text}: {named} {}", told.error);
            },
            None => assert!(!told.error.is_empty()),
        }
    }
    assert_eq!(stack.state().await.epoch, before);
    assert_eq!(list(&stack).await, Vec::new());
}

#[tokio::test]
async fn changes_are_told_and_can_be_taken_back() {
    let upstream = Upstream::friendly().await;
    let stack = Stack::with(upstream.address, EdgePolicy::default(), Vec::new()).await;
    let limited = EdgePolicy { timeout_ms: Some(5_000), ..EdgePolicy::default() };
    let plan = stack.plan(vec![upstream.address], limited, vec![fault("sick", sick())]);
    assert_eq!(stack.put(&plan).await.status(), 200);
    assert_eq!(stack.lease(60_000).await.status(), 200);
    assert_eq!(stack.call("GET", &[]).await.unwrap().status(), 500);
    let told = changes(&stack).await;
    assert_eq!((told[0].epoch, told[0].by.as_str()), (2, "plan"));
    assert!(told[0].what.contains(&"+ fault sick".to_owned()), "{:?}", told[0].what);
    let edge_line = "~ edge orders -> payments: policy.timeout_ms";
    assert!(told[0].what.iter().any(|line| line == edge_line), "{:?}", told[0].what);
    let back = serde_json::to_vec(&Rollback { to_epoch: 1 }).unwrap();
    let back = stack.admin("POST", "/v1/rollback", back).await;
    let applied: Applied = serde_json::from_slice(back.body()).unwrap();
    assert_eq!(applied.epoch, 3);
    assert_eq!(stack.call("GET", &[]).await.unwrap().status(), 200);
    let told = changes(&stack).await;
    assert_eq!((told[0].epoch, told[0].by.as_str()), (3, "rollback"));
    assert!(told[0].what.contains(&"- fault sick".to_owned()), "{:?}", told[0].what);
    // And forward again: the lease is still held.
    let forward = serde_json::to_vec(&Rollback { to_epoch: 2 }).unwrap();
    assert_eq!(stack.admin("POST", "/v1/rollback", forward).await.status(), 200);
    assert_eq!(stack.call("GET", &[]).await.unwrap().status(), 500);
}

#[tokio::test]
async fn who_has_the_token_gets_in_from_anywhere_and_nobody_else() {
    let any = SocketAddr::from(([0, 0, 0, 0], 0));
    let open = ProxyConfig { admin: any, ..ProxyConfig::on_loopback("test", [edge()]) };
    let refused = start(open.clone(), Providers::none(), Clock::system()).await.unwrap_err();
    assert!(matches!(refused, ProxyError::OpenAdmin { .. }), "{refused}");
    let guarded = ProxyConfig { admin_token: Some(Token::new("s3cret")), ..open };
    let proxy = start(guarded, Providers::none(), Clock::system()).await.unwrap();
    let to = SocketAddr::from(([127, 0, 0, 1], proxy.addresses().admin.port()));
    let client = telemetry::client::Client::new();
    for (shown, status) in [
        (None, 401),
        (Some("Bearer guess"), 401),
        (Some("Bearer s3cre"), 401),
        (Some("Basic s3cret"), 401),
        (Some("Bearer s3cret"), 200),
    ] {
        for path in ["/v1/state", "/metrics", "/health", "/openapi.json"] {
            let mut request = Request::builder().uri(path);
            if let Some(shown) = shown {
                request = request.header("authorization", shown);
            }
            let request = request.body(Bytes::new()).unwrap();
            let answer = client.send(to, request, PATIENCE).await.unwrap();
            assert_eq!(answer.status(), status, "{shown:?} {path}");
        }
    }
}

#[tokio::test]
async fn a_page_in_a_browser_can_do_nothing() {
    let stack = Stack::start().await;
    let admin = stack.proxy.addresses().admin;
    for (name, value) in [
        ("origin", "http://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "same-origin"),
        ("user-agent", "Mozilla/5.0"),
    ] {
        for (method, path, _, _, _) in CALLS {
            let path = path.replace("{name}", "x");
            let request = Request::builder().method(method.to_uppercase().as_str()).uri(path);
            let request = request.header(name, value).body(Bytes::new()).unwrap();
            let answer = stack.client.send(admin, request, PATIENCE).await.unwrap();
            assert_eq!(answer.status(), 403, "{name}: {value}, {method}");
        }
    }
}

#[tokio::test]
async fn breakers_take_orders() {
    let upstream = Upstream::friendly().await;
    let policy = EdgePolicy { breaker: Some(BreakerPolicy::default()), ..EdgePolicy::default() };
    let stack = Stack::with(upstream.address, policy, Vec::new()).await;
    let order = async |state| {
        let order = serde_json::to_vec(&BreakerOrder { edge: edge(), state }).unwrap();
        stack.admin("POST", "/v1/breakers", order).await
    };
    for (state, status) in [
        (BreakerState::ForcedOpen, 503),
        (BreakerState::Closed, 200),
        (BreakerState::Open, 503),
        (BreakerState::Disabled, 200),
        (BreakerState::MetricsOnly, 200),
    ] {
        let told: BreakerStatus = serde_json::from_slice(order(state).await.body()).unwrap();
        assert_eq!(told.state, state);
        assert!(!told.reason.is_empty());
        assert_eq!(stack.call("GET", &[]).await.unwrap().status(), status, "{state}");
    }
    assert_eq!(order(BreakerState::HalfOpen).await.status(), 409);
    let other = model::edge::Edge::new("a", "b");
    let order =
        serde_json::to_vec(&BreakerOrder { edge: other, state: BreakerState::Closed }).unwrap();
    assert_eq!(stack.admin("POST", "/v1/breakers", order).await.status(), 404);
}

#[tokio::test]
async fn an_ordered_open_breaker_probes_by_itself_when_its_policy_says_so() {
    let upstream = Upstream::friendly().await;
    let breaker = BreakerPolicy { open_ms: 100, automatic: true, ..BreakerPolicy::default() };
    let policy = EdgePolicy { breaker: Some(breaker), ..EdgePolicy::default() };
    let stack = Stack::with(upstream.address, policy, Vec::new()).await;
    let order =
        serde_json::to_vec(&BreakerOrder { edge: edge(), state: BreakerState::Open }).unwrap();
    assert_eq!(stack.admin("POST", "/v1/breakers", order).await.status(), 200);
    let probing = async {
        loop {
            let lines = stack.recorder.events("shakedown.breaker.transition");
            if lines.iter().any(|line| line.values().any(|value| value == "half-open")) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, probing).await.expect("nobody told that it may probe");
}

/// Every line of the page as name with labels, and value.
fn parsed(page: &str) -> BTreeMap<String, f64> {
    let mut series = BTreeMap::new();
    let mut known = std::collections::BTreeSet::new();
    for line in page.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (kind, name) = (words.next().unwrap(), words.next().unwrap());
            assert!(["HELP", "TYPE"].contains(&kind), "{line}");
            assert!(known.insert((kind, name)), "twice: {line}");
            continue;
        }
        let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
        let base = name.split('{').next().unwrap();
        let base = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|end| base.strip_suffix(end))
            .unwrap_or(base);
        let has_type = known.iter().any(|(kind, it)| *kind == "TYPE" && it.starts_with(base));
        assert!(has_type, "no type: {line}");
        let value: f64 = value.parse().unwrap_or_else(|_| panic!("{line}"));
        assert!(series.insert(name.to_owned(), value).is_none(), "twice: {line}");
    }
    series
}

#[tokio::test]
async fn the_metrics_agree_with_the_state() {
    let upstream = Upstream::friendly().await;
    let mut some = fault("sick", sick());
    some.when.every = Some(3);
    let stack = Stack::with(upstream.address, EdgePolicy::default(), vec![some]).await;
    for number in 0..10 {
        let id = model::id::CorrelationId::of_user(1, number);
        let _answered = stack.call("POST", &[("x-correlation-id", id.as_str())]).await;
    }
    let state = stack.settled().await;
    let page = stack.admin("GET", "/metrics", "").await;
    let series = parsed(std::str::from_utf8(page.body()).unwrap());
    let sum = |name: &str, label: &str| -> u64 {
        let all = series
            .iter()
            .filter(|(key, _)| key.starts_with(&format!("{name}{{")) && key.contains(label));
        all.map(|(_, value)| *value as u64).sum()
    };
    let edge = &state.edges[0];
    let label = "edge=\"orders -> payments\"";
    assert_eq!((edge.requests, edge.attempts), (10, 10));
    assert_eq!(sum("shakedown_requests_total", label), edge.requests);
    assert_eq!(sum("http_client_request_duration_seconds_count", label), edge.attempts);
    assert_eq!(sum("http_server_active_requests", label), edge.in_flight);
    for (outcome, count) in [("matched", state.faults[0].matched), ("hit", state.faults[0].hit)] {
        let label = format!("outcome=\"{outcome}\"");
        assert_eq!(sum("shakedown_fault_decisions_total", &label), count, "{outcome}");
    }
    assert_eq!((state.faults[0].matched, state.faults[0].hit), (10, 3));
    let bytes: Vec<(&String, &f64)> =
        series.iter().filter(|(key, _)| key.contains("bytes")).collect();
    assert!(
        bytes.iter().any(|(_, value)| **value as u64 == edge.bytes_up),
        "{bytes:?} {}",
        edge.bytes_up
    );
    assert_eq!((edge.bytes_up, edge.bytes_down), (7 * 2, 7 * 2));
}

/// Does the value have the type that the page says?
fn fits(value: &Value, schema: &Value, page: &Value) -> Result<(), String> {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.rsplit('/').next().unwrap();
        return fits(value, &page["components"]["schemas"][name], page);
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => return Err(format!("no type in {schema}")),
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    if !kinds.contains(&kind) {
        return Err(format!("{value} is no {kinds:?}"));
    }
    if let Some(list) = value.as_array() {
        return list.iter().try_for_each(|one| fits(one, &schema["items"], page));
    }
    let Some(properties) = schema["properties"].as_object() else { return Ok(()) };
    for (name, schema) in properties {
        match value.get(name) {
            Some(part) => fits(part, schema, page).map_err(|why| format!("{name}: {why}"))?,
            None => return Err(format!("{name} is not in {value}")),
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_page_of_all_calls_says_what_the_calls_do() {
    let upstream = Upstream::friendly().await;
    let policy = EdgePolicy { breaker: Some(BreakerPolicy::default()), ..EdgePolicy::default() };
    let stack =
        Stack::with(upstream.address, policy.clone(), vec![fault("slow", latency_ms(1))]).await;
    let page: Value =
        serde_json::from_slice(stack.admin("GET", "/openapi.json", "").await.body()).unwrap();
    let mut called = 0;
    for (path, methods) in page["paths"].as_object().unwrap() {
        for (method, call) in methods.as_object().unwrap() {
            called += 1;
            let plan = stack.plan(
                vec![upstream.address],
                policy.clone(),
                vec![fault("slow", latency_ms(1))],
            );
            let arm = armed("hand", sick(), 60_000);
            if path.contains("{name}") {
                assert_eq!(stack.admin("POST", "/v1/faults", arm.clone()).await.status(), 200);
            }
            if (method.as_str(), path.as_str()) == ("post", "/v1/lease") {
                // A released lease begins anew with another plan.
                let epoch = stack.state().await.epoch + 1;
                let fresh = model::plan::Plan { epoch, ..plan.clone() };
                assert_eq!(stack.put(&fresh).await.status(), 200);
            }
            let state = BreakerState::Closed;
            let body = match (method.as_str(), path.as_str()) {
                ("put", "/v1/plan") => {
                    serde_json::to_vec(&model::plan::Plan { epoch: 1_000, ..plan }).unwrap()
                },
                ("post", "/v1/lease") => b"{\"holder\":\"me\",\"lease_ms\":5000}".to_vec(),
                ("post", "/v1/faults") => arm,
                ("post", "/v1/rollback") => serde_json::to_vec(&Rollback { to_epoch: 1 }).unwrap(),
                ("post", "/v1/breakers") => {
                    serde_json::to_vec(&BreakerOrder { edge: edge(), state }).unwrap()
                },
                _ => Vec::new(),
            };
            assert_eq!(call["requestBody"].is_object(), !body.is_empty(), "{method} {path}");
            if !body.is_empty() {
                let schema = &call["requestBody"]["content"]["application/json"]["schema"];
                let sent: Value = serde_json::from_slice(&body).unwrap();
                fits(&sent, schema, &page)
                    .unwrap_or_else(|why| panic!("{method} {path} takes {why}"));
            }
            let real = path.replace("{name}", "hand");
            let answer = stack.admin(&method.to_uppercase(), &real, body).await;
            assert_eq!(answer.status(), 200, "{method} {path}: {:?}", answer.body());
            let content = call["responses"]["200"]["content"].as_object().unwrap();
            let (kind, says) = content.iter().next().unwrap();
            assert!(header(&answer, "content-type").unwrap().starts_with(kind), "{method} {path}");
            if kind == "application/json" {
                let told: Value = serde_json::from_slice(answer.body()).unwrap();
                fits(&told, &says["schema"], &page)
                    .unwrap_or_else(|why| panic!("{method} {path} gives {why}"));
            }
        }
        // What the page does not say is not there.
        for method in ["GET", "PUT", "POST", "DELETE", "PATCH"] {
            if methods.get(method.to_lowercase()).is_none() {
                let answer = stack.admin(method, &path.replace("{name}", "hand"), "").await;
                assert_eq!(answer.status(), 405, "{method} {path}");
            }
        }
    }
    assert_eq!(called, CALLS.len());
}
