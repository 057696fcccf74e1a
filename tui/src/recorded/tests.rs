//! Files that are whole, cut off and damaged; bounds; and answers against plain filters.

use std::cmp::Reverse;
use std::path::Path;

use model::answer::TraceLine;
use model::id::TraceId;
use proptest::prelude::*;

use super::testing::{line, recording_of, seconds, trace, trace_id};
use super::*;
use crate::ask::{Answer, Asker as _, LogsQuestion, Question, TracesQuestion};

/// A file of these seconds, closed or not.
fn file(seconds: &[Second], closed: bool) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.rec");
    let header = Header::of(&seconds[0].frame, 7);
    let mut writer = Writer::create(&path, &header).unwrap();
    for second in seconds {
        writer.second(second).unwrap();
    }
    if closed {
        writer.finish().unwrap();
    }
    std::fs::read(&path).unwrap()
}

fn read_back(bytes: &[u8]) -> Result<Recording, String> {
    read(bytes, Path::new("run.rec"), Bounds::default()).map_err(|error| error.to_string())
}

#[test]
fn a_file_gives_back_what_was_written() {
    let seconds = seconds();
    let recording = read_back(&file(&seconds, true)).unwrap();
    assert_eq!(recording.header, Header::of(&seconds[0].frame, 7));
    assert_eq!(recording.cut, None);
    let told = recording.frames().map(|frame| Arc::new(frame.told()));
    assert!(told.eq(seconds.iter().map(|second| Arc::clone(&second.frame))));
    let counts = recording.counts();
    assert_eq!((counts.traces, counts.spans, counts.lines), (50, 200, 10));
    for wanted in seconds.iter().flat_map(|second| &second.traces) {
        assert_eq!(recording.trace(wanted.trace_id).as_ref(), Some(wanted));
    }
}

#[test]
fn a_file_that_was_not_closed_says_so() {
    let bytes = file(&seconds(), false);
    let recording = read_back(&bytes).unwrap();
    assert_eq!(recording.cut, Some(Cut { at_byte: bytes.len() as u64 }));
    assert_eq!(recording.counts().frames, 10);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_file_that_was_cut_anywhere_opens_up_to_the_cut(part in 0.0..1.0_f64) {
        let bytes = file(&seconds(), true);
        let cut = (bytes.len() as f64 * part) as usize;
        match read_back(&bytes[..cut]) {
            Ok(recording) => {
                let cut_at = recording.cut.unwrap().at_byte;
                prop_assert!(cut_at <= cut as u64);
                prop_assert!(recording.counts().frames <= 10);
                // What is whole before the cut is not lost.
                let whole = read_back(&bytes[..cut_at as usize]).unwrap();
                prop_assert_eq!(whole.counts(), recording.counts());
            },
            Err(error) => {
                let early = error.ends_with("ends before its first second")
                    || error.ends_with("is no recording of shakedown");
                prop_assert!(early, "{}", error);
            },
        }
    }

    #[test]
    fn a_changed_byte_never_goes_unnoticed_and_never_panics(
        part in 0.0..1.0_f64,
        change in 1_u8..=255,
    ) {
        let mut bytes = file(&seconds(), true);
        let at = (bytes.len() as f64 * part) as usize;
        bytes[at] ^= change;
        if let Ok(recording) = read_back(&bytes) {
            prop_assert!(recording.cut.is_some());
        }
    }

    #[test]
    fn any_bytes_are_refused_with_a_sentence(tail in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(read_back(&tail).is_err());
        let bytes = [format::MAGIC.as_slice(), &[format::VERSION], &tail].concat();
        prop_assert!(read_back(&bytes).is_err());
    }
}

