//! A log record, and the reading of it.

use std::borrow::Cow;
use std::ops::Deref;

use model::edge::Edge;
use model::id::{CorrelationId, SpanId, TraceId};

use super::{Batch, Origin, Part};
use crate::decode::logs as read;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct LogRecord {
    pub(crate) trace_id: Option<TraceId>,
    pub(crate) span_id: Option<SpanId>,
    /// Number of the origin in its batch.
    pub(crate) origin: u32,
    pub(crate) severity: i32,
    pub(crate) flags: u32,
    pub(crate) unix_ns: u64,
    pub(crate) observed_unix_ns: u64,
    /// The whole record.
    pub(crate) message: Part,
    /// Name of the event; absent for plain lines.
    pub(crate) event: Part,
    /// An attribute value, like the next.
    pub(crate) correlation_id: Part,
    pub(crate) edge: Part,
}

/// A log record of a batch. Cheap to copy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LogView<'a> {
    batch: &'a Batch,
    record: &'a LogRecord,
}

impl Deref for LogView<'_> {
    type Target = LogRecord;

    fn deref(&self) -> &LogRecord {
        self.record
    }
}

impl<'a> LogView<'a> {
    pub(super) fn of(batch: &'a Batch, record: &'a LogRecord) -> Self {
        Self { batch, record }
    }

    pub(crate) fn origin(self) -> &'a Origin {
        &self.batch.origins[self.record.origin as usize]
    }

    pub(crate) fn event(self) -> &'a str {
        self.record.event.text(self.batch.payload())
    }

    /// Text, or JSON when the body is no text.
    pub(crate) fn body(self) -> Cow<'a, str> {
        read::body(self.message())
    }

    pub(crate) fn severity_text(self) -> &'a str {
        read::severity_text(self.message())
    }

    pub(crate) fn correlation_id(self) -> Option<CorrelationId> {
        self.correlation()?.parse().ok()
    }

    /// The text of the correlation id.
    pub(crate) fn correlation(self) -> Option<Cow<'a, str>> {
        self.record.correlation_id.value_text(self.batch.payload())
    }

    /// `None` also when the text is no edge.
    pub(crate) fn edge(self) -> Option<Edge> {
        self.record.edge.value_text(self.batch.payload())?.parse().ok()
    }

    /// Appends the attributes as a JSON object.
    pub(crate) fn write_attributes(self, out: &mut String) {
        read::write_attributes(self.message(), out);
    }

    fn message(self) -> &'a [u8] {
        self.record.message.bytes(self.batch.payload())
    }
}
