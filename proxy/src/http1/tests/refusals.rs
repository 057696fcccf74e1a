use std::collections::BTreeSet;

use super::*;

/// Start lines that are refused, each before the fields of a sound head.
const START_LINES: &[(Refusal, &str)] = &[
    (Refusal::EmptyLines, "\r\n\r\n\r\nGET / HTTP/1.1\r\n"),
    (Refusal::BareCr, "\rGET / HTTP/1.1\r\n"),
    (Refusal::BareLf, "\nGET / HTTP/1.1\r\n"),
    (Refusal::Tls, "\x16\x03\x01\x02\x00\x01"),
    (Refusal::Http2, "PRI * HTTP/2.0\r\n"),
    (Refusal::Method, " GET / HTTP/1.1\r\n"),
    (Refusal::Method, "G\tET / HTTP/1.1\r\n"),
    (Refusal::Method, "GET\t/ HTTP/1.1\r\n"),
    (Refusal::Method, "GET\r\n"),
    (Refusal::Method, "G(T / HTTP/1.1\r\n"),
    (Refusal::Method, "GÉT / HTTP/1.1\r\n"),
    (Refusal::Method, "\0GET / HTTP/1.1\r\n"),
    (Refusal::BareLf, "GET\n"),
    (Refusal::LongMethod, "GETGETGETGETGETGETGETGETGETGETGETGET / HTTP/1.1\r\n"),
    (Refusal::Target, "GET  / HTTP/1.1\r\n"),
    (Refusal::Target, "GET /caf\u{e9} HTTP/1.1\r\n"),
    (Refusal::Target, "GET /a\tb HTTP/1.1\r\n"),
    (Refusal::Target, "GET /a\0b HTTP/1.1\r\n"),
    (Refusal::Target, "GET /a\x7fb HTTP/1.1\r\n"),
    (Refusal::Version, "GET /a b HTTP/1.1\r\n"),
    (Refusal::Version, "GET / \r\n"),
    (Refusal::Version, "GET /\r\n"),
    (Refusal::Version, "GET /  HTTP/1.1\r\n"),
    (Refusal::Version, "GET / http/1.1\r\n"),
    (Refusal::Version, "GET / HTTP/1.1 \r\n"),
    (Refusal::Version, "GET / HTTP/1.1x\r\n"),
    (Refusal::Version, "GET / HTTP/1.\r\n"),
    (Refusal::Version, "GET / HTTP/2\r\n"),
    (Refusal::Version, "GET / HTTP/11.1\r\n"),
    (Refusal::BareCr, "GET / HTTP/1.1\rX: y\r\n"),
    (Refusal::BareLf, "GET / HTTP/1.1\n"),
    (Refusal::BareLf, "GET /\n"),
    (Refusal::OtherVersion, "GET / HTTP/2.0\r\n"),
    (Refusal::OtherVersion, "GET / HTTP/1.2\r\n"),
    (Refusal::OtherVersion, "GET / HTTP/0.9\r\n"),
    (Refusal::OtherVersion, "GET / HTTP/3.0\r\n"),
    (Refusal::TargetForm, "GET a HTTP/1.1\r\n"),
    (Refusal::TargetForm, "GET * HTTP/1.1\r\n"),
    (Refusal::TargetForm, "GET /a#b HTTP/1.1\r\n"),
    (Refusal::TargetForm, "GET a:80 HTTP/1.1\r\n"),
    (Refusal::TargetForm, "GET ftp://a/ HTTP/1.1\r\n"),
    (Refusal::TargetForm, "OPTIONS ** HTTP/1.1\r\n"),
    (Refusal::TargetForm, "CONNECT / HTTP/1.1\r\n"),
    (Refusal::TargetForm, "CONNECT a HTTP/1.1\r\n"),
    (Refusal::TargetForm, "CONNECT a: HTTP/1.1\r\n"),
    (Refusal::TargetForm, "CONNECT http://a:80 HTTP/1.1\r\n"),
    (Refusal::Host, "GET http:///a HTTP/1.1\r\n"),
    (Refusal::Host, "GET http://user@a/ HTTP/1.1\r\n"),
    (Refusal::Host, "GET http://a:b/ HTTP/1.1\r\n"),
    (Refusal::Host, "GET http://[::1/ HTTP/1.1\r\n"),
];

