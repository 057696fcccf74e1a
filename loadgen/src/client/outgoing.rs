//! A request as the bytes that a socket takes: an HTTP/1.1 head and the body behind it.
//!
//! Templates write straight into the buffer, and the buffer is used again for the next request, so
//! a request costs no allocation. HTTP/2 reads the head back; that way is not the hot one.

use std::cell::Cell;

use http::header::TE;
use http::{HeaderName, HeaderValue, Method, Request, Uri};

use bytes::Bytes;

/// Memory that a request keeps for the next one.
const KEPT_BYTES: usize = 4_096;
/// Headers that say something of a connection of HTTP/1.1, or what HTTP/2 says in another way.
const OF_CONNECTIONS: [&str; 6] =
    ["host", "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"];

/// One request to one target.
#[derive(Debug, Default, Clone)]
pub(crate) struct Outgoing {
    /// Index into the targets.
    pub(crate) target: usize,
    /// The method is HEAD.
    pub(crate) is_head: bool,
    message: Vec<u8>,
    head_length: usize,
    /// Where the path begins and ends in the message, without its query.
    path: (usize, usize),
    /// A byte of it has been written.
    written: Cell<bool>,
}

impl Outgoing {
    /// Begins a request; `path` may hold a query and must be fit to stand in a request line.
    pub(crate) fn begin(&mut self, target: usize, method: &Method, path: &str) {
        self.target = target;
        self.written.set(false);
        self.is_head = method == Method::HEAD;
        self.message.clear();
        self.message.extend_from_slice(method.as_str().as_bytes());
        self.message.push(b' ');
        let begin = self.message.len();
        self.path = (begin, begin + path.find('?').unwrap_or(path.len()));
        self.message.extend_from_slice(path.as_bytes());
        self.message.extend_from_slice(b" HTTP/1.1\r\n");
    }

    /// Whole header lines, each with its end.
    pub(crate) fn lines(&mut self, lines: &[u8]) {
        self.message.extend_from_slice(lines);
    }

    /// One header. `false` when the value cannot stand in a header, and then nothing is written.
    #[must_use]
    pub(crate) fn header(&mut self, name: &str, value: &[u8]) -> bool {
        let fits = |byte: &u8| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f);
        if !value.iter().all(fits) {
            return false;
        }
        self.message.extend_from_slice(name.as_bytes());
        self.message.extend_from_slice(b": ");
        self.message.extend_from_slice(value);
        self.message.extend_from_slice(b"\r\n");
        true
    }

    /// Ends the head with the length of the body (none when there is none) and adds it.
    pub(crate) fn end(&mut self, body: Option<&[u8]>) {
        if let Some(body) = body {
            let mut digits = [0; 20];
            self.message.extend_from_slice(b"content-length: ");
            self.message.extend_from_slice(decimal(body.len(), &mut digits));
            self.message.extend_from_slice(b"\r\n");
        }
        self.message.extend_from_slice(b"\r\n");
        self.head_length = self.message.len();
        self.message.extend_from_slice(body.unwrap_or_default());
    }

    pub(super) fn note_written(&self) {
        self.written.set(true);
    }

    /// Nobody has seen what was written of it.
    pub(super) fn unwrite(&self) {
        self.written.set(false);
    }

    /// Known also when the exchange was given up.
    pub(crate) fn is_written(&self) -> bool {
        self.written.get()
    }

    /// Nobody sends it any more: what a large body took is given back.
    pub(crate) fn release(&mut self) {
        self.message.clear();
        self.message.shrink_to(KEPT_BYTES);
    }

    pub(crate) fn message(&self) -> &[u8] {
        &self.message
    }

    /// Without the query.
    pub(crate) fn path(&self) -> &str {
        let path = self.message.get(self.path.0..self.path.1).unwrap_or_default();
        std::str::from_utf8(path).unwrap_or_default()
    }

    /// The same request for machinery that wants it in parts. What is the connection's own business
    /// is left out: HTTP/2 forbids it (RFC 9113 §8.2.2).
    pub(super) fn to_request(&self, origin: &str) -> Option<(Request<()>, Bytes)> {
        let mut headers = [httparse::EMPTY_HEADER; 128];
        let mut parsed = httparse::Request::new(&mut headers);
        parsed.parse(&self.message).ok()?;
        let body = self.message.get(self.head_length..).unwrap_or_default();
        let mut request = Request::new(());
        *request.method_mut() = parsed.method?.parse().ok()?;
        *request.uri_mut() = Uri::try_from(format!("{origin}{}", parsed.path?)).ok()?;
        for header in parsed.headers.iter() {
            let name: HeaderName = header.name.parse().ok()?;
            let is_own = OF_CONNECTIONS.contains(&name.as_str())
                || (name == TE && header.value != b"trailers");
            if !is_own {
                let value = HeaderValue::from_bytes(header.value).ok()?;
                request.headers_mut().append(name, value);
            }
        }
        Some((request, Bytes::copy_from_slice(body)))
    }
}

fn decimal(mut number: usize, digits: &mut [u8; 20]) -> &[u8] {
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &digits[at..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_its_bytes() {
        let mut out = Outgoing::default();
        for body in [None, Some(&b"hello"[..]), Some(b"")] {
            out.begin(3, &Method::PUT, "/a/b?c=d");
            out.lines(b"host: x\r\n");
            assert!(out.header("x-a", b"1"));
            assert!(!out.header("x-b", b"1\r\nx-evil: 1"));
            out.end(body);
            let length = body.map_or(String::new(), |b| format!("content-length: {}\r\n", b.len()));
            let expected = format!("PUT /a/b?c=d HTTP/1.1\r\nhost: x\r\nx-a: 1\r\n{length}\r\n");
            let expected = [expected.as_bytes(), body.unwrap_or_default()].concat();
            assert_eq!(out.message(), expected);
            assert_eq!((out.path(), out.target, out.is_head), ("/a/b", 3, false));
        }
    }

    #[test]
    fn the_parts_of_a_request_are_those_of_its_bytes() {
        let mut out = Outgoing::default();
        out.begin(0, &Method::POST, "/a?b");
        out.lines(b"host: x\r\nx-a: 1\r\nconnection: close\r\nUpgrade: a\r\nte: gzip\r\n");
        out.lines(b"proxy-connection: close\r\nte: trailers\r\n");
        out.end(Some(b"body"));
        let (request, body) = out.to_request("http://x").unwrap();
        assert_eq!(body, "body");
        assert_eq!(
            (request.method(), request.uri().to_string()),
            (&Method::POST, "http://x/a?b".into())
        );
        let names: Vec<_> = request.headers().keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["x-a", "te", "content-length"]);
    }

    #[test]
    fn a_large_body_is_not_kept_for_the_next_request() {
        let mut out = Outgoing::default();
        out.begin(0, &Method::PUT, "/");
        out.end(Some(&vec![b'x'; 100_000]));
        out.release();
        assert!(out.message.capacity() <= KEPT_BYTES);
    }

    #[test]
    fn numbers_are_written_as_people_write_them() {
        for number in [0, 7, 10, 1_234_567_890, usize::MAX] {
            assert_eq!(decimal(number, &mut [0; 20]), number.to_string().as_bytes());
        }
    }
}
