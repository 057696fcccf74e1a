use http::HeaderMap;

use super::*;

fn answer(status: u16, headers: &[(&'static str, &str)], body: &[u8]) -> Answer {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(*name, value.parse().unwrap());
    }
    Answer {
        status: StatusCode::from_u16(status).unwrap(),
        headers: map,
        body: bytes::Bytes::copy_from_slice(body),
    }
}

/// RetryInfo of 7 seconds, as a server puts it into its trailers.
fn retry_info_details() -> String {
    let (mut duration, mut info, mut any, mut status) = (vec![0x08, 7], vec![], vec![], vec![]);
    crate::wire::put_bytes(1, &std::mem::take(&mut duration), &mut info);
    crate::wire::put_bytes(1, b"type.googleapis.com/google.rpc.RetryInfo", &mut any);
    crate::wire::put_bytes(2, &info, &mut any);
    crate::wire::put_bytes(3, &any, &mut status);
    STANDARD_NO_PAD.encode(status)
}

#[test]
fn http_answers_are_retried_only_where_otlp_says_so() {
    for status in [429, 502, 503, 504] {
        let outcome = outcome(Protocol::Http, Ok(answer(status, &[], b"")));
        assert!(matches!(outcome, Outcome::Again { after: None, .. }), "{status}");
    }
    for status in [400, 401, 404, 408, 413, 500, 501, 302] {
        let outcome = outcome(Protocol::Http, Ok(answer(status, &[], b"")));
        assert!(matches!(outcome, Outcome::Lost { .. }), "{status}");
    }
    let asked = outcome(Protocol::Http, Ok(answer(429, &[("retry-after", "3")], b"")));
    assert!(matches!(asked, Outcome::Again { after: Some(after), .. } if after.as_secs() == 3));
}

#[test]
fn grpc_answers_are_retried_only_where_otlp_says_so() {
    for code in [1, 4, 10, 11, 14, 15] {
        let headers = [("grpc-status", &*code.to_string())];
        let outcome = outcome(Protocol::Grpc, Ok(answer(200, &headers, b"")));
        assert!(matches!(outcome, Outcome::Again { .. }), "{code}");
    }
    for code in [2, 3, 5, 7, 8, 12, 13, 16] {
        let headers = [("grpc-status", &*code.to_string())];
        let outcome = outcome(Protocol::Grpc, Ok(answer(200, &headers, b"")));
        assert!(matches!(outcome, Outcome::Lost { .. }), "{code}");
    }
    let details = retry_info_details();
    let headers = [("grpc-status", "8"), ("grpc-status-details-bin", &*details)];
    let exhausted = outcome(Protocol::Grpc, Ok(answer(200, &headers, b"")));
    let seven = Some(Duration::from_secs(7));
    assert!(matches!(exhausted, Outcome::Again { after, .. } if after == seven));
    let proxy = outcome(Protocol::Grpc, Ok(answer(503, &[], b"")));
    assert!(matches!(proxy, Outcome::Again { .. }));
    let nothing = outcome(Protocol::Grpc, Ok(answer(200, &[], b"")));
    assert!(matches!(nothing, Outcome::Lost { .. }));
}

#[test]
fn a_partial_success_is_a_delivery() {
    let partial = [0x0a, 6, 0x08, 2, 0x12, 2, b'n', b'o'];
    let expected = Outcome::Delivered { rejected: 2, message: "no".to_owned() };
    assert_eq!(outcome(Protocol::Http, Ok(answer(200, &[], &partial))), expected);
    let framed = [&[0, 0, 0, 0, 8][..], &partial].concat();
    let headers = [("grpc-status", "0")];
    assert_eq!(outcome(Protocol::Grpc, Ok(answer(200, &headers, &framed))), expected);
}

#[test]
fn delays_grow_to_a_bound_and_honour_what_the_backend_asks() {
    let mut backoff = Backoff::new();
    let delays: Vec<u64> = (0..9).map(|_| backoff.delay(None, 0.0).as_millis() as u64).collect();
    assert_eq!(delays, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
    let mut backoff = Backoff::new();
    assert_eq!(backoff.delay(Some(Duration::from_secs(5)), 0.0).as_secs(), 5);
    assert_eq!(backoff.delay(None, 0.0).as_secs(), 10);
    let spread = |spread| Backoff::new().delay(None, spread).as_millis();
    assert_eq!((spread(-1.0), spread(1.0)), (400, 600));
}
