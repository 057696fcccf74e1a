use bytes::Bytes;
use http::Request;
use model::edge::Edge;
use model::plan::{ApiError, Plan, ProxyConfig};
use model::policy::EdgePolicy;
use telemetry::clock::Clock;
use telemetry::providers::Providers;

use super::kit::{PATIENCE, Stack, Upstream, edge, fault, latency_ms};
use crate::{ProxyError, start};

#[tokio::test]
async fn an_invalid_plan_changes_nothing_and_the_answer_names_the_field() {
    let upstream = Upstream::friendly().await;
    let stack = Stack::with(upstream.address, EdgePolicy::default(), Vec::new()).await;
    let before = stack.admin("GET", "/v1/plan", "").await.into_body();
    let twice = vec![fault("slow", latency_ms(1)), fault("slow", latency_ms(1))];
    let twice = stack.plan(vec![upstream.address], EdgePolicy::default(), twice);
    let mut foreign = stack.plan(Vec::new(), EdgePolicy::default(), Vec::new());
    foreign.routes[0].edge = Edge::new("a", "b");
    let mut old = stack.plan(Vec::new(), EdgePolicy::default(), Vec::new());
    old.epoch = 1;
    let json = |plan: &Plan| Bytes::from(serde_json::to_vec(plan).unwrap());
    for (body, status, field) in [
        (json(&twice), 422, Some("faults[1].name")),
        (json(&foreign), 422, Some("routes[0].edge")),
        (json(&old), 409, None),
        (Bytes::from("{\"epoch\": 9, \"colour\": 1}"), 422, Some("colour")),
        (Bytes::from("not json"), 422, None),
    ] {
        let response = stack.admin("PUT", "/v1/plan", body).await;
        let error: ApiError = serde_json::from_slice(response.body()).unwrap();
        assert_eq!((response.status().as_u16(), error.field.as_deref()), (status, field));
        assert!(!error.error.is_empty());
    }
    assert_eq!(stack.admin("GET", "/v1/plan", "").await.into_body(), before);
}

#[tokio::test]
async fn browsers_and_foreign_paths_are_refused() {
    let stack = Stack::start().await;
    let admin = stack.proxy.addresses().admin;
    for (name, value, status) in [
        ("user-agent", "Mozilla/5.0 (X11)", 403),
        ("origin", "http://localhost:3000", 403),
        ("user-agent", "curl/8.0", 200),
    ] {
        let request = Request::builder().uri("/v1/state").header(name, value);
        let request = request.body(Bytes::new()).unwrap();
        let response = stack.client.send(admin, request, PATIENCE).await.unwrap();
        assert_eq!(response.status(), status, "{name}: {value}");
    }
    assert_eq!(stack.admin("GET", "/nothing", "").await.status(), 404);
    assert_eq!(stack.admin("GET", "/health", "").await.status(), 200);
}

fn config(edges: Vec<Edge>) -> ProxyConfig {
    ProxyConfig::on_loopback("test", edges)
}

#[tokio::test]
async fn a_port_in_use_and_a_doubled_edge_are_refused_with_what_was_tried() {
    let stack = Stack::start().await;
    let taken = ProxyConfig { gateway: stack.proxy.addresses().gateway, ..config(vec![edge()]) };
    let refused = start(taken, Providers::none(), Clock::system()).await.unwrap_err();
    assert!(matches!(refused, ProxyError::Bind { .. }), "{refused}");
    assert!(refused.to_string().contains("the public gateway"), "{refused}");
    let doubled = config(vec![edge(), edge()]);
    let refused = start(doubled, Providers::none(), Clock::system()).await.unwrap_err();
    assert!(matches!(refused, ProxyError::TwiceConfigured { .. }), "{refused}");
}

#[tokio::test]
async fn shutdown_finishes_what_is_in_flight_and_frees_what_a_fault_holds() {
    let upstream = Upstream::friendly().await;
    let faults = vec![fault("hole", model::fault::FaultKind::Blackhole)];
    let stack = Stack::with(upstream.address, EdgePolicy::default(), faults).await;
    let (answered, ()) = tokio::join!(stack.call_as("u000001-000001"), async {
        while stack.state().await.edges[0].attempts == 0 {
            tokio::task::yield_now().await;
        }
        stack.proxy.shutdown();
        stack.proxy.done().await;
    });
    assert_eq!(answered.unwrap().status(), 200);
    assert!(stack.call("GET", &[]).await.is_err(), "it still listens");
}
