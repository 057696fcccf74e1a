//! Questions answered from a recording, with the collector's meaning.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use model::answer::TraceLine;
use model::frame::{LogLine, Span, Trace, TraceHead};
use model::id::TraceId;
use model::names::attribute;
use model::trace::attribute_text;

use super::Recording;
use super::traces::{Kept, fault_names, has_correlation, head_of, is_on};
use crate::ask::{Answer, Asker, Asking, LogsQuestion, Question, TracesQuestion};

/// Most lines of one answer, as the collector has it.
const LIMIT_MAX: usize = 10_000;

/// Answers from a recording in memory.
#[derive(Debug, Clone)]
pub struct RecordedAsker {
    recording: Arc<Recording>,
}

impl RecordedAsker {
    pub fn new(recording: Arc<Recording>) -> Self {
        Self { recording }
    }
}

impl Asker for RecordedAsker {
    fn ask(&self, question: Question) -> Asking {
        let recording = Arc::clone(&self.recording);
        Box::pin(async move {
            Ok(match question {
                Question::Traces(asked) => Answer::Traces(recording.traces(&asked)),
                Question::Trace(id) => Answer::Trace(recording.trace(id).map(Arc::new)),
                Question::Logs(asked) => Answer::Logs(recording.logs(&asked)),
                Question::Calls => Answer::Calls(recording.calls()),
            })
        })
    }
}

impl Recording {
    pub(super) fn traces(&self, asked: &TracesQuestion) -> Vec<TraceLine> {
        let mut lines: Vec<TraceLine> = self
            .traces
            .iter()
            .filter(|kept| span_wanted(asked, kept))
            .flat_map(|kept| candidates(asked, kept))
            .filter(|line| head_wanted(asked, &line.head))
            .collect();
        let key = |head: &TraceHead| {
            if asked.slowest { head.duration_ns } else { head.start_unix_ns }
        };
        lines.sort_by_key(|line| Reverse((key(&line.head), line.head.trace_id)));
        lines.truncate(limited(asked.limit));
        lines
    }

    pub(super) fn trace(&self, id: TraceId) -> Option<Trace> {
        let kept = self.traces.get(id)?;
        let all = self.lines.between(0, u64::MAX);
        let logs = all.filter(|line| line.trace_id == Some(id)).cloned().collect();
        Some(Trace { logs, ..kept.trace.clone() })
    }

    pub(super) fn logs(&self, asked: &LogsQuestion) -> Vec<LogLine> {
        let ns = |ms: u64| ms.saturating_mul(1_000_000);
        let from_ns = asked.from_unix_ms.map_or(0, ns);
        let to_ns = asked.to_unix_ms.map_or(u64::MAX, ns);
        let mut lines: Vec<LogLine> = self
            .lines
            .between(from_ns, to_ns)
            .rev()
            .filter(|line| line_wanted(asked, line))
            .take(limited(asked.limit))
            .cloned()
            .collect();
        lines.reverse();
        lines
    }
}

fn limited(limit: usize) -> usize {
    limit.clamp(1, LIMIT_MAX)
}

/// One line for the trace, or for each of its requests on the edge.
fn candidates<'a>(
    asked: &'a TracesQuestion,
    kept: &'a Kept,
) -> Box<dyn Iterator<Item = TraceLine> + 'a> {
    let spans = &kept.trace.spans;
    let has_id =
        |span: &Span| asked.correlation_id.as_ref().is_none_or(|id| has_correlation(span, id));
    match &asked.edge {
        None => Box::new(spans.iter().any(has_id).then(|| kept.line.clone()).into_iter()),
        Some(edge) => Box::new(
            spans
                .iter()
                .filter(|span| is_on(span, edge))
                .filter(move |span| has_id(span))
                .filter_map(|span| head_of(kept.trace.trace_id, [span]))
                .map(|head| TraceLine { head, ..kept.line.clone() }),
        ),
    }
}

/// One span has everything that is wanted of a span.
fn span_wanted(asked: &TracesQuestion, kept: &Kept) -> bool {
    let same = |wanted: &Option<String>, found: Option<&str>| {
        wanted.as_deref().is_none_or(|wanted| found == Some(wanted))
    };
    kept.trace.spans.iter().any(|span| {
        same(&asked.service, Some(&span.service))
            && same(&asked.name, Some(&span.name))
            && same(&asked.route, attribute_text(span, attribute::HTTP_ROUTE))
            && asked.fault.as_ref().is_none_or(|name| fault_names(span).any(|it| it == name))
    })
}

fn head_wanted(asked: &TracesQuestion, head: &TraceHead) -> bool {
    let ms = Duration::from_nanos(head.duration_ns).as_secs_f64() * 1e3;
    let ns = |ms: u64| ms.saturating_mul(1_000_000);
    asked.min_ms.is_none_or(|least| ms >= least)
        && asked.max_ms.is_none_or(|most| ms <= most)
        && asked.error.is_none_or(|error| head.error == error)
        && asked.from_unix_ms.is_none_or(|from| head.start_unix_ns >= ns(from))
        && asked.to_unix_ms.is_none_or(|to| head.start_unix_ns < ns(to))
}

fn line_wanted(asked: &LogsQuestion, line: &LogLine) -> bool {
    asked.trace_id.is_none_or(|id| line.trace_id == Some(id))
        && asked.correlation_id.as_ref().is_none_or(|id| line.correlation_id.as_ref() == Some(id))
        && asked.service.as_ref().is_none_or(|service| line.service == *service)
        && asked.severity_min.is_none_or(|least| severity_number(&line.severity) >= least)
        && asked
            .contains
            .as_ref()
            .is_none_or(|text| contains(&line.body, text) || contains(&line.event, text))
}

/// OTLP's number of a severity; a line keeps only the first of the four numbers of each name. 0 for
/// a text of the sender's own.
pub(super) fn severity_number(name: &str) -> i32 {
    match name {
        "TRACE" => 1,
        "DEBUG" => 5,
        "INFO" => 9,
        "WARN" => 13,
        "ERROR" => 17,
        "FATAL" => 21,
        _ => 0,
    }
}

/// In whatever case of the ASCII letters.
fn contains(text: &str, part: &str) -> bool {
    let (text, part) = (text.as_bytes(), part.as_bytes());
    part.is_empty() || text.windows(part.len()).any(|window| window.eq_ignore_ascii_case(part))
}
