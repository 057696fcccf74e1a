//! Shapes, status codes and words.

use http::Request;
use serde_json::{Value, json};

use super::kit::{Bench, address_of};
use crate::tests::kit::PATIENCE;

#[tokio::test]
async fn a_proxy_is_shown_as_the_original_shows_it() {
    let bench = Bench::start().await;
    let upstream = format!("localhost:{}", bench.echo.port());
    let wanted = json!({"name": "redis cache/1", "listen": "127.0.0.1:0", "upstream": upstream});
    let made = bench.ok("POST", "/proxies", wanted, 201).await;
    assert_ne!(address_of(&made).port(), 0, "the real port is shown");
    let expected = json!({
        "name": "redis cache/1", "listen": made["listen"], "upstream": upstream,
        "enabled": true, "toxics": [],
    });
    assert_eq!(made, expected);
    let shown = bench.ok("GET", "/proxies/redis%20cache%2F1", Value::Null, 200).await;
    assert_eq!(shown, expected);
    let all = bench.ok("GET", "/proxies", Value::Null, 200).await;
    assert_eq!(all, json!({ "redis cache/1": expected }));
    bench.ok("DELETE", "/proxies/redis%20cache%2F1", Value::Null, 204).await;
    assert_eq!(bench.ok("GET", "/proxies", Value::Null, 200).await, json!({}));
}

