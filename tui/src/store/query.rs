//! From a question to the plain data of one screen.
//!
//! Every percentile is read from the merged histogram of exactly the seconds it stands for: the
//! last [`TABLE_WINDOW_S`] up to the cursor for numbers, the seconds of one column for plots.
//! Built when a frame has come or the question has changed, never on a timer.

use model::frame::Frame;
use model::hist::Histogram;

use self::time::Times;
use super::Store;
use crate::screen::{EventRow, FRACTIONS, Head, Snapshot, Subject, TABLE_WINDOW_S, ViewQuery};

mod lanes;
mod load;
mod plot;
mod rows;
mod time;

/// Events are looked for in this many seconds before the cursor.
const EVENT_SECONDS_MAX: u64 = 600;

pub fn build(store: &Store, query: &ViewQuery) -> Snapshot {
    let link = store.link.clone();
    let Some(times) = Times::of(store, query) else {
        return Snapshot { link, ..Snapshot::default() };
    };
    let subjects: Vec<&Subject> = store.subjects().collect();
    let at_cursor = store.at_or_before(times.cursor_s);
    let selected = rows::selected(&subjects, query.selected.as_ref(), at_cursor);
    Snapshot {
        link,
        head: Head { phase: at_cursor.and_then(|frame| frame.run.phase), ..head(store, &times) },
        axis: times.axis(store),
        rows: rows::build(store, &times, &subjects),
        selected,
        plot: plot::build(store, &times, subjects.get(selected).copied(), query.heat_rows),
        breakers: lanes::breakers(store, &times),
        faults: lanes::faults(store, &times),
        verdicts: at_cursor.map(|frame| frame.verdicts.clone()).unwrap_or_default(),
        events: events(store, &times, query.events),
        load: load::build(store, &times),
    }
}

fn head(store: &Store, times: &Times) -> Head {
    let Some(frame) = store.at_or_before(times.newest_s) else { return Head::default() };
    let run = &frame.run;
    let mut losses: Vec<(u64, &str)> =
        frame.dropped.iter().map(|loss| (loss.count, loss.what.as_str())).collect();
    losses.push((store.refused(), "frames refused by the dashboard"));
    let most = losses.iter().max_by_key(|(count, _)| *count).filter(|(count, _)| *count > 0);
    Head {
        title: run.title.clone(),
        run_id: run.run_id.clone(),
        seed: run.seed,
        elapsed_s: run
            .start_unix_ms
            .and_then(|start| (times.newest_s.saturating_add(1)).checked_sub(start / 1_000)),
        total_s: run.timeline.map(|timeline| timeline.end_ms.div_ceil(1_000)),
        phase: run.phase,
        verdict: run.verdict,
        dropped: losses.iter().fold(0, |sum, (count, _)| sum.saturating_add(*count)),
        dropped_most: most.map(|(_, what)| (*what).to_owned()),
    }
}

fn events(store: &Store, times: &Times, wanted: usize) -> Vec<EventRow> {
    let from = times.cursor_s.saturating_sub(EVENT_SECONDS_MAX);
    let mut rows: Vec<EventRow> = store
        .between(from, times.cursor_s)
        .rev()
        .flat_map(|frame| frame.events.iter().rev())
        .take(wanted)
        .map(|event| EventRow {
            at_ms: event.unix_ms.saturating_sub(times.origin_ms),
            kind: event.kind,
            subject: event.subject.clone(),
            text: event.text.clone(),
            trace: event.trace_id.map(|id| id.to_string()),
        })
        .collect();
    rows.reverse();
    rows
}

/// The histogram of a subject in one frame, added to `into`; the number of requests or journeys,
/// and of failed ones.
fn add_subject(frame: &Frame, subject: &Subject, into: &mut Histogram) -> (u64, u64) {
    let mut counted = (0_u64, 0_u64);
    match subject {
        Subject::Edge(wanted) => {
            for edge in frame.edges.iter().filter(|edge| edge.edge == *wanted) {
                into.merge(&edge.duration);
                let errors =
                    edge.errors.values().fold(0_u64, |sum, count| sum.saturating_add(*count));
                counted.0 = counted.0.saturating_add(edge.requests);
                counted.1 = counted.1.saturating_add(errors);
            }
        },
        Subject::Flow(wanted) => {
            let journeys = frame.load.cells.iter().filter(|cell| cell.step.is_none());
            for cell in journeys.filter(|cell| cell.flow == *wanted) {
                into.merge(&cell.response);
                counted.0 = counted.0.saturating_add(cell.count);
                if cell.outcome.is_error() {
                    counted.1 = counted.1.saturating_add(cell.count);
                }
            }
        },
    }
    counted
}

fn quantile_ms(histogram: &Histogram, fraction: f64) -> Option<f64> {
    histogram.quantile(fraction).map(|duration| duration.as_secs_f64() * 1_000.0)
}

fn quantiles_ms(histogram: &Histogram) -> [Option<f64>; 4] {
    FRACTIONS.map(|fraction| quantile_ms(histogram, fraction))
}

/// The frames of the window of the tables.
fn table_window<'a>(
    store: &'a Store,
    times: &Times,
) -> impl DoubleEndedIterator<Item = &'a Frame> + Clone {
    store.between(times.cursor_s.saturating_sub(TABLE_WINDOW_S - 1), times.cursor_s)
}
