use super::*;

#[test]
fn a_plain_request_is_read() {
    let input = b"GET /a/b?c=d HTTP/1.1\r\nHost: shop:80\r\nAccept:*/*\r\nX-One: 1\r\n\r\nrest";
    let mut head = RequestHead::new();
    assert_eq!(head.parse(input, &LIMITS), Ok(Some(input.len() - 4)));
    assert_eq!((head.method(), head.target()), ("GET", "/a/b?c=d"));
    assert_eq!((head.path(), head.query()), ("/a/b", Some("c=d")));
    assert_eq!(head.host(), Some("shop:80"));
    assert_eq!((head.framing(), head.keep_alive()), (Framing::None, true));
    assert_eq!(head.header("ACCEPT"), Some(&b"*/*"[..]));
    assert_eq!(head.header("x-two"), None);
    let fields: Vec<(&str, &[u8], Known)> =
        head.fields().map(|field| (field.name, field.value, field.known)).collect();
    let expected: [(&str, &[u8], Known); 3] = [
        ("Host", b"shop:80", Known::Host),
        ("Accept", b"*/*", Known::Other),
        ("X-One", b"1", Known::Other),
    ];
    assert_eq!(fields, expected);
}

#[test]
fn the_target_is_taken_apart_in_each_of_its_forms() {
    // Target with its method; then path, query, what goes upstream, host.
    for (line, path, query, upstream, host) in [
        ("GET /", "/", None, "/", "field"),
        ("GET /?", "/", Some(""), "/?", "field"),
        ("GET //b/c?d?e", "//b/c", Some("d?e"), "//b/c?d?e", "field"),
        ("GET /%2e/{a|b}", "/%2e/{a|b}", None, "/%2e/{a|b}", "field"),
        ("OPTIONS *", "*", None, "*", "field"),
        ("OPTIONS /a", "/a", None, "/a", "field"),
        ("GET http://b:80/c?d", "/c", Some("d"), "/c?d", "b:80"),
        ("GET HTTPS://b", "/", None, "/", "b"),
        ("GET http://b?d", "/", Some("d"), "/?d", "b"),
        ("GET http://[::1]:80?", "/", Some(""), "/?", "[::1]:80"),
        ("OPTIONS http://b", "*", None, "*", "b"),
        ("OPTIONS http://b?d", "/", Some("d"), "/?d", "b"),
        ("GET /a?http://b/c", "/a", Some("http://b/c"), "/a?http://b/c", "field"),
        ("CONNECT b:443", "", None, "b:443", "b:443"),
        ("CONNECT [::1]:443", "", None, "[::1]:443", "[::1]:443"),
    ] {
        let head = request(format!("{line} HTTP/1.1\r\nHost: field\r\n\r\n")).expect(line);
        let parts = (head.path(), head.query(), head.path_and_query(), head.host());
        assert_eq!(parts, (path, query, upstream, Some(host)), "{line}");
        assert_eq!(format!("{} {}", head.method(), head.target()), line);
    }
}

#[test]
fn a_sound_host_is_accepted() {
    for host in ["", "a", "a.b-c_d~e", "a:80", "a:", "127.0.0.1:65535", "[::1]", "[fe80::1]:80"] {
        let head = request(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).expect(host);
        assert_eq!(head.host(), Some(host));
    }
}

#[test]
fn a_request_of_the_old_version_needs_no_host() {
    let head = request("GET / HTTP/1.0\r\n\r\n").unwrap();
    assert_eq!((head.host(), head.is_http10()), (None, true));
}

#[test]
fn framing_follows_the_one_statement_about_it() {
    for (lines, framing) in [
        ("", Framing::None),
        ("Content-Length: 0\r\n", Framing::Length(0)),
        ("content-length:\t05 \r\n", Framing::Length(5)),
        ("Content-Length: 18446744073709551615\r\n", Framing::Length(u64::MAX)),
        ("Content-Length: 5, 5\r\n", Framing::Length(5)),
        ("Content-Length: 5\r\nCONTENT-LENGTH: 5\r\n", Framing::Length(5)),
        ("Transfer-Encoding: chunked\r\n", Framing::Chunked),
        ("transfer-encoding:\tCHUNKED\t\r\n", Framing::Chunked),
        ("Transfer_Encoding: chunked\r\nX-Content-Length: 5\r\n", Framing::None),
    ] {
        assert_eq!(request(post(lines)).expect(lines).framing(), framing, "{lines}");
    }
    assert!(Framing::None.is_empty() && Framing::Length(0).is_empty());
    assert!(!Framing::Length(1).is_empty() && !Framing::Chunked.is_empty());
}

