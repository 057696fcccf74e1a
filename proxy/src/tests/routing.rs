//! The public listener: which requests go over which edge.

use bytes::Bytes;
use http::Request;
use model::edge::{CLIENT, Edge};
use model::fault::{FaultKind, FaultSpec, Pair, Window};
use model::plan::{EdgePlan, ProxyConfig, Route};
use model::policy::EdgePolicy;

use super::by_hand::{Wire, field};
use super::kit::{PATIENCE, Stack, Upstream};

async fn public(
    callees: &[(&str, &Upstream)],
    routes: Vec<Route>,
    faults: Vec<FaultSpec>,
) -> Stack {
    let edges: Vec<Edge> = callees.iter().map(|(name, _)| Edge::new(CLIENT, *name)).collect();
    let stack = Stack::of(ProxyConfig::on_loopback("test", edges.clone())).await;
    let mut plan = stack.plan(Vec::new(), EdgePolicy::default(), faults);
    plan.edges = callees
        .iter()
        .zip(&edges)
        .map(|((_, upstream), edge)| EdgePlan {
            edge: edge.clone(),
            endpoints: vec![upstream.address],
            policy: EdgePolicy::default(),
        })
        .collect();
    plan.routes = routes;
    assert_eq!(stack.put(&plan).await.status(), 200);
    assert_eq!(stack.lease(60_000).await.status(), 200);
    stack
}

#[tokio::test]
async fn prefix_host_method_and_headers_choose_the_edge() {
    let (shop, cart, beta) =
        (Upstream::friendly().await, Upstream::friendly().await, Upstream::friendly().await);
    let to = |prefix: &str, callee: &str| Route::to(prefix, Edge::new(CLIENT, callee));
    let beta_header = vec![Pair { name: "x-beta".into(), value: Some("yes".into()) }];
    let routes = vec![
        to("/", "shop"),
        to("/cart", "cart"),
        Route { headers: beta_header, ..to("/cart", "beta") },
        Route { method: Some("PUT".into()), ..to("/items", "cart") },
        Route { host: Some("*.beta.example".into()), ..to("/", "beta") },
    ];
    let stack =
        public(&[("shop", &shop), ("cart", &cart), ("beta", &beta)], routes, Vec::new()).await;
    for (method, path, host, header, expected) in [
        ("GET", "/", "x", "", "shop"),
        ("GET", "/cart", "x", "", "cart"),
        ("GET", "/cart/7?a=1", "x", "", "cart"),
        ("GET", "/cartoon", "x", "", "shop"),
        ("GET", "/cart", "x", "yes", "beta"),
        ("GET", "/cart", "x", "no", "cart"),
        ("GET", "/items", "x", "", "shop"),
        ("PUT", "/items", "x", "", "cart"),
        ("GET", "/", "a.beta.example:80", "", "beta"),
        ("GET", "/", "A.BETA.example", "", "beta"),
    ] {
        let before = [&shop, &cart, &beta].map(Upstream::seen);
        let request = Request::builder().method(method).uri(path).header("host", host);
        let request = request.header("x-beta", header).body(Bytes::new()).unwrap();
        let to = stack.proxy.addresses().gateway;
        assert_eq!(stack.client.send(to, request, PATIENCE).await.unwrap().status(), 200);
        let after = [&shop, &cart, &beta].map(Upstream::seen);
        let names = ["shop", "cart", "beta"];
        let went: Vec<&str> =
            (0..3).filter(|at| after[*at] > before[*at]).map(|at| names[at]).collect();
        assert_eq!(went, [expected], "{method} {path} {host} {header}");
    }
}

#[tokio::test]
async fn equal_routes_share_their_users_by_weight_and_each_stays() {
    let (one, two) = (Upstream::friendly().await, Upstream::friendly().await);
    let to = |callee: &str, weight| Route { weight, ..Route::to("/", Edge::new(CLIENT, callee)) };
    let stack =
        public(&[("one", &one), ("two", &two)], vec![to("one", 3), to("two", 1)], Vec::new()).await;
    let gateway = stack.proxy.addresses().gateway;
    let round = async || {
        let mut sides = Vec::new();
        for user in 0..100 {
            let id = model::id::CorrelationId::of_user(user, 0);
            let before = one.seen();
            let headers = [("x-correlation-id", id.as_str())];
            assert_eq!(stack.call_at(gateway, "GET", &headers).await.unwrap().status(), 200);
            sides.push(one.seen() > before);
        }
        sides
    };
    let sides = round().await;
    let first = sides.iter().filter(|side| **side).count();
    assert!((60..90).contains(&first), "{first}");
    assert_eq!(round().await, sides);
}

#[tokio::test]
async fn faults_of_an_edge_meet_the_requests_that_are_routed_over_it() {
    let (one, two) = (Upstream::friendly().await, Upstream::friendly().await);
    let to = |prefix: &str, callee: &str| Route::to(prefix, Edge::new(CLIENT, callee));
    let error = FaultKind::Errors { status: 418, body: None, headers: Vec::new() };
    let fault = FaultSpec {
        schedule: vec![Window { start_ms: 0, end_ms: 3_600_000 }],
        ..FaultSpec::new("tea", vec![Edge::new(CLIENT, "one")], error)
    };
    let routes = vec![to("/one", "one"), to("/two", "two")];
    let stack = public(&[("one", &one), ("two", &two)], routes, vec![fault]).await;
    let mut caller = Wire::to(stack.proxy.addresses().gateway).await;
    for (path, status, blame) in [
        ("/one", "418", Some("injected")),
        ("/two", "200", None),
        ("/none", "404", Some("internal")),
    ] {
        caller.send(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n")).await;
        let (head, _) = caller.answer().await;
        assert!(head.starts_with(&format!("http/1.1 {status}")), "{path}: {head}");
        assert_eq!(field(&head, "x-shakedown-blame"), blame, "{path}");
    }
}
