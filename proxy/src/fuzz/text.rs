//! The small languages: parts of a query, and the units of files and flags.

use std::time::Duration;

use model::edge::Edge;
use model::fault::{Match, Pair, Subject};
use model::units::{
    Share, format_bytes, format_duration, parse_bytes, parse_bytes_per_s, parse_duration,
    parse_signed_bytes,
};

/// A request of which only the query matters.
struct Asked<'a>(&'a str);

impl Subject for Asked<'_> {
    fn method(&self) -> &'static str {
        "GET"
    }
    fn path(&self) -> &'static str {
        "/"
    }
    fn query(&self) -> Option<&str> {
        Some(self.0)
    }
    fn any_header(&self, _name: &str, _fits: &mut dyn FnMut(&str) -> bool) -> bool {
        false
    }
    fn body(&self) -> Option<&[u8]> {
        None
    }
    fn caller(&self) -> &'static str {
        "client"
    }
}

/// Lines of a name, a value and a query: it matches where a plain reader finds the parameter.
pub fn query_match(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.splitn(3, '\n');
    let (Some(name), Some(value), Some(query)) = (lines.next(), lines.next(), lines.next()) else {
        return;
    };
    let pairs: Vec<(Vec<u8>, Vec<u8>)> = query
        .split('&')
        .filter(|part| !part.is_empty())
        .map(|part| part.split_once('=').unwrap_or((part, "")))
        .map(|(name, value)| (naive_decoded(name), naive_decoded(value)))
        .collect();
    for wanted in [None, Some(value)] {
        let pair = Pair { name: name.to_owned(), value: wanted.map(str::to_owned) };
        let matching = Match { query: vec![pair], ..Match::default() };
        let fits = |found: &[u8]| match wanted.map(|wanted| wanted.strip_suffix('*').ok_or(wanted))
        {
            None => true,
            Some(Ok(prefix)) => found.starts_with(prefix.as_bytes()),
            Some(Err(exact)) => found == exact.as_bytes(),
        };
        let expected = pairs.iter().any(|(found, value)| found == name.as_bytes() && fits(value));
        assert_eq!(matching.accepts(&Asked(query)), expected, "{name} {wanted:?} in {query}");
    }
}

fn naive_decoded(text: &str) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, after @ ..] = rest {
        let escape =
            after.get(..2).filter(|two| *first == b'%' && two.iter().all(u8::is_ascii_hexdigit));
        let value =
            escape.and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
        out.push(value.unwrap_or(if *first == b'+' { b' ' } else { *first }));
        rest = if value.is_some() { &after[2..] } else { after };
    }
    out
}

/// What is read as an amount is written so that it reads the same.
pub fn units(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(duration) = parse_duration(text) {
        let written = format_duration(duration);
        let whole_us =
            Duration::from_micros(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX));
        // Numbers are read as floats, which hold microseconds exactly for some centuries.
        if duration < Duration::from_secs(1 << 32) {
            assert_eq!(parse_duration(&written), Ok(whole_us), "{text} as {written}");
        }
    }
    if let Ok(share) = text.parse::<Share>() {
        assert!(share <= Share::WHOLE);
        assert_eq!(share.to_string().parse(), Ok(share), "{text}");
    }
    if let Ok(bytes) = parse_bytes(text) {
        let written = format_bytes(bytes);
        assert_eq!(parse_bytes(&written), Ok(bytes), "{text} as {written}");
        assert_eq!(parse_bytes_per_s(&format!("{written}/s")), Ok(bytes));
        if let Ok(signed) = i64::try_from(bytes) {
            assert_eq!(parse_signed_bytes(&format!("-{written}")), Ok(-signed));
        }
    }
    _ = parse_bytes_per_s(text);
    _ = parse_signed_bytes(text);
    if let Ok(edge) = text.parse::<Edge>() {
        assert_eq!(edge.to_string().parse(), Ok(edge));
    }
}