#[test]
fn a_get_may_have_a_body() {
    let head = request("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n").unwrap();
    assert_eq!(head.framing(), Framing::Length(5));
}

#[test]
fn the_connection_is_kept_as_its_version_and_options_say() {
    for (version, lines, kept) in [
        ("1.1", "", true),
        ("1.1", "Connection: close\r\n", false),
        ("1.1", "Connection: x, CLOSE\r\n", false),
        ("1.1", "Connection: x\r\nConnection: close\r\n", false),
        ("1.1", "Connection: keep-alive, close\r\n", false),
        ("1.1", "Connection: closed\r\n", true),
        ("1.1", "Connection:\r\n", true),
        ("1.1", "Proxy-Connection: close\r\n", true),
        ("1.0", "", false),
        ("1.0", "Connection: Keep-Alive\r\n", true),
        ("1.0", "Connection: keep-alive, close\r\n", false),
        ("1.0", "Keep-Alive: timeout=5\r\n", false),
    ] {
        let head = request(format!("GET / HTTP/{version}\r\nHost: a\r\n{lines}\r\n")).unwrap();
        assert_eq!(head.keep_alive(), kept, "{version} {lines}");
    }
}

#[test]
fn an_upgrade_needs_both_fields_and_the_version_that_has_it() {
    for (version, lines, upgrade) in [
        ("1.1", "Connection: Upgrade\r\nUpgrade: websocket\r\n", Some("websocket")),
        ("1.1", "Upgrade: websocket\r\n", None),
        ("1.1", "Connection: upgrade\r\n", None),
        ("1.0", "Connection: upgrade\r\nUpgrade: websocket\r\n", None),
    ] {
        let head = request(format!("GET / HTTP/{version}\r\nHost: a\r\n{lines}\r\n")).unwrap();
        assert_eq!(head.upgrade(), upgrade, "{version} {lines}");
    }
}

#[test]
fn only_the_version_that_has_it_waits_for_a_continue() {
    for (version, value, waits) in
        [("1.1", "100-Continue", true), ("1.1", "200-ok", false), ("1.0", "100-continue", false)]
    {
        let head =
            request(format!("PUT / HTTP/{version}\r\nHost: a\r\nExpect: {value}\r\n\r\n")).unwrap();
        assert_eq!(head.expects_continue(), waits, "{version} {value}");
    }
}

#[test]
fn known_names_are_found_without_a_search() {
    let head = request(post(
        "x-own: 0\r\nTRACESTATE: a=1\r\nx-other: 1\r\ntracestate: b=2\r\nBaggage:\r\nX-Own: 2\r\n",
    ))
    .unwrap();
    assert_eq!(head.known(Known::Tracestate), Some(&b"a=1"[..]));
    assert_eq!(head.known(Known::Baggage), Some(&b""[..]));
    assert_eq!(head.known(Known::Traceparent), None);
    assert_eq!(head.known(Known::Other), None);
    let counts = [Known::Tracestate, Known::Baggage, Known::Traceparent, Known::Other]
        .map(|k| head.count(k));
    assert_eq!(counts, [2, 1, 0, 3]);
    assert_eq!(head.values("tracestate").collect::<Vec<_>>(), [b"a=1", b"b=2"]);
    assert_eq!(head.values("x-own").collect::<Vec<_>>(), [b"0", b"2"]);
    assert_eq!(head.header("x-own"), Some(&b"0"[..]));
}

