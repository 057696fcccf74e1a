use proptest::prelude::*;

use super::*;

/// Bodies that are refused.
pub(super) const REFUSED: &[(Refusal, &str)] = &[
    (Refusal::ChunkSize, "\r\n"),
    (Refusal::ChunkSize, " 5\r\nhello\r\n0\r\n\r\n"),
    (Refusal::ChunkSize, "\t5\r\nhello\r\n0\r\n\r\n"),
    (Refusal::ChunkSize, "5 \r\nhello\r\n0\r\n\r\n"),
    (Refusal::ChunkSize, "5 ;a\r\nhello\r\n0\r\n\r\n"),
    (Refusal::ChunkSize, "+5\r\nhello\r\n0\r\n\r\n"),
    (Refusal::ChunkSize, "-5\r\nhello\r\n0\r\n\r\n"),
    (Refusal::ChunkSize, "0x5\r\nhello\r\n0\r\n\r\n"),
    (Refusal::ChunkSize, "5_0\r\nhello\r\n0\r\n\r\n"),
    (Refusal::ChunkSize, "5h\r\nhello\r\n0\r\n\r\n"),
    (Refusal::ChunkSize, ";a\r\nhello\r\n0\r\n\r\n"),
    (Refusal::ChunkSize, "5,5\r\nhello\r\n0\r\n\r\n"),
    (Refusal::ChunkSize, "5\0\r\nhello\r\n0\r\n\r\n"),
    (Refusal::ChunkSize, "\u{ff15}\r\nhello\r\n0\r\n\r\n"),
    (Refusal::LongChunkSize, "00000000000000005\r\nhello\r\n0\r\n\r\n"),
    (Refusal::LongChunkSize, "10000000000000005\r\nhello\r\n0\r\n\r\n"),
    (Refusal::BareLf, "5\nhello\r\n0\r\n\r\n"),
    (Refusal::BareCr, "5\rhello\r\n0\r\n\r\n"),
    (Refusal::BareLf, "5;\nhello\r\n0\r\n\r\n"),
    (Refusal::BareLf, "5;a=b\nhello\r\n0\r\n\r\n"),
    (Refusal::BareCr, "5;a\rb\r\nhello\r\n0\r\n\r\n"),
    (Refusal::ChunkExtension, "5;a=\0\r\nhello\r\n0\r\n\r\n"),
    (Refusal::ChunkExtension, "5;a=\x7f\r\nhello\r\n0\r\n\r\n"),
    (Refusal::ChunkEnd, "5\r\nhello!\r\n0\r\n\r\n"),
    (Refusal::ChunkEnd, "5\r\nhello\n0\r\n\r\n"),
    (Refusal::ChunkEnd, "5\r\nhello\r0\r\n\r\n"),
    (Refusal::ChunkEnd, "5\r\nhello0\r\n\r\n"),
    (Refusal::ChunkEnd, "5\r\nhello\n\r\n0\r\n\r\n"),
    (Refusal::ChunkEnd, "3\r\nhello\r\n0\r\n\r\n"),
    (Refusal::BareLf, "0\r\n\n"),
    (Refusal::BareCr, "0\r\n\r\r\n"),
    (Refusal::BareLf, "0\r\nX: y\n\r\n"),
    (Refusal::BareCr, "0\r\nX: y\rz\r\n\r\n"),
    (Refusal::Folded, "0\r\n X: y\r\n\r\n"),
    (Refusal::Folded, "0\r\nX: y\r\n z\r\n\r\n"),
    (Refusal::SpaceBeforeColon, "0\r\nX : y\r\n\r\n"),
    (Refusal::FieldName, "0\r\nX\r\n\r\n"),
    (Refusal::SpaceBeforeColon, "0\r\nGET / HTTP/1.1\r\n\r\n"),
    (Refusal::FieldValue, "0\r\nX: \0\r\n\r\n"),
    (Refusal::ManyTrailers, "0\r\nA: 1\r\nB: 2\r\nDate: 3\r\n\r\n"),
    (Refusal::LongTrailers, "0\r\nA: 01234567890123456789012345678901234567890\r\n\r\n"),
    (Refusal::LongTrailers, "0\r\nA: 0123456789012345678901234567890123456789"),
    (Refusal::LongTrailers, "0\r\nDate: 234567890123\r\nDate: 234567890123\r\n\r\n"),
];
const TRAILERS: HeadLimits = HeadLimits { bytes: 40, fields: 2 };

/// Payload, trailers, bytes taken; `None` in place of the last if the end was not reached.
type Decoded = (Vec<u8>, Vec<u8>, Option<usize>);

fn decode(input: &[u8], limits: &HeadLimits) -> Result<Decoded, Refusal> {
    let mut reader = ChunkReader::new(limits);
    let (mut payload, mut place) = (Vec::new(), 0);
    loop {
        let rest = &input[place..];
        let (chunk, taken) = reader.read(rest)?;
        place += taken;
        match chunk {
            Chunk::Data(range) => payload.extend_from_slice(&rest[range]),
            Chunk::More => return Ok((payload, reader.trailers().to_vec(), None)),
            Chunk::End => return Ok((payload, reader.trailers().to_vec(), Some(place))),
        }
    }
}

