//! Hosts of routes: one name, or all names below one.

/// Whose names are meant; in lower case.
#[derive(Debug)]
pub(super) enum HostRule {
    Exact(String),
    /// Any name that ends so; it begins with a dot.
    Below(String),
}

impl HostRule {
    pub(super) fn new(pattern: &str) -> Self {
        let pattern = pattern.to_ascii_lowercase();
        match pattern.strip_prefix('*') {
            Some(suffix) => Self::Below(suffix.to_owned()),
            None => Self::Exact(pattern),
        }
    }

    /// One name is more exact than all below one, and those below a longer name are fewer.
    pub(super) fn exactness(&self) -> usize {
        match self {
            Self::Exact(_) => usize::MAX,
            Self::Below(suffix) => suffix.len(),
        }
    }

    /// `host` is as it was sent.
    pub(super) fn fits(&self, host: &str) -> bool {
        let host = name_of(host).as_bytes();
        match self {
            Self::Exact(name) => host.eq_ignore_ascii_case(name.as_bytes()),
            Self::Below(suffix) => {
                // The name below must not be empty.
                let start = host.len().checked_sub(suffix.len()).filter(|start| *start > 0);
                start.is_some_and(|start| host[start..].eq_ignore_ascii_case(suffix.as_bytes()))
            },
        }
    }
}

/// Without the port and without the dot of the root.
fn name_of(host: &str) -> &str {
    let name = match host.rsplit_once(':') {
        // The colons inside of brackets are those of an IPv6 address.
        Some((name, port)) if !port.ends_with(']') => name,
        _ => host,
    };
    name.strip_suffix('.').unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_fits_whatever_its_case_and_port() {
        for (pattern, host, expected) in [
            ("shop.example.org", "shop.example.org", true),
            ("shop.example.org", "SHOP.Example.org:8080", true),
            ("Shop.Example.org", "shop.example.org.", true),
            ("shop.example.org", "shop.example.org.:80", true),
            ("shop.example.org", "xshop.example.org", false),
            ("shop.example.org", "shop.example.com", false),
            ("*.example.org", "shop.example.org", true),
            ("*.example.org", "a.b.EXAMPLE.org:80", true),
            ("*.example.org", "example.org", false),
            ("*.example.org", ".example.org", false),
            ("*.example.org", "badexample.org", false),
            ("*.example.org", "org", false),
            ("[::1]", "[::1]", true),
            ("[::1]", "[::1]:8080", true),
            ("127.0.0.1", "127.0.0.1:8080", true),
            ("127.0.0.1", "", false),
            // Cutting a suffix off must not cut a character in two.
            ("*.example.org", "\u{e4}.example.org", true),
            ("*.xample.org", "\u{e4}xample.org", false),
        ] {
            assert_eq!(HostRule::new(pattern).fits(host), expected, "{pattern} {host}");
        }
    }
}