#[test]
fn fields_can_be_set_and_removed() {
    let mut head = request(post("X-A: 1\r\nx-b: 2\r\nTraceparent: t\r\nx-a: 3\r\n")).unwrap();
    assert!(head.set("X-A", b"4"));
    assert!(head.set("traceparent", b"u"));
    assert!(head.set("x-c", "caf\u{e9}".as_bytes()));
    assert!(head.remove("X-B"));
    assert!(!head.remove("x-b"));
    assert_eq!(head.known(Known::Traceparent), Some(&b"u"[..]));
    assert_eq!(head.known(Known::Host), Some(&b"a"[..]));
    assert_eq!(head.values("x-a").collect::<Vec<_>>(), [b"4"]);
    let lines = "POST / HTTP/1.1\r\nHost: a\r\nX-A: 4\r\ntraceparent: u\r\nx-c: caf\u{e9}\r\n";
    assert_eq!(passed_request(&head), lines);
}

#[test]
fn nothing_can_be_set_that_would_break_the_head() {
    let mut head = request(post("X-A: 1\r\n")).unwrap();
    for (name, value) in [
        ("x-a", "2\r\nx-b: 3"),
        ("x-a", "2\n"),
        ("x-a", "2\0"),
        ("x-a", " 2"),
        ("x a", "2"),
        ("x-a:", "2"),
        ("", "2"),
    ] {
        assert!(!head.set(name, value.as_bytes()), "{name:?} {value:?}");
    }
    assert_eq!(passed_request(&head), "POST / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\n");
}

#[test]
fn setting_a_framing_field_does_not_change_how_the_message_was_framed() {
    let mut head = request(post("Content-Length: 5\r\n")).unwrap();
    assert!(head.set("content-length", b"7"));
    assert_eq!(head.framing(), Framing::Length(5));
}

#[test]
fn up_to_two_empty_lines_before_a_request_are_skipped() {
    for before in ["\r\n", "\r\n\r\n"] {
        let input = format!("{before}GET /a?b HTTP/1.1\r\nHost: a\r\n\r\n");
        let mut head = RequestHead::new();
        assert_eq!(head.parse(input.as_bytes(), &LIMITS), Ok(Some(input.len())));
        assert_eq!((head.method(), head.path(), head.query()), ("GET", "/a", Some("b")));
        assert_eq!(passed_request(&head), "GET /a?b HTTP/1.1\r\nHost: a\r\n");
    }
}

#[test]
fn one_head_serves_request_after_request() {
    let both = b"POST /a HTTP/1.1\r\nHost: a\r\nBaggage: x\r\nConnection: close\r\n\r\n\
                 GET /b HTTP/1.1\r\nHost: b\r\n\r\n";
    let mut head = RequestHead::new();
    let first = head.parse(both, &LIMITS).unwrap().unwrap();
    assert_eq!((head.path(), head.count(Known::Baggage), head.keep_alive()), ("/a", 1, false));
    let rest = &both[first..];
    assert_eq!(head.parse(&rest[..10], &LIMITS), Ok(None));
    assert_eq!((head.method(), head.path(), head.host()), ("", "", None));
    assert_eq!(head.parse(rest, &LIMITS), Ok(Some(rest.len())));
    assert_eq!((head.path(), head.count(Known::Baggage), head.keep_alive()), ("/b", 0, true));
}

#[test]
fn a_head_that_was_given_up_can_be_forgotten() {
    let mut head = RequestHead::new();
    assert_eq!(head.parse(b"GET /a HTTP/1.1\r\nHost: a\r\nX: ", &LIMITS), Ok(None));
    head.clear();
    let other = b"PUT /b HTTP/1.1\r\nHost: b\r\nBaggage: a long value that goes on\r\n\r\n";
    assert_eq!(head.parse(other, &LIMITS), Ok(Some(other.len())));
    assert_eq!((head.method(), head.fields().count()), ("PUT", 2));
}

#[test]
fn fewer_bytes_than_before_begin_another_head() {
    let mut head = RequestHead::new();
    assert_eq!(head.parse(b"GET /a HTTP/1.1\r\nHost: a\r\nX: ", &LIMITS), Ok(None));
    assert_eq!(head.parse(b"PUT ", &LIMITS), Ok(None));
    let whole = b"PUT /b HTTP/1.1\r\nHost: b\r\n\r\n";
    assert_eq!(head.parse(whole, &LIMITS), Ok(Some(whole.len())));
    assert_eq!(head.method(), "PUT");
}