#[test]
fn damage_is_named_with_its_place() {
    let good = file(&seconds(), true);
    let header_end = 9 + 9 + u32::from_le_bytes(good[10..14].try_into().unwrap()) as usize;
    let mut kind = good.clone();
    kind[header_end] = b'X';
    let mut sum = good.clone();
    sum[header_end + 9] ^= 1;
    let mut long = good.clone();
    long[header_end + 4] = 0xff;
    let mut version = good.clone();
    version[8] = 9;
    let longer = [good.as_slice(), b"x"].concat();
    let place = format!("run.rec is damaged at byte {header_end}: ");
    for (bytes, expected) in [
        (kind, format!("{place}no item begins with byte 88")),
        (sum, format!("{place}the checksum of the item does not fit")),
        (long, format!("{place}an item of ")),
        (version, "run.rec is a recording of version 9; this program reads version 1".to_owned()),
        (longer, format!("run.rec is damaged at byte {}: something follows", good.len())),
        (b"SQLite format 3".to_vec(), "run.rec is no recording of shakedown".to_owned()),
        (Vec::new(), "run.rec is no recording of shakedown".to_owned()),
    ] {
        let error = read_back(&bytes).unwrap_err();
        assert!(error.starts_with(&expected), "{error}");
    }
}

#[test]
fn what_does_not_fit_into_memory_goes_by_its_worth_and_is_counted() {
    let bounds = Bounds { frames: 4, traces: 30, lines: 3, ..Bounds::default() };
    let recording = recording_of(seconds(), bounds);
    let counts = recording.counts();
    assert_eq!((counts.frames, counts.traces, counts.lines), (4, 30, 3));
    assert_eq!((counts.evicted_frames, counts.evicted_traces, counts.evicted_lines), (6, 20, 7));
    // Of the fifty, twenty-five have an error or a fault.
    let telling = |number: u64| number.is_multiple_of(3) || number.is_multiple_of(4);
    for number in (0..50).filter(|number| telling(*number)) {
        assert!(recording.trace(trace_id(number)).is_some(), "{number}");
    }
    let bytes = Bounds { bytes: 20_000, ..Bounds::default() };
    let counts = recording_of(seconds(), bytes).counts();
    assert!(counts.traces > 0 && counts.traces + counts.evicted_traces == 50, "{counts:?}");
}

#[test]
fn a_trace_that_comes_in_parts_is_one_and_its_line_is_kept_once() {
    let whole = trace(1, 1_000);
    let mut parts = [whole.clone(), whole.clone()];
    parts[0].spans.truncate(2);
    parts[1].spans.drain(..1);
    let said = LogLine { trace_id: Some(whole.trace_id), ..line(1_000_000_005, "INFO", "a") };
    for part in &mut parts {
        part.logs.push(said.clone());
    }
    let second =
        |part: Trace| Second { traces: vec![part], lines: vec![said.clone()], ..Second::default() };
    let recording = recording_of(parts.map(second).into(), Bounds::default());
    let expected = Trace { logs: vec![said.clone()], ..whole };
    assert_eq!(recording.trace(expected.trace_id), Some(expected));
}

#[tokio::test]
async fn calls_are_those_that_were_asked_for_or_those_of_the_frames() {
    let mut all = seconds();
    let asker = |all: &[Second]| {
        RecordedAsker::new(Arc::new(recording_of(all.to_vec(), Bounds::default())))
    };
    let Ok(Answer::Calls(calls)) = asker(&all).ask(Question::Calls).await else { panic!() };
    let payments = calls.iter().find(|call| call.callee == "payments").unwrap();
    let requests: u64 = all.iter().map(|second| second.frame.edges[4].requests).sum();
    assert_eq!((payments.caller.as_str(), payments.calls), ("orders", requests));
    all[3].calls = Some(vec![payments.clone()]);
    let asked = asker(&all).ask(Question::Calls).await;
    assert_eq!(asked, Ok(Answer::Calls(vec![payments.clone()])));
}

fn some<T: Clone + std::fmt::Debug + 'static>(values: Vec<T>) -> BoxedStrategy<Option<T>> {
    prop::option::weighted(0.3, prop::sample::select(values)).boxed()
}

