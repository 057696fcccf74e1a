//! OTLP/JSON: liberal in what comes, strict in what goes.

use model::frame::Span;
use serde_json::{Value as Json, json};

use super::http::JSON;
use crate::testing::{collector, end, post};
use crate::{CollectorHandle, LogQuery};

const TRACE: &str = "5b8efff798038103d269b633813fc60c";

fn request(change: &Json) -> Json {
    let mut span = json!({
        "traceId": TRACE, "spanId": "eee19b7ec3c1b174", "name": "s",
        "startTimeUnixNano": "1000", "endTimeUnixNano": "3000",
    });
    for (key, value) in change.as_object().unwrap() {
        span[key] = value.clone();
    }
    json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})
}

/// Status, and rejected items.
async fn send(handle: &CollectorHandle, path: &str, request: &Json) -> (u16, u64) {
    let answer = post(handle.addresses().http, path, &[JSON], request.to_string()).await;
    let body: Json = serde_json::from_slice(answer.body()).unwrap();
    let rejected = body["partialSuccess"].as_object().map_or(0, |partial| {
        let count = partial.iter().find(|(name, _)| name.starts_with("rejected")).unwrap().1;
        count.as_str().unwrap().parse().unwrap()
    });
    (answer.status().as_u16(), rejected)
}

/// What a collector of its own keeps of one span.
async fn kept(change: &Json) -> Span {
    let (handle, _folder) = collector().await;
    assert_eq!(send(&handle, "/v1/traces", &request(change)).await, (200, 0), "{change}");
    let mut trace = handle.trace(TRACE.parse().unwrap()).unwrap();
    end(handle).await;
    trace.spans.remove(0)
}

async fn kept_value(value: Json) -> Json {
    let span = kept(&json!({"attributes": [{"key": "k", "value": value}]})).await;
    span.attributes["k"].clone()
}

/// J1.
#[tokio::test]
async fn ids_are_hex_of_any_case_and_an_empty_one_is_absent() {
    let span = kept(&json!({
        "traceId": TRACE.to_uppercase(), "spanId": "EEE19B7EC3C1B174", "parentSpanId": "",
    }))
    .await;
    assert_eq!((span.span_id.to_string().as_str(), span.parent), ("eee19b7ec3c1b174", None));
    let (handle, _folder) = collector().await;
    for change in [
        json!({"traceId": "W47/95gDgQPSabYzgT/GDA=="}),
        json!({"traceId": ""}),
        json!({"spanId": null}),
        json!({"spanId": "7uGbfsPBsXQ="}),
        json!({"parentSpanId": "7uGbfsPBsXQ="}),
    ] {
        assert_eq!(send(&handle, "/v1/traces", &request(&change)).await, (200, 1), "{change}");
    }
    end(handle).await;
}

/// J2.
#[tokio::test]
async fn enums_may_come_as_numbers_or_names() {
    for kind in [json!(2), json!("2"), json!("SPAN_KIND_SERVER")] {
        for code in [json!(2), json!("STATUS_CODE_ERROR")] {
            let span = kept(&json!({"kind": kind, "status": {"code": code}})).await;
            assert_eq!((&*span.kind, span.error), ("server", true), "{kind} {code}");
        }
    }
}

/// J3.
#[tokio::test]
async fn unknown_keys_are_ignored_so_a_span_in_snake_case_is_empty_and_rejected() {
    let span = kept(&json!({"fromTheFuture": [{"deep": 1}], "status": {"fromTheFuture": 1}})).await;
    assert_eq!(span.name, "s");
    let (handle, _folder) = collector().await;
    let snake = json!({"resourceSpans": [{"scopeSpans": [{"spans": [{
        "trace_id": TRACE, "span_id": "eee19b7ec3c1b174", "name": "s",
    }]}]}]});
    assert_eq!(send(&handle, "/v1/traces", &snake).await, (200, 1));
    end(handle).await;
}

/// J4.
#[tokio::test]
async fn whole_numbers_may_come_as_numbers_or_strings() {
    for (start, flags, int) in
        [(json!("1000"), json!(257), json!("5")), (json!(1000), json!("257"), json!(5))]
    {
        let span = kept(&json!({
            "startTimeUnixNano": start, "flags": flags,
            "attributes": [{"key": "k", "value": {"intValue": int}}],
        }))
        .await;
        assert_eq!((span.start_unix_ns, &span.attributes["k"]), (1_000, &json!(5)));
    }
    assert_eq!(kept_value(json!({"intValue": "-9223372036854775808"})).await, json!(i64::MIN));
}

