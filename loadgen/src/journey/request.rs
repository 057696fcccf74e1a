//! The request of a step, with its holes filled, as bytes.

use std::borrow::Cow;

use model::flow::Body;
use model::names::header;
use model::template::Template;

use crate::client::{Failure, Outgoing};
use crate::fill::Fill;
use crate::plan::ResolvedStep;

/// What differs between two requests of the same turn, and what is filled already.
pub(super) struct Own<'a> {
    /// Number of the span in its journey.
    pub(super) span: usize,
    pub(super) path: &'a str,
    pub(super) cookies: Option<String>,
}

/// Fails only when a value is not there, or cannot stand where the template puts it.
pub(super) fn write(
    out: &mut Outgoing,
    step: &ResolvedStep,
    fill: Fill<'_>,
    own: Own<'_>,
) -> Result<(), Failure> {
    let identity = fill.identity;
    out.begin(step.target, &step.method, own.path);
    out.lines(&step.fixed);
    let trace_parent = identity.trace_parent(own.span).encode();
    put(out, header::TRACEPARENT, &trace_parent)?;
    put(out, header::CORRELATION_ID, identity.correlation_id.as_str().as_bytes())?;
    if let Some(key) = &step.key {
        put(out, header::IDEMPOTENCY_KEY, plain(fill, key)?.as_bytes())?;
    }
    if let Some(cookies) = own.cookies {
        put(out, "cookie", cookies.as_bytes())?;
    }
    for (name, template) in &step.headers {
        put(out, name, plain(fill, template)?.as_bytes())?;
    }
    match &step.body {
        None => out.end(None),
        Some(Body::Bytes { bytes }) => out.end(Some(bytes)),
        Some(Body::Text(text)) => {
            let filled = if step.is_json { fill.json(text) } else { fill.plain(text) };
            out.end(Some(filled.ok_or(Failure::Unsendable)?.as_bytes()));
        },
    }
    Ok(())
}

fn plain<'t>(fill: Fill<'_>, template: &'t Template) -> Result<Cow<'t, str>, Failure> {
    fill.plain(template).ok_or(Failure::Unsendable)
}

fn put(out: &mut Outgoing, name: &str, value: &[u8]) -> Result<(), Failure> {
    if out.header(name, value) { Ok(()) } else { Err(Failure::Unsendable) }
}
