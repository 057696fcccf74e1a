//! A span, and the reading of it.

use std::borrow::Cow;
use std::ops::Deref;

use model::edge::Edge;
use model::id::{CorrelationId, SpanId, TraceId};

use super::{Batch, Origin, Part, STATUS_ERROR};
use crate::decode::traces as read;

/// The parts with `Value` in their name are attribute values, the others texts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct SpanRecord {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) parent: Option<SpanId>,
    /// Number of the origin in its batch.
    pub(crate) origin: u32,
    pub(crate) kind: i32,
    pub(crate) status: i32,
    pub(crate) flags: u32,
    pub(crate) start_unix_ns: u64,
    /// May lie before the start; then the duration counts as zero.
    pub(crate) end_unix_ns: u64,
    /// The whole span.
    pub(crate) message: Part,
    pub(crate) name: Part,
    pub(crate) trace_state: Part,
    pub(crate) known: Known,
}

/// Attribute values that are looked up or counted. Each that is there can be read as what it is.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Known {
    pub(crate) correlation_id: Part,
    pub(crate) edge: Part,
    pub(crate) blame: Part,
    pub(crate) fault: Part,
    pub(crate) attempt: Part,
    pub(crate) control: Part,
    pub(crate) http_method: Part,
    pub(crate) http_route: Part,
    pub(crate) http_status: Part,
}

impl SpanRecord {
    pub(crate) fn duration_ns(&self) -> u64 {
        self.end_unix_ns.saturating_sub(self.start_unix_ns)
    }

    pub(crate) fn is_error(&self) -> bool {
        self.status == STATUS_ERROR || !self.known.blame.is_absent()
    }
}

/// A span of a batch. Cheap to copy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SpanView<'a> {
    batch: &'a Batch,
    record: &'a SpanRecord,
}

impl Deref for SpanView<'_> {
    type Target = SpanRecord;

    fn deref(&self) -> &SpanRecord {
        self.record
    }
}

impl<'a> SpanView<'a> {
    pub(super) fn of(batch: &'a Batch, record: &'a SpanRecord) -> Self {
        Self { batch, record }
    }

    fn text(self, part: Part) -> &'a str {
        part.text(self.batch.payload())
    }

    fn value(self, part: Part) -> Option<Cow<'a, str>> {
        part.value_text(self.batch.payload())
    }

    pub(crate) fn origin(self) -> &'a Origin {
        &self.batch.origins[self.record.origin as usize]
    }

    pub(crate) fn name(self) -> &'a str {
        self.text(self.record.name)
    }

    /// The name and the values of route and method, each as its bytes came.
    pub(crate) fn raw_names(self) -> [&'a [u8]; 3] {
        let Known { http_route, http_method, .. } = self.record.known;
        [self.record.name, http_route, http_method].map(|part| part.bytes(self.batch.payload()))
    }

    pub(crate) fn trace_state(self) -> &'a str {
        self.text(self.record.trace_state)
    }

    pub(crate) fn status_message(self) -> &'a str {
        read::status_message(self.message())
    }

    pub(crate) fn correlation_id(self) -> Option<CorrelationId> {
        self.correlation()?.parse().ok()
    }

    /// The text of the correlation id.
    pub(crate) fn correlation(self) -> Option<Cow<'a, str>> {
        self.value(self.known.correlation_id)
    }

    /// `None` also when the text is no edge.
    pub(crate) fn edge(self) -> Option<Edge> {
        self.edge_text()?.parse().ok()
    }

    pub(crate) fn edge_text(self) -> Option<Cow<'a, str>> {
        self.value(self.known.edge)
    }

    pub(crate) fn blame(self) -> Option<Cow<'a, str>> {
        self.value(self.known.blame)
    }

    pub(crate) fn fault(self) -> Option<Cow<'a, str>> {
        self.value(self.known.fault)
    }

    pub(crate) fn http_method(self) -> Option<Cow<'a, str>> {
        self.value(self.known.http_method)
    }

    pub(crate) fn http_route(self) -> Option<Cow<'a, str>> {
        self.value(self.known.http_route)
    }

    pub(crate) fn attempt(self) -> Option<i64> {
        self.known.attempt.value(self.batch.payload())?.to_int()
    }

    pub(crate) fn http_status(self) -> Option<i64> {
        self.known.http_status.value(self.batch.payload())?.to_int()
    }

    pub(crate) fn control(self) -> Option<bool> {
        self.known.control.value(self.batch.payload())?.to_bool()
    }

    /// Appends the attributes as a JSON object.
    pub(crate) fn write_attributes(self, out: &mut String) {
        read::write_attributes(self.message(), out);
    }

    /// Appends the links as a JSON array; nothing when there are none.
    pub(crate) fn write_links(self, out: &mut String) {
        read::write_links(self.message(), out);
    }

    pub(crate) fn events(self) -> impl Iterator<Item = EventView<'a>> {
        read::events(self.message())
    }

    fn message(self) -> &'a [u8] {
        self.record.message.bytes(self.batch.payload())
    }
}

/// An event of a span.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EventView<'a> {
    pub(crate) unix_ns: u64,
    pub(crate) name: &'a str,
    pub(crate) message: &'a [u8],
}

impl EventView<'_> {
    /// Appends the attributes as a JSON object.
    pub(crate) fn write_attributes(self, out: &mut String) {
        read::write_event_attributes(self.message, out);
    }
}