#[tokio::test]
async fn toxics_are_shown_the_way_up_first_and_in_the_order_in_which_they_came() {
    let (bench, _) = Bench::with_proxy().await;
    let add = async |toxic: Value| bench.ok("POST", "/proxies/p/toxics", toxic, 200).await;
    let late = add(json!({"type": "latency", "attributes": {"latency": 5, "jitter": 2}})).await;
    let expected = json!({
        "name": "latency_downstream", "type": "latency", "stream": "downstream", "toxicity": 1,
        "attributes": {"latency": 5, "jitter": 2},
    });
    assert_eq!(late, expected);
    add(json!({"type": "bandwidth", "toxicity": 0.5, "attributes": {"rate": 100}})).await;
    add(json!({"name": "up", "type": "slow_close", "stream": "upstream"})).await;
    let names = |list: &Value| {
        let list = list.as_array().unwrap().iter();
        list.map(|toxic| toxic["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let expected = ["up", "latency_downstream", "bandwidth_downstream"];
    let listed = bench.ok("GET", "/proxies/p/toxics", Value::Null, 200).await;
    assert_eq!(names(&listed), expected);
    let proxy = bench.ok("GET", "/proxies/p", Value::Null, 200).await;
    assert_eq!(names(&proxy["toxics"]), expected);
    let change = json!({"toxicity": 0.25, "attributes": {"jitter": 1}});
    for method in ["POST", "PATCH"] {
        let path = "/proxies/p/toxics/latency_downstream";
        let changed = bench.ok(method, path, change.clone(), 200).await;
        assert_eq!(changed["attributes"], json!({"latency": 5, "jitter": 1}));
        assert_eq!(changed["toxicity"], 0.25);
        assert_eq!(bench.ok("GET", path, Value::Null, 200).await, changed);
    }
}

#[tokio::test]
async fn what_is_wrong_is_told_with_the_words_and_the_status_of_the_original() {
    let (bench, taken) = Bench::with_proxy().await;
    bench.toxic("latency", "upstream", json!({})).await;
    let busy = format!(r#"{{"name": "q", "listen": "{taken}", "upstream": "127.0.0.1:1"}}"#);
    let nowhere = r#"{"name": "q", "listen": "127.0.0.1", "upstream": "127.0.0.1:1"}"#;
    let twice = r#"{"name": "p", "upstream": "127.0.0.1:1"}"#;
    for (method, path, body, status, error) in [
        ("GET", "/proxies/q", "", 404, "proxy not found"),
        ("PATCH", "/proxies/q", "{}", 404, "proxy not found"),
        ("DELETE", "/proxies/q", "", 404, "proxy not found"),
        ("GET", "/proxies/q/toxics", "", 404, "proxy not found"),
        ("POST", "/proxies/q/toxics", "{}", 404, "proxy not found"),
        ("DELETE", "/proxies/q/toxics/t", "", 404, "proxy not found"),
        ("GET", "/proxies/p/toxics/u", "", 404, "toxic not found"),
        ("PATCH", "/proxies/p/toxics/u", "{}", 404, "toxic not found"),
        ("DELETE", "/proxies/p/toxics/u", "", 404, "toxic not found"),
        ("POST", "/proxies", "{}", 400, "missing required field: name"),
        ("POST", "/proxies", r#"{"name": "q"}"#, 400, "missing required field: upstream"),
        ("POST", "/proxies", "nonsense", 400, "bad request body: "),
        ("POST", "/proxies", "", 400, "bad request body: "),
        ("POST", "/proxies", twice, 409, "proxy already exists"),
        ("POST", "/proxies", &busy, 500, "address already in use"),
        ("POST", "/proxies", nowhere, 500, "listen tcp"),
        ("PATCH", "/proxies/p", r#"{"enabled": 1}"#, 400, "bad request body: "),
        ("POST", "/proxies/p/toxics", r#"{"type": "x"}"#, 400, "invalid toxic type"),
        (
            "POST",
            "/proxies/p/toxics",
            r#"{"stream": "x"}"#,
            400,
            "stream was invalid, can be either",
        ),
        (
            "POST",
            "/proxies/p/toxics",
            r#"{"name": "t", "type": "noop"}"#,
            409,
            "toxic already exists",
        ),
        ("POST", "/proxies/p/toxics", "[", 400, "bad request body: "),
        (
            "PATCH",
            "/proxies/p/toxics/t",
            r#"{"attributes": {"latency": []}}"#,
            400,
            "bad request body: ",
        ),
        (
            "PATCH",
            "/proxies/p/toxics/t",
            r#"{"attributes": {"latency": 9000000}}"#,
            400,
            "at most 600 s",
        ),
        ("POST", "/populate", "{}", 400, "bad request body: "),
        ("POST", "/populate", "[{}]", 400, "missing required field: name at proxy 1"),
    ] {
        let (got, text) = bench.send(method, path, body).await;
        assert_eq!(got, status, "{method} {path} {body}: {text}");
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(answer["status"], status, "{text}");
        let said = answer["error"].as_str().unwrap();
        assert!(said.contains(error), "{method} {path} {body}: {said}");
    }
    let all = bench.ok("GET", "/proxies", Value::Null, 200).await;
    assert_eq!(all.as_object().unwrap().len(), 1, "what is refused leaves nothing behind: {all}");
    let toxics = &all["p"]["toxics"];
    assert_eq!(toxics[0]["attributes"], json!({"latency": 0, "jitter": 0}), "{toxics}");
}

#[tokio::test]
async fn browsers_are_refused_and_the_version_is_told() {
    let bench = Bench::start().await;
    let api = bench.stack.proxy.addresses().toxiproxy.unwrap();
    for (agent, status) in [("Mozilla/5.0 (X11)", 403), ("toxiproxy-cli", 200)] {
        let request = Request::builder().uri("/version").header("user-agent", agent);
        let request = request.body(bytes::Bytes::new()).unwrap();
        let answer = bench.stack.client.send(api, request, PATIENCE).await.unwrap();
        assert_eq!(answer.status(), status, "{agent}");
    }
    let version = bench.ok("GET", "/version", Value::Null, 200).await;
    assert!(version["version"].as_str().unwrap().starts_with("2."), "{version}");
    assert_eq!(bench.send("GET", "/nothing", "").await.0, 404);
    assert_eq!(bench.send("PUT", "/reset", "").await.0, 405);
}
