//! The codec as the data path uses it: one head and one buffer that are used again and again.

use crate::http1::{
    Chunk, ChunkReader, HeadLimits, Known, KnownSet, RequestHead, ResponseHead, field,
    forward_request, forward_response, framing_field,
};

const LIMITS: HeadLimits = HeadLimits { bytes: 64 * 1024, fields: 100 };
const REQUEST: &[u8] = b"GET /orders/4711?expand=lines HTTP/1.1\r\n\
    Host: orders.shop.internal:8080\r\n\
    User-Agent: shakedown-loadgen/0.1\r\n\
    Accept: application/json\r\n\
    Accept-Encoding: gzip\r\n\
    X-Correlation-Id: 6f1c2a3b4d5e6f70\r\n\
    traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\n\
    Content-Type: application/json\r\n\
    Content-Length: 183\r\n\
    Date: Tue, 04 Aug 2026 08:12:31 GMT\r\n\
    Cache-Control: no-store\r\n\r\n";
/// Fields that the gateway writes itself.
const OWN: KnownSet =
    KnownSet::of(&[Known::Traceparent, Known::CorrelationId, Known::DeadlineMs, Known::Expect]);

/// One benchmark: its name and what it does once.
pub struct Case {
    pub name: &'static str,
    pub run: Box<dyn FnMut() -> usize>,
}

impl std::fmt::Debug for Case {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name)
    }
}

pub fn cases() -> Vec<Case> {
    vec![
        Case { name: "request: parse", run: parse_request() },
        Case { name: "request: parse, look up, forward with own fields", run: pass_request() },
        Case { name: "response: parse", run: parse_response() },
        Case { name: "response: parse, forward", run: pass_response() },
        Case { name: "chunks: 16 of 64 B", run: read_chunks(64) },
        Case { name: "chunks: 16 of 4 KiB", run: read_chunks(4096) },
    ]
}

fn parse_request() -> Box<dyn FnMut() -> usize> {
    let mut head = RequestHead::new();
    Box::new(move || parsed(head.parse(REQUEST, &LIMITS)))
}

fn pass_request() -> Box<dyn FnMut() -> usize> {
    let mut head = RequestHead::new();
    let mut out = Vec::new();
    Box::new(move || {
        parsed(head.parse(REQUEST, &LIMITS));
        out.clear();
        forward_request(&mut out, &head, OWN);
        let id = head.known(Known::CorrelationId).unwrap_or_default();
        field(&mut out, Known::CorrelationId.name(), id);
        let parent = head.known(Known::Traceparent).unwrap_or_default();
        field(&mut out, Known::Traceparent.name(), parent);
        framing_field(&mut out, head.framing());
        out.extend_from_slice(b"\r\n");
        out.len() + usize::from(head.keep_alive())
    })
}

fn parse_response() -> Box<dyn FnMut() -> usize> {
    let mut head = ResponseHead::new();
    Box::new(move || parsed(head.parse(RESPONSE, &LIMITS, "GET")))
}

fn pass_response() -> Box<dyn FnMut() -> usize> {
    let mut head = ResponseHead::new();
    let mut out = Vec::new();
    Box::new(move || {
        parsed(head.parse(RESPONSE, &LIMITS, "GET"));
        out.clear();
        forward_response(&mut out, &head, KnownSet::EMPTY);
        framing_field(&mut out, head.framing());
        out.extend_from_slice(b"\r\n");
        out.len()
    })
}

fn read_chunks(bytes: usize) -> Box<dyn FnMut() -> usize> {
    let chunk = [format!("{bytes:x}\r\n").as_bytes(), &vec![b'x'; bytes], b"\r\n"].concat();
    let body = [chunk.repeat(16), b"0\r\n\r\n".to_vec()].concat();
    Box::new(move || {
        let mut reader = ChunkReader::new(&LIMITS);
        let (mut place, mut payload) = (0, 0);
        while let Ok((chunk, taken)) = reader.read(&body[place..]) {
            place += taken;
            match chunk {
                Chunk::Data(range) => payload += range.len(),
                Chunk::More | Chunk::End => break,
            }
        }
        payload
    })
}

fn parsed<Refusal>(outcome: Result<Option<usize>, Refusal>) -> usize {
    outcome.ok().flatten().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_does_its_work() {
        let done: Vec<usize> = cases().iter_mut().map(|case| (case.run)()).collect();
        assert_eq!(done[0], REQUEST.len());
        assert_eq!(done[2], RESPONSE.len());
        assert_eq!(done[4..], [16 * 64, 16 * 4096]);
    }
}