fn texts(values: &[&str]) -> BoxedStrategy<Option<String>> {
    some(values.iter().map(|text| (*text).to_owned()).collect())
}

fn times() -> BoxedStrategy<Option<u64>> {
    let start = crate::recording::START_S * 1_000;
    some((0..12).map(|at| start + at * 950).collect())
}

fn trace_questions() -> impl Strategy<Value = TracesQuestion> {
    let of_span = (
        texts(&["orders", "payments", "nobody"]),
        texts(&["POST /pay", "GET /"]),
        texts(&["/pay", "/"]),
        texts(&["slow", "late", "slow, late"]),
        texts(&["u000001-000002", "u000001-000009"]),
    );
    let of_head = (
        texts(&["orders -> payments", "a -> b"]),
        some(vec![1.5, 3.0, 3.5]),
        some(vec![2.0, 6.0]),
        some(vec![true, false]),
        times(),
        times(),
    );
    (of_span, of_head, any::<bool>(), 0_usize..60).prop_map(|(span, head, slowest, limit)| {
        let (service, name, route, fault, id) = span;
        let (edge, min_ms, max_ms, error, from_unix_ms, to_unix_ms) = head;
        TracesQuestion {
            edge: edge.map(|edge| edge.parse().unwrap()),
            service,
            name,
            route,
            correlation_id: id.map(|id| id.parse().unwrap()),
            fault,
            min_ms,
            max_ms,
            error,
            from_unix_ms,
            to_unix_ms,
            slowest,
            limit,
        }
    })
}

/// The same answer, by the words of the API's documentation, span by span.
fn plainly(asked: &TracesQuestion, traces: &[Trace]) -> Vec<(TraceId, u64, u64)> {
    let text = |span: &model::frame::Span, name: &str| {
        span.attributes.get(name).and_then(|value| value.as_str()).map(str::to_owned)
    };
    let mut found = Vec::new();
    for trace in traces {
        let fits = trace.spans.iter().any(|span| {
            asked.service.as_ref().is_none_or(|it| span.service == *it)
                && asked.name.as_ref().is_none_or(|it| span.name == *it)
                && (asked.route.is_none() || text(span, "http.route") == asked.route)
                && asked.fault.as_ref().is_none_or(|it| {
                    text(span, "shakedown.fault.name")
                        .is_some_and(|names| names.split(", ").any(|name| name == it))
                })
        });
        let has_id = |span: &&model::frame::Span| {
            asked.correlation_id.as_ref().is_none_or(|id| {
                text(span, "shakedown.correlation_id").as_deref() == Some(id.as_str())
            })
        };
        let lines: Vec<(u64, u64, bool)> = match &asked.edge {
            Some(edge) => trace
                .spans
                .iter()
                .filter(|span| span.kind == "server")
                .filter(|span| text(span, "shakedown.edge") == Some(edge.to_string()))
                .filter(has_id)
                .map(|span| (span.start_unix_ns, span.duration_ns, span.error))
                .collect(),
            None if trace.spans.iter().any(|span| has_id(&span)) => {
                let start = trace.spans.iter().map(|span| span.start_unix_ns).min().unwrap();
                let end = trace.spans.iter().map(|it| it.start_unix_ns + it.duration_ns).max();
                let error = trace.spans.iter().any(|span| span.error);
                vec![(start, end.unwrap() - start, error)]
            },
            None => Vec::new(),
        };
        for (start, duration, error) in lines {
            let ms = duration as f64 / 1e6;
            let wanted = fits
                && asked.min_ms.is_none_or(|least| ms >= least)
                && asked.max_ms.is_none_or(|most| ms <= most)
                && asked.error.is_none_or(|wanted| wanted == error)
                && asked.from_unix_ms.is_none_or(|from| start >= from * 1_000_000)
                && asked.to_unix_ms.is_none_or(|to| start < to * 1_000_000);
            if wanted {
                found.push((trace.trace_id, start, duration));
            }
        }
    }
    let key = |line: &(TraceId, u64, u64)| if asked.slowest { line.2 } else { line.1 };
    found.sort_by_key(|line| Reverse((key(line), line.0)));
    found.truncate(asked.limit.max(1));
    found
}

