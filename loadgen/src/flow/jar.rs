//! The cookies of one user, by RFC 6265 as far as a client of known servers needs it.
//!
//! A cookie goes back to the host that set it, or with `Domain` to that domain and what lies below;
//! there is no list of public suffixes, because nobody but the system under test sets cookies here.

use crate::flow::date;

/// Most cookies of a user and most bytes of one, as browsers have them.
const COOKIES_MAX: usize = 180;
const COOKIE_BYTES_MAX: usize = 4_096;

/// What a request or an answer is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// Without the port.
    pub(crate) host: &'a str,
    /// Without the query.
    pub(crate) path: &'a str,
    /// The connection is encrypted.
    pub(crate) secure: bool,
    pub(crate) now_unix_s: i64,
}

#[derive(Debug, Default)]
pub(crate) struct Jar {
    /// In the order in which they were first set.
    cookies: Vec<Cookie>,
}

#[derive(Debug, Clone)]
struct Cookie {
    name: String,
    value: String,
    domain: String,
    /// It goes to this host alone.
    host_only: bool,
    path: String,
    secure: bool,
    /// `None` ends with the user.
    expires_unix_s: Option<i64>,
}

impl Cookie {
    fn is(&self, other: &Self) -> bool {
        (&self.name, &self.domain, &self.path) == (&other.name, &other.domain, &other.path)
    }

    fn fits(&self, place: Place<'_>) -> bool {
        let host = if self.host_only {
            place.host.eq_ignore_ascii_case(&self.domain)
        } else {
            is_below(place.host, &self.domain)
        };
        host && is_path_below(place.path, &self.path)
            && (place.secure || !self.secure)
            && self.expires_unix_s.is_none_or(|at| at > place.now_unix_s)
    }
}

impl Jar {
    /// Takes the value of a `Set-Cookie` header; what is no cookie, or one for somebody else, is
    /// ignored as browsers do.
    pub(crate) fn set(&mut self, header: &[u8], place: Place<'_>) {
        let Some(cookie) = std::str::from_utf8(header).ok().and_then(|text| parse(text, place))
        else {
            return;
        };
        let expired = cookie.expires_unix_s.is_some_and(|at| at <= place.now_unix_s);
        let known = self.cookies.iter().position(|known| known.is(&cookie));
        match (known, expired) {
            (Some(at), true) => drop(self.cookies.remove(at)),
            (Some(at), false) => self.cookies[at] = cookie,
            (None, true) => {},
            (None, false) => {
                if self.cookies.len() == COOKIES_MAX {
                    self.cookies.remove(0);
                }
                self.cookies.push(cookie);
            },
        }
    }

    /// Value of the `Cookie` header of a request; longer paths first. `None` when there is none.
    pub(crate) fn header(&self, place: Place<'_>) -> Option<String> {
        let mut fitting: Vec<&Cookie> =
            self.cookies.iter().filter(|cookie| cookie.fits(place)).collect();
        // The sort is stable, so older cookies come first among equals (§5.4).
        fitting.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let pair = |cookie: &&Cookie| format!("{}={}", cookie.name, cookie.value);
        let pairs: Vec<String> = fitting.iter().map(pair).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }
}

/// §5.2 and §5.3.
fn parse(text: &str, place: Place<'_>) -> Option<Cookie> {
    if text.len() > COOKIE_BYTES_MAX || text.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
        return None;
    }
    let mut parts = text.split(';');
    let (name, value) = parts.next()?.split_once('=')?;
    let mut cookie = Cookie {
        name: name.trim().to_owned(),
        value: value.trim().to_owned(),
        domain: place.host.to_ascii_lowercase(),
        host_only: true,
        path: default_path(place.path).to_owned(),
        secure: false,
        expires_unix_s: None,
    };
    let mut max_age_s = None;
    for part in parts {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        let value = value.trim();
        match key.trim().to_ascii_lowercase().as_str() {
            "domain" if !value.is_empty() => {
                cookie.domain = value.trim_start_matches('.').to_ascii_lowercase();
                cookie.host_only = false;
            },
            "path" if value.starts_with('/') => value.clone_into(&mut cookie.path),
            "secure" => cookie.secure = true,
            "max-age" => max_age_s = value.parse::<i64>().ok().or(max_age_s),
            "expires" => cookie.expires_unix_s = date::parse(value).or(cookie.expires_unix_s),
            _ => {},
        }
    }
    if let Some(age_s) = max_age_s {
        cookie.expires_unix_s = Some(place.now_unix_s.saturating_add(age_s));
    }
    let own = cookie.host_only || is_below(place.host, &cookie.domain);
    (own && !cookie.name.is_empty()).then_some(cookie)
}

/// §5.1.4: up to the last slash.
fn default_path(path: &str) -> &str {
    match path.rfind('/') {
        Some(at) if at > 0 => &path[..at],
        _ => "/",
    }
}

