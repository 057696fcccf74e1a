//! How a request ended, in the words of spans and of the access log.

use std::borrow::Cow;

use model::edge::Blame;
use model::names::attribute;
use tokio::time::Instant;

use super::{Ended, Exchange};
use crate::emit::{Attr, Kind, SpanRecord};
use crate::failure::Failure;

/// Was it a failure, and whose?
#[derive(Debug)]
pub(super) struct Verdict<'a> {
    pub(super) blame: Option<Blame>,
    kind: Option<Cow<'static, str>>,
    pub(super) status: Option<u16>,
    failure: Option<&'a Failure>,
}

impl<'a> Verdict<'a> {
    pub(super) fn of(status: Option<u16>, failure: Option<&'a Failure>) -> Self {
        let (blame, kind) = match (failure, status) {
            (Some(failure), _) => (Some(failure.blame()), Some(failure.kind().into())),
            (None, Some(status)) if status >= 500 => {
                (Some(Blame::Upstream), Some(status.to_string().into()))
            },
            (None, _) => (None, None),
        };
        Self { blame, kind, status, failure }
    }

    /// For people; only of failures.
    pub(super) fn message(&self) -> Option<String> {
        match (self.failure, self.status) {
            (Some(failure), _) => Some(failure.to_string()),
            (None, Some(status)) if self.blame.is_some() => {
                Some(format!("the callee answered {status}"))
            },
            _ => None,
        }
    }

    pub(super) fn write<'b>(&'b self, attributes: &mut Attributes<'b>) {
        let blame = self.blame.map(|blame| Attr::Text(attribute::BLAME, blame.as_str()));
        let kind = self.kind.as_deref().map(|kind| Attr::Text(attribute::ERROR_TYPE, kind));
        attributes.extend(blame.into_iter().chain(kind));
    }
}

impl Exchange {
    /// The request's own span and its line in the access log.
    pub(super) fn report(
        &self,
        verdict: &Verdict<'_>,
        status: Option<u16>,
        ended: &Ended,
        now: Instant,
    ) {
        let hits = joined(&ended.hits);
        if let Some(log) = &self.worker.access {
            log.line(&crate::access::Entry {
                at_unix_ns: self.clock().unix_ns_of(now),
                correlation_id: self.correlation_id.as_str(),
                trace_id: model::id::TraceId::from_bytes(self.ids.trace_id),
                edge: self.line.as_ref().map(|line| line.name.as_str()),
                method: self.head.method(),
                path: self.head.path(),
                status,
                blame: verdict.blame,
                error_type: verdict.kind.as_deref(),
                attempts: ended.attempts,
                took: now - self.began,
                bytes_in: ended.bytes_up,
                bytes_out: ended.bytes_down,
                endpoint: ended.endpoint,
                faults: &ended.hits,
                epoch: self.snapshot.epoch,
            });
        }
        if !self.ids.sampled {
            return;
        }
        let message = verdict.message();
        let mut attributes = Attributes::default();
        attributes.extend([
            Attr::Text(attribute::HTTP_METHOD, self.head.method()),
            Attr::Text(attribute::URL_PATH, self.head.path()),
            Attr::Text(attribute::CORRELATION_ID, self.correlation_id.as_str()),
            Attr::Int(attribute::EPOCH, self.snapshot.epoch.cast_signed()),
            Attr::Bool(attribute::CONTROL, self.control),
        ]);
        let line = self.line.as_ref();
        attributes.extend(line.map(|line| Attr::Text(attribute::EDGE, &line.name)));
        attributes.extend(status.map(|it| Attr::Int(attribute::HTTP_STATUS, i64::from(it))));
        attributes.extend(hits.as_deref().map(|hits| Attr::Text(attribute::FAULT, hits)));
        verdict.write(&mut attributes);
        self.worker.shard.span(&SpanRecord {
            ids: self.ids,
            name: self.head.method(),
            kind: Kind::Server,
            start_unix_ns: self.clock().unix_ns_of(self.began),
            end_unix_ns: self.clock().unix_ns_of(now),
            attributes: attributes.list(),
            error: message.as_deref(),
            tracestate: self.incoming.tracestate(&self.head).as_deref(),
            remote_parent: self.incoming.parent.is_some(),
        });
    }
}

/// The attributes of one span, without an allocation.
#[derive(Debug)]
pub(super) struct Attributes<'a> {
    list: [Attr<'a>; ATTRIBUTES_MAX],
    count: usize,
}

/// More than any span here has.
const ATTRIBUTES_MAX: usize = 14;

impl Default for Attributes<'_> {
    fn default() -> Self {
        Self { list: [Attr::Bool("", false); ATTRIBUTES_MAX], count: 0 }
    }
}

impl<'a> Attributes<'a> {
    pub(super) fn list(&self) -> &[Attr<'a>] {
        &self.list[..self.count]
    }
}

impl<'a> Extend<Attr<'a>> for Attributes<'a> {
    fn extend<T: IntoIterator<Item = Attr<'a>>>(&mut self, attributes: T) {
        for attribute in attributes {
            self.list[self.count] = attribute;
            self.count += 1;
        }
    }
}

/// Names as one text; `None` when there are none.
pub(super) fn joined(names: &[String]) -> Option<String> {
    (!names.is_empty()).then(|| names.join(","))
}
