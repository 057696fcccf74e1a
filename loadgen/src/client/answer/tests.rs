use proptest::prelude::*;

use super::*;

const ALL: Wanted = Wanted { head: true, body: true };

/// The end of an answer that comes in pieces of `size`, and how many bytes it took.
fn fed(bytes: &[u8], size: usize) -> (Result<Answer, Failure>, usize) {
    let mut answer = Answer::new(false, ALL);
    let mut taken = 0;
    for piece in bytes.chunks(size) {
        match answer.take(piece) {
            Ok(length) => taken += length,
            Err(failure) => return (Err(failure), taken),
        }
        if answer.done() {
            return (Ok(answer), taken);
        }
    }
    let closed = answer.close();
    (closed.map(|()| answer), taken)
}

/// The same whatever the pieces are.
fn read(text: &str) -> Result<(Answer, usize), Failure> {
    let (whole, taken) = fed(text.as_bytes(), text.len().max(1));
    for size in [1, 2, 3, 7] {
        let (other, other_taken) = fed(text.as_bytes(), size);
        match (&whole, &other) {
            (Ok(one), Ok(other)) => {
                assert_eq!(
                    (&one.body, one.status, taken),
                    (&other.body, other.status, other_taken)
                );
                assert_eq!((one.reusable, &one.head), (other.reusable, &other.head));
            },
            (Err(one), Err(other)) => assert_eq!(one, other, "{text:?} in pieces of {size}"),
            _ => panic!("{} bytes are another answer in pieces of {size}", text.len()),
        }
    }
    whole.map(|answer| (answer, taken))
}

#[test]
fn the_end_of_a_body_is_where_the_head_says() {
    let table: [(&str, &str, bool); 12] = [
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello|", "hello", true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello|", "hello", true),
        ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n|", "", true),
        ("HTTP/1.1 204 No\r\ncontent-length: 5\r\n\r\n|", "", true),
        ("HTTP/1.1 304 No\r\n\r\n|", "", true),
        ("HTTP/1.1 200 OK\r\nconnection: x, Close\r\ncontent-length: 1\r\n\r\n1|", "1", false),
        ("HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\n1|", "1", false),
        ("HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 1\r\n\r\n1|", "1", true),
        ("HTTP/1.1 200 OK\r\n\r\nto the end", "to the end", false),
        (
            "HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 103 E\r\na: b\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n1|",
            "1",
            true,
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n3 ;a=b\r\nabc\r\n0A\r\n0123456789\r\n0\r\nx: y\r\n\r\n|",
            "abc0123456789",
            true,
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 9\r\n\r\n1\r\na\r\n0\r\n\r\n|",
            "a",
            false,
        ),
    ];
    for (text, body, reusable) in table {
        let (answer, taken) = read(text).unwrap_or_else(|failure| panic!("{text:?}: {failure:?}"));
        assert_eq!(
            (answer.body.as_slice(), answer.reusable),
            (body.as_bytes(), reusable),
            "{text:?}"
        );
        assert_eq!(taken, text.find('|').unwrap_or(text.len()), "{text:?}");
        assert_eq!(answer.body_bytes, body.len() as u64);
    }
}

#[test]
fn what_is_no_answer_is_told_by_its_kind() {
    let head = "HTTP/1.1 200 OK\r\n";
    let table = [
        (String::new(), Failure::Closed),
        ("HTTP/1.1 200".into(), Failure::Closed),
        ("HTTP/1.1 099 OK\r\n\r\n".into(), Failure::Garbage),
        ("SSH-2.0-x\r\n\r\n".into(), Failure::Garbage),
        (format!("{head}content-length: 5\r\n\r\nhell"), Failure::Closed),
        (format!("{head}content-length: 5\r\ncontent-length: 6\r\n\r\n"), Failure::Garbage),
        (format!("{head}content-length: +5\r\n\r\n"), Failure::Garbage),
        (format!("{head}content-length: 99999999999999999999\r\n\r\n"), Failure::Garbage),
        (format!("{head}transfer-encoding: chunked\r\n\r\nxyz\r\n"), Failure::Garbage),
        (format!("{head}transfer-encoding: chunked\r\n\r\n1\r\nab\r\n"), Failure::Garbage),
        (
            format!("{head}transfer-encoding: chunked\r\n\r\n1;a\nb\r\na\r\n0\r\n\r\n"),
            Failure::Garbage,
        ),
        (
            format!("{head}transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n"),
            Failure::Garbage,
        ),
        (format!("{head}transfer-encoding: chunked\r\n\r\n1\r\na\r\n"), Failure::Closed),
        (
            format!("{head}transfer-encoding: chunked\r\n\r\n0\r\nnot a header\r\n\r\n"),
            Failure::Garbage,
        ),
        (format!("{head}x: {}\r\n\r\n", "y".repeat(HEAD_BYTES_MAX)), Failure::TooLarge),
        (format!("{head}{}\r\n", "x: y\r\n".repeat(HEADERS_MAX + 1)), Failure::TooLarge),
        ("HTTP/1.1 100 Go\r\n\r\n".repeat(17), Failure::Garbage),
    ];
    for (text, failure) in table {
        let shown: String = text.chars().take(90).collect();
        assert_eq!(read(&text).map(|_| ()), Err(failure), "{shown:?}");
    }
}

#[test]
fn an_answer_to_head_has_no_body() {
    let mut answer = Answer::new(true, ALL);
    let text = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx-shakedown-fault: slow\r\n\r\n";
    assert_eq!(answer.take(text), Ok(text.len()));
    assert!(answer.done() && answer.reusable);
    assert_eq!((answer.faults.as_deref(), answer.head.as_slice()), (Some("slow"), &text[..]));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_and_pieces_do_not_matter(
        head in prop::sample::select(vec![
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n",
            "",
        ]),
        rest in prop::collection::vec(prop::sample::select(b"0123af;\r\n :xHTP/1.".to_vec()), 0..60),
    ) {
        let text = [head.as_bytes(), &rest].concat();
        let text = String::from_utf8(text).unwrap();
        let _ = read(&text);
    }
}
