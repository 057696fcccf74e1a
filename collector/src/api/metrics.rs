//! The collector's own numbers and the RED of edges, as Prometheus reads them.
//!
//! Names of edges are those of the service graphs of Tempo and of the OpenTelemetry Collector, so
//! that existing dashboards draw them.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};

use telemetry::prometheus::{CONTENT_TYPE as TEXT, Kind, Page};

use crate::core::{Core, Counted};
use crate::record::Signal;

/// Upper bounds in seconds: those of OpenTelemetry's HTTP durations.
const BOUNDS_S: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

pub(super) async fn page(State(core): State<Arc<Core>>) -> Response {
    ([(CONTENT_TYPE, TEXT)], written(&core)).into_response()
}

fn written(core: &Core) -> String {
    let mut page = Page::default();
    let counted = core.counts.read();
    received(&mut page, &counted);
    kept(&mut page, core);
    work(&mut page, core);
    edges(&mut page, &counted);
    faults(&mut page, core);
    page.text
}

fn received(page: &mut Page, counted: &Counted) {
    let name = "shakedown_collector_requests_total";
    page.family(name, Kind::Counter, "OTLP requests that were decoded");
    for (signal, count) in &counted.requests {
        page.count(name, &[("signal", signal.as_str())], *count);
    }
    let name = "shakedown_collector_received_items_total";
    page.family(name, Kind::Counter, "Spans, log records and data points that came in");
    for signal in Signal::ALL {
        let rejected: u64 = counted
            .rejected
            .iter()
            .filter(|((of, _), _)| *of == signal)
            .map(|(_, count)| count)
            .sum();
        let accepted = counted.accepted.get(&signal).copied().unwrap_or_default();
        page.count(name, &[("signal", signal.as_str())], accepted + rejected);
    }
    let name = "shakedown_collector_accepted_items_total";
    page.family(name, Kind::Counter, "Items that were taken");
    for (signal, count) in &counted.accepted {
        page.count(name, &[("signal", signal.as_str())], *count);
    }
    let name = "shakedown_collector_rejected_items_total";
    page.family(name, Kind::Counter, "Items that were refused one by one, with a partial success");
    for ((signal, reason), count) in &counted.rejected {
        page.count(name, &[("signal", signal.as_str()), ("reason", reason)], *count);
    }
}

fn kept(page: &mut Page, core: &Core) {
    let progress = core.store.progress();
    let name = "shakedown_collector_written_items_total";
    page.family(name, Kind::Counter, "Items in the run file, or passed where none is kept");
    for (signal, counter) in
        [("traces", &progress.spans), ("logs", &progress.logs), ("metrics", &progress.points)]
    {
        page.count(name, &[("signal", signal)], counter.load(Ordering::Relaxed));
    }
    let name = "shakedown_collector_dropped_items_total";
    page.family(name, Kind::Counter, "Items lost at a bound, here or in a process that reports it");
    for drop in core.dropped() {
        page.count(name, &[("place", &drop.what)], drop.count);
    }
    let (late, duplicates) = {
        let live = core.live();
        (live.late(), live.duplicates())
    };
    let name = "shakedown_collector_late_items_total";
    page.family(name, Kind::Counter, "Items that came after their second was emitted");
    page.count(name, &[], late);
    let name = "shakedown_collector_duplicate_items_total";
    page.family(name, Kind::Counter, "Items that were sent twice and counted once");
    page.count(name, &[], duplicates);
}

fn work(page: &mut Page, core: &Core) {
    let (requests, bytes) = core.admission.in_work();
    let name = "shakedown_collector_refused_requests_total";
    page.family(name, Kind::Counter, "Requests refused for want of room, to be sent again");
    page.count(name, &[], core.admission.refused());
    let name = "shakedown_collector_queue_requests";
    page.family(name, Kind::Gauge, "Requests in work or waiting to be written");
    page.count(name, &[], requests);
    let name = "shakedown_collector_queue_bytes";
    page.family(name, Kind::Gauge, "Bytes of requests in work or waiting to be written");
    page.count(name, &[], bytes);
    let name = "shakedown_collector_viewers";
    page.family(name, Kind::Gauge, "Viewers of the live stream");
    page.count(name, &[], core.frames.receiver_count() as u64);
    let name = "shakedown_collector_run_info";
    page.family(name, Kind::Gauge, "The run that is being collected");
    let head = core.live().head().clone();
    let labels = [
        ("run_id", head.run_id.as_str()),
        ("title", &head.title),
        ("version", env!("CARGO_PKG_VERSION")),
    ];
    page.count(name, &labels, 1);
}

fn edges(page: &mut Page, counted: &Counted) {
    let all = || {
        counted.edges.iter().map(|(edge, counts)| {
            ([("client", edge.caller.as_str()), ("server", edge.callee.as_str())], counts)
        })
    };
    let name = "traces_service_graph_request_total";
    page.family(name, Kind::Counter, "Requests of an edge");
    for (labels, counts) in all() {
        page.count(name, &labels, counts.duration.count());
    }
    let name = "traces_service_graph_request_failed_total";
    page.family(name, Kind::Counter, "Failed requests of an edge");
    for (labels, counts) in all() {
        page.count(name, &labels, counts.errors);
    }
    let name = "shakedown_edge_failed_requests_total";
    page.family(name, Kind::Counter, "Failed requests of an edge by who is to blame");
    for ([client, server], counts) in all() {
        for (blame, count) in &counts.blames {
            page.count(name, &[client, server, ("blame", blame)], *count);
        }
    }
    let name = "shakedown_edge_attempts_total";
    page.family(name, Kind::Counter, "Calls to the callee of an edge, retries included");
    for (labels, counts) in all() {
        page.count(name, &labels, counts.attempts);
    }
    let name = "traces_service_graph_request_server_seconds";
    page.family(name, Kind::Histogram, "Durations of the requests of an edge");
    for (labels, counts) in all() {
        let durations = &counts.duration;
        let up_to =
            |bound: f64| durations.count() - durations.count_above(Duration::from_secs_f64(bound));
        let buckets = BOUNDS_S.map(|bound| (bound, up_to(bound)));
        let whole = (durations.sum().as_secs_f64(), durations.count());
        page.histogram(name, &labels, &buckets, whole);
    }
}

fn faults(page: &mut Page, core: &Core) {
    let name = "shakedown_fault_decisions_total";
    page.family(name, Kind::Counter, "Decisions of the ledger by fault");
    let ledger = core.live().ledger();
    for (fault, count) in &ledger {
        page.count(name, &[("fault", fault), ("outcome", "hit")], count.hit);
        page.count(name, &[("fault", fault), ("outcome", "skipped")], count.skipped);
    }
}

#[cfg(test)]
mod tests;
