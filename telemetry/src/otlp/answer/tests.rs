use http::HeaderValue;
use proptest::prelude::*;

use super::*;

fn answer(status: u16, headers: &[(&'static str, String)], body: &[u8]) -> Answer {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, HeaderValue::from_str(value).unwrap());
    }
    let status = StatusCode::from_u16(status).unwrap();
    Answer { status, headers: map, body: Bytes::copy_from_slice(body) }
}

/// Noon of 21 October 2026.
const NOW_UNIX_NS: u64 = 1_792_584_000_000_000_000;

fn judge(protocol: Protocol, answer: Result<Answer, CallError>) -> Outcome {
    outcome(protocol, answer, NOW_UNIX_NS)
}

/// `google.rpc.Status` with a pause, in base64.
fn details(type_url: &str, delay: RetryDelay) -> String {
    let info = RetryInfo { retry_delay: Some(delay) };
    let detail = RpcDetail { type_url: type_url.to_owned(), value: info.encode_to_vec() };
    STANDARD_NO_PAD
        .encode(RpcStatus { details: vec![detail], ..RpcStatus::default() }.encode_to_vec())
}

const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";

/// When the next try is.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Never,
    Later,
    After(Duration),
}

fn next(outcome: &Outcome) -> Next {
    match outcome {
        Outcome::Again { after: Some(after), .. } => Next::After(*after),
        Outcome::Again { after: None, .. } => Next::Later,
        Outcome::Delivered { .. } | Outcome::Lost { .. } => Next::Never,
    }
}

#[test]
fn only_the_codes_that_otlp_calls_retryable_are_tried_again() {
    for code in 1..=16_u32 {
        let headers = [("grpc-status", code.to_string())];
        let judged = judge(Protocol::Grpc, Ok(answer(200, &headers, b"")));
        assert_eq!(next(&judged) == Next::Later, [1, 4, 10, 11, 14, 15].contains(&code), "{code}");
        let delivered = matches!(judged, Outcome::Delivered { .. });
        assert!(!delivered, "{code}");
    }
    for status in [200, 202, 400, 401, 404, 408, 413, 429, 500, 501, 502, 503, 504] {
        let judged = judge(Protocol::HttpProtobuf, Ok(answer(status, &[], b"")));
        let retryable = [429, 502, 503, 504].contains(&status);
        assert_eq!(next(&judged) == Next::Later, retryable, "{status}");
        let delivered = matches!(judged, Outcome::Delivered { .. });
        assert_eq!(delivered, status < 300, "{status}");
    }
}

#[test]
fn a_receiver_that_is_exhausted_is_tried_again_only_when_it_says_when() {
    let exhausted = |details: Option<String>| {
        let mut headers = vec![("grpc-status", "8".to_owned())];
        headers.extend(details.map(|details| ("grpc-status-details-bin", details)));
        next(&judge(Protocol::Grpc, Ok(answer(200, &headers, b""))))
    };
    let delay = RetryDelay { seconds: 2, nanos: 500_000_000 };
    let pause = Duration::from_millis(2_500);
    assert_eq!(exhausted(None), Next::Never);
    assert_eq!(exhausted(Some(details(RETRY_INFO, delay))), Next::After(pause));
    assert_eq!(exhausted(Some(format!("{}==", details(RETRY_INFO, delay)))), Next::After(pause));
    assert_eq!(exhausted(Some(details("google.rpc.BadRequest", delay))), Next::Never);
    assert_eq!(exhausted(Some("not base64!".to_owned())), Next::Never);
    let backwards = RetryDelay { seconds: -3, nanos: -1 };
    assert_eq!(exhausted(Some(details(RETRY_INFO, backwards))), Next::After(Duration::ZERO));
}

#[test]
fn http_says_the_pause_in_seconds() {
    let busy = |after: &str| {
        let headers = [("retry-after", after.to_owned())];
        next(&judge(Protocol::HttpProtobuf, Ok(answer(503, &headers, b""))))
    };
    assert_eq!(busy(" 7 "), Next::After(Duration::from_secs(7)));
    assert_eq!(busy("-1"), Next::Later);
    assert_eq!(busy("soon"), Next::Later);
}

#[test]
fn http_says_the_pause_as_a_date() {
    let busy = |after: &str| {
        let headers = [("retry-after", after.to_owned())];
        next(&judge(Protocol::HttpProtobuf, Ok(answer(503, &headers, b""))))
    };
    assert_eq!(busy("Wed, 21 Oct 2026 12:00:09 GMT"), Next::After(Duration::from_secs(9)));
    assert_eq!(busy("Wed, 21 Oct 2026 11:00:00 GMT"), Next::After(Duration::ZERO));
}

#[test]
fn the_words_of_a_refusal_are_kept_but_not_counted_by() {
    let status = RpcStatus { message: "no such tenant".into(), ..RpcStatus::default() };
    let pb = answer(400, &[], &status.encode_to_vec());
    let json = answer(400, &[], br#"{"message":"no such tenant"}"#);
    let grpc = [("grpc-status", "3".to_owned()), ("grpc-message", "no such tenant".to_owned())];
    for (protocol, answer, label) in [
        (Protocol::HttpProtobuf, pb, "HTTP 400"),
        (Protocol::HttpJson, json, "HTTP 400"),
        (Protocol::Grpc, answer(200, &grpc, b""), "gRPC status 3"),
    ] {
        let Outcome::Lost { reason } = judge(protocol, Ok(answer)) else { panic!("{label}") };
        assert_eq!((&*reason.label, &*reason.words), (label, "no such tenant"));
        assert_eq!(reason.to_string(), format!("{label}: no such tenant"));
    }
}

#[test]
fn a_partial_success_tells_its_count_and_its_words() {
    let partial = PartialSuccess { rejected: 3, error_message: "ä".repeat(300) };
    let response = ExportResponse { partial_success: Some(partial) }.encode_to_vec();
    let words = "ä".repeat(300);
    let text =
        format!(r#"{{"partialSuccess":{{"rejectedLogRecords":"3","errorMessage":"{words}"}}}}"#);
    let framed = [&[0, 0, 0, 0, response.len() as u8][..], &response].concat();
    let ok = [("grpc-status", "0".to_owned())];
    for (protocol, answer) in [
        (Protocol::Grpc, answer(200, &ok, &framed)),
        (Protocol::HttpProtobuf, answer(200, &[], &response)),
        (Protocol::HttpJson, answer(200, &[], text.as_bytes())),
    ] {
        let Outcome::Delivered { rejected, message } = judge(protocol, Ok(answer)) else {
            panic!("{protocol:?}: not delivered");
        };
        assert_eq!((rejected, message), (3, "ä".repeat(256)));
    }
}

#[test]
fn an_answer_in_between_counts_by_its_http_status() {
    for (status, retryable) in [(200, false), (404, false), (502, true), (503, true)] {
        let judged = judge(Protocol::Grpc, Ok(answer(status, &[], b"<html>")));
        assert_eq!(next(&judged) == Next::Later, retryable, "{status}");
        assert!(!matches!(judged, Outcome::Delivered { .. }), "{status}");
    }
}

proptest! {
    #[test]
    fn no_answer_is_too_strange(
        status in 100_u16..1_000,
        code in "[0-9a-z-]{0,4}",
        details in "[A-Za-z0-9+/=!]{0,60}",
        body in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let headers = [("grpc-status", code), ("grpc-status-details-bin", details)];
        for protocol in [Protocol::Grpc, Protocol::HttpProtobuf, Protocol::HttpJson] {
            let _any = judge(protocol, Ok(answer(status, &headers, &body)));
        }
    }
}
