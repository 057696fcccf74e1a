use super::*;

mod chunks;
mod refusals;
mod requests;
mod responses;
mod writing;

const LIMITS: HeadLimits = HeadLimits { bytes: 64 * 1024, fields: 100 };

/// Reads a head that is whole.
fn request(input: impl AsRef<[u8]>) -> Result<RequestHead, Refusal> {
    let mut head = RequestHead::new();
    let taken = head.parse(input.as_ref(), &LIMITS)?;
    assert!(taken.is_some(), "incomplete: {}", input.as_ref().escape_ascii());
    Ok(head)
}

/// Reads a whole answer to a `GET`.
fn response(input: impl AsRef<[u8]>) -> Result<ResponseHead, Refusal> {
    response_to("GET", input)
}

fn response_to(method: &str, input: impl AsRef<[u8]>) -> Result<ResponseHead, Refusal> {
    let mut head = ResponseHead::new();
    let taken = head.parse(input.as_ref(), &LIMITS, method)?;
    assert!(taken.is_some(), "incomplete: {}", input.as_ref().escape_ascii());
    Ok(head)
}

/// A POST with these field lines besides its Host.
fn post(lines: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n")
}

fn ok(lines: &str) -> String {
    format!("HTTP/1.1 200 OK\r\n{lines}\r\n")
}

fn passed_request(head: &RequestHead) -> String {
    let mut out = Vec::new();
    forward_request(&mut out, head, KnownSet::EMPTY);
    String::from_utf8(out).unwrap()
}

fn passed_response(head: &ResponseHead) -> String {
    let mut out = Vec::new();
    forward_response(&mut out, head, KnownSet::EMPTY);
    String::from_utf8(out).unwrap()
}
