use std::sync::Mutex;

use axum::routing::get;
use axum::{Json, Router, middleware};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tracing_subscriber::layer::SubscriberExt as _;

use super::*;
use crate::callee::{Call, Callee};
use crate::fake::{Fake, Reply, ask};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// Serves `routes` behind the layer.
async fn serve(routes: Router, in_flight_max: usize) -> std::net::SocketAddr {
    let gate = Gate::new(Clock::system(), in_flight_max);
    let router = routes.layer(middleware::from_fn_with_state(gate, pass));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, router).into_future());
    address
}

async fn correlation_id(context: RequestContext) -> Json<Value> {
    Json(json!(context.trail.correlation_id.as_str()))
}

#[tokio::test]
async fn the_correlation_id_is_kept_or_made_and_always_returned() {
    let to = serve(Router::new().route("/", get(correlation_id)), 8).await;
    for header in ["x-correlation-id", "x-request-id"] {
        let (_, headers, body) =
            ask(to, "GET", "/", &[(header, "u000001-000002")], Value::Null).await;
        assert_eq!(
            (&headers["x-correlation-id"], body),
            (&"u000001-000002".parse().unwrap(), json!("u000001-000002"))
        );
    }
    let (_, headers, body) = ask(to, "GET", "/", &[], Value::Null).await;
    assert_eq!(headers["x-correlation-id"].to_str().ok(), body.as_str());
    let (status, headers, _) = ask(to, "GET", "/nowhere", &[], Value::Null).await;
    assert!(status == 404 && headers.contains_key("x-correlation-id"));
}

#[tokio::test]
async fn a_request_ends_at_its_deadline() {
    let silent = get(|| async { std::future::pending::<()>().await });
    let to = serve(Router::new().route("/", silent), 8).await;
    let (status, _, body) =
        ask(to, "GET", "/", &[("x-shakedown-deadline-ms", "20")], Value::Null).await;
    assert_eq!(status, 504, "{body}");
}

#[tokio::test]
async fn requests_above_the_bound_are_shed_at_once() {
    let (entered, leave) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let held = {
        let (entered, leave) = (Arc::clone(&entered), Arc::clone(&leave));
        get(move || async move {
            entered.notify_one();
            leave.notified().await;
        })
    };
    let to = serve(Router::new().route("/", held), 1).await;
    let first = tokio::spawn(async move { ask(to, "GET", "/", &[], Value::Null).await.0 });
    entered.notified().await;
    let (status, _, body) = ask(to, "GET", "/", &[], Value::Null).await;
    assert_eq!(status, 503, "{body}");
    leave.notify_one();
    assert_eq!(first.await.unwrap(), 200);
}

#[tokio::test]
async fn an_outgoing_call_carries_trace_correlation_id_and_a_shorter_deadline() {
    let mut fake = Fake::answering(&[Reply::Json(200, json!({}))]).await;
    let client = telemetry::client::Client::new();
    let callee = Callee::new("catalog", fake.address, client, Clock::system());
    let handler = get(move |context: RequestContext| async move {
        callee.call(&context, Call::get("/items", "/items".to_owned())).await.unwrap();
    });
    let to = serve(Router::new().route("/", handler), 8).await;
    let sent = [
        ("traceparent", PARENT),
        ("tracestate", "a=1"),
        ("baggage", "user=7"),
        ("x-correlation-id", "u000001-000002"),
        ("x-shakedown-deadline-ms", "900"),
    ];
    assert_eq!(ask(to, "GET", "/", &sent, Value::Null).await.0, 200);
    let seen = fake.asked().await;
    for (name, value) in &sent[..4] {
        assert_eq!(seen.headers.get(*name).map(String::as_str), Some(*value), "{name}");
    }
    let deadline_ms: u64 = seen.headers["x-shakedown-deadline-ms"].parse().unwrap();
    assert!((1..=880).contains(&deadline_ms), "{deadline_ms}");
}

/// Keeps the spans that it gets.
#[derive(Debug, Clone, Default)]
struct Memory(Arc<Mutex<Vec<SpanData>>>);

impl SpanExporter for Memory {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().unwrap().extend(batch);
        Ok(())
    }
}

#[tokio::test]
async fn server_and_client_spans_join_the_trace_of_the_caller() {
    let exporter = Memory::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    let spans = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    let subscriber = tracing_subscriber::registry().with(spans);
    let mut fake = Fake::answering(&[Reply::Json(503, json!({}))]).await;
    let client = telemetry::client::Client::new();
    let callee = Callee::new("catalog", fake.address, client, Clock::system());
    let handler = get(move |context: RequestContext| async move {
        let call = Call::get("/catalog/items/{sku}", "/catalog/items/spoon".to_owned());
        callee.call(&context, call).await.unwrap().status
    });
    let to = serve(Router::new().route("/carts/{id}", handler), 8).await;
    let sent = [("traceparent", PARENT), ("x-correlation-id", "u000001-000002")];
    // All tasks of this test run on its own thread, so they all report to this subscriber.
    let reporting = tracing::subscriber::set_default(subscriber);
    assert_eq!(ask(to, "GET", "/carts/7", &sent, Value::Null).await.0, 503);
    drop(reporting);
    let seen = fake.asked().await;
    let spans = exporter.0.lock().unwrap().clone();
    let [call, request] = spans.as_slice() else { panic!("two spans, got {spans:?}") };
    assert_eq!(
        (request.name.as_ref(), call.name.as_ref()),
        ("GET /carts/{id}", "GET /catalog/items/{sku}")
    );
    assert_eq!(request.span_context.trace_id().to_string(), TRACE);
    assert_eq!(request.parent_span_id.to_string(), "b7ad6b7169203331");
    assert_eq!(call.parent_span_id, request.span_context.span_id());
    let parent = format!("00-{TRACE}-{}-01", call.span_context.span_id());
    assert_eq!(seen.headers["traceparent"], parent);
    for span in [call, request] {
        let attribute = |name: &str| {
            let found = span.attributes.iter().find(|pair| pair.key.as_str() == name);
            found.map(|pair| pair.value.to_string()).unwrap_or_default()
        };
        assert_eq!(attribute("shakedown.correlation_id"), "u000001-000002");
        assert_eq!(attribute("http.response.status_code"), "503");
        assert!(matches!(span.status, opentelemetry::trace::Status::Error { .. }), "{span:?}");
    }
}