/// J5.
#[tokio::test]
async fn doubles_may_come_as_numbers_or_strings() {
    for (sent, stored) in [
        (json!(1.5), json!(1.5)),
        (json!("1.5"), json!(1.5)),
        (json!(3), json!(3.0)),
        (json!("NaN"), json!("NaN")),
        (json!("Infinity"), json!("Infinity")),
        (json!("-Infinity"), json!("-Infinity")),
    ] {
        assert_eq!(kept_value(json!({"doubleValue": sent})).await, stored);
    }
}

/// J6.
#[tokio::test]
async fn null_and_absent_fields_are_defaults() {
    let span = kept(&json!({
        "name": null, "attributes": null, "events": null, "links": null, "status": null,
        "kind": null, "flags": null, "endTimeUnixNano": null, "droppedAttributesCount": null,
    }))
    .await;
    assert_eq!((&*span.name, span.attributes.len(), span.duration_ns), ("", 0, 0));
    assert_eq!(kept_value(json!({"arrayValue": {}})).await, json!([]));
    assert_eq!(kept_value(json!({"kvlistValue": {"values": null}})).await, json!({}));
    let (handle, _folder) = collector().await;
    for request in [
        json!({}),
        json!({"resourceSpans": null}),
        json!({"resourceSpans": [{"resource": null, "scopeSpans": [{"scope": null}]}]}),
    ] {
        assert_eq!(send(&handle, "/v1/traces", &request).await, (200, 0), "{request}");
    }
    end(handle).await;
}

/// J7.
#[tokio::test]
async fn bytes_are_base64_of_either_alphabet_padded_or_not() {
    for sent in ["-_8=", "-_8", "+/8=", "+/8"] {
        assert_eq!(kept_value(json!({"bytesValue": sent})).await, json!("+/8="), "{sent}");
    }
}

/// J8.
#[tokio::test]
async fn the_empty_value_is_a_value() {
    assert_eq!(kept_value(json!({})).await, Json::Null);
    assert_eq!(kept_value(Json::Null).await, Json::Null);
    let span = kept(&json!({"attributes": [{"key": "k"}]})).await;
    assert_eq!(span.attributes["k"], Json::Null);
}

/// J9.
#[tokio::test]
async fn every_line_of_an_otlp_file_is_a_request() {
    let (handle, _folder) = collector().await;
    let file = "\
        {\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{\"body\":{\"stringValue\":\"a\"}}]}]}]}\n\
        {\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{\"body\":{\"stringValue\":\"b\"}}]}]}]}\n";
    for line in file.lines() {
        let line: Json = serde_json::from_str(line).unwrap();
        assert_eq!(send(&handle, "/v1/logs", &line).await, (200, 0));
    }
    let bodies = handle.logs(LogQuery::default()).into_iter().map(|line| line.body);
    assert_eq!(bodies.collect::<Vec<_>>(), ["a", "b"]);
    end(handle).await;
}

/// J10, SV16.
#[tokio::test]
async fn no_part_of_a_metric_is_lost_in_silence() {
    let (handle, _folder) = collector().await;
    let metric = |name: &str, data: Json| json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [{name: data}]}]}]});
    let point = json!({"asInt": "1", "timeUnixNano": "5"});
    for (name, data, answer) in [
        ("gauge", json!({"dataPoints": [{"asDouble": "NaN"}]}), (200, 0)),
        ("gauge", json!({"dataPoints": [{}]}), (200, 1)),
        ("gauge", json!({"dataPoints": [{"asInt": "1", "timeUnixNano": "noon"}]}), (400, 0)),
        ("gauge", json!({"dataPoints": [{"asInt": "1", "attributes": null}]}), (200, 0)),
        ("gauge", json!({"dataPoints": {}}), (400, 0)),
        ("sum", json!({"dataPoints": [point], "aggregationTemporality": 2}), (200, 0)),
        (
            "sum",
            json!({"dataPoints": [point], "aggregationTemporality":
                "AGGREGATION_TEMPORALITY_CUMULATIVE"}),
            (200, 0),
        ),
        ("sum", json!({"dataPoints": [point, point], "aggregationTemporality": "?"}), (200, 2)),
        (
            "histogram",
            json!({"aggregationTemporality": 1, "dataPoints": [
                {"count": "3", "bucketCounts": ["1", 2], "explicitBounds": ["0.5"], "sum": "4.5"},
            ]}),
            (200, 0),
        ),
        (
            "exponentialHistogram",
            json!({"aggregationTemporality": 1, "dataPoints": [
                {"count": 3, "zeroCount": "1", "scale": -1, "positive": {"offset": -2,
                 "bucketCounts": ["1", 1]}},
            ]}),
            (200, 0),
        ),
    ] {
        let sent = metric(name, data);
        assert_eq!(send(&handle, "/v1/metrics", &sent).await, answer, "{sent}");
    }
    end(handle).await;
}
