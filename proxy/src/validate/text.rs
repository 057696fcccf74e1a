//! Texts of HTTP, as plans write them.

use http::{HeaderName, HeaderValue};
use model::fault::is_framing_field;

use super::{Checked, ensure};

pub(super) fn field_name(field: &str, name: &str) -> Checked {
    ensure(HeaderName::try_from(name).is_ok(), field, || {
        format!("the name of a header field is a token such as x-tenant, got {name:?}")
    })
}

pub(super) fn field_value(field: &str, value: &str) -> Checked {
    ensure(HeaderValue::from_str(value).is_ok(), field, || {
        format!("the value of a header field is visible text on one line, got {value:?}")
    })
}

/// The name of a field that a plan may set or remove.
pub(super) fn own_field_name(field: &str, name: &str) -> Checked {
    field_name(field, name)?;
    ensure(!is_framing_field(name), field, || {
        format!("{name} frames the message: use a fault such as wrong-length or broken-chunk")
    })
}

pub(super) fn method(field: &str, method: &str) -> Checked {
    let fits = !method.is_empty()
        && method.len() <= 32
        && method.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-');
    ensure(fits, field, || format!("a method is upper-case letters such as GET, got {method:?}"))
}

/// A name or an address without port; `*.` at its beginning is any name below.
pub(super) fn host(field: &str, host: &str) -> Checked {
    let name = host.strip_prefix("*.").unwrap_or(host);
    let bracketed = name.starts_with('[') && name.ends_with(']');
    let visible = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~[]".contains(&byte);
    let fits =
        !name.is_empty() && name.bytes().all(|byte| visible(byte) || bracketed && byte == b':');
    ensure(fits, field, || {
        format!("a host is a name without port such as shop.example.org, got {host:?}")
    })
}
