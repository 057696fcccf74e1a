use model::edge::Edge;
use model::fault::FaultState;
use model::plan::EdgeListener;
use telemetry::client::Client;
use telemetry::clock::Clock;
use telemetry::providers::Providers;

use super::*;
use crate::control::Control;

fn config(edges: &[&str]) -> ProxyConfig {
    let edges = edges.iter().map(|callee| Edge::new("client", *callee));
    ProxyConfig::on_loopback("gateway", edges)
}

#[test]
fn what_is_bound_once_is_named_and_waits() {
    let bound = config(&["a", "b"]);
    let mut asked = config(&["a"]);
    asked.threads = Some(2);
    asked.gateway = "127.0.0.1:8080".parse().unwrap();
    asked.admin_token = Some(model::fault::Token::new("s3cret"));
    asked.limits.connections = 1;
    asked.edges[0].listen = "127.0.0.1:7101".parse().unwrap();
    let waiting = [
        "`listen` in [proxy]",
        "the admin token in [proxy]",
        "`threads` in [proxy]",
        "[limits]",
        "`listen` of client -> a",
        "client -> b leads nowhere; to close its listener",
    ];
    let expected = Changes { fatal: Vec::new(), waiting: waiting.map(str::to_owned).to_vec() };
    assert_eq!(changes(&bound, &asked), expected);
    assert_eq!(changes(&bound, &bound), Changes::default());
}

#[test]
fn an_edge_that_is_new_or_carries_something_else_is_refused() {
    let bound = config(&["a"]);
    let mut asked = config(&["a", "b"]);
    asked.edges[0] = EdgeListener { protocol: Protocol::Tcp, ..asked.edges[0].clone() };
    assert_eq!(
        changes(&bound, &asked).fatal,
        [
            "client -> a carries requests; to carry bytes takes a restart",
            "client -> b is a new edge, and its listener takes a restart",
        ]
    );
}

const FILE: &str = "\
[proxy]
admin = \"127.0.0.1:0\"
[edge.\"client -> a\"]
listen = \"127.0.0.1:0\"
endpoints = \"127.0.0.1:1\"
";

const FAULT: &str =
    "[[fault]]\nname = \"slow\"\non = \"* -> a\"\nkind = \"latency\"\nadd = \"1ms\"\n";

#[tokio::test]
async fn a_changed_file_is_in_force_and_a_broken_one_changes_nothing() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("gateway.toml");
    std::fs::write(&path, FILE).unwrap();
    let source = Source::read(&path).unwrap();
    let GatewayFile { config, plan } = source.parse().unwrap();
    let clock = Clock::system();
    let zero_unix_ms = clock.unix_ms();
    let proxy = proxy::start(config.clone(), Providers::none(), clock).await.unwrap();
    proxy.apply(plan).unwrap();
    let control = Control::new(Client::new(), proxy.addresses().admin);
    let mut reloader = Reloader::new(source, config, zero_unix_ms);

    let new_edge =
        "[edge.\"client -> b\"]\nlisten = \"127.0.0.1:0\"\nendpoints = \"127.0.0.1:1\"\n";
    for (text, faults) in [
        (format!("{FILE}{FAULT}"), vec!["slow"]),
        (format!("{FILE}{FAULT}").replace("latency", "latencey"), vec!["slow"]),
        (format!("{FILE}{new_edge}"), vec!["slow"]),
        (format!("{FILE}{}", FAULT.replace("slow", "late")), vec!["late"]),
        (FILE.to_owned(), vec![]),
    ] {
        std::fs::write(&path, &text).unwrap();
        reloader.look(&proxy);
        let listed = control.faults().await.unwrap();
        let names: Vec<&str> = listed.iter().map(|armed| armed.fault.name.as_str()).collect();
        assert_eq!(names, faults, "{text}");
        assert!(listed.iter().all(|armed| armed.status.state == FaultState::Active), "{listed:?}");
    }
    let epoch = control.state().await.unwrap().epoch;
    std::fs::remove_file(&path).unwrap();
    reloader.look(&proxy);
    std::fs::write(&path, FILE).unwrap();
    reloader.look(&proxy);
    assert_eq!(control.state().await.unwrap().epoch, epoch, "the same text is no change");
    reloader.reload(&proxy);
    assert_eq!(control.state().await.unwrap().epoch, epoch + 1, "SIGHUP reads it anyway");
    proxy.shutdown();
    proxy.done().await;
}
