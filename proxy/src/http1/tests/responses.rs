use super::*;

#[test]
fn a_plain_answer_is_read() {
    let head = response("HTTP/1.1 404 Not Here\r\nContent-Length: 5\r\n\r\n").unwrap();
    assert_eq!((head.status(), head.reason()), (404, &b"Not Here"[..]));
    assert_eq!((head.framing(), head.keep_alive()), (Framing::Length(5), true));
    assert!(!head.is_informational() && !head.is_http10());
}

#[test]
fn the_reason_may_be_empty_or_missing_or_odd() {
    for (line, reason) in [
        ("200 ", ""),
        ("200", ""),
        ("200  x", " x"),
        ("200 a\tb", "a\tb"),
        ("999 \u{e9}", "\u{e9}"),
    ] {
        let head = response(format!("HTTP/1.1 {line}\r\n\r\n")).expect(line);
        assert_eq!(head.reason(), reason.as_bytes(), "{line}");
    }
}

#[test]
fn whether_a_body_follows_depends_on_status_and_method() {
    let chunked = "Transfer-Encoding: chunked\r\n";
    for (method, status, lines, framing) in [
        ("GET", 200, "", Framing::UntilClose),
        ("GET", 200, chunked, Framing::Chunked),
        ("GET", 200, "Content-Length: 0\r\n", Framing::Length(0)),
        ("HEAD", 200, "Content-Length: 5\r\n", Framing::None),
        ("HEAD", 200, chunked, Framing::None),
        ("HEAD", 200, "", Framing::None),
        ("GET", 304, "Content-Length: 5\r\n", Framing::None),
        ("GET", 204, "", Framing::None),
        ("GET", 204, "Content-Length: 5\r\n", Framing::None),
        ("GET", 205, "Content-Length: 0\r\n", Framing::Length(0)),
        ("GET", 100, "", Framing::None),
        ("GET", 103, "Content-Length: 0\r\n", Framing::None),
        ("GET", 101, "", Framing::None),
        ("CONNECT", 200, "", Framing::None),
        ("CONNECT", 407, "Content-Length: 5\r\n", Framing::Length(5)),
        ("head", 200, "Content-Length: 5\r\n", Framing::Length(5)),
    ] {
        let head = response_to(method, format!("HTTP/1.1 {status} x\r\n{lines}\r\n")).unwrap();
        assert_eq!(head.framing(), framing, "{method} {status} {lines}");
    }
}

#[test]
fn the_connection_is_kept_unless_something_speaks_against_it() {
    let length = "Content-Length: 5\r\n";
    for (version, status, lines, kept) in [
        ("1.1", 200, length, true),
        ("1.1", 200, "", false),
        ("1.1", 200, "Content-Length: 5\r\nConnection: close\r\n", false),
        ("1.1", 204, "", true),
        ("1.1", 204, "Content-Length: 0\r\n", true),
        ("1.1", 204, length, false),
        ("1.1", 204, "Transfer-Encoding: chunked\r\n", false),
        ("1.1", 304, length, true),
        ("1.0", 200, length, false),
        ("1.0", 200, "Content-Length: 5\r\nConnection: keep-alive\r\n", true),
        ("1.0", 200, "Connection: keep-alive\r\n", false),
    ] {
        let head = response(format!("HTTP/{version} {status} x\r\n{lines}\r\n")).unwrap();
        assert_eq!(head.keep_alive(), kept, "{version} {status} {lines}");
    }
}

#[test]
fn an_informational_answer_is_a_head_of_its_own() {
    let input = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";
    let mut head = ResponseHead::new();
    let first = head.parse(input, &LIMITS, "POST").unwrap().unwrap();
    assert!(head.is_informational());
    assert_eq!(head.parse(&input[first..], &LIMITS, "POST"), Ok(Some(input.len() - first)));
    assert_eq!((head.status(), head.is_informational()), (201, false));
}

#[test]
fn an_upgrade_is_seen() {
    let lines = "HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    assert_eq!(response(lines).unwrap().upgrade(), Some(&b"websocket"[..]));
}

#[test]
fn fields_of_an_answer_can_be_set_and_removed() {
    let mut head = response(ok("A: 1\r\nB: 2\r\n")).unwrap();
    assert!(head.set("a", b"3") && head.remove("b"));
    assert_eq!(head.header("A"), Some(&b"3"[..]));
    assert_eq!(passed_response(&head), "HTTP/1.1 200 OK\r\na: 3\r\n");
}
