//! The codec: any bytes are read without a panic, alike in whatever pieces they come, and what is
//! passed on means what was read.

use crate::http1::{
    Chunk, ChunkReader, HeadLimits, KnownSet, Refusal, RequestHead, ResponseHead, field,
    forward_request, forward_response, framing_field,
};

/// Small, so that short inputs reach them.
const LIMITS: HeadLimits = HeadLimits { bytes: 2_000, fields: 16 };
/// Longer inputs come in larger pieces: each piece is a call.
const PIECES_MAX: usize = 600;
/// Largest body that is decoded twice.
const NAIVE_BYTES_MAX: usize = 64 * 1024;

type Outcome = Result<Option<usize>, Refusal>;

pub fn request_head(bytes: &[u8]) {
    let mut head = RequestHead::new();
    let whole = head.parse(bytes, &LIMITS);
    let mut dripped = RequestHead::new();
    assert_eq!(drip(bytes, |piece| dripped.parse(piece, &LIMITS)), whole);
    if !matches!(whole, Ok(Some(_))) {
        return;
    }
    let out = passed_request(&head);
    assert_eq!(passed_request(&dripped), out);

    let mut again = RequestHead::new();
    let wide = HeadLimits { bytes: LIMITS.bytes * 2, fields: LIMITS.fields + 2 };
    assert_eq!(again.parse(&out, &wide), Ok(Some(out.len())), "{}", out.escape_ascii());
    assert_eq!(again.method(), head.method());
    assert_eq!(again.path_and_query(), head.path_and_query());
    assert_eq!(again.framing(), head.framing());
    assert_eq!(again.host(), head.host().or(Some("callee")));
    assert_eq!(passed_request(&again), out);
}

fn passed_request(head: &RequestHead) -> Vec<u8> {
    let mut out = Vec::new();
    forward_request(&mut out, head, KnownSet::EMPTY);
    if head.host().is_none() {
        field(&mut out, "host", b"callee");
    }
    framing_field(&mut out, head.framing());
    out.extend_from_slice(b"\r\n");
    out
}

pub fn response_head(bytes: &[u8]) {
    for method in ["GET", "HEAD", "CONNECT"] {
        response_to(method, bytes);
    }
}

fn response_to(method: &str, bytes: &[u8]) {
    let mut head = ResponseHead::new();
    let whole = head.parse(bytes, &LIMITS, method);
    let mut dripped = ResponseHead::new();
    assert_eq!(drip(bytes, |piece| dripped.parse(piece, &LIMITS, method)), whole);
    if !matches!(whole, Ok(Some(_))) {
        return;
    }
    let out = passed_response(&head);
    assert_eq!(passed_response(&dripped), out);

    let mut again = ResponseHead::new();
    let wide = HeadLimits { bytes: LIMITS.bytes * 2, fields: LIMITS.fields + 2 };
    assert_eq!(again.parse(&out, &wide, method), Ok(Some(out.len())), "{}", out.escape_ascii());
    assert_eq!((again.status(), again.reason()), (head.status(), head.reason()));
    assert_eq!(again.framing(), head.framing());
    assert_eq!(passed_response(&again), out);
}

fn passed_response(head: &ResponseHead) -> Vec<u8> {
    let mut out = Vec::new();
    forward_response(&mut out, head, KnownSet::EMPTY);
    framing_field(&mut out, head.framing());
    out.extend_from_slice(b"\r\n");
    out
}

/// The first verdict when the bytes come in piece by piece.
fn drip(bytes: &[u8], mut parse: impl FnMut(&[u8]) -> Outcome) -> Outcome {
    let step = bytes.len() / PIECES_MAX + 1;
    let mut end = 0;
    loop {
        let outcome = parse(&bytes[..end]);
        if outcome != Ok(None) || end == bytes.len() {
            return outcome;
        }
        end = (end + step).min(bytes.len());
    }
}

pub fn chunked_body(bytes: &[u8]) {
    let whole = decode(bytes, usize::MAX);
    for step in [1, 2, 3, 7] {
        assert_eq!(decode(bytes, step), whole, "in pieces of {step}");
    }
    if bytes.len() <= NAIVE_BYTES_MAX {
        let ended = (whole.end == Ok(true)).then_some((whole.payload, whole.taken));
        assert_eq!(naive(bytes), ended);
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Decoded {
    payload: Vec<u8>,
    taken: usize,
    trailers: Vec<u8>,
    /// Whether the end was reached.
    end: Result<bool, Refusal>,
}

/// Reads a body that comes in pieces of `step` bytes.
fn decode(bytes: &[u8], step: usize) -> Decoded {
    let mut reader = ChunkReader::new(&LIMITS);
    let (mut payload, mut place) = (Vec::new(), 0_usize);
    let end = loop {
        let piece = &bytes[place..bytes.len().min(place.saturating_add(step))];
        match reader.read(piece) {
            Ok((Chunk::Data(range), taken)) => {
                assert!(!range.is_empty() && range.end == taken);
                payload.extend_from_slice(&piece[range]);
                place += taken;
            },
            Ok((Chunk::End, taken)) => {
                place += taken;
                break Ok(true);
            },
            Ok((Chunk::More, taken)) => {
                assert_eq!(taken, piece.len());
                place += taken;
                if place == bytes.len() {
                    break Ok(false);
                }
            },
            // How much of a refused body was read depends on the pieces.
            Err(refusal) => {
                assert_eq!(reader.read(b"0\r\n\r\n"), Err(refusal), "a refusal is final");
                place = 0;
                break Err(refusal);
            },
        }
    };
    Decoded { payload, taken: place, trailers: reader.trailers().to_vec(), end }
}

/// The whole payload and the bytes that the body takes, read in the plainest way; `None` if the
/// body is incomplete or not right.
fn naive(input: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut payload, mut rest, mut extension_bytes) = (Vec::new(), input, 0);
    loop {
        let line = naive_line(&mut rest)?;
        let digits = line.split(|byte| *byte == b';').next()?;
        let is_size = (1..=16).contains(&digits.len()) && digits.iter().all(u8::is_ascii_hexdigit);
        extension_bytes += (line.len() - digits.len()).saturating_sub(1);
        if !is_size || extension_bytes > 16 * 1024 {
            return None;
        }
        let size = u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        if size == 0 {
            return naive_trailers(&mut rest).map(|()| (payload, input.len() - rest.len()));
        }
        let (data, after) = rest.split_at_checked(usize::try_from(size).ok()?)?;
        payload.extend_from_slice(data);
        rest = after.strip_prefix(b"\r\n")?;
    }
}

/// A line of text and tabs, without its end.
fn naive_line<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = rest.windows(2).position(|two| two == b"\r\n")?;
    let line = &rest[..end];
    *rest = &rest[end + 2..];
    line.iter().all(|byte| *byte == b'\t' || !byte.is_ascii_control()).then_some(line)
}

fn naive_trailers(rest: &mut &[u8]) -> Option<()> {
    let before = rest.len();
    for fields in 0.. {
        let line = naive_line(rest)?;
        if before - rest.len() > LIMITS.bytes {
            return None;
        }
        if line.is_empty() {
            break;
        }
        let colon = line.iter().position(|byte| *byte == b':')?;
        let is_token =
            |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
        if colon == 0 || !line[..colon].iter().all(is_token) || fields == LIMITS.fields {
            return None;
        }
    }
    Some(())
}
