//! Requests in JSON, and lines of text: what is taken becomes protobuf that everybody reads.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use prost::Message as _;

use super::signals::decoded;
use crate::decode::json::to_protobuf_within;
use crate::receive::{fuzz_buffer, fuzz_convert};
use crate::record::Signal;

/// Room for what grows by doubling.
const SPARE_BYTES: usize = 1_024;
/// The protobuf of a number in JSON has so many times its bytes at most: `0,` is a double.
const GROWTH: usize = 4;

pub fn traces_json(body: &[u8]) {
    json(Signal::Traces, body);
}

pub fn metrics_json(body: &[u8]) {
    json(Signal::Metrics, body);
}

pub fn logs_json(body: &[u8]) {
    json(Signal::Logs, body);
}

fn json(signal: Signal, body: &[u8]) {
    let mut most_bytes = 0;
    let converted = to_protobuf_within(signal, body, |bytes| {
        most_bytes = bytes;
        Ok(())
    });
    assert!(most_bytes <= 2 * GROWTH * body.len() + SPARE_BYTES, "{most_bytes} bytes");
    if let Ok(Ok(payload)) = converted {
        assert!(payload.len() <= most_bytes.max(SPARE_BYTES));
        let said = decoded(signal, &payload);
        assert!(said.is_ok(), "{said:?}: {}", body.escape_ascii());
    }
}

pub fn lines(text: &[u8]) {
    let (payload, records) = fuzz_convert(text);
    let request = ExportLogsServiceRequest::decode(&*payload).expect("it was just written");
    let scopes = request.resource_logs.iter().flat_map(|it| &it.scope_logs);
    assert_eq!(scopes.map(|scope| scope.log_records.len()).sum::<usize>(), records);
    let lines = text.split(|byte| *byte == b'\n');
    assert_eq!(lines.filter(|line| !line.trim_ascii().is_empty()).count(), records);
    let batch = decoded(Signal::Logs, &payload).expect("it was just written");
    assert_eq!((batch.logs.len(), batch.rejected.count()), (records, 0));
    for step in [1, 3, 7] {
        let (again, _) = fuzz_convert(&fuzz_buffer(text, step));
        assert_eq!(again, payload, "in pieces of {step}");
    }
}
