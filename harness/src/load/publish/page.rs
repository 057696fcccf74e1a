//! The page for Prometheus.

use std::collections::BTreeMap;

use loadgen::summary::{Book, Decoded};
use model::hdr::Durations;
use telemetry::prometheus::{Kind, Page};

/// Upper bounds in seconds: those of OpenTelemetry's HTTP durations, and finer ones below.
const BOUNDS_S: [f64; 18] = [
    0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0,
    2.5, 5.0, 7.5, 10.0,
];

/// Before the first report there are only totals, all of them zero.
pub(super) fn written(report: Option<&Decoded>, book: &Book) -> String {
    let mut page = Page::default();
    journeys(&mut page, book);
    requests(&mut page, book);
    durations(&mut page, book);
    if let Some(report) = report {
        now(&mut page, report);
    }
    page.text
}

fn journeys(page: &mut Page, book: &Book) {
    let offered = book.series().slots().map(|(_, slot)| slot.offered).sum();
    let name = "shakedown_load_arrivals_total";
    page.family(name, Kind::Counter, "Arrivals that were released, warm-up included");
    page.count(name, &[], offered);
    let name = "shakedown_load_journeys_total";
    page.family(name, Kind::Counter, "Journeys that ended, by outcome");
    for (key, cell) in book.cells().filter(|(key, _)| key.step.is_none()) {
        let labels = [
            ("flow", key.flow.as_str()),
            ("model", key.model.as_str()),
            ("phase", key.phase.as_str()),
            ("outcome", key.outcome.as_str()),
            ("hit", if key.hit { "true" } else { "false" }),
        ];
        page.count(name, &labels, cell.count);
    }
}

fn requests(page: &mut Page, book: &Book) {
    let name = "shakedown_load_requests_total";
    page.family(name, Kind::Counter, "Requests by status or kind of failure");
    let mut requests: BTreeMap<(&str, &str, &str), u64> = BTreeMap::new();
    for (key, cell) in book.cells() {
        let Some(step) = &key.step else { continue };
        for (result, count) in &cell.results {
            *requests.entry((&key.flow, step, result)).or_default() += count;
        }
    }
    for ((flow, step, result), count) in requests {
        page.count(name, &[("flow", flow), ("step", step), ("result", result)], count);
    }
}

fn durations(page: &mut Page, book: &Book) {
    let mut flows: BTreeMap<&str, (Durations, Durations)> = BTreeMap::new();
    for (key, cell) in book.cells().filter(|(key, _)| key.step.is_none()) {
        let (response, service) = flows.entry(&key.flow).or_default();
        response.add(&cell.response);
        service.add(&cell.service);
    }
    // What a load mixes has one model.
    let model = book.model().as_str();
    let name = "shakedown_load_response_seconds";
    page.family(name, Kind::Histogram, "From the intended start; of what was given up, until then");
    for (flow, (response, _)) in &flows {
        histogram(page, name, &[("flow", flow), ("model", model)], response);
    }
    let name = "shakedown_load_service_seconds";
    page.family(name, Kind::Histogram, "From the first byte sent");
    for (flow, (_, service)) in &flows {
        histogram(page, name, &[("flow", flow), ("model", model)], service);
    }
    let (mut lateness, mut wait) = (Durations::default(), Durations::default());
    for (_, slot) in book.series().slots() {
        lateness.add(&slot.lateness);
        wait.add(&slot.connection_wait);
    }
    let name = "shakedown_load_lateness_seconds";
    page.family(name, Kind::Histogram, "Sent after due: the generator's own fault");
    histogram(page, name, &[], &lateness);
    let name = "shakedown_load_connection_wait_seconds";
    page.family(name, Kind::Histogram, "Waited for a connection");
    histogram(page, name, &[], &wait);
}

fn histogram(page: &mut Page, name: &str, labels: &[(&str, &str)], durations: &Durations) {
    let count = durations.count();
    let up_to = |bound_s: f64| (bound_s, count - durations.count_above((bound_s * 1e6) as u64));
    page.histogram(name, labels, &BOUNDS_S.map(up_to), (durations.sum_us() / 1e6, count));
}

fn now(page: &mut Page, report: &Decoded) {
    for (name, help, value) in [
        ("shakedown_load_in_flight", "Journeys under way", report.in_flight as f64),
        ("shakedown_load_cpu_cores", "CPU of the load generator", report.cpu_cores),
        (
            "shakedown_load_validity",
            "0 valid, 1 suspect, 2 invalid: could the generator keep its promise in this second?",
            f64::from(report.validity as u8),
        ),
    ] {
        page.family(name, Kind::Gauge, help);
        page.gauge(name, &[], value);
    }
}

#[cfg(test)]
mod tests {
    use loadgen::summary::Setting;
    use model::load::AtLimit;
    use model::phase::Timeline;

    use super::*;

    #[test]
    fn before_the_first_second_everything_counted_is_nought_and_nothing_is_claimed_of_now() {
        let timeline = Timeline { before_ms: 0, during_ms: 1_000, after_ms: 1_000, end_ms: 1_000 };
        let setting = Setting {
            run_id: "r".into(),
            start_unix_ms: 0,
            timeline,
            workers: 1,
            at_limit: AtLimit::Queue,
        };
        let page = written(None, &Book::new(setting));
        for line in ["shakedown_load_arrivals_total 0", "shakedown_load_lateness_seconds_count 0"] {
            assert!(page.lines().any(|other| other == line), "{page}");
        }
        assert!(!page.contains("shakedown_load_validity"), "{page}");
    }
}