fn is_path_below(path: &str, of: &str) -> bool {
    path.strip_prefix(of)
        .is_some_and(|rest| rest.is_empty() || of.ends_with('/') || rest.starts_with('/'))
}

/// The host itself or a name below it; an address is nobody's domain.
fn is_below(host: &str, domain: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let below = || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    host == domain || (below() && host.parse::<std::net::IpAddr>().is_err())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(path: &str, now_unix_s: i64) -> Place<'_> {
        Place { host: "shop.example", path, secure: false, now_unix_s }
    }

    fn jar(headers: &[&str]) -> Jar {
        let mut jar = Jar::default();
        for header in headers {
            jar.set(header.as_bytes(), place("/cart/items", 100));
        }
        jar
    }

    #[test]
    fn cookies_go_back_where_they_came_from() {
        for (header, path, sent) in [
            ("a=1", "/cart/items", true),
            ("a=1", "/cart", true),
            ("a=1", "/carts", false),
            ("a=1", "/", false),
            ("a=1; Path=/", "/", true),
            ("a=1; Path=/orders", "/orders/7", true),
            ("a=1; Path=/orders", "/ordersheet", false),
            ("a=1; Path=orders", "/cart/x", true),
            ("a=1; Path=/; Secure", "/", false),
            ("a=1; Path=/; HttpOnly; SameSite=Lax", "/", true),
            ("a=1; Path=/; Domain=shop.example", "/", true),
            ("a=1; Path=/; Domain=.Example", "/", true),
            ("a=1; Path=/; Domain=other.example", "/", false),
            ("a=1; Path=/; Domain=hop.example", "/", false),
            ("a=1; Path=/; Max-Age=10", "/", true),
            ("a=1; Path=/; Max-Age=0", "/", false),
            ("a=1; Path=/; Expires=Thu, 01 Jan 1970 00:00:10 GMT", "/", false),
            ("a=1; Path=/; Expires=Thu, 01 Jan 2099 00:00:10 GMT", "/", true),
            ("a=1; Path=/; Expires=Thu, 01 Jan 1970 00:00:10 GMT; Max-Age=50", "/", true),
            ("a=1; Path=/; Expires=whenever", "/", true),
            ("nothing", "/cart/items", false),
            ("=1; Path=/", "/", false),
        ] {
            let header_back = jar(&[header]).header(place(path, 100));
            assert_eq!(header_back.as_deref(), sent.then_some("a=1"), "{header} at {path}");
        }
    }

    #[test]
    fn a_cookie_of_an_encrypted_answer_is_sent_on_encrypted_connections() {
        let jar = jar(&["a=1; Path=/; Secure"]);
        let secure = Place { secure: true, ..place("/", 100) };
        assert_eq!(jar.header(secure).as_deref(), Some("a=1"));
        let elsewhere = Place { host: "127.0.0.1", ..secure };
        assert_eq!(jar.header(elsewhere), None);
    }

    #[test]
    fn a_new_value_takes_the_place_of_the_old_one_and_an_old_date_takes_it_out() {
        let mut jar = jar(&["a=1; Path=/", "b=2; Path=/", "c=3; Path=/cart", "a=4; Path=/"]);
        assert_eq!(jar.header(place("/cart", 100)).as_deref(), Some("c=3; a=4; b=2"));
        jar.set(b"b=; Path=/; Max-Age=-1", place("/", 100));
        assert_eq!(jar.header(place("/", 100)).as_deref(), Some("a=4"));
    }

    #[test]
    fn a_cookie_ends_with_its_time() {
        let jar = jar(&["a=1; Path=/; Max-Age=10"]);
        assert!(jar.header(place("/", 109)).is_some());
        assert!(jar.header(place("/", 110)).is_none());
    }

    #[test]
    fn a_jar_has_a_bound_and_takes_nothing_that_would_break_a_request() {
        let mut jar = Jar::default();
        for number in 0..500 {
            jar.set(format!("c{number}=1; Path=/").as_bytes(), place("/", 0));
        }
        assert_eq!(jar.cookies.len(), COOKIES_MAX);
        let mut jar = Jar::default();
        jar.set(b"a=1\r\nx-evil: 1; Path=/", place("/", 0));
        jar.set(b"a=\xff; Path=/", place("/", 0));
        jar.set(format!("a={}; Path=/", "x".repeat(5_000)).as_bytes(), place("/", 0));
        assert!(jar.header(place("/", 0)).is_none());
    }

    proptest::proptest! {
        #[test]
        fn no_header_makes_the_jar_panic(header in "[ -~]{0,80}|\\PC*") {
            let mut jar = Jar::default();
            jar.set(header.as_bytes(), place("/a/b", 5));
            _ = jar.header(place("/a/b", 5));
        }
    }
}
