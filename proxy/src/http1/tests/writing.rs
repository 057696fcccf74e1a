use proptest::prelude::*;

use super::*;

#[test]
fn what_belongs_to_one_connection_ends_here() {
    let head = request(post(
        "X-First: 1\r\nConnection: close, X-Own, x-trace\r\nx-own: 1\r\nKeep-Alive: timeout=5\r\n\
         TE: trailers\r\nX-Kept: 2\r\nX-TRACE: 3\r\nUpgrade: h2c\r\nProxy-Authorization: secret\r\n\
         Proxy-Connection: close\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\nX-Last: 4\r\n",
    ))
    .unwrap();
    let lines = "POST / HTTP/1.1\r\nHost: a\r\nX-First: 1\r\nX-Kept: 2\r\nTrailer: x-sum\r\n\
                 X-Last: 4\r\n";
    assert_eq!(passed_request(&head), lines);
}

#[test]
fn the_host_stays_whatever_connection_says() {
    let head = request(post("Connection: host\r\nConnection: x-own\r\nX-Own: 1\r\n")).unwrap();
    assert_eq!(passed_request(&head), "POST / HTTP/1.1\r\nHost: a\r\n");
}

#[test]
fn the_authority_of_the_target_replaces_the_host_field() {
    let mut head =
        request("GET http://b:80/c HTTP/1.1\r\nX: y\r\nHost: other\r\nZ: z\r\n\r\n").unwrap();
    assert_eq!(passed_request(&head), "GET /c HTTP/1.1\r\nhost: b:80\r\nX: y\r\nZ: z\r\n");
    let mut out = Vec::new();
    forward_request(&mut out, &head, KnownSet::of(&[Known::Host]));
    assert_eq!(out, b"GET /c HTTP/1.1\r\nX: y\r\nZ: z\r\n");
    assert!(head.set("Host", b"c"));
    assert_eq!(head.host(), Some("c"));
    assert_eq!(passed_request(&head), "GET /c HTTP/1.1\r\nX: y\r\nZ: z\r\nHost: c\r\n");
}

#[test]
fn what_the_caller_writes_itself_is_left_out() {
    let head = request(post("Traceparent: t\r\nX: y\r\nExpect: 100-continue\r\nZ: z\r\n")).unwrap();
    let mut out = Vec::new();
    forward_request(&mut out, &head, KnownSet::of(&[Known::Traceparent, Known::Expect]));
    assert_eq!(out, b"POST / HTTP/1.1\r\nHost: a\r\nX: y\r\nZ: z\r\n");
}

#[test]
fn lines_are_passed_on_in_one_form() {
    let lines = "A:1\r\nB:   2\t\r\nC:\t3\r\nD:\r\nE: \r\nF: 4\r\ng: x \t y\r\n";
    let head = request(post(lines)).unwrap();
    let out = "POST / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: \r\nE: \r\nF: 4\r\n\
               g: x \t y\r\n";
    assert_eq!(passed_request(&head), out);
}

#[test]
fn an_old_request_goes_on_in_our_version() {
    let head = request("GET /a HTTP/1.0\r\nX: y\r\n\r\n").unwrap();
    assert_eq!(passed_request(&head), "GET /a HTTP/1.1\r\nX: y\r\n");
}

#[test]
fn an_answer_keeps_its_reason_but_not_its_version() {
    let head = response("HTTP/1.0 299 Fine  enough\r\nX: y\r\nContent-Length: 1\r\n\r\n").unwrap();
    assert_eq!(passed_response(&head), "HTTP/1.1 299 Fine  enough\r\nX: y\r\n");
}

#[test]
fn a_length_without_a_body_goes_along_only_where_it_speaks_of_one() {
    let lines = "Content-Length: 5\r\nX: y\r\n";
    for (method, status, goes) in
        [("HEAD", 200, true), ("GET", 304, true), ("GET", 200, false), ("GET", 204, false)]
    {
        let head = response_to(method, format!("HTTP/1.1 {status} x\r\n{lines}\r\n")).unwrap();
        let out = passed_response(&head);
        assert_eq!(out.contains("content-length: 5\r\n"), goes, "{method} {status}");
        assert!(out.ends_with("X: y\r\n"));
    }
}

#[test]
fn no_value_can_break_a_head() {
    let mut out = Vec::new();
    field(&mut out, "x", b"a\r\nb: c\0d\te\x7f");
    assert_eq!(out, b"x: a  b: c d\te \r\n");
}

#[test]
fn status_lines_have_the_registered_reasons() {
    for (status, line) in [
        (200, "HTTP/1.1 200 OK\r\n"),
        (503, "HTTP/1.1 503 Service Unavailable\r\n"),
        (299, "HTTP/1.1 299 \r\n"),
    ] {
        let mut out = Vec::new();
        status_line(&mut out, status);
        assert_eq!(String::from_utf8(out).unwrap(), line);
    }
}

#[test]
fn framing_is_written_as_one_field_or_none() {
    for (framing, line) in [
        (Framing::None, ""),
        (Framing::UntilClose, ""),
        (Framing::Chunked, "transfer-encoding: chunked\r\n"),
        (Framing::Length(0), "content-length: 0\r\n"),
        (Framing::Length(120), "content-length: 120\r\n"),
        (Framing::Length(u64::MAX), "content-length: 18446744073709551615\r\n"),
    ] {
        let mut out = Vec::new();
        framing_field(&mut out, framing);
        assert_eq!(String::from_utf8(out).unwrap(), line);
    }
}

