//! The request of a step, with its holes filled.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri};
use http_body_util::Full;
use model::names::header;

use crate::client::Failure;
use crate::fill::Fill;
use crate::plan::ResolvedStep;

const AGENT: HeaderValue = HeaderValue::from_static("shakedown-load");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const CORRELATION_ID: HeaderName = HeaderName::from_static(header::CORRELATION_ID);
const TRACEPARENT: HeaderName = HeaderName::from_static(header::TRACEPARENT);
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static(header::IDEMPOTENCY_KEY);

/// Fails only when a saved value cannot stand where the template puts it.
pub(super) fn filled(
    step: &ResolvedStep,
    fill: Fill<'_>,
    host: &HeaderValue,
) -> Result<Request<Full<Bytes>>, Failure> {
    let body = step.body.as_ref().map(|body| Bytes::from(fill.body(body)));
    let mut request = Request::new(Full::new(body.unwrap_or_default()));
    *request.method_mut() = step.method.clone();
    *request.uri_mut() =
        Uri::try_from(fill.path(&step.path)).map_err(|_no_uri| Failure::Unsendable)?;
    headers(request.headers_mut(), step, fill, host)?;
    Ok(request)
}

/// The headers of the step come last: a scenario may overrule all others.
fn headers(
    headers: &mut HeaderMap,
    step: &ResolvedStep,
    fill: Fill<'_>,
    host: &HeaderValue,
) -> Result<(), Failure> {
    let identity = fill.identity;
    headers.insert(HOST, host.clone());
    headers.insert(USER_AGENT, AGENT);
    headers.insert(TRACEPARENT, value(identity.trace_parent(fill.step).to_string())?);
    headers.insert(CORRELATION_ID, value(identity.correlation_id.as_str().to_owned())?);
    if step.body.is_some() {
        headers.insert(CONTENT_TYPE, JSON);
    }
    if let Some(key) = &step.key {
        headers.insert(IDEMPOTENCY_KEY, value(fill.plain(key))?);
    }
    for (name, template) in &step.headers {
        headers.insert(name.clone(), value(fill.plain(template))?);
    }
    Ok(())
}

fn value(text: String) -> Result<HeaderValue, Failure> {
    HeaderValue::try_from(text).map_err(|_no_header_value| Failure::Unsendable)
}
