//! What may be set about receiving, checked once at the start.

use model::limits::OTLP_REQUEST_BYTES_MAX;

use super::cors::OriginPattern;

/// Largest response before compression, as OTLP recommends.
const RESPONSE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Enough for a partial success that has its count and a few words.
const RESPONSE_BYTES_MIN: usize = 128;

const CONNECTIONS_MAX: usize = 1_024;

/// How requests are received. The defaults are what OTLP 1.11 recommends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiveConfig {
    /// Largest request, before and after inflating; at most 64 MiB.
    pub request_bytes_max: usize,
    /// Largest response before compression, at least 128 bytes. The text of a partial success is
    /// shortened to fit, its count never.
    pub response_bytes_max: usize,
    /// Connections of both ports at once. When there are no more, a newcomer gets the place of the
    /// one that has been idle for the longest.
    pub connections_max: usize,
    /// Stands before `/v1/traces` and the other paths, like `/otlp`; empty for none.
    pub http_path_prefix: String,
    /// Web pages that may send from a browser: `https://shop.example`, `http://localhost:*`, or
    /// `*` for all. Without any, a request that comes from a page is refused.
    pub cors_origins: Vec<String>,
}

impl Default for ReceiveConfig {
    fn default() -> Self {
        Self {
            request_bytes_max: OTLP_REQUEST_BYTES_MAX,
            response_bytes_max: RESPONSE_BYTES_MAX,
            connections_max: CONNECTIONS_MAX,
            http_path_prefix: String::new(),
            cors_origins: Vec::new(),
        }
    }
}

/// What is wrong with a [`ReceiveConfig`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiveError {
    #[error("the largest request is set to {0} bytes, expected 1 to {OTLP_REQUEST_BYTES_MAX}")]
    RequestBytes(usize),
    #[error("the largest response is set to {0} bytes, expected at least {RESPONSE_BYTES_MIN}")]
    ResponseBytes(usize),
    #[error("no connection is allowed, expected at least one")]
    Connections,
    #[error("the path prefix {0:?} must begin with a slash and not end with one, like \"/otlp\"")]
    Prefix(String),
    #[error(
        "the origin {0:?} must be a scheme and a host without a path, like \
         \"https://shop.example\" or \"http://localhost:*\", or \"*\" for all"
    )]
    Origin(String),
}

/// A [`ReceiveConfig`] that is known to make sense.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(super) request_bytes_max: usize,
    pub(super) response_bytes_max: usize,
    pub(super) connections_max: usize,
    pub(super) path_prefix: String,
    pub(super) origins: Vec<OriginPattern>,
}

impl Settings {
    pub(crate) fn check(config: ReceiveConfig) -> Result<Self, ReceiveError> {
        let ReceiveConfig { request_bytes_max, response_bytes_max, connections_max, .. } = config;
        if !(1..=OTLP_REQUEST_BYTES_MAX).contains(&request_bytes_max) {
            return Err(ReceiveError::RequestBytes(request_bytes_max));
        }
        if response_bytes_max < RESPONSE_BYTES_MIN {
            return Err(ReceiveError::ResponseBytes(response_bytes_max));
        }
        if connections_max == 0 {
            return Err(ReceiveError::Connections);
        }
        let path_prefix = config.http_path_prefix;
        if !path_prefix.is_empty() && (!path_prefix.starts_with('/') || path_prefix.ends_with('/'))
        {
            return Err(ReceiveError::Prefix(path_prefix));
        }
        let origins = config.cors_origins.into_iter();
        let origins = origins
            .map(|text| OriginPattern::parse(&text).ok_or(ReceiveError::Origin(text)))
            .collect::<Result<_, _>>()?;
        Ok(Self { request_bytes_max, response_bytes_max, connections_max, path_prefix, origins })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_without_sense_are_refused_with_what_was_expected() {
        let sound = ReceiveConfig::default();
        for (config, said) in [
            (
                ReceiveConfig { request_bytes_max: 0, ..sound.clone() },
                "set to 0 bytes, expected 1 to 67108864",
            ),
            (
                ReceiveConfig { request_bytes_max: usize::MAX, ..sound.clone() },
                "expected 1 to 67108864",
            ),
            (ReceiveConfig { response_bytes_max: 8, ..sound.clone() }, "at least 128"),
            (ReceiveConfig { connections_max: 0, ..sound.clone() }, "at least one"),
            (ReceiveConfig { http_path_prefix: "otlp".into(), ..sound.clone() }, "\"/otlp\""),
            (ReceiveConfig { http_path_prefix: "/".into(), ..sound.clone() }, "\"/\" must"),
            (
                ReceiveConfig { cors_origins: vec!["shop.example".into()], ..sound.clone() },
                "\"shop.example\" must be a scheme",
            ),
        ] {
            let refused = Settings::check(config).unwrap_err().to_string();
            assert!(refused.contains(said), "{refused}");
        }
        assert!(Settings::check(sound).is_ok());
    }
}
