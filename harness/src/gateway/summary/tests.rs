use model::edge::Edge;
use model::gateway::Nowhere;
use model::plan::EdgeAddress;

use super::*;

const FILE: &str = r#"
[proxy]
listen = "0.0.0.0:8080"
[edge."client -> orders"]
endpoints = ["127.0.0.1:7001", "127.0.0.1:7002"]
[edge."client -> canary"]
endpoints = "127.0.0.1:7003"
[edge."orders -> db"]
protocol = "tcp"
listen = "127.0.0.1:5433"
endpoints = "127.0.0.1:5432"
[[route]]
prefix = "/orders"
host = "shop.example"
method = "POST"
headers = { x-canary = "*" }
to = "client -> canary"
[[route]]
prefix = "/"
split = { "client -> orders" = 90, "client -> canary" = 10 }
[[fault]]
name = "slow"
on = "client -> *"
kind = "latency"
add = "200ms"
share = "15%"
match = { path = "/charges/*" }
when = { first = 3, per = "user" }
[[fault]]
name = "gone"
on = "orders -> db"
kind = "refuse"
at = "10s"
for = "5s"
every = "10s"
times = 2
"#;

fn file() -> GatewayFile {
    GatewayFile::parse("gateway.toml", FILE, &Nowhere).unwrap_or_else(|found| panic!("{found}"))
}

#[test]
fn the_page_of_a_checked_file_says_what_it_means() {
    let expected = "\
3 edges, 2 faults, seed 1, admin API on 127.0.0.1:9900

edges
  client -> orders: http by route, to 127.0.0.1:7001, 127.0.0.1:7002
  client -> canary: http by route, to 127.0.0.1:7003
  orders -> db: tcp on 127.0.0.1:5433, to 127.0.0.1:5432

routes of 0.0.0.0:8080
  POST shop.example/orders x-canary: any to client -> canary
  / to client -> orders, weight 90
  / to client -> canary, weight 10

faults (times count from the start)
  slow: latency 200ms at attempt, share 15%, on client -> canary, client -> orders
    only /charges/*
    first 3 per user
  gone: refuse at connect, share 100%, on orders -> db
    from 10s to 25s, in 2 windows
";
    assert_eq!(whole(&file()), expected);
}

#[test]
fn one_line_says_where_it_listens_and_what_other_machines_reach() {
    let GatewayFile { config, plan } = file();
    let address = |text: &str| text.parse().unwrap();
    let at = ProxyAddresses {
        admin: address("127.0.0.1:9900"),
        gateway: address("0.0.0.0:8080"),
        edges: vec![
            EdgeAddress { edge: Edge::new("client", "orders"), address: address("127.0.0.1:4711") },
            EdgeAddress { edge: Edge::new("orders", "db"), address: address("127.0.0.1:5433") },
        ],
        toxiproxy: Some(address("127.0.0.1:8474")),
    };
    assert_eq!(
        ready(&config, &plan, &at),
        "serving 3 edges, 2 faults on http://0.0.0.0:8080, 127.0.0.1:5433 (orders -> db), \
         Toxiproxy API on 127.0.0.1:8474; faults: shakedown fault list --admin \
         http://127.0.0.1:9900"
    );
    assert_eq!(
        exposed(&at),
        ["the public listener on 0.0.0.0:8080 can be reached from other machines"]
    );
}

#[test]
fn a_port_that_the_system_chose_is_said() {
    let edge = Edge::new("client", "upstream");
    let config = ProxyConfig::on_loopback("gateway", [edge.clone()]);
    let address = |text: &str| text.parse().unwrap();
    let edges = vec![EdgeAddress { edge, address: address("127.0.0.1:4711") }];
    let (admin, gateway) = (address("127.0.0.1:9900"), address("127.0.0.1:4712"));
    let at = ProxyAddresses { admin, gateway, edges, toxiproxy: None };
    let said = ready(&config, &Plan::empty(), &at);
    assert!(said.contains(" on 127.0.0.1:4711 (client -> upstream); faults"), "{said}");
}

#[test]
fn a_refusal_of_the_proxy_names_what_the_file_names() {
    let plan = file().plan;
    for (error, expected) in [
        (
            "the plan is invalid: faults[1].placement: refuse acts at connect",
            "the plan is invalid: fault \"gone\".placement: refuse acts at connect",
        ),
        ("x: edges[2].policy: no", "x: edge orders -> db.policy: no"),
        ("x: routes[0].edge: no", "x: route /orders.edge: no"),
    ] {
        assert_eq!(with_names(error, &plan), expected);
    }
}
