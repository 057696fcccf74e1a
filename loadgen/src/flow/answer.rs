//! An answer that steps look into: what is saved of it, and what is checked.

use std::borrow::Cow;
use std::cell::OnceCell;

use model::flow::Extract;
use serde_json::Value;

/// One whole answer.
#[derive(Debug)]
pub(crate) struct Answer<'a> {
    status: u16,
    /// Lines of `name: value`, each ended by a line feed.
    headers: &'a [u8],
    body: &'a [u8],
    /// The body as JSON, read once and only when somebody asks; `None` when it is none.
    json: OnceCell<Option<Value>>,
}

impl<'a> Answer<'a> {
    pub(crate) fn new(status: u16, headers: &'a [u8], body: &'a [u8]) -> Self {
        Self { status, headers, body, json: OnceCell::new() }
    }

    /// The value at a place, as requests send it: a JSON string without its quotes, any other JSON
    /// as it is. `None` when there is nothing, or null.
    pub(crate) fn find(&self, place: &Extract) -> Option<Cow<'_, str>> {
        match place {
            Extract::Status => Some(self.status.to_string().into()),
            Extract::Body => Some(String::from_utf8_lossy(self.body)),
            Extract::Header(name) => self.header(name).next().map(String::from_utf8_lossy),
            Extract::Pointer(pointer) => plain(self.json()?.pointer(pointer)?),
            Extract::Path(path) => plain(path.first(self.json()?)?),
            Extract::Regex(pattern) => pattern.first(self.body).map(String::from_utf8_lossy),
        }
    }

    /// All values of a header; `name` is in lower case.
    pub(crate) fn header(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let lines = self.headers.split(|byte| *byte == b'\n');
        lines.filter_map(move |line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let (key, value) = line.split_at(colon);
            let own = key.eq_ignore_ascii_case(name.as_bytes());
            own.then(|| value.get(1..).unwrap_or_default().trim_ascii())
        })
    }

    fn json(&self) -> Option<&Value> {
        self.json.get_or_init(|| serde_json::from_slice(self.body).ok()).as_ref()
    }
}

fn plain(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.into()),
        other => Some(other.to_string().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADERS: &[u8] =
        b"Location: /orders/7\r\nset-cookie: a=1\r\nSet-Cookie:b=2\r\nempty:\r\n";
    const BODY: &[u8] = br#"{"id":"o-1","total":12.50,"paid":true,"none":null,
        "items":[{"sku":"tea","price":5},{"sku":"pot","price":49}]} id=42"#;

    fn found(place: &str, body: &[u8]) -> Option<String> {
        let answer = Answer::new(201, HEADERS, body);
        answer.find(&place.parse().unwrap()).map(Cow::into_owned)
    }

    #[test]
    fn values_are_found_at_every_kind_of_place() {
        let json = BODY.strip_suffix(b" id=42").unwrap();
        for (place, expected) in [
            ("status", Some("201")),
            ("/id", Some("o-1")),
            ("/total", Some("12.5")),
            ("/paid", Some("true")),
            ("/items/1/sku", Some("pot")),
            ("/items/0", Some(r#"{"price":5,"sku":"tea"}"#)),
            ("/none", None),
            ("/gone", None),
            ("$.items[0].sku", Some("tea")),
            ("$.items[?@.price > 10].sku", Some("pot")),
            ("$..gone", None),
            ("header:location", Some("/orders/7")),
            ("header:Set-Cookie", Some("a=1")),
            ("header:empty", Some("")),
            ("header:gone", None),
            (r#"regex:"sku":"(\w+)""#, Some("tea")),
            ("regex:pr.ce", Some("price")),
            ("regex:gone", None),
        ] {
            assert_eq!(found(place, json).as_deref(), expected, "{place}");
        }
        assert_eq!(found("body", b"plain").as_deref(), Some("plain"));
    }

    #[test]
    fn a_body_that_is_no_json_has_no_values_in_it_but_may_match() {
        for place in ["", "/id", "$.id"] {
            assert_eq!(found(place, BODY), None, "{place}");
        }
        assert_eq!(found(r"regex:id=(\d+)", BODY).as_deref(), Some("42"));
    }

    #[test]
    fn every_value_of_a_header_is_there_whatever_its_case() {
        let answer = Answer::new(200, HEADERS, b"");
        let cookies: Vec<&[u8]> = answer.header("set-cookie").collect();
        assert_eq!(cookies, [b"a=1", b"b=2"]);
    }
}
