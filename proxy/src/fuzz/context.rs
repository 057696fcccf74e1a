//! What a request brings along: the trace it belongs to and who it is. A broken header is as good
//! as none, a good one means the same when it is written again, and all of it travels on.

use model::id::CorrelationId;
use model::propagation::{FLAG_RANDOM, FLAG_SAMPLED, TraceParent};

use crate::exchange::incoming::{Incoming, correlation_id};
use crate::http1::{HeadLimits, KnownSet, RequestHead, forward_request};

const LIMITS: HeadLimits = HeadLimits { bytes: 4_000, fields: 32 };
/// What is looked at, but never changed here.
const TRAVELS: [&str; 5] =
    ["traceparent", "tracestate", "baggage", "x-correlation-id", "x-request-id"];

/// The fields of a request, of which `data` are lines; `None` when there is no such request.
pub(super) fn head_with(data: &[u8]) -> Option<RequestHead> {
    let text = [b"GET / HTTP/1.1\r\nhost: a\r\n", data, b"\r\n\r\n"].concat();
    let mut head = RequestHead::new();
    let read = head.parse(&text, &LIMITS);
    matches!(read, Ok(Some(_))).then_some(head)
}

/// `data` are the fields of a request; alone it is also a value.
pub fn trace_context(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        traceparent(text);
    }
    let Some(head) = head_with(data) else { return };
    let incoming = Incoming::read(&head);
    let lines: Vec<&[u8]> = head.values("traceparent").collect();
    let only = if let [only] = lines[..] { std::str::from_utf8(only).ok() } else { None };
    assert_eq!(incoming.parent, only.and_then(|text| naive(text.trim())));

    let lines: Vec<&[u8]> = head.values("tracestate").collect();
    let state = incoming.tracestate(&head);
    if incoming.parent.is_none() || lines.is_empty() {
        assert_eq!(state, None);
    } else {
        let texts = lines.iter().filter_map(|line| std::str::from_utf8(line).ok());
        let joined: Vec<&str> = texts.map(str::trim).collect();
        assert_eq!(state.as_deref().unwrap_or_default().trim(), joined.join(","));
    }

    let ids = ["x-correlation-id", "x-request-id"];
    let first = |name| head.values(name).next().and_then(|value| std::str::from_utf8(value).ok());
    let is_id = |text: &&str| (1..=128).contains(&text.len()) && text.bytes().all(is_visible);
    let expected = ids.into_iter().filter_map(first).map(str::trim).find(is_id);
    assert_eq!(correlation_id(&head).as_ref().map(CorrelationId::as_str), expected);

    let mut out = Vec::new();
    forward_request(&mut out, &head, KnownSet::EMPTY);
    out.extend_from_slice(b"host: a\r\n\r\n");
    let mut next = RequestHead::new();
    let wide = HeadLimits { bytes: LIMITS.bytes * 2, fields: LIMITS.fields + 2 };
    if matches!(next.parse(&out, &wide), Ok(Some(_))) {
        for name in TRAVELS {
            assert!(head.values(name).eq(next.values(name)), "{name} does not travel on");
        }
    }
}

/// A text that is read is written as version 00, which reads the same and is written the same.
fn traceparent(text: &str) {
    let read = text.parse::<TraceParent>().ok();
    assert_eq!(read, naive(text), "{text}");
    if let Some(parent) = read {
        let written = parent.to_string();
        assert_eq!(written.parse(), Ok(parent));
        assert!(written.starts_with("00-") && written.len() == 55, "{written}");
        assert_eq!(written[..52], format!("00{}", &text[2..52]), "{text}");
    }
}

/// Read by the places of its parts, which are the same in all versions.
fn naive(text: &str) -> Option<TraceParent> {
    let bytes = text.as_bytes();
    let is_hex = |place: &usize| matches!(bytes[*place], b'0'..=b'9' | b'a'..=b'f');
    let dashes = [2, 35, 52];
    let long =
        bytes.len() == 55 || (bytes.len() > 55 && bytes[55] == b'-' && !bytes.starts_with(b"00"));
    let shaped = long
        && dashes.iter().all(|dash| bytes[*dash] == b'-')
        && (0..55).filter(|place| !dashes.contains(place)).all(|place| is_hex(&place));
    let zero = |from: usize, to: usize| bytes[from..to].iter().all(|digit| *digit == b'0');
    if !shaped || bytes.starts_with(b"ff") || zero(3, 35) || zero(36, 52) {
        return None;
    }
    let flags = u8::from_str_radix(&text[53..55], 16).ok()? & (FLAG_SAMPLED | FLAG_RANDOM);
    let (trace_id, span_id) = (text[3..35].parse().ok()?, text[36..52].parse().ok()?);
    Some(TraceParent { trace_id, span_id, flags })
}

fn is_visible(byte: u8) -> bool {
    byte.is_ascii_graphic()
}
