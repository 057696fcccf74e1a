//! Which requests a fault looks at.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::matcher::{BodyOnce, Matcher};

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

impl Match {
    /// Must the body be read before it can be decided?
    pub fn needs_body(&self) -> bool {
        !self.body.is_empty()
    }

    /// Does it accept everything?
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Does it ask for anything that only requests of HTTP have?
    pub fn needs_http(&self) -> bool {
        Self { caller: None, ..self.clone() } != Self::default()
    }

    /// For one question; many are asked of a [`Matcher`].
    pub fn accepts(&self, subject: &impl Subject) -> bool {
        Matcher::new(self).accepts(subject, &BodyOnce::default())
    }
}

/// `POST /charges/*, header x-tenant = gold-*, body card.country, called by orders`; nothing when
/// it is every request.
impl fmt::Display for Match {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        let request = [self.method.as_deref(), self.path.as_deref()];
        if request.iter().any(Option::is_some) {
            parts.push(request.into_iter().flatten().collect::<Vec<_>>().join(" "));
        }
        parts.extend(self.grpc.iter().map(|method| format!("gRPC {method}")));
        for (what, pairs) in
            [("header", &self.headers), ("query", &self.query), ("body", &self.body)]
        {
            parts.extend(pairs.iter().map(|pair| match &pair.value {
                Some(value) => format!("{what} {} = {value}", pair.name),
                None => format!("{what} {}", pair.name),
            }));
        }
        parts.extend(self.caller.iter().map(|caller| format!("called by {caller}")));
        formatter.write_str(&parts.join(", "))
    }
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
        fn caller(&self) -> &'static str {
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
            (query("name", Some("J\u{fc}r*")), true),
            (query("nam", None), false),
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

    #[test]
    fn conditions_print_as_a_person_would_say_them() {
        let matching = Match {
            method: Some("POST".into()),
            path: Some("/charges/*".into()),
            headers: pair("x-tenant", Some("gold-*")),
            body: pair("card.country", None),
            caller: Some("orders".into()),
            ..Match::default()
        };
        let said = "POST /charges/*, header x-tenant = gold-*, body card.country, called by orders";
        assert_eq!(matching.to_string(), said);
        assert_eq!(Match::default().to_string(), "");
    }
}
