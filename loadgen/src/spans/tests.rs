use std::sync::Arc;
use std::time::Duration;

use model::load::LoadReply;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use telemetry::clock::Clock;

use super::*;
use crate::arrival::Arrival;
use crate::error::LoadError;
use crate::plan::Resolved;
use crate::testing::{self, Act};

fn journey(index: u64) -> JourneySpans {
    let plan = Resolved::new(&testing::plan("127.0.0.1:1".parse().unwrap())).unwrap();
    let start = Instant::now();
    let end = start + Duration::from_millis(30);
    JourneySpans {
        identity: Identity::new(&plan, 0, Arrival { index, at_ns: 0 }),
        outcome: Outcome::Status,
        start,
        end,
        steps: vec![StepSpan {
            number: 0,
            span: 1,
            parent: 0,
            what: SpanOf::Request { resend_count: 0 },
            start: start + Duration::from_millis(5),
            dial: DialTimes::default(),
            ready: Some(start + Duration::from_millis(6)),
            written: Some(start + Duration::from_millis(7)),
            end,
            path: "/".into(),
            status: Some(503),
            failure: Some(Failure::Status(503)),
            body_bytes: 2,
            faults: Some("slow".into()),
        }],
    }
}

async fn exporter(endpoint: &str, sink: &SpanSink) -> Result<Exporter, LoadError> {
    let plan = testing::plan("127.0.0.1:1".parse().unwrap());
    let resolved = Arc::new(Resolved::new(&plan).unwrap());
    let encoder = Encoder::new(&plan, resolved, Clock::system());
    Exporter::new(endpoint, encoder, sink.counts()).await
}

fn attribute<'a>(span: &'a Span, name: &str) -> &'a Value {
    let found = span.attributes.iter().find(|pair| pair.key == name);
    found
        .unwrap_or_else(|| panic!("{name} is missing"))
        .value
        .as_ref()
        .unwrap()
        .value
        .as_ref()
        .unwrap()
}

fn text(text: &str) -> Value {
    Value::StringValue(text.into())
}

#[tokio::test]
async fn journeys_arrive_as_spans_with_the_ids_that_the_engine_chose() {
    let (peer, collected) = testing::collector(|_| LoadReply::Continue).await;
    let (sink, queue) = SpanSink::to_queue();
    let exporter = exporter(&format!("http://{}/", peer.address), &sink).await.unwrap();
    let counts = sink.counts();
    (0..3).for_each(|index| sink.offer(journey(index)));
    drop(sink);
    exporter.run(queue).await;
    assert_eq!((counts.dropped(), counts.missing()), (0, 0));
    let spans = &collected.lock().unwrap().spans;
    assert_eq!(spans.len(), 6);
    let (root, step, identity) = (&spans[2], &spans[3], journey(1).identity);
    assert_eq!((root.name.as_str(), step.name.as_str()), ("look", "home"));
    assert_eq!(root.trace_id, identity.trace_id.as_bytes());
    assert_eq!(step.span_id, identity.trace_parent(1).span_id.as_bytes());
    assert_eq!((&step.parent_span_id, root.parent_span_id.len()), (&root.span_id, 0));
    assert_eq!((root.kind, step.kind), (1, 3));
    assert_eq!(step.end_time_unix_nano - step.start_time_unix_nano, 25_000_000);
    let events: Vec<_> = step
        .events
        .iter()
        .map(|event| (event.name.as_str(), event.time_unix_nano - step.start_time_unix_nano))
        .collect();
    assert_eq!(events, [("connection ready", 1_000_000), ("first byte written", 2_000_000)]);
    let correlation_id = text(identity.correlation_id.as_str());
    for span in [root, step] {
        assert_eq!(*attribute(span, "shakedown.correlation_id"), correlation_id);
        assert_eq!(*attribute(span, "user_agent.synthetic.type"), text("test"));
        assert_eq!(span.status.as_ref().unwrap().code, 2);
    }
    assert_eq!(*attribute(step, "http.response.status_code"), Value::IntValue(503));
    assert_eq!(*attribute(step, "error.type"), text("503"));
    assert_eq!(*attribute(step, "shakedown.fault.name"), text("slow"));
    assert_eq!(*attribute(root, "error.type"), text("status"));
}

#[tokio::test]
async fn a_full_queue_drops_and_counts_and_never_waits() {
    let (sink, _queue) = SpanSink::to_queue();
    let extra = 10;
    for index in 0..QUEUE_JOURNEYS as u64 + extra {
        sink.offer(JourneySpans { steps: Vec::new(), ..journey(index % 7) });
    }
    assert_eq!(sink.counts().dropped(), extra);
}

#[tokio::test(start_paused = true)]
async fn spans_that_an_endpoint_does_not_take_are_counted() {
    for refusal in [400, 503] {
        let peer = testing::serve(move |_| async move { Act::json(refusal, "no") }).await;
        let (sink, queue) = SpanSink::to_queue();
        let exporter = exporter(&format!("http://{}", peer.address), &sink).await.unwrap();
        let counts = sink.counts();
        sink.offer(journey(1));
        drop(sink);
        exporter.run(queue).await;
        assert_eq!((counts.dropped(), counts.missing()), (2, 2), "{refusal}");
    }
}

#[tokio::test]
async fn an_endpoint_that_is_no_http_base_is_refused() {
    for endpoint in ["", "127.0.0.1:4318", "https://127.0.0.1:4318", "ftp://x", "http://"] {
        let refused = exporter(endpoint, &SpanSink::none()).await;
        assert!(matches!(refused, Err(LoadError::Endpoint { .. })), "{endpoint:?}: {refused:?}");
    }
    assert!(exporter("http://[::1]:9/base", &SpanSink::none()).await.is_ok());
}
