//! URLs of OTLP backends.

use super::reader::{Value, not_yet, shorten};

/// `http://127.0.0.1:4318`.
pub(crate) fn read_otlp(value: &Value<'_>) -> Option<String> {
    value.parsed("a URL like \"http://127.0.0.1:4318\"", |text| {
        check_otlp(text).map(|()| text.to_owned())
    })
}

/// A backend of a run: a URL, which may be encrypted, and settings after it, which the collector
/// checks when it starts.
pub(crate) fn read_backend(value: &Value<'_>) -> Option<String> {
    value.parsed("a URL like \"http://127.0.0.1:4318\"", |text| {
        let url = text.split_whitespace().next().unwrap_or_default();
        let plain = match url.strip_prefix("https://") {
            Some(rest) => format!("http://{rest}"),
            None => url.to_owned(),
        };
        check_otlp(&plain).map(|()| text.to_owned())
    })
}

/// What is wrong with the URL of an OTLP backend that is reached without encryption.
pub(crate) fn check_otlp(text: &str) -> Result<(), String> {
    if text.starts_with("https://") {
        return Err(not_yet("an OTLP endpoint over https"));
    }
    let rest = text.strip_prefix("http://").unwrap_or_default();
    let authority = rest.split('/').next().unwrap_or_default();
    let usable = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}@?#".contains(&byte);
    let port = authority.rsplit_once(':').map(|(_, port)| port).filter(|port| !port.ends_with(']'));
    let port_fits = port.is_none_or(|port| port.parse::<u16>().is_ok());
    if authority.is_empty() || authority.starts_with(':') || !rest.bytes().all(usable) || !port_fits
    {
        return Err(format!(
            "an OTLP endpoint is a URL like \"http://127.0.0.1:4318\", got \"{}\"",
            shorten(text)
        ));
    }
    Ok(())
}
