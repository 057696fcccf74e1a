//! What the ledger says about a connection.

use std::sync::Arc;

use model::decision::Subject;
use model::edge::Edge;
use model::id::CorrelationId;
use opentelemetry::trace::{SpanId, TraceFlags, TraceId};

use crate::emit::{Decision, Emitter, SpanRef, Verdict};
use crate::fault::Drawn;
use crate::fault::due::Ledger;

/// A connection has no correlation id and no span; its number on its edge names it.
#[derive(Debug)]
pub(super) struct Page {
    emitter: Arc<Emitter>,
    edge: Edge,
    subject: Subject,
    correlation_id: CorrelationId,
    epoch: u64,
}

impl Page {
    pub(super) fn new(emitter: &Arc<Emitter>, edge: &Edge, subject: &Subject, epoch: u64) -> Self {
        let number = match subject {
            Subject::Counter(number) => *number,
            Subject::CorrelationId(_) => 0,
        };
        let correlation_id = format!("connection-{number}");
        Self {
            emitter: Arc::clone(emitter),
            edge: edge.clone(),
            subject: subject.clone(),
            correlation_id: correlation_id.parse().expect("a number is visible and short"),
            epoch,
        }
    }
}

impl Ledger for Page {
    fn enter(&self, drawn: &Drawn, verdict: Verdict) {
        let span = SpanRef {
            trace_id: TraceId::INVALID,
            span_id: SpanId::INVALID,
            flags: TraceFlags::NOT_SAMPLED,
        };
        let decision = Decision {
            fault: &drawn.fault.spec,
            edge: &self.edge,
            subject: &self.subject,
            correlation_id: &self.correlation_id,
            occurrence: 0,
            attempt: drawn.attempt,
            draw: drawn.draw,
            epoch: self.epoch,
            span,
        };
        self.emitter.decided(&decision, verdict);
    }
}
