//! Which traces and lines of a second go into a recording.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use model::answer::CallRow;
use model::frame::{Frame, LogLine, Trace, TraceHead};
use model::id::TraceId;

use super::super::LeftOut;
use super::super::answer::severity_number;
use super::super::lines::SEVERE;
use crate::ask::{Answer, Asker, LogsQuestion, Question, TracesQuestion};

/// Traces that are asked for in one second.
const TRACES_MAX: usize = 24;
/// Failed traces, and slow ones, that are looked for in one second beside those of the frame.
const LISTED_MAX: usize = 8;
/// Lines of one second that are asked for, and that are kept.
const LINES_ASKED: usize = 2_000;
const LINES_MAX: usize = 300;
/// Traces that are remembered as written.
const KNOWN_MAX: usize = 10_000;
/// Frames from one question for calls to the next.
const CALLS_EVERY: u64 = 10;

/// What was chosen before.
#[derive(Debug, Default)]
pub(super) struct Choice {
    known: BTreeSet<TraceId>,
    order: VecDeque<TraceId>,
    frames: u64,
}

impl Choice {
    /// Is it new? It is known from now on.
    fn learn(&mut self, id: TraceId) -> bool {
        if !self.known.insert(id) {
            return false;
        }
        self.order.push_back(id);
        if self.order.len() > KNOWN_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}

/// What was found about a second.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) traces: Vec<Trace>,
    pub(super) lines: Vec<LogLine>,
    pub(super) calls: Option<Vec<CallRow>>,
    pub(super) left_out: LeftOut,
    /// Questions without an answer.
    pub(super) failed: u64,
}

pub(super) async fn ask(asker: &Arc<dyn Asker>, frame: &Frame, choice: &mut Choice) -> Found {
    let mut found = Found::default();
    let mut wanted = told(frame);
    for slowest in [false, true] {
        match asker.ask(Question::Traces(listed(frame, slowest))).await {
            Ok(Answer::Traces(lines)) => {
                wanted.extend(lines.into_iter().map(|line| line.head.trace_id));
            },
            // Whoever does not answer this will not answer the rest either.
            _ => return Found { failed: 1, ..found },
        }
    }
    let mut asked = 0;
    for id in wanted {
        if choice.known.contains(&id) {
            continue;
        }
        if asked == TRACES_MAX {
            found.left_out.traces += 1;
            continue;
        }
        asked += 1;
        choice.learn(id);
        match asker.ask(Question::Trace(id)).await {
            Ok(Answer::Trace(Some(trace))) => found.traces.push(Arc::unwrap_or_clone(trace)),
            // It was left out by sampling, or is gone.
            Ok(_) => found.left_out.traces += 1,
            Err(_) => found.failed += 1,
        }
    }
    match asker.ask(Question::Logs(lines_of(frame))).await {
        Ok(Answer::Logs(lines)) => (found.lines, found.left_out.lines) = kept(lines),
        _ => found.failed += 1,
    }
    if choice.frames.is_multiple_of(CALLS_EVERY) {
        match asker.ask(Question::Calls).await {
            // A run that is over has no calls; its frames tell them.
            Ok(Answer::Calls(calls)) => found.calls = (!calls.is_empty()).then_some(calls),
            _ => found.failed += 1,
        }
    }
    choice.frames += 1;
    found
}

/// Traces that the frame itself names, the most telling first, each once.
fn told(frame: &Frame) -> Vec<TraceId> {
    let events = frame.events.iter().filter_map(|event| event.trace_id);
    let verdicts = frame.verdicts.iter().flat_map(|verdict| verdict.trace_ids.iter().copied());
    let breakers = frame.breakers.iter().filter_map(|breaker| breaker.trace_id);
    let mut exemplars: Vec<&TraceHead> =
        frame.edges.iter().flat_map(|edge| &edge.exemplars).collect();
    exemplars.sort_by_key(|head| {
        let is_plain = !head.error && head.fault.is_none();
        (is_plain, std::cmp::Reverse(head.duration_ns))
    });
    let exemplars = exemplars.into_iter().map(|head| head.trace_id);
    let mut seen = BTreeSet::new();
    let all = events.chain(verdicts).chain(breakers).chain(exemplars);
    all.filter(|id| seen.insert(*id)).collect()
}

fn window_ms(frame: &Frame) -> (u64, u64) {
    let from = frame.unix_s.saturating_mul(1_000);
    (from, from.saturating_add(1_000))
}

/// Failed traces of the second, or the slowest.
fn listed(frame: &Frame, slowest: bool) -> TracesQuestion {
    let (from, to) = window_ms(frame);
    TracesQuestion {
        error: (!slowest).then_some(true),
        from_unix_ms: Some(from),
        to_unix_ms: Some(to),
        slowest,
        limit: LISTED_MAX,
        ..TracesQuestion::default()
    }
}

fn lines_of(frame: &Frame) -> LogsQuestion {
    let (from, to) = window_ms(frame);
    LogsQuestion {
        from_unix_ms: Some(from),
        to_unix_ms: Some(to),
        limit: LINES_ASKED,
        ..LogsQuestion::default()
    }
}

/// The severe lines and then the newest others, in order of time, and how many were left out.
fn kept(mut lines: Vec<LogLine>) -> (Vec<LogLine>, u64) {
    let surplus = lines.len().saturating_sub(LINES_MAX);
    let (mut plain, mut severe) = (surplus, 0);
    let mild = lines.iter().filter(|line| severity_number(&line.severity) < SEVERE).count();
    if mild < surplus {
        (plain, severe) = (mild, surplus - mild);
    }
    lines.retain(|line| {
        let left = if severity_number(&line.severity) < SEVERE { &mut plain } else { &mut severe };
        let goes = *left > 0;
        *left -= usize::from(goes);
        !goes
    });
    (lines, surplus as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_too_many_lines_the_oldest_mild_ones_go_first() {
        let line = |unix_ns: u64| LogLine {
            unix_ns,
            service: String::new(),
            severity: if unix_ns.is_multiple_of(10) { "ERROR" } else { "INFO" }.to_owned(),
            body: String::new(),
            event: String::new(),
            trace_id: None,
            span_id: None,
            correlation_id: None,
            attributes: std::collections::BTreeMap::new(),
        };
        for (count, mild_left, severe_left) in [(300, 270, 30), (400, 260, 40), (4_000, 0, 300)] {
            let (lines, left_out) = kept((0..count).map(line).collect());
            let severe = lines.iter().filter(|line| line.severity == "ERROR").count();
            assert_eq!((lines.len() - severe, severe), (mild_left, severe_left), "{count}");
            assert_eq!(left_out, count - 300);
            assert_eq!(
                lines.last().map(|line| line.severity.as_str()),
                match count {
                    4_000 => Some("ERROR"),
                    _ => Some("INFO"),
                }
            );
        }
    }
}
