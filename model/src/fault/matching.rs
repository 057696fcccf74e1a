//! Which requests a fault looks at.

use serde::{Deserialize, Serialize};

/// Conditions that must all hold. Empty means every request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Match {
    /// Upper-case method; `None` is any.
    pub method: Option<String>,
    /// Path without query. A trailing `*` makes it a prefix; `None` is any.
    pub path: Option<String>,
    /// Header fields by name, whatever the case of its letters.
    pub headers: Vec<Pair>,
    /// Parameters of the query, percent-decoded.
    pub query: Vec<Pair>,
    /// Fields of a JSON body, by dotted name such as `card.country` or `items.0.sku`. A body that
    /// is longer than the replay limit, or no JSON, does not match.
    pub body: Vec<Pair>,
    /// gRPC method as `package.Service/Method`, or `package.Service/*`.
    pub grpc: Option<String>,
    /// Name of the calling service, for faults on several edges.
    pub caller: Option<String>,
}

/// A named value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    pub name: String,
    /// Exact value, with a trailing `*` a prefix; `None` only asks that the name is there.
    #[serde(default)]
    pub value: Option<String>,
}

/// What a match may look at in a request, whatever its protocol.
pub trait Subject {
    fn method(&self) -> &str;
    /// Without the query.
    fn path(&self) -> &str;
    /// Without the question mark.
    fn query(&self) -> Option<&str>;
    /// Does one of the fields of this name (in lower case) have a value that `fits`?
    fn any_header(&self, name: &str, fits: &mut dyn FnMut(&str) -> bool) -> bool;
    /// The body, when it has been read for this purpose.
    fn body(&self) -> Option<&[u8]>;
    fn caller(&self) -> &str;
}

/// Does a value fit a pattern, exact or with a trailing `*`?
pub fn fits(pattern: &str, value: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => value.starts_with(prefix),
        None => value == pattern,
    }
}

impl Pair {
    fn accepts(&self, value: &str) -> bool {
        self.value.as_deref().is_none_or(|pattern| fits(pattern, value))
    }
}

impl Match {
    /// Must the body be read before it can be decided?
    pub fn needs_body(&self) -> bool {
        !self.body.is_empty()
    }

    /// Is it of HTTP requests only?
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub fn accepts(&self, subject: &impl Subject) -> bool {
        self.method.as_deref().is_none_or(|wanted| wanted == subject.method())
            && self.path.as_deref().is_none_or(|wanted| fits(wanted, subject.path()))
            && self.grpc.as_deref().is_none_or(|wanted| is_grpc(wanted, subject.path()))
            && self.caller.as_deref().is_none_or(|wanted| wanted == subject.caller())
            && self.headers.iter().all(|pair| {
                subject
                    .any_header(&pair.name.to_ascii_lowercase(), &mut |value| pair.accepts(value))
            })
            && (self.query.is_empty() || self.accepts_query(subject.query().unwrap_or_default()))
            && (self.body.is_empty() || self.accepts_body(subject.body()))
    }

    fn accepts_query(&self, query: &str) -> bool {
        let parameters: Vec<(String, String)> = query
            .split('&')
            .filter(|part| !part.is_empty())
            .map(|part| part.split_once('=').unwrap_or((part, "")))
            .map(|(name, value)| (decoded(name), decoded(value)))
            .collect();
        self.query.iter().all(|pair| {
            parameters.iter().any(|(name, value)| *name == pair.name && pair.accepts(value))
        })
    }

    fn accepts_body(&self, body: Option<&[u8]>) -> bool {
        let Some(body) = body else { return false };
        let Ok(json) = serde_json::from_slice::<serde_json::Value>(body) else { return false };
        self.body
            .iter()
            .all(|pair| field(&json, &pair.name).is_some_and(|text| pair.accepts(&text)))
    }
}

fn is_grpc(wanted: &str, path: &str) -> bool {
    path.strip_prefix('/').is_some_and(|name| fits(wanted, name))
}

