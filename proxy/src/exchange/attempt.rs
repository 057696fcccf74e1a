//! The attempts of a request: one CLIENT span each, below the request's own span.

use std::net::SocketAddr;

use model::names::attribute;
use tokio::time::Instant;

use super::report::{Attributes, Verdict, joined};
use super::{Exchange, Inner};
use crate::emit::metrics::Count;
use crate::emit::{Attr, Kind, SpanIds, SpanRecord, SpanRef};
use crate::failure::Failure;

#[derive(Debug)]
pub(super) struct Attempt {
    number: u32,
    ids: SpanIds,
    began: Instant,
    /// Faults that act on this attempt.
    pub(super) hits: Vec<String>,
    pub(super) to: Option<SocketAddr>,
}

impl Attempt {
    pub(super) fn reference(&self) -> SpanRef {
        self.ids.reference()
    }
}

impl Inner {
    pub(super) fn attempt(&self, number: u32) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| attempt.number == number)
    }

    pub(super) fn attempt_mut(&mut self, number: u32) -> Option<&mut Attempt> {
        self.attempts.iter_mut().find(|attempt| attempt.number == number)
    }
}

impl Exchange {
    /// Opens attempt `number`, counted from 0.
    pub(crate) fn begin_attempt(&self, number: u32, began: Instant) {
        self.count(Count::Attempts);
        let ids = self.ids.below();
        let mut inner = self.inner();
        inner.begun += 1;
        inner.attempts.reserve_exact(1);
        inner.attempts.push(Attempt { number, ids, began, hits: Vec::new(), to: None });
    }

    /// The context that the callee gets: its parent is the attempt.
    pub(crate) fn write_traceparent(&self, number: u32, out: &mut Vec<u8>) {
        if let Some(attempt) = self.inner().attempt(number) {
            attempt.ids.write_traceparent(out);
        }
    }

    /// Closes an attempt that others follow or have overtaken.
    pub(crate) fn end_attempt(&self, number: u32, status: Option<u16>, failure: Option<&Failure>) {
        let taken = {
            let mut inner = self.inner();
            let place = inner.attempts.iter().position(|attempt| attempt.number == number);
            let taken = place.map(|place| inner.attempts.remove(place));
            inner.tried.extend(taken.as_ref().and_then(|attempt| attempt.to));
            taken
        };
        if let Some(attempt) = taken {
            self.close_attempt(&attempt, status, failure, self.clock().now());
        }
    }

    pub(super) fn close_attempt(
        &self,
        attempt: &Attempt,
        status: Option<u16>,
        failure: Option<&Failure>,
        now: Instant,
    ) {
        let Some(line) = &self.line else { return };
        let verdict = Verdict::of(status, failure);
        let took = now - attempt.began;
        line.traffic.metrics.attempt_ended(self.worker.index, verdict.blame, took);
        if !attempt.ids.sampled {
            return;
        }
        let message = verdict.message();
        let (hits, to) = (joined(&attempt.hits), attempt.to.map(|to| to.to_string()));
        let mut attributes = Attributes::default();
        attributes.extend([
            Attr::Text(attribute::EDGE, &line.name),
            Attr::Int(attribute::ATTEMPT, i64::from(attempt.number)),
            Attr::Text(attribute::HTTP_METHOD, self.head.method()),
            Attr::Text(attribute::URL_PATH, self.head.path()),
            Attr::Text(attribute::CORRELATION_ID, self.correlation_id.as_str()),
        ]);
        if attempt.number > 0 {
            attributes.extend([Attr::Int(attribute::HTTP_RESEND_COUNT, attempt.number.into())]);
        }
        attributes.extend(status.map(|it| Attr::Int(attribute::HTTP_STATUS, i64::from(it))));
        attributes.extend(to.as_deref().map(|to| Attr::Text(attribute::PEER, to)));
        attributes.extend(hits.as_deref().map(|hits| Attr::Text(attribute::FAULT, hits)));
        verdict.write(&mut attributes);
        self.worker.shard.span(&SpanRecord {
            ids: attempt.ids,
            name: self.head.method(),
            kind: Kind::Client,
            start_unix_ns: self.clock().unix_ns_of(attempt.began),
            end_unix_ns: self.clock().unix_ns_of(now),
            attributes: attributes.list(),
            error: message.as_deref(),
            tracestate: self.incoming.tracestate(&self.head).as_deref(),
            remote_parent: false,
        });
    }
}
