use std::collections::{BTreeMap, BTreeSet};

use model::edge::Edge;
use model::frame::RunHead;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

use super::*;
use crate::testing::{collector, end, get, post, span, text as attribute, traces};

/// A strict reader of the text format: names, labels, escapes, one HELP and one TYPE before the
/// series of each metric, no series twice, whole histograms.
fn read(page: &str) -> BTreeMap<String, f64> {
    let mut kinds: BTreeMap<&str, &str> = BTreeMap::new();
    let (mut helped, mut current) = (BTreeSet::new(), "");
    let mut series = BTreeMap::new();
    assert!(page.ends_with('\n'));
    for line in page.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            current = help.split_once(' ').unwrap().0;
            assert!(helped.insert(current), "{current} is described twice");
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert_eq!(name, current);
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{kind}");
            assert!(kinds.insert(name, kind).is_none());
        } else {
            let (name, labels, value) = parts(line);
            let family = match kinds[current] {
                "histogram" => ["_bucket", "_sum", "_count"]
                    .iter()
                    .find_map(|end| name.strip_suffix(end))
                    .unwrap(),
                _ => name,
            };
            assert_eq!(family, current, "{line}");
            assert_eq!(kinds[current] == "counter", name.ends_with("_total"), "{line}");
            let key = format!("{name}{labels:?}");
            assert!(series.insert(key, value).is_none(), "{line} comes twice");
        }
    }
    series
}

fn parts(line: &str) -> (&str, BTreeMap<String, String>, f64) {
    let end = line.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap();
    let (name, mut rest) = line.split_at(end);
    assert!(!name.starts_with(|letter: char| letter.is_ascii_digit()));
    let mut labels = BTreeMap::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            let (key, after) = rest.split_once("=\"").unwrap();
            let (mut value, mut letters) = (String::new(), after.char_indices());
            let closed = loop {
                match letters.next().unwrap() {
                    (at, '"') => break at,
                    (_, '\\') => value.push(match letters.next().unwrap().1 {
                        'n' => '\n',
                        other @ ('\\' | '"') => other,
                        other => panic!("\\{other}"),
                    }),
                    (_, other) => value.push(other),
                }
            };
            assert!(labels.insert(key.to_owned(), value).is_none());
            rest = &after[closed + 1..];
            match rest.chars().next().unwrap() {
                ',' => rest = &rest[1..],
                '}' => break,
                other => panic!("{other}"),
            }
        }
        rest = &rest[1..];
    }
    (name, labels, rest.strip_prefix(' ').unwrap().parse().unwrap())
}

/// A request on an edge that ended half a second ago.
fn request(id: u8, now_ms: u64, ms: u64, blame: Option<&str>) -> Span {
    let mut sent = span(id, 1, now_ms, ms);
    sent.kind = 2;
    sent.attributes = vec![attribute("shakedown.edge", "a -> c")];
    sent.attributes.extend(blame.map(|blame| attribute("shakedown.blame", blame)));
    sent
}

#[tokio::test]
async fn the_page_is_valid_and_adds_up() {
    let (handle, _folder) = collector().await;
    let now_ms = handle.core_clock().unix_ms();
    let title = "a \"quoted\"\\ title\nof two lines";
    handle.set_run(RunHead { title: title.to_owned(), ..RunHead::default() });
    let spans = vec![
        request(1, now_ms, 20, None),
        request(2, now_ms, 700, Some("upstream")),
        span(0, 1, now_ms, 1),
    ];
    let body = traces("gateway", spans).encode_to_vec();
    let headers = [("content-type", "application/x-protobuf")];
    assert_eq!(post(handle.addresses().http, "/v1/traces", &headers, body).await.status(), 200);
    handle.core().admission.drained().await;
    handle.core().emit(true);
    let response = get(handle.addresses().api, "/metrics").await;
    assert_eq!(response.headers()["content-type"], TEXT);
    let series = read(std::str::from_utf8(response.body()).unwrap());
    let value = |name: &str, labels: &[(&str, &str)]| {
        let labels: BTreeMap<String, String> =
            labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let key = format!("{name}{labels:?}");
        let value = *series.get(&key).unwrap_or_else(|| panic!("{key} is not in\n{series:#?}"));
        value as u64
    };
    let signal = [("signal", "traces")];
    let whole = |name| value(&format!("shakedown_collector_{name}_items_total"), &signal);
    assert_eq!((whole("received"), whole("accepted"), whole("written")), (3, 2, 2));
    let run = [("run_id", ""), ("title", title), ("version", env!("CARGO_PKG_VERSION"))];
    assert_eq!(value("shakedown_collector_run_info", &run), 1);
    let edge: Edge = "a -> c".parse().unwrap();
    let labels = [("client", edge.caller.as_str()), ("server", edge.callee.as_str())];
    assert_eq!(value("traces_service_graph_request_total", &labels), 2);
    assert_eq!(value("traces_service_graph_request_failed_total", &labels), 1);
    let bucket = |le| {
        let labels = [labels[0], labels[1], ("le", le)];
        value("traces_service_graph_request_server_seconds_bucket", &labels)
    };
    assert_eq!([bucket("0.01"), bucket("0.025"), bucket("0.5"), bucket("0.75")], [0, 1, 1, 2]);
    assert_eq!(bucket("+Inf"), 2);
    assert_eq!(value("traces_service_graph_request_server_seconds_count", &labels), 2);
    end(handle).await;
}
