use model::policy::EdgePolicy;
use opentelemetry::trace::{SpanKind, Status};

use super::kit::{Stack, Upstream, attribute, fault, header, latency_ms};

const UNSAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

#[tokio::test]
async fn the_metrics_page_counts_what_was_served() {
    let upstream = Upstream::friendly().await;
    let stack = Stack::with(upstream.address, EdgePolicy::default(), Vec::new()).await;
    for _ in 0..3 {
        assert_eq!(stack.call("GET", &[]).await.unwrap().status(), 200);
    }
    let page = stack.admin("GET", "/metrics", "").await;
    assert_eq!(header(&page, "content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let page = String::from_utf8(page.into_body().into()).unwrap();
    let edge = "edge=\"orders -> payments\"";
    for line in [
        format!("http_server_request_duration_seconds_count{{{edge},status=\"200\"}} 3\n"),
        format!("http_client_request_duration_seconds_count{{{edge}}} 3\n"),
        format!("shakedown_requests_total{{{edge},status=\"200\",cause=\"none\"}} 3\n"),
        format!("http_server_active_requests{{{edge}}} 0\n"),
        "shakedown_export_spans_total{result=\"offered\"} 6\n".to_owned(),
    ] {
        assert!(page.contains(&line), "{line} is not in\n{page}");
    }
}

#[tokio::test]
async fn a_trace_that_its_caller_does_not_record_gets_no_spans_but_its_faults_are_accounted() {
    let upstream = Upstream::friendly().await;
    let faults = vec![fault("slow", latency_ms(1))];
    let stack = Stack::with(upstream.address, EdgePolicy::default(), faults).await;
    let answer = stack.call("GET", &[("traceparent", UNSAMPLED)]).await.unwrap();
    assert_eq!(header(&answer, "x-shakedown-fault"), Some("slow"));
    assert!(stack.recorder.spans().is_empty());
    let sent = upstream.seen_header(0, "traceparent").unwrap();
    assert!(sent.starts_with(&UNSAMPLED[..36]) && sent.ends_with("-00"), "{sent}");
    assert_ne!(sent, UNSAMPLED, "the callee's parent is the attempt");
    let lines = stack.recorder.events("shakedown.fault.decision");
    assert_eq!(lines.len(), 1);
    assert!(sent.contains(&lines[0]["span_id"]), "{lines:?}");
}

#[tokio::test]
async fn spans_say_how_long_what_kind_and_why_it_failed() {
    let upstream = Upstream::answering(|_number| {
        http::Response::builder().status(503).body("no".into()).unwrap()
    })
    .await;
    let stack = Stack::with(upstream.address, EdgePolicy::default(), Vec::new()).await;
    let parent = format!("{}01", UNSAMPLED.trim_end_matches('0'));
    let headers = [("traceparent", parent.as_str()), ("tracestate", "a=1")];
    assert_eq!(stack.call("GET", &headers).await.unwrap().status(), 503);
    let spans = stack.recorder.spans();
    let [attempt, request] = &spans[..] else { panic!("{spans:?}") };
    assert_eq!((&attempt.span_kind, &request.span_kind), (&SpanKind::Client, &SpanKind::Server));
    assert_eq!((attempt.parent_span_is_remote, request.parent_span_is_remote), (false, true));
    for span in [attempt, request] {
        assert_eq!(span.name, "GET");
        assert_eq!(span.status, Status::error("the callee answered 503"));
        assert_eq!(attribute(span, "http.response.status_code").as_deref(), Some("503"));
        assert_eq!(attribute(span, "shakedown.blame").as_deref(), Some("upstream"));
        assert_eq!(span.span_context.trace_state().header(), "a=1");
        assert!(span.start_time < span.end_time);
    }
    assert!(request.start_time <= attempt.start_time && attempt.end_time <= request.end_time);
}