#[test]
fn framing_that_is_not_plainly_right_is_refused() {
    for (refusal, input) in REFUSED {
        let outcome = decode(input.as_bytes(), &TRAILERS);
        assert_eq!(outcome, Err(*refusal), "{}", input.escape_debug());
    }
}

#[test]
fn a_body_is_read_to_its_end_and_no_further() {
    for (input, payload) in [
        ("0\r\n\r\n", ""),
        ("00\r\n\r\n", ""),
        ("5\r\nhello\r\n0\r\n\r\n", "hello"),
        ("0000000000000005\r\nhello\r\n0000000000000000\r\n\r\n", "hello"),
        ("a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789"),
        ("2\r\n\r\n\r\n0\r\n\r\n", "\r\n"),
        ("5;a=b;c=\"d e\";\u{e9}\thello\r\nhello\r\n0;x\r\n\r\n", "hello"),
        ("5;\r\nhello\r\n0\r\n\r\n", "hello"),
    ] {
        let taken = Some(input.len());
        let whole = format!("{input}GET /");
        let outcome = decode(whole.as_bytes(), &TRAILERS);
        assert_eq!(outcome, Ok((payload.into(), Vec::new(), taken)), "{}", input.escape_debug());
    }
}

#[test]
fn the_largest_size_is_waited_for() {
    let input = b"ffffffffffffffff\r\nhello";
    assert_eq!(decode(input, &TRAILERS), Ok((b"hello".to_vec(), Vec::new(), None)));
}

#[test]
fn the_end_is_told_again_to_whoever_asks_again() {
    let mut reader = ChunkReader::new(&TRAILERS);
    assert_eq!(reader.read(b""), Ok((Chunk::More, 0)));
    assert_eq!(reader.read(b"0\r\n\r\nGET"), Ok((Chunk::End, 5)));
    assert_eq!(reader.read(b"GET"), Ok((Chunk::End, 0)));
}

#[test]
fn extensions_are_bounded_over_the_whole_body() {
    let chunk = |bytes: usize| format!("1;{}\r\nx\r\n", "e".repeat(bytes));
    let fitting = format!("{}{}0\r\n\r\n", chunk(8 * 1024), chunk(8 * 1024));
    assert!(decode(fitting.as_bytes(), &TRAILERS).is_ok());
    let longer = format!("{}{}0\r\n\r\n", chunk(8 * 1024), chunk(8 * 1024 + 1));
    assert_eq!(decode(longer.as_bytes(), &TRAILERS), Err(Refusal::ChunkExtension));
    let endless = format!("1;{}", "e".repeat(17 * 1024));
    assert_eq!(decode(endless.as_bytes(), &TRAILERS), Err(Refusal::ChunkExtension));
}

#[test]
fn trailers_are_kept_except_those_that_would_deceive() {
    let input = b"0\r\nX-Sum:  1 \r\ngrpc-status:0\r\nContent-Length: 5\r\nhost: b\r\n\
                  Transfer-Encoding: chunked\r\nSet-Cookie: a\r\nAuthorization: b\r\n\
                  Connection: close\r\ntrailer: x\r\nContent-Encoding: gzip\r\n\r\n";
    let (_, trailers, taken) = decode(input, &LIMITS).unwrap();
    assert_eq!(String::from_utf8(trailers).unwrap(), "X-Sum: 1\r\ngrpc-status: 0\r\n");
    assert_eq!(taken, Some(input.len()));
}

#[test]
fn a_size_line_has_no_digit_too_many() {
    for (size, line) in [
        (0, "0\r\n"),
        (1, "1\r\n"),
        (15, "f\r\n"),
        (16, "10\r\n"),
        (0xabc, "abc\r\n"),
        (u64::MAX, "ffffffffffffffff\r\n"),
    ] {
        assert_eq!(chunk_size_line(&mut [0; 18], size), line.as_bytes());
    }
}

/// A body as it is framed by us.
fn framed(chunks: &[Vec<u8>], trailers: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for chunk in chunks {
        body.extend_from_slice(chunk_size_line(&mut [0; 18], chunk.len() as u64));
        body.extend_from_slice(chunk);
        body.extend_from_slice(b"\r\n");
    }
    end_of_chunks(&mut body, trailers);
    body
}

proptest! {
    #[test]
    fn what_we_frame_is_read_as_it_was_in_any_pieces(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..80), 0..6),
        with_trailers in any::<bool>(),
        rest in prop::collection::vec(any::<u8>(), 0..8),
    ) {
        let trailers: &[u8] = if with_trailers { b"x-sum: 1\r\n" } else { b"" };
        let mut body = framed(&chunks, trailers);
        let taken = Some(body.len());
        body.extend_from_slice(&rest);
        let expected = (chunks.concat(), trailers.to_vec(), taken);
        prop_assert_eq!(decode(&body, &LIMITS), Ok(expected));
        // Compares every cut, and a second decoder.
        crate::fuzz::http1::chunked_body(&body);
    }
}
