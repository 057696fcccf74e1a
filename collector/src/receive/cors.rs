//! Which web pages may send: cross-origin resource sharing, as browsers ask for it.
//!
//! A browser names the page in `Origin`. Other senders do not, and are not concerned. A page that
//! is not allowed is refused rather than only left without an answer that it can read: a request
//! with plain text needs no permission from the browser, and any page could write to the run.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};

use super::answer::ReplyBody;

/// Browsers ask again after so many seconds; two hours are the most that all of them honour.
const PREFLIGHT_AGE_S: u32 = 7_200;

/// An allowed origin, in which one `*` stands for any text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OriginPattern {
    before: String,
    /// What follows the star; without one the whole origin is `before`.
    after: Option<String>,
}

impl OriginPattern {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let is_sound = text == "*"
            || text.split_once("://").is_some_and(|(scheme, host)| {
                !scheme.is_empty() && !host.is_empty() && !host.contains(['/', ' ', ','])
            });
        if !is_sound || text.matches('*').count() > 1 {
            return None;
        }
        let lower = text.to_ascii_lowercase();
        Some(match lower.split_once('*') {
            Some((before, after)) => {
                Self { before: before.to_owned(), after: Some(after.to_owned()) }
            },
            None => Self { before: lower, after: None },
        })
    }

    fn matches(&self, origin: &str) -> bool {
        let origin = origin.to_ascii_lowercase();
        match &self.after {
            None => origin == self.before,
            Some(after) => origin
                .strip_prefix(&self.before)
                .is_some_and(|rest| rest.len() >= after.len() && rest.ends_with(after.as_str())),
        }
    }
}

/// Where a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Page {
    /// No web page sends it.
    None,
    Allowed(HeaderValue),
    Refused(HeaderValue),
}

impl Page {
    pub(super) fn of(headers: &HeaderMap, allowed: &[OriginPattern]) -> Self {
        let Some(origin) = headers.get(ORIGIN) else { return Self::None };
        let text = origin.to_str().unwrap_or_default();
        if allowed.iter().any(|pattern| pattern.matches(text)) {
            Self::Allowed(origin.clone())
        } else {
            Self::Refused(origin.clone())
        }
    }

    /// Lets the page read the answer.
    pub(super) fn mark(&self, headers: &mut HeaderMap) {
        match self {
            Self::None => {},
            Self::Refused(_) => {
                headers.append(VARY, HeaderValue::from_static("origin"));
            },
            Self::Allowed(origin) => {
                headers.append(VARY, HeaderValue::from_static("origin"));
                headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
                let exposed = HeaderValue::from_static("retry-after");
                headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
            },
        }
    }
}

/// Does a browser only ask what it may send?
pub(super) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS
        && headers.contains_key(ORIGIN)
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// Yes, with whichever headers: SDKs let their users add any.
pub(super) fn preflight(asked: &HeaderMap) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
    if let Some(names) = asked.get(ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
    }
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from(PREFLIGHT_AGE_S));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_matches_its_pattern_and_nothing_beside_it() {
        for (pattern, origin, is_allowed) in [
            ("https://shop.example", "https://shop.example", true),
            ("https://Shop.example", "HTTPS://shop.EXAMPLE", true),
            ("https://shop.example", "http://shop.example", false),
            ("https://shop.example", "https://shop.example:8443", false),
            ("https://shop.example", "https://shop.example.evil", false),
            ("http://localhost:*", "http://localhost:3000", true),
            ("http://localhost:*", "http://localhost.evil:3000", false),
            ("https://*.shop.example", "https://a.shop.example", true),
            ("https://*.shop.example", "https://shop.example", false),
            ("https://*.shop.example", "https://evil.example", false),
            ("*", "null", true),
        ] {
            let pattern = OriginPattern::parse(pattern).unwrap();
            assert_eq!(pattern.matches(origin), is_allowed, "{pattern:?} {origin}");
        }
        for text in ["", "shop", "https://", "://x", "https://a/b", "https://*.*.x"] {
            assert_eq!(OriginPattern::parse(text), None, "{text}");
        }
    }
}
