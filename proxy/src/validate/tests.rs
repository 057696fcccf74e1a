//! Every rule is broken once, in a plan that is sound otherwise.

use model::fault::{FaultKind, FaultSpec, Pair, Window};
use model::policy::EdgePolicy;

use super::*;

mod faults;
mod policies;

/// Carries requests.
fn edge() -> Edge {
    Edge::new("orders", "payments")
}

/// Carries bytes.
fn tcp() -> Edge {
    Edge::new("orders", "store")
}

fn known() -> BTreeMap<Edge, Protocol> {
    BTreeMap::from([(edge(), Protocol::Http), (tcp(), Protocol::Tcp)])
}

fn plan() -> Plan {
    let plain = |edge| EdgePlan { edge, endpoints: Vec::new(), policy: EdgePolicy::default() };
    Plan {
        epoch: 1,
        seed: 42,
        zero_unix_ms: None,
        control: Share::ZERO,
        edges: vec![EdgePlan { policy: policies::whole(), ..plain(edge()) }, plain(tcp())],
        routes: vec![Route::to("/", edge())],
        faults: vec![fault(FaultKind::LostReply)],
        held: false,
    }
}

fn fault(effect: FaultKind) -> FaultSpec {
    FaultSpec {
        schedule: vec![Window { start_ms: 0, end_ms: 10 }],
        ..FaultSpec::new("one", vec![edge()], effect)
    }
}

/// More than the whole, as only the wire can bring it.
fn over() -> Share {
    serde_json::from_str("1000001").unwrap()
}

fn pair(name: &str, value: Option<&str>) -> Pair {
    Pair { name: name.to_owned(), value: value.map(str::to_owned) }
}

/// The place of what is wrong, if something is.
fn wrong(plan: &Plan) -> Option<String> {
    validate(plan, &known()).err().map(|invalid| invalid.field)
}

/// Breaks one thing of a sound plan.
type Damage = Box<dyn Fn(&mut Plan)>;

#[track_caller]
fn each_is_named(cases: Vec<(&str, Damage)>) {
    assert_eq!(validate(&plan(), &known()), Ok(()));
    for (number, (field, damage)) in cases.into_iter().enumerate() {
        let mut plan = plan();
        damage(&mut plan);
        assert_eq!(wrong(&plan).as_deref(), Some(field), "case {number}");
    }
}

#[test]
fn what_is_wrong_with_edges_and_routes_is_named_with_its_place() {
    let foreign = || Edge::new("orders", "nobody");
    let route =
        |change: fn(&mut Route)| -> Damage { Box::new(move |plan| change(&mut plan.routes[0])) };
    each_is_named(vec![
        ("control", Box::new(|plan| plan.control = over())),
        ("edges[0].edge", Box::new(move |plan| plan.edges[0].edge = foreign())),
        ("edges[2].edge", Box::new(|plan| plan.edges.push(plan.edges[0].clone()))),
        (
            "edges[0].endpoints",
            Box::new(|plan| plan.edges[0].endpoints = vec![([127, 0, 0, 1], 1).into(); 1_025]),
        ),
        ("routes", Box::new(|plan| plan.routes = vec![plan.routes[0].clone(); 1_025])),
        ("faults", Box::new(|plan| plan.faults = vec![plan.faults[0].clone(); 257])),
        ("routes[0].edge", Box::new(move |plan| plan.routes[0].edge = foreign())),
        ("routes[0].edge", route(|route| route.edge = tcp())),
        ("routes[0].prefix", route(|route| route.prefix = "orders".into())),
        ("routes[0].host", route(|route| route.host = Some("shop.example.org:80".into()))),
        ("routes[0].host", route(|route| route.host = Some("*.".into()))),
        ("routes[0].host", route(|route| route.host = Some("shop.*.org".into()))),
        ("routes[0].method", route(|route| route.method = Some("get".into()))),
        ("routes[0].headers[0].name", route(|route| route.headers = vec![pair("x tenant", None)])),
        (
            "routes[0].headers[0].value",
            route(|route| route.headers = vec![pair("x-tenant", Some("a\nb"))]),
        ),
    ]);
}

#[test]
fn routes_may_be_equal_and_ask_for_hosts_methods_and_headers() {
    let mut plan = plan();
    let route = Route {
        host: Some("*.Example.org".into()),
        method: Some("GET".into()),
        headers: vec![pair("X-Tenant", Some("gold*"))],
        weight: 9,
        ..Route::to("/orders", edge())
    };
    let address = Route { host: Some("[::1]".into()), ..Route::to("/", edge()) };
    plan.routes = vec![route.clone(), route, address];
    assert_eq!(wrong(&plan), None);
}
