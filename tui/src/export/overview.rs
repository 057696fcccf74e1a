//! One page of text about a run as it stands: for a script, a ticket, or a look over a slow line.

use std::fmt::Write as _;

use model::frame::Verdict;

use crate::format::{clean, clock, column, milliseconds, percent, rate};
use crate::screen::{Head, Snapshot, TABLE_WINDOW_S};

/// Columns of names.
const NAME_COLUMNS: usize = 28;

/// Plain ASCII, no control codes, one fact a line. Ends with a line end.
pub fn overview(snapshot: &Snapshot) -> String {
    let mut text = String::new();
    head(snapshot, &mut text);
    rows(snapshot, &mut text);
    system(snapshot, &mut text);
    verdicts(snapshot, &mut text);
    text
}

fn head(snapshot: &Snapshot, text: &mut String) {
    let head = &snapshot.head;
    let time = |seconds: Option<u64>| seconds.map_or_else(|| "--:--".to_owned(), clock);
    let told = [(!head.title.is_empty()).then(|| clean(&head.title)), run(head)];
    let told: Vec<String> = told.into_iter().flatten().collect();
    let title = if told.is_empty() { "no run".to_owned() } else { told.join("  ") };
    let most = head.dropped_most.as_deref();
    let most = most.map(|most| format!(" (most: {})", clean(most))).unwrap_or_default();
    let dropped = format!("dropped {}{most}", head.dropped);
    if head.has_plan() {
        let phase = head.phase.map_or("-", |phase| phase.as_str());
        let verdict = head.verdict.map_or("-", Verdict::as_str);
        let (elapsed, total) = (time(head.elapsed_s), time(head.total_s));
        _ = writeln!(
            text,
            "{title}  seed {}  {elapsed} / {total}  phase {phase}  verdict {verdict}  {dropped}",
            head.seed,
        );
    } else {
        // What only a runner tells has no place here.
        _ = writeln!(text, "{title}  {}  {dropped}", time(head.elapsed_s));
    }
    if !snapshot.has_load() {
        return;
    }
    let load = &snapshot.load;
    _ = writeln!(
        text,
        "load offered {}/s done {}/s failed {}/s in flight {} late p99 {} ms",
        rate(load.offered_per_s),
        rate(load.completed_per_s),
        rate(load.failed_per_s),
        load.in_flight,
        milliseconds(load.lateness_ms[1]),
    );
}

fn run(head: &Head) -> Option<String> {
    (!head.run_id.is_empty()).then(|| format!("run {}", clean(&head.run_id)))
}

fn rows(snapshot: &Snapshot, text: &mut String) {
    _ = writeln!(
        text,
        "\n{:<NAME_COLUMNS$} {:>7} {:>6} {:>6} {:>6} {:>6} {:>6} {:>6} {:<9} faults  \
         (last {} s, ms)",
        "flow, edge",
        "rps",
        "err%",
        "p50",
        "p90",
        "p99",
        "p99.9",
        "tries",
        "breaker",
        snapshot.axis.window_s.min(TABLE_WINDOW_S),
    );
    for row in &snapshot.rows {
        let [p50, p90, p99, p99_9] = row.quantiles_ms.map(milliseconds);
        let tries =
            row.attempts_per_request.map_or_else(|| "-".to_owned(), |it| format!("{it:.2}"));
        _ = writeln!(
            text,
            "{} {:>7} {:>6} {p50:>6} {p90:>6} {p99:>6} {p99_9:>6} {tries:>6} {:<9} {}",
            column(&row.subject.label(), NAME_COLUMNS),
            rate(row.per_s),
            percent(row.error_percent),
            row.breaker.map_or("-", |state| state.as_str()),
            row.faults,
        );
    }
}

fn system(snapshot: &Snapshot, text: &mut String) {
    if !snapshot.faults.is_empty() {
        text.push('\n');
    }
    for fault in &snapshot.faults {
        _ = writeln!(
            text,
            "fault {} {}: {}, share {} of {}, hit {} ({}/s), skipped {}",
            clean(&fault.name),
            fault.state.as_str(),
            clean(&fault.what),
            clean(&fault.share),
            clean(&fault.edges),
            fault.hit,
            rate(fault.hit_per_s),
            fault.skipped,
        );
    }
    for breaker in &snapshot.breakers {
        let reason = match breaker.reason.as_str() {
            "" => String::new(),
            reason => format!(": {}", clean(reason)),
        };
        let state = breaker.state.as_str();
        _ = writeln!(text, "breaker {} {state} for {} s{reason}", breaker.edge, breaker.age_s);
    }
}

fn verdicts(snapshot: &Snapshot, text: &mut String) {
    if !snapshot.verdicts.is_empty() {
        text.push('\n');
    }
    for verdict in &snapshot.verdicts {
        let observed = match verdict.observed.as_str() {
            "" => String::new(),
            observed => format!("  observed {}", clean(observed)),
        };
        _ = writeln!(
            text,
            "{:<13} {:<6} {}{observed}",
            verdict.verdict.as_str(),
            verdict.phase.as_str(),
            clean(&verdict.text),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screen::ViewQuery;
    use crate::store::answers::Answers;
    use crate::store::{Store, query};

    fn page(seconds: u64) -> String {
        let mut store = Store::default();
        for frame in crate::recording::until(seconds) {
            store.insert(frame.into());
        }
        overview(&query::build(
            &store,
            &Answers::default(),
            &ViewQuery { columns: 10, ..ViewQuery::default() },
        ))
    }

    #[test]
    fn a_page_tells_run_load_edges_faults_breakers_and_verdicts() {
        insta::assert_snapshot!(page(45));
    }

    #[test]
    fn without_data_it_is_a_page_too() {
        let text = overview(&Snapshot::default());
        assert!(text.starts_with("no run  --:--  dropped 0"), "{text}");
        assert!(page(100).contains("verdict fail"));
    }

    #[test]
    fn of_a_collector_without_a_run_nothing_is_said_that_nobody_gave() {
        let mut store = Store::default();
        for mut frame in crate::recording::until(9) {
            let run_id = "run-7f3c".to_owned();
            frame.run = model::frame::RunHead { run_id, ..model::frame::RunHead::default() };
            frame.load = model::frame::LoadFrame::default();
            store.insert(frame.into());
        }
        let query = ViewQuery { columns: 10, ..ViewQuery::default() };
        let text = overview(&query::build(&store, &Answers::default(), &query));
        assert!(text.starts_with("run run-7f3c  00:09  dropped 0\n\nflow, edge"), "{text}");
    }
}
