use opentelemetry::logs::{LogRecord as _, Logger as _, LoggerProvider as _};
use opentelemetry::trace::{
    Span as _, SpanKind, TraceContextExt as _, Tracer as _, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use telemetry::providers::{Identity, Providers};

use crate::testing::{RUN, collector, config, end};

fn identity() -> Identity {
    Identity { service_name: "gateway".into(), instance: "1".into(), run_id: RUN.into() }
}

/// A request on an edge with its log line; returns its trace id.
fn emit(providers: &Providers) -> model::id::TraceId {
    let tracer = providers.tracer_provider().tracer("test");
    let mut span = tracer
        .span_builder("POST /charges")
        .with_kind(SpanKind::Server)
        .with_attributes([
            KeyValue::new("shakedown.edge", "orders -> payments"),
            KeyValue::new("shakedown.correlation_id", "u1-1"),
        ])
        .start(&tracer);
    span.add_event("half-way", Vec::new());
    let trace_id = span.span_context().trace_id();
    let context = Context::current_with_span(span);
    let _active = context.clone().attach();
    let logger = providers.logger_provider().logger("test");
    let mut record = logger.create_log_record();
    record.set_body("charged".into());
    logger.emit(record);
    context.span().end();
    model::id::TraceId::from_bytes(trace_id.to_bytes()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_opentelemetry_sdk_finds_its_trace_again_with_its_log() {
    let (handle, _folder) = collector().await;
    let endpoint = format!("http://{}", handle.addresses().grpc);
    let providers = Providers::start(&identity(), Some(&endpoint)).unwrap();
    let trace_id = emit(&providers);
    providers.shutdown().await;
    let trace = handle.trace(trace_id).unwrap();
    assert_eq!(
        (trace.spans[0].service.as_str(), trace.spans[0].kind.as_str()),
        ("gateway", "server")
    );
    assert_eq!(trace.spans[0].events[0].name, "half-way");
    assert_eq!(trace.logs[0].body, "charged");
    let query = crate::TraceQuery {
        correlation_id: Some("u1-1".parse().unwrap()),
        ..crate::TraceQuery::default()
    };
    assert_eq!(handle.traces(query)[0].head.trace_id, trace_id);
    end(handle).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_accepted_reaches_a_backend_over_both_protocols() {
    for protocol in ["grpc", "http/protobuf", "http/json"] {
        let (backend, _backend_folder) = collector().await;
        let folder = tempfile::tempdir().unwrap();
        let mut config = config(&folder);
        config.export = vec![format!("http://{}", backend.addresses().http)];
        for (name, value) in [("PROTOCOL", protocol), ("COMPRESSION", "gzip")] {
            config.export_env.insert(format!("OTEL_EXPORTER_OTLP_{name}"), value.to_owned());
        }
        let handle = crate::start(config, telemetry::clock::Clock::system()).await.unwrap();
        let endpoint = format!("http://{}", handle.addresses().grpc);
        let providers = Providers::start(&identity(), Some(&endpoint)).unwrap();
        let trace_id = emit(&providers);
        providers.shutdown().await;
        let before = handle.trace(trace_id).unwrap();
        // Ending the collector drains its queues.
        end(handle).await;
        assert_eq!(backend.trace(trace_id).unwrap(), before, "{protocol}");
        end(backend).await;
    }
}