fn log_questions() -> impl Strategy<Value = LogsQuestion> {
    let fields = (
        some((0..4).map(trace_id).collect::<Vec<_>>()),
        texts(&["u-1", "u-2"]),
        texts(&["payments", "orders"]),
        some(vec![9, 13, 17]),
        texts(&["", "LINE 3", "x"]),
    );
    (fields, some(vec![0, 3, 5]), some(vec![4, 6, 9]), 0_usize..50).prop_map(
        |((trace_id, id, service, severity_min, contains), from_unix_ms, to_unix_ms, limit)| {
            let correlation_id = id.map(|id| id.parse().unwrap());
            LogsQuestion {
                trace_id,
                correlation_id,
                service,
                severity_min,
                contains,
                from_unix_ms,
                to_unix_ms,
                limit,
            }
        },
    )
}

fn log_lines() -> Vec<LogLine> {
    let one = |number: u64| LogLine {
        trace_id: number.is_multiple_of(3).then(|| trace_id(number % 4)),
        correlation_id: number.is_multiple_of(2).then(|| "u-1".parse().unwrap()),
        event: if number.is_multiple_of(5) { "Line 3".to_owned() } else { String::new() },
        service: if number.is_multiple_of(7) { "orders" } else { "payments" }.to_owned(),
        ..line(
            number / 4 * 1_000_000,
            ["DEBUG", "INFO", "WARN", "ERROR", "loud"][number as usize % 5],
            &format!("line {number}"),
        )
    };
    (0..40).map(one).collect()
}

proptest! {
    #[test]
    fn lists_of_traces_are_what_a_plain_filter_finds(asked in trace_questions()) {
        let seconds = seconds();
        let traces: Vec<Trace> = seconds.iter().flat_map(|it| it.traces.clone()).collect();
        let recording = recording_of(seconds, Bounds::default());
        let lines = recording.traces(&asked);
        let shown = |line: &TraceLine| {
            (line.head.trace_id, line.head.start_unix_ns, line.head.duration_ns)
        };
        let got: Vec<_> = lines.iter().map(shown).collect();
        prop_assert_eq!(got, plainly(&asked, &traces));
    }

    #[test]
    fn lists_of_lines_are_what_a_plain_filter_finds(asked in log_questions()) {
        let all = log_lines();
        let second = Second { lines: all.clone(), ..Second::default() };
        let recording = recording_of(vec![second], Bounds::default());
        let number = |line: &LogLine| match line.severity.as_str() {
            "DEBUG" => 5,
            "INFO" => 9,
            "WARN" => 13,
            "ERROR" => 17,
            _ => 0,
        };
        let has = |text: &str, part: &str| text.to_lowercase().contains(&part.to_lowercase());
        let mut expected: Vec<LogLine> = all
            .into_iter()
            .filter(|it| asked.trace_id.is_none() || it.trace_id == asked.trace_id)
            .filter(|it| {
                asked.correlation_id.is_none() || it.correlation_id == asked.correlation_id
            })
            .filter(|it| asked.service.as_ref().is_none_or(|service| it.service == *service))
            .filter(|it| asked.severity_min.is_none_or(|least| number(it) >= least))
            .filter(|it| {
                asked.contains.as_ref().is_none_or(|part| has(&it.body, part) || has(&it.event, part))
            })
            .filter(|it| asked.from_unix_ms.is_none_or(|from| it.unix_ns >= from * 1_000_000))
            .filter(|it| asked.to_unix_ms.is_none_or(|to| it.unix_ns < to * 1_000_000))
            .collect();
        let surplus = expected.len().saturating_sub(asked.limit.max(1));
        expected.drain(..surplus);
        prop_assert_eq!(recording.logs(&asked), expected);
    }
}