/// A sound head of a request, as text: names may repeat, be known, or be named by `Connection`.
fn sound_request() -> impl Strategy<Value = String> {
    let start = "(GET|PUT|M-SEARCH) (/[a-z?&=%.]{0,20}|http://[a-z]{1,5}(:80)?(/[a-z?]{0,9})?)";
    let name = "(X-[A-Za-z0-9]{1,12}|Traceparent|TE|Upgrade|Date|[!#$%&'*+.^_`|~]{1,3})";
    let value = "[ \t]{0,2}([!-~\u{e9}]([ -~\t]{0,30}[!-~])?)?[ \t]{0,2}";
    let line = (name, value).prop_map(|(name, value)| format!("{name}:{value}\r\n"));
    let connection = "(Connection: (close|x-a|keep-alive, X-B|te)\r\n)?";
    let framing = "((content-length: ?[0-9]{1,5}|Transfer-Encoding:\t?[cC]hunked)\r\n)?";
    (start, prop::collection::vec(line, 0..12), connection, framing).prop_map(
        |(start, lines, connection, framing)| {
            format!("{start} HTTP/1.1\r\nHost: a\r\n{}{connection}{framing}\r\n", lines.concat())
        },
    )
}

/// Names in lower case, and values.
type Pairs = Vec<(String, Vec<u8>)>;

fn pairs<'a>(fields: impl Iterator<Item = (&'a str, &'a [u8])>) -> Pairs {
    fields.map(|(name, value)| (name.to_ascii_lowercase(), value.to_vec())).collect()
}

/// What should go on, worked out from the fields one by one.
fn expected_pairs(head: &RequestHead) -> Pairs {
    let named: Vec<String> = head
        .values("connection")
        .flat_map(|value| std::str::from_utf8(value).unwrap().split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    let ends = [
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "upgrade",
        "transfer-encoding",
        "content-length",
        "proxy-authenticate",
        "proxy-authorization",
    ];
    let mut expected = pairs(head.fields().map(|field| (field.name, field.value)));
    expected.retain(|(name, _)| !named.contains(name) && !ends.contains(&name.as_str()));
    if head.target().starts_with("http") {
        expected.retain(|(name, _)| name != "host");
        expected.insert(0, ("host".to_owned(), head.host().unwrap().into()));
    }
    expected
}

proptest! {
    #[test]
    fn what_goes_on_means_the_same_to_another_reader(input in sound_request()) {
        let head = request(&input).unwrap();
        let mut out = Vec::new();
        forward_request(&mut out, &head, KnownSet::EMPTY);
        let mut expected = expected_pairs(&head);
        framing_field(&mut out, head.framing());
        match head.framing() {
            Framing::Length(length) => {
                expected.push(("content-length".into(), length.to_string().into()));
            },
            Framing::Chunked => expected.push(("transfer-encoding".into(), b"chunked".into())),
            Framing::None | Framing::UntilClose => {},
        }
        out.extend_from_slice(b"\r\n");

        let mut fields = [httparse::EMPTY_HEADER; 32];
        let mut other = httparse::Request::new(&mut fields);
        prop_assert_eq!(other.parse(&out).unwrap(), httparse::Status::Complete(out.len()));
        prop_assert_eq!(other.method, Some(head.method()));
        prop_assert_eq!(other.path, Some(head.path_and_query()));
        prop_assert_eq!(other.version, Some(1));
        let seen = pairs(other.headers.iter().map(|field| (field.name, field.value)));
        prop_assert_eq!(&seen, &expected);

        let again = request(&out).unwrap();
        let seen = pairs(again.fields().map(|field| (field.name, field.value)));
        prop_assert_eq!(seen, expected);
        prop_assert_eq!(again.framing(), head.framing());
    }

    #[test]
    fn a_sound_head_is_read_alike_in_any_pieces(input in sound_request()) {
        crate::fuzz::http1::request_head(input.as_bytes());
        let answer = input.replacen(input.lines().next().unwrap(), "HTTP/1.1 200 x", 1);
        prop_assert!(response(&answer).is_ok());
        crate::fuzz::http1::response_head(answer.as_bytes());
    }

    /// Whatever is accepted here must be a head to another reader too, with the same fields.
    #[test]
    fn nothing_is_accepted_that_another_reader_refuses(
        input in sound_request(),
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = input.into_bytes();
        let place = place.index(bytes.len());
        bytes[place] = byte;
        let mut head = RequestHead::new();
        if let Ok(Some(taken)) = head.parse(&bytes, &LIMITS) {
            let mut fields = [httparse::EMPTY_HEADER; 32];
            let mut other = httparse::Request::new(&mut fields);
            prop_assert_eq!(other.parse(&bytes).unwrap(), httparse::Status::Complete(taken));
            prop_assert_eq!(other.path, Some(head.target()));
            let seen = pairs(other.headers.iter().map(|field| (field.name, field.value)));
            prop_assert_eq!(seen, pairs(head.fields().map(|field| (field.name, field.value))));
        }
    }
}
