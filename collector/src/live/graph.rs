//! Who calls whom, since the start: from the requests of the gateway, and from pairs of spans.
//!
//! A CLIENT span and the SERVER span below it are a call from the service of the one to the service
//! of the other, likewise PRODUCER and CONSUMER. The gateway stands between the two sides of the
//! calls that go through it, so its own spans are no pairs; its SERVER span names the edge.

use std::collections::BTreeMap;

use model::hist::Histogram;
use serde::Serialize;

use crate::record::SpanView;

/// Calls between two services that are told apart; more are counted as left out.
const CALLS_MAX: usize = 1_024;

/// Calls from one service to another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServiceCall {
    pub caller: String,
    pub callee: String,
    pub calls: u64,
    /// The span of the callee is an error, or that of the caller.
    pub failed: u64,
    /// As the callee saw it.
    pub server: Histogram,
    /// As the caller saw it; empty when only the gateway has seen the calls.
    pub client: Histogram,
}

#[derive(Debug, Clone, Default)]
struct Counts {
    calls: u64,
    failed: u64,
    server: Histogram,
    client: Histogram,
}

#[derive(Debug, Default)]
pub(super) struct Graph {
    calls: BTreeMap<(u32, u32), Counts>,
    refused: u64,
}

impl Graph {
    /// Counts a pair of the numbers of two services.
    pub(super) fn pair(
        &mut self,
        services: (u32, u32),
        caller: &SpanView<'_>,
        callee: &SpanView<'_>,
        count: u64,
    ) {
        let Some(counts) = self.at(services) else { return };
        counts.calls += count;
        counts.failed += if caller.is_error() || callee.is_error() { count } else { 0 };
        counts.server.record_ns(callee.duration_ns(), count);
        counts.client.record_ns(caller.duration_ns(), count);
    }

    /// Counts a request that the gateway has served for an edge.
    pub(super) fn request(&mut self, services: (u32, u32), span: &SpanView<'_>, count: u64) {
        let Some(counts) = self.at(services) else { return };
        counts.calls += count;
        counts.failed += if span.is_error() { count } else { 0 };
        counts.server.record_ns(span.duration_ns(), count);
    }

    fn at(&mut self, services: (u32, u32)) -> Option<&mut Counts> {
        if self.calls.len() >= CALLS_MAX && !self.calls.contains_key(&services) {
            self.refused += 1;
            return None;
        }
        Some(self.calls.entry(services).or_default())
    }

    /// Calls between services that are not counted, because there are too many.
    pub(super) fn refused(&self) -> u64 {
        self.refused
    }

    /// Every pair of services, in order of their names.
    pub(super) fn rows<'a>(&self, service_of: impl Fn(u32) -> &'a str) -> Vec<ServiceCall> {
        let mut rows: Vec<ServiceCall> = self
            .calls
            .iter()
            .map(|((caller, callee), counts)| ServiceCall {
                caller: service_of(*caller).to_owned(),
                callee: service_of(*callee).to_owned(),
                calls: counts.calls,
                failed: counts.failed,
                server: counts.server.clone(),
                client: counts.client.clone(),
            })
            .collect();
        rows.sort_by(|one, other| (&one.caller, &one.callee).cmp(&(&other.caller, &other.callee)));
        rows
    }
}
