//! The request of a step, with its holes filled, as bytes.

use model::names::header;

use crate::client::{Failure, Outgoing};
use crate::fill::Fill;
use crate::plan::ResolvedStep;

/// Fails only when a saved value cannot stand where the template puts it.
pub(super) fn write(
    out: &mut Outgoing,
    step: &ResolvedStep,
    fill: Fill<'_>,
) -> Result<(), Failure> {
    let identity = fill.identity;
    out.begin(step.target, &step.method, &fill.path(&step.path));
    out.lines(&step.fixed);
    let trace_parent = identity.trace_parent(fill.step).encode();
    put(out, header::TRACEPARENT, &trace_parent)?;
    put(out, header::CORRELATION_ID, identity.correlation_id.as_str().as_bytes())?;
    if let Some(key) = &step.key {
        put(out, header::IDEMPOTENCY_KEY, fill.plain(key).as_bytes())?;
    }
    for (name, template) in &step.headers {
        put(out, name, fill.plain(template).as_bytes())?;
    }
    match &step.body {
        Some(body) => out.end(Some(fill.body(body).as_bytes())),
        None => out.end(None),
    }
    Ok(())
}

fn put(out: &mut Outgoing, name: &str, value: &[u8]) -> Result<(), Failure> {
    if out.header(name, value) { Ok(()) } else { Err(Failure::Unsendable) }
}
