//! Lines of text become log records: what services write to their standard output.
//!
//! A line that is a JSON object gives its time, level, message, service and ids by the names that
//! loggers use (`record`); everything else in it becomes attributes. Any other line is kept as it
//! is. The records are OTLP bytes and go the way of any other request for logs, so they are
//! joined with traces, written and sent on like those.

mod buffer;
mod intake;
mod level;
mod record;
mod time;

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message as _;

pub use self::intake::{LineCount, LineIntake};
use self::record::text_attribute;
use crate::admission::Refused;
use crate::wire::put_bytes;

/// Longest part of a line that is kept: longer than any sound log line.
pub const LINE_BYTES_MAX: usize = 64 * 1024;
/// Most lines of one request: a record takes far more memory than the shortest line.
pub(super) const LINES_MAX: usize = 65_536;
/// Name of the instrumentation scope.
const SCOPE: &str = "lines";

/// Who writes the lines.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LineSource {
    /// For lines that do not name their service; empty for none.
    pub service: String,
    /// Which process of the service; empty for none.
    pub instance: String,
}

/// Lines on their way.
#[derive(Debug, Default)]
pub(super) struct Converted {
    /// A request for logs in protobuf.
    pub(super) payload: Vec<u8>,
    pub(super) records: u64,
    /// Lines that were longer than [`LINE_BYTES_MAX`].
    pub(super) cut: u64,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum LinesError {
    #[error("more than {LINES_MAX} lines in one request; send fewer at once")]
    TooMany,
    #[error(transparent)]
    Refused(#[from] Refused),
}

/// Turns lines into a request for logs. `room` is asked before the result takes so many bytes.
pub(super) fn convert(
    source: &LineSource,
    text: &[u8],
    observed_unix_ns: u64,
    mut room: impl FnMut(usize) -> Result<(), Refused>,
) -> Result<Converted, LinesError> {
    let mut converted = Converted::default();
    // What stands in the scope of each service.
    let mut services = BTreeMap::<String, Vec<u8>>::new();
    let mut bytes = 0;
    for line in text.split(|byte| *byte == b'\n') {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        // Lines without a time of their own keep their order.
        let observed_unix_ns = observed_unix_ns + converted.records;
        converted.records += 1;
        if converted.records > LINES_MAX as u64 {
            return Err(LinesError::TooMany);
        }
        let (line, is_cut) = match line.get(..LINE_BYTES_MAX) {
            Some(kept) if line.len() > LINE_BYTES_MAX => (kept, true),
            _ => (line, false),
        };
        converted.cut += u64::from(is_cut);
        let (service, mut record) = record::read(line, is_cut);
        record.observed_time_unix_nano = observed_unix_ns;
        let record = record.encode_to_vec();
        bytes += 2 * record.len() + SCOPE.len();
        room(bytes)?;
        let service = service.unwrap_or_else(|| source.service.clone());
        let scope = services.entry(service).or_insert_with(|| {
            let (mut name, mut scope) = (Vec::new(), Vec::new());
            put_bytes(1, SCOPE.as_bytes(), &mut name);
            put_bytes(1, &name, &mut scope);
            scope
        });
        put_bytes(2, &record, scope);
    }
    for (service, scope) in services {
        let mut entry = Vec::with_capacity(scope.len());
        put_bytes(1, &resource(&service, &source.instance), &mut entry);
        put_bytes(2, &scope, &mut entry);
        put_bytes(1, &entry, &mut converted.payload);
    }
    Ok(converted)
}

fn resource(service: &str, instance: &str) -> Vec<u8> {
    let named = [
        (model::names::attribute::SERVICE_NAME, service),
        (model::names::attribute::SERVICE_INSTANCE_ID, instance),
    ];
    let attributes = named
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| text_attribute(name, value));
    Resource { attributes: attributes.collect(), ..Resource::default() }.encode_to_vec()
}

/// The request that lines become, and how many records it has.
pub(crate) fn fuzz_convert(text: &[u8]) -> (Vec<u8>, usize) {
    let source = LineSource { service: "shop".to_owned(), ..LineSource::default() };
    match convert(&source, text, 1, |_bytes| Ok(())) {
        Ok(converted) => (converted.payload, converted.records as usize),
        Err(error) => panic!("{error}: {} bytes", text.len()),
    }
}

/// The same text when it comes in pieces.
pub(crate) fn fuzz_buffer(text: &[u8], piece_bytes: usize) -> Vec<u8> {
    let mut buffer = buffer::LineBuffer::default();
    let mut whole: Vec<u8> = text.chunks(piece_bytes).flat_map(|it| buffer.push(it)).collect();
    whole.append(&mut buffer.end());
    whole
}

#[cfg(test)]
mod tests;
