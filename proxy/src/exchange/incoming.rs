//! What a request brought along: context and identity.
//!
//! Reading is liberal: a broken header counts as absent. The fields themselves travel on with the
//! head; only what the gateway changes is read here.

use std::borrow::Cow;

use model::id::CorrelationId;
use model::propagation::TraceParent;

use crate::http1::{Known, RequestHead};

#[derive(Debug, Clone, Default)]
pub(crate) struct Incoming {
    pub(crate) parent: Option<TraceParent>,
}

impl Incoming {
    pub(crate) fn read(head: &RequestHead) -> Self {
        let parent = match head.count(Known::Traceparent) {
            1 => text(head, Known::Traceparent).and_then(|text| text.trim().parse().ok()),
            _ => None,
        };
        Self { parent }
    }

    /// Lines of the state joined in order, as the standard demands. Only with a parent: without one
    /// it belongs to nothing.
    pub(crate) fn tracestate<'a>(&self, head: &'a RequestHead) -> Option<Cow<'a, str>> {
        self.parent?;
        if head.count(Known::Tracestate) <= 1 {
            return text(head, Known::Tracestate).map(Cow::Borrowed);
        }
        let lines = head.values("tracestate").filter_map(|line| str::from_utf8(line).ok());
        Some(Cow::Owned(lines.map(str::trim).collect::<Vec<_>>().join(",")))
    }
}

/// From `x-correlation-id`, else from `x-request-id`.
pub(crate) fn correlation_id(head: &RequestHead) -> Option<CorrelationId> {
    let id = |known| text(head, known)?.trim().parse().ok();
    id(Known::CorrelationId).or_else(|| id(Known::RequestId))
}

pub(crate) fn text(head: &RequestHead, known: Known) -> Option<&str> {
    std::str::from_utf8(head.known(known)?).ok()
}
