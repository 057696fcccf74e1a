//! What all spans together say, whoever sent them: span metrics, RED by route, who calls whom.
//!
//! Everything is counted before anything is sampled, and a span that was sampled by its sender
//! counts for those that were left out.

use model::frame::DropCount;

use super::graph::{Graph, ServiceCall};
use super::names::Names;
use super::routes::{RouteRed, Routes};
use super::series::{OTHER, SeriesTable, SpanMetric};
use super::weight::Weigher;
use super::{is_attempt, is_request};
use crate::record::{Batch, SpanView};

/// Services that are told apart.
const SERVICES_MAX: usize = 1_024;

#[derive(Debug)]
pub(super) struct Measures {
    services: Names,
    /// Number of the service that stands for all above the bound.
    other: u32,
    series: SeriesTable,
    routes: Routes,
    graph: Graph,
    weigher: Weigher,
}

impl Default for Measures {
    fn default() -> Self {
        let mut services = Names::bounded(SERVICES_MAX);
        let other = services.number(OTHER).unwrap_or_default();
        Self {
            services,
            other,
            series: SeriesTable::default(),
            routes: Routes::default(),
            graph: Graph::default(),
            weigher: Weigher::default(),
        }
    }
}

impl Measures {
    fn service(&mut self, name: &str) -> u32 {
        self.services.number(name).unwrap_or(self.other)
    }

    /// Numbers of the services of a batch, by origin.
    pub(super) fn services_of(&mut self, batch: &Batch) -> Vec<u32> {
        batch.origins.iter().map(|origin| self.service(&origin.resource.service)).collect()
    }

    /// Counts a span of a service; returns how many it stands for.
    pub(super) fn count(&mut self, span: &SpanView<'_>, service: u32, now_s: u64) -> u64 {
        let count =
            if span.trace_state.is_absent() { 1 } else { self.weigher.count(span.trace_state()) };
        let Self { series, routes, .. } = self;
        let route = series
            .count(span, service, count, |method, route| routes.number(service, method, route));
        if let Some(route) = route {
            self.routes.count(route, span, count, now_s);
        }
        if is_request(span)
            && let Some(edge) = span.edge()
        {
            let services = (self.service(&edge.caller), self.service(&edge.callee));
            self.graph.request(services, span, count);
        }
        count
    }

    /// Counts a span that asked, and the one that served it.
    pub(super) fn pair(&mut self, caller: &SpanView<'_>, callee: &SpanView<'_>) {
        // The gateway's own spans stand between two sides that name each other.
        let is_gateway = |span| is_request(span) || is_attempt(span);
        if is_gateway(caller) || is_gateway(callee) {
            return;
        }
        let count = self.weigher.count(callee.trace_state());
        let services = (
            self.service(&caller.origin().resource.service),
            self.service(&callee.origin().resource.service),
        );
        self.graph.pair(services, caller, callee, count);
    }

    pub(super) fn span_metrics(&self) -> Vec<SpanMetric> {
        self.series.rows(|number| self.services.text(number))
    }

    pub(super) fn routes(&self, from_s: u64, until_s: u64) -> Vec<RouteRed> {
        self.routes.rows(from_s, until_s, |number| self.services.text(number))
    }

    pub(super) fn graph(&self) -> Vec<ServiceCall> {
        self.graph.rows(|number| self.services.text(number))
    }

    pub(super) fn uncounted(&self) -> Vec<DropCount> {
        [
            ("spans of other series", self.series.overflowed()),
            ("requests of other routes", self.routes.refused()),
            ("calls of other services", self.graph.refused()),
        ]
        .map(|(what, count)| DropCount { what: what.to_owned(), count })
        .into()
    }
}

#[cfg(test)]
mod tests;
