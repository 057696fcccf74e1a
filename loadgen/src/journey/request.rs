//! The request of a step, with its holes filled, as bytes.

use model::names::header;
use model::template::Template;

use crate::client::{Failure, Outgoing};
use crate::fill::Fill;
use crate::plan::ResolvedStep;

/// Fails only when a saved value is not there, or cannot stand where the template puts it.
pub(super) fn write(
    out: &mut Outgoing,
    step: &ResolvedStep,
    fill: Fill<'_>,
) -> Result<(), Failure> {
    let identity = fill.identity;
    out.begin(step.target, &step.method, &fill.path(&step.path).ok_or(Failure::Unsendable)?);
    out.lines(&step.fixed);
    let trace_parent = identity.trace_parent(fill.draw as usize).encode();
    put(out, header::TRACEPARENT, &trace_parent)?;
    put(out, header::CORRELATION_ID, identity.correlation_id.as_str().as_bytes())?;
    if let Some(key) = &step.key {
        put(out, header::IDEMPOTENCY_KEY, plain(fill, key)?.as_bytes())?;
    }
    for (name, template) in &step.headers {
        put(out, name, plain(fill, template)?.as_bytes())?;
    }
    match &step.body {
        Some(body) => out.end(Some(fill.body(body).ok_or(Failure::Unsendable)?.as_bytes())),
        None => out.end(None),
    }
    Ok(())
}

fn plain(fill: Fill<'_>, template: &Template) -> Result<String, Failure> {
    fill.plain(template).ok_or(Failure::Unsendable)
}

fn put(out: &mut Outgoing, name: &str, value: &[u8]) -> Result<(), Failure> {
    if out.header(name, value) { Ok(()) } else { Err(Failure::Unsendable) }
}