/// The field of a dotted name as text.
fn field(json: &serde_json::Value, name: &str) -> Option<String> {
    let found = name.split('.').try_fold(json, |value, part| match value {
        serde_json::Value::Object(map) => map.get(part),
        serde_json::Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        _ => None,
    })?;
    Some(match found {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    })
}

/// Percent-decoding of one part of a query; what is no valid escape stays as it is.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = |offset: usize| {
            let digit = bytes.get(at + offset).copied()?;
            char::from(digit).to_digit(16).map(|digit| digit as u8)
        };
        match (bytes[at], hex(1), hex(2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high << 4) | low);
                at += 3;
            },
            (b'+', ..) => {
                out.push(b' ');
                at += 1;
            },
            (other, ..) => {
                out.push(other);
                at += 1;
            },
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Call {
        method: &'static str,
        path: &'static str,
        query: &'static str,
        body: &'static str,
    }

    impl Subject for Call {
        fn method(&self) -> &str {
            self.method
        }
        fn path(&self) -> &str {
            self.path
        }
        fn query(&self) -> Option<&str> {
            Some(self.query)
        }
        fn any_header(&self, name: &str, fits: &mut dyn FnMut(&str) -> bool) -> bool {
            name == "x-tenant" && fits("gold-7")
        }
        fn body(&self) -> Option<&[u8]> {
            Some(self.body.as_bytes())
        }
        fn caller(&self) -> &str {
            "orders"
        }
    }

    fn call() -> Call {
        Call {
            method: "POST",
            path: "/charges/7",
            query: "dry=1&name=J%C3%BCrgen+K&bad=%zz",
            body: r#"{"card": {"country": "DE"}, "items": [{"sku": 3}]}"#,
        }
    }

    fn pair(name: &str, value: Option<&str>) -> Vec<Pair> {
        vec![Pair { name: name.into(), value: value.map(str::to_owned) }]
    }

    #[test]
    fn every_condition_must_hold() {
        let method = |method: &str| Match { method: Some(method.into()), ..Match::default() };
        let path = |path: &str| Match { path: Some(path.into()), ..Match::default() };
        let grpc = |grpc: &str| Match { grpc: Some(grpc.into()), ..Match::default() };
        let caller = |caller: &str| Match { caller: Some(caller.into()), ..Match::default() };
        let header = |name, value| Match { headers: pair(name, value), ..Match::default() };
        let query = |name, value| Match { query: pair(name, value), ..Match::default() };
        let body = |name, value| Match { body: pair(name, value), ..Match::default() };
        for (matching, expected) in [
            (Match::default(), true),
            (method("POST"), true),
            (method("GET"), false),
            (path("/charges/7"), true),
            (path("/charges"), false),
            (path("/charges/*"), true),
            (path("/refunds/*"), false),
            (grpc("charges/*"), true),
            (grpc("charges/8"), false),
            (caller("orders"), true),
            (caller("cart"), false),
            (header("X-Tenant", None), true),
            (header("x-tenant", Some("gold-*")), true),
            (header("x-tenant", Some("gold")), false),
            (header("x-other", None), false),
            (query("dry", Some("1")), true),
            (query("name", Some("J\u{fc}rgen K")), true),
            (query("bad", Some("%zz")), true),
            (query("wet", None), false),
            (body("card.country", Some("DE")), true),
            (body("items.0.sku", Some("3")), true),
            (body("items.1.sku", None), false),
            (Match { method: Some("GET".into()), ..header("x-tenant", None) }, false),
        ] {
            assert_eq!(matching.accepts(&call()), expected, "{matching:?}");
        }
    }

    #[test]
    fn a_body_that_is_no_json_does_not_match() {
        let broken = Call { body: "{", ..call() };
        let matching = Match { body: pair("card", None), ..Match::default() };
        assert!(!matching.accepts(&broken) && matching.needs_body());
    }
}
