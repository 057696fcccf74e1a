//! One line per second, for pipes and logs: stable columns, no control codes.

use model::fault::FaultState;
use model::frame::{EdgeFrame, Event, Frame, Verdict};
use model::hist::Histogram;
use model::policy::BreakerState;

use crate::format::{clean, clock, column, milliseconds, percent, rate};

/// Columns for the name of the worst edge.
const EDGE_COLUMNS: usize = 20;
/// Names that are listed at the end of a line before the rest is only counted.
const NAMES_MAX: usize = 4;

/// The second of a frame. All numbers are about this one second, durations in milliseconds;
/// journeys are measured from their intended start.
pub fn line(frame: &Frame) -> String {
    if !crate::store::is_sound(frame) {
        return format!("{:>9} frame {} contradicts itself", elapsed(frame), frame.seq);
    }
    let journeys = Journeys::of(frame);
    let open = open_breakers(frame);
    let active: Vec<_> =
        frame.faults.iter().filter(|fault| fault.state == FaultState::Active).collect();
    let hits: u64 = active.iter().fold(0, |sum, fault| sum.saturating_add(fault.hit_now));
    let phase = frame.run.phase.map_or("-", |phase| phase.as_str());
    let journeys = format!(
        "{:>9} {phase:<6} journeys {:>5}/s err {:>5}% p50 {:>5} p95 {:>5} p99 {:>5} ms \
         late p99 {:>5} ms",
        elapsed(frame),
        rate(journeys.count as f64),
        percent(journeys.error_percent()),
        milliseconds(quantile_ms(&journeys.response, 0.5)),
        milliseconds(quantile_ms(&journeys.response, 0.95)),
        milliseconds(quantile_ms(&journeys.response, 0.99)),
        milliseconds(quantile_ms(&frame.load.lateness, 0.99)),
    );
    let (name, p99) = worst_edge(frame);
    let system = format!(
        " worst {} p99 {:>5} ms open {:>2} faults {:>2} hit {:>5}/s",
        column(&name, EDGE_COLUMNS),
        milliseconds(p99),
        open.len(),
        active.len(),
        rate(hits as f64),
    );
    [
        journeys,
        system,
        verdict_counts(frame),
        names("open", open.iter().map(String::as_str)),
        names("fault", active.iter().map(|fault| fault.name.as_str())),
        dropped(frame),
    ]
    .concat()
}

/// One line for each event of the second.
pub fn events(frame: &Frame) -> Vec<String> {
    frame.events.iter().map(|event| event_line(frame, event)).collect()
}

fn event_line(frame: &Frame, event: &Event) -> String {
    let at_ms = begun_unix_ms(frame).map(|start| event.unix_ms.saturating_sub(start));
    let at = at_ms.map_or_else(
        || "--:--".to_owned(),
        |ms| format!("{}.{:03}", clock(ms / 1_000), ms % 1_000),
    );
    let trace = event.trace_id.map(|id| format!(" trace {id}")).unwrap_or_default();
    let (subject, text) = (clean(&event.subject), clean(&event.text));
    format!("{at:>9} {} {subject}: {text}{trace}", event.kind.as_str())
}

/// Start of load; without a runner the first frame.
fn begun_unix_ms(frame: &Frame) -> Option<u64> {
    let alone = frame.run.timeline.is_none();
    let first = || frame.unix_s.saturating_sub(frame.seq).saturating_mul(1_000);
    frame.run.start_unix_ms.or_else(|| alone.then(first))
}

fn elapsed(frame: &Frame) -> String {
    let start_s = begun_unix_ms(frame).map(|start| start / 1_000);
    let seconds = start_s.and_then(|start| frame.unix_s.saturating_add(1).checked_sub(start));
    seconds.map_or_else(|| "--:--".to_owned(), clock)
}

#[derive(Default)]
struct Journeys {
    count: u64,
    errors: u64,
    response: Histogram,
}

impl Journeys {
    fn of(frame: &Frame) -> Self {
        let mut all = Self::default();
        for cell in frame.load.cells.iter().filter(|cell| cell.step.is_none()) {
            all.count = all.count.saturating_add(cell.count);
            if cell.outcome.is_error() {
                all.errors = all.errors.saturating_add(cell.count);
            }
            all.response.merge(&cell.response);
        }
        all
    }

    fn error_percent(&self) -> Option<f64> {
        (self.count > 0).then(|| self.errors as f64 / self.count as f64 * 100.0)
    }
}

fn quantile_ms(histogram: &Histogram, fraction: f64) -> Option<f64> {
    histogram.quantile(fraction).map(|duration| duration.as_secs_f64() * 1_000.0)
}

/// The edge with the highest p99 of this second.
fn worst_edge(frame: &Frame) -> (String, Option<f64>) {
    let p99 = |edge: &EdgeFrame| quantile_ms(&edge.duration, 0.99).unwrap_or(-1.0);
    let worst = frame
        .edges
        .iter()
        .filter(|edge| !edge.duration.is_empty())
        .max_by(|left, right| p99(left).total_cmp(&p99(right)));
    worst.map_or(("-".to_owned(), None), |edge| (edge.edge.short(), Some(p99(edge))))
}

fn open_breakers(frame: &Frame) -> Vec<String> {
    let open = |state| matches!(state, BreakerState::Open | BreakerState::ForcedOpen);
    let breakers = frame.breakers.iter().filter(|breaker| open(breaker.state));
    breakers.map(|breaker| breaker.edge.short()).collect()
}

fn verdict_counts(frame: &Frame) -> String {
    let count = |kind| frame.verdicts.iter().filter(|verdict| verdict.verdict == kind).count();
    let undecided = count(Verdict::Unclear) + count(Verdict::NotExercised);
    format!(
        " pass {:>2} fail {:>2} unclear {undecided:>2} waiting {:>2}",
        count(Verdict::Pass),
        count(Verdict::Fail),
        count(Verdict::Waiting),
    )
}

/// Names behind the columns, so that their number does not move anything.
fn names<'a>(what: &str, names: impl Iterator<Item = &'a str> + Clone) -> String {
    let count = names.clone().count();
    if count == 0 {
        return String::new();
    }
    let listed: Vec<String> = names.take(NAMES_MAX).map(clean).collect();
    let more = match count.checked_sub(NAMES_MAX) {
        Some(more @ 1..) => format!(" and {more} more"),
        _ => String::new(),
    };
    format!(" | {what} {}{more}", listed.join(", "))
}

fn dropped(frame: &Frame) -> String {
    let lost = frame.dropped.iter().filter(|loss| loss.count > 0);
    let all: Vec<String> =
        lost.map(|loss| format!("{} {}", clean(&loss.what), loss.count)).collect();
    if all.is_empty() { String::new() } else { format!(" | dropped {}", all.join(", ")) }
}

#[cfg(test)]
mod tests;