/// Field lines that are refused, of a POST with a Host.
const FIELD_LINES: &[(Refusal, &str)] = &[
    (Refusal::BareLf, "X: y\n"),
    (Refusal::BareLf, "X: y\nZ: z\r\n"),
    (Refusal::BareLf, "X\n"),
    (Refusal::BareLf, "\nX: y\r\n"),
    (Refusal::BareCr, "X: y\rz\r\n"),
    (Refusal::BareCr, "X: y\r\r\n"),
    (Refusal::BareCr, "\rX: y\r\n"),
    (Refusal::Folded, " X: y\r\n"),
    (Refusal::Folded, "X: y\r\n z\r\n"),
    (Refusal::Folded, "X: y\r\n\tz\r\n"),
    (Refusal::Folded, "Transfer-Encoding:\r\n chunked\r\n"),
    (Refusal::FieldName, "X\r\n"),
    (Refusal::FieldName, ": y\r\n"),
    (Refusal::FieldName, "X(Y: y\r\n"),
    (Refusal::FieldName, "X\0: y\r\n"),
    (Refusal::FieldName, "X\u{e9}: y\r\n"),
    (Refusal::FieldName, "X\x0b: y\r\n"),
    (Refusal::SpaceBeforeColon, "X : y\r\n"),
    (Refusal::SpaceBeforeColon, "X\t: y\r\n"),
    (Refusal::SpaceBeforeColon, "X Y: y\r\n"),
    (Refusal::SpaceBeforeColon, "Transfer-Encoding : chunked\r\n"),
    (Refusal::SpaceBeforeColon, "Content-Length : 5\r\n"),
    (Refusal::FieldValue, "X: a\0b\r\n"),
    (Refusal::FieldValue, "X: a\x01b\r\n"),
    (Refusal::FieldValue, "X: a\x7fb\r\n"),
    (Refusal::FieldValue, "X:\x0by\r\n"),
    (Refusal::FieldValue, "Transfer-Encoding: \x0bchunked\r\n"),
    (Refusal::FieldValue, "Content-Length: \x0c5\r\n"),
    (Refusal::ManyHosts, "Host: a\r\n"),
    (Refusal::ManyHosts, "hOST: b\r\n"),
    (Refusal::Length, "Content-Length:\r\n"),
    (Refusal::Length, "Content-Length: +5\r\n"),
    (Refusal::Length, "Content-Length: -5\r\n"),
    (Refusal::Length, "Content-Length: 0x5\r\n"),
    (Refusal::Length, "Content-Length: 5a\r\n"),
    (Refusal::Length, "Content-Length: 5 5\r\n"),
    (Refusal::Length, "Content-Length: 5.0\r\n"),
    (Refusal::Length, "Content-Length: 5;a\r\n"),
    (Refusal::Length, "Content-Length: 5,\r\n"),
    (Refusal::Length, "Content-Length: ,5\r\n"),
    (Refusal::Length, "Content-Length: \"5\"\r\n"),
    (Refusal::Length, "Content-Length: 18446744073709551616\r\n"),
    (Refusal::Length, "Content-Length: 5\r\nContent-Length: x\r\n"),
    (Refusal::Lengths, "Content-Length: 5, 6\r\n"),
    (Refusal::Lengths, "Content-Length: 5\r\nContent-Length: 6\r\n"),
    (Refusal::Lengths, "Content-Length: 5\r\nContent-Length: 5, 6\r\n"),
    (Refusal::LengthAndCoding, "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
    (Refusal::LengthAndCoding, "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n"),
    (Refusal::LengthAndCoding, "Transfer-Encoding: identity\r\nContent-Length: 5\r\n"),
    (Refusal::LengthAndCoding, "Transfer-Encoding:\r\nContent-Length: x\r\n"),
    (Refusal::CodingNotChunked, "Transfer-Encoding:\r\n"),
    (Refusal::CodingNotChunked, "Transfer-Encoding: xchunked\r\n"),
    (Refusal::CodingNotChunked, "Transfer-Encoding: chunkedx\r\n"),
    (Refusal::CodingNotChunked, "Transfer-Encoding: chunked;q=1\r\n"),
    (Refusal::CodingNotChunked, "Transfer-Encoding: \"chunked\"\r\n"),
    (Refusal::CodingNotChunked, "Transfer-Encoding: 'chunked'\r\n"),
    (Refusal::CodingNotChunked, "Transfer-Encoding: chunked,\r\n"),
    (Refusal::CodingNotChunked, "Transfer-Encoding: ,chunked\r\n"),
    (Refusal::CodingNotChunked, "Transfer-Encoding: chunked, chunked\r\n"),
    (Refusal::CodingNotChunked, "Transfer-Encoding: chunked, identity\r\n"),
    (Refusal::CodingNotChunked, "Transfer-Encoding: chunked gzip\r\n"),
    (Refusal::CodingNotChunked, "Transfer-Encoding: gzip\r\n"),
    (Refusal::CodingNotChunked, "Transfer-Encoding: \u{a0}chunked\r\n"),
    (Refusal::CodingNotChunked, "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
    (Refusal::CodingNotChunked, "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n"),
    (Refusal::CodingNotChunked, "Transfer-Encoding: chunked\r\ntransfer-encoding:\r\n"),
    (Refusal::OtherCoding, "Transfer-Encoding: gzip, chunked\r\n"),
    (Refusal::OtherCoding, "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n"),
];

/// Whole heads that are refused.
const HEADS: &[(Refusal, &str)] = &[
    (Refusal::NoHost, "GET / HTTP/1.1\r\n\r\n"),
    (Refusal::NoHost, "GET http://a/ HTTP/1.1\r\n\r\n"),
    (Refusal::Host, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
    (Refusal::Host, "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
    (Refusal::Host, "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n"),
    (Refusal::Host, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    (Refusal::Host, "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n"),
    (Refusal::Host, "GET / HTTP/1.1\r\nHost: a?b\r\n\r\n"),
    (Refusal::Host, "GET / HTTP/1.1\r\nHost: http://a\r\n\r\n"),
    (Refusal::Host, "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n"),
    (Refusal::Host, "GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n"),
    (Refusal::Host, "GET / HTTP/1.1\r\nHost: a:123456\r\n\r\n"),
    (Refusal::Host, "GET / HTTP/1.1\r\nHost: :80\r\n\r\n"),
    (Refusal::Host, "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"),
    (Refusal::Host, "GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n"),
    (Refusal::Host, "GET / HTTP/1.1\r\nHost: []\r\n\r\n"),
    (Refusal::Host, "GET / HTTP/1.1\r\nHost: a[::1]\r\n\r\n"),
    (Refusal::Host, "GET / HTTP/1.1\r\nHost: caf\u{e9}\r\n\r\n"),
    (Refusal::Host, "GET / HTTP/1.0\r\nHost: a b\r\n\r\n"),
    (Refusal::ManyHosts, "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"),
    (Refusal::CodingInOldVersion, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
    (
        Refusal::LengthAndCoding,
        "POST / HTTP/1.0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    ),
];

/// Answers to a `GET` that are refused.
const RESPONSES: &[(Refusal, &str)] = &[
    (Refusal::StatusLine, "GET / HTTP/1.1\r\n\r\n"),
    (Refusal::StatusLine, "\r\nHTTP/1.1 200 OK\r\n\r\n"),
    (Refusal::StatusLine, "http/1.1 200 OK\r\n\r\n"),
    (Refusal::StatusLine, "HTTP/1.1  200 OK\r\n\r\n"),
    (Refusal::StatusLine, "HTTP/1.1 20 OK\r\n\r\n"),
    (Refusal::StatusLine, "HTTP/1.1 2000 OK\r\n\r\n"),
    (Refusal::StatusLine, "HTTP/1.1 +20 OK\r\n\r\n"),
    (Refusal::StatusLine, "HTTP/1.1 099 OK\r\n\r\n"),
    (Refusal::StatusLine, "HTTP/1.1 200\tOK\r\n\r\n"),
    (Refusal::StatusLine, "ICY 200 OK\r\n\r\n"),
    (Refusal::OtherVersion, "HTTP/1.2 200 OK\r\n\r\n"),
    (Refusal::OtherVersion, "HTTP/2.0 200 OK\r\n\r\n"),
    (Refusal::BareLf, "HTTP/1.1 200 OK\n\n"),
    (Refusal::BareLf, "HTTP/1.1 200\n\n"),
    (Refusal::BareCr, "HTTP/1.1 200 OK\rX: y\r\n\r\n"),
    (Refusal::FieldValue, "HTTP/1.1 200 O\0K\r\n\r\n"),
    (Refusal::InformationalBody, "HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n"),
    (Refusal::InformationalBody, "HTTP/1.1 103 x\r\nTransfer-Encoding: chunked\r\n\r\n"),
    (Refusal::CodingInOldVersion, "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
];

fn refusal_of(outcome: Result<RequestHead, Refusal>, input: &str) -> Refusal {
    outcome.map(drop).expect_err(&input.escape_debug().to_string())
}

#[test]
fn a_start_line_that_is_not_plainly_right_is_refused() {
    for (refusal, line) in START_LINES {
        let input = format!("{line}Host: a\r\n\r\n");
        assert_eq!(refusal_of(request(&input), &input), *refusal, "{}", input.escape_debug());
    }
}

#[test]
fn a_field_line_that_is_not_plainly_right_is_refused() {
    for (refusal, lines) in FIELD_LINES {
        let input = post(lines);
        assert_eq!(refusal_of(request(&input), &input), *refusal, "{}", input.escape_debug());
    }
}

#[test]
fn a_head_that_contradicts_itself_is_refused() {
    for (refusal, input) in HEADS {
        assert_eq!(refusal_of(request(input), input), *refusal, "{}", input.escape_debug());
    }
}

#[test]
fn an_answer_that_is_not_plainly_right_is_refused() {
    for (refusal, input) in RESPONSES {
        let outcome = response(input).map(drop);
        assert_eq!(outcome, Err(*refusal), "{}", input.escape_debug());
    }
}

#[test]
fn fields_of_answers_are_judged_like_those_of_requests() {
    let only_in_requests = [Refusal::ManyHosts];
    for (refusal, lines) in FIELD_LINES.iter().filter(|row| !only_in_requests.contains(&row.0)) {
        for method in ["GET", "HEAD", "CONNECT"] {
            let outcome = response_to(method, ok(lines)).map(drop);
            assert_eq!(outcome, Err(*refusal), "{method}: {}", lines.escape_debug());
        }
    }
}

#[test]
fn a_head_beyond_a_limit_is_refused_whether_or_not_it_is_whole() {
    let limits = HeadLimits { bytes: 100, fields: 3 };
    let parse = |input: &str| RequestHead::new().parse(input.as_bytes(), &limits);
    let fitting = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "y".repeat(68));
    assert_eq!(fitting.len(), 100);
    assert_eq!(parse(&fitting), Ok(Some(100)));
    let longer = fitting.replace("yy", "yyyz");
    assert_eq!(parse(&longer), Err(Refusal::LongHead));
    assert_eq!(parse(&longer[..99]), Ok(None));
    assert_eq!(parse(&longer[..100]), Err(Refusal::LongHead));
    // What lies beyond the limit has no say.
    assert_eq!(parse(&format!("{}\0\n", &longer[..100])), Err(Refusal::LongHead));
    let target = format!("GET /{} HTTP/1.1\r\n", "a".repeat(200));
    assert_eq!(parse(&target), Err(Refusal::LongTarget));
    assert_eq!(parse(&target[..99]), Ok(None));
    assert_eq!(parse(&target[..100]), Err(Refusal::LongTarget));

    let fields = "GET / HTTP/1.1\r\nHost: a\r\nA: b\r\nC: d\r\n";
    assert_eq!(parse(&format!("{fields}\r\n")).map(|taken| taken.is_some()), Ok(true));
    assert_eq!(parse(&format!("{fields}E: f\r\n")), Err(Refusal::ManyFields));

    let mut answer = ResponseHead::new();
    let long = format!("HTTP/1.1 200 {}\r\n\r\n", "y".repeat(200));
    assert_eq!(answer.parse(long.as_bytes(), &limits, "GET"), Err(Refusal::LongHead));
}

#[test]
fn a_refused_head_leaves_nothing_behind() {
    let mut head = RequestHead::new();
    let broken = b"GET /a HTTP/1.1\r\nHost: a\r\nX: y\n";
    assert_eq!(head.parse(broken, &LIMITS), Err(Refusal::BareLf));
    assert_eq!((head.method(), head.fields().count()), ("", 0));
    let sound = b"PUT /b HTTP/1.1\r\nHost: b\r\n\r\n";
    assert_eq!(head.parse(sound, &LIMITS), Ok(Some(sound.len())));
    assert_eq!((head.method(), head.path(), head.host()), ("PUT", "/b", Some("b")));
}

#[test]
fn every_refusal_is_in_a_table_and_says_something_of_its_own() {
    let tables = [START_LINES, FIELD_LINES, HEADS, RESPONSES, chunks::REFUSED];
    let mut shown: BTreeSet<Refusal> = tables.concat().iter().map(|row| row.0).collect();
    // These are about limits.
    shown.extend([Refusal::LongHead, Refusal::LongTarget, Refusal::ManyFields]);
    assert_eq!(shown.into_iter().collect::<Vec<_>>(), Refusal::ALL);
    let texts: BTreeSet<&str> = Refusal::ALL.iter().map(|refusal| refusal.text()).collect();
    assert_eq!(texts.len(), Refusal::ALL.len());
    for refusal in Refusal::ALL {
        assert!([400, 414, 431, 501, 505].contains(&refusal.status()), "{refusal:?}");
        assert_eq!(refusal.to_string(), refusal.text());
    }
}
