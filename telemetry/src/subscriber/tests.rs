use std::sync::{Arc, Mutex};

use opentelemetry::logs::AnyValue;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{LogBatch, LogExporter, SdkLogRecord, SdkLoggerProvider};
use opentelemetry_sdk::trace::SdkTracerProvider;

use super::*;

/// Keeps what it gets.
#[derive(Debug, Clone, Default)]
struct Memory(Arc<Mutex<Vec<SdkLogRecord>>>);

impl LogExporter for Memory {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        let mut kept = self.0.lock().unwrap();
        kept.extend(batch.iter().map(|(record, _)| record.clone()));
        Ok(())
    }
}

#[test]
fn a_log_record_carries_the_ids_of_the_request_that_it_belongs_to() {
    let memory = Memory::default();
    let logs = SdkLoggerProvider::builder().with_simple_exporter(memory.clone()).build();
    let traces = SdkTracerProvider::builder().build();
    let subscriber = tracing_subscriber::registry()
        .with(tracing_opentelemetry::layer().with_tracer(traces.tracer("test")))
        .with(Lines {
            form: Form::Json,
            service: "orders".into(),
            logger: logs.logger("test"),
            clock: Clock::system(),
        });
    tracing::subscriber::with_default(subscriber, || {
        let request = tracing::info_span!("request", shakedown.correlation_id = "u000001-000002");
        let _entered = request.enter();
        let _inner = tracing::info_span!("step").entered();
        tracing::warn!(order = 7, "charge failed");
    });
    let kept = memory.0.lock().unwrap();
    let [record] = kept.as_slice() else { panic!("one record, got {}", kept.len()) };
    assert_eq!(record.body(), Some(&AnyValue::from("charge failed")));
    assert_eq!(record.severity_number(), Some(Severity::Warn));
    assert!(record.trace_context().is_some());
    let attribute = |name: &str| {
        record
            .attributes_iter()
            .find(|(key, _)| key.as_str() == name)
            .map(|(_, value)| value.clone())
    };
    assert_eq!(attribute(attribute::CORRELATION_ID), Some(AnyValue::from("u000001-000002")));
    assert_eq!(attribute("order"), Some(AnyValue::from(7)));
}
