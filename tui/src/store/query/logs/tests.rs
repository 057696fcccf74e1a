//! Which lines are asked for, and what becomes of the answers.

use std::sync::Arc;

use super::*;
use crate::ask::AskError;
use crate::filter::fields;
use crate::recorded::testing::{line, trace_id};
use crate::recording::{self, START_S};
use crate::screen::{Cursor, ViewQuery};

const START_NS: u64 = START_S * 1_000_000_000;

fn store() -> Store {
    let mut store = Store::default();
    for frame in recording::until(40) {
        store.insert(Arc::new(frame));
    }
    store
}

fn times(store: &Store, cursor: Cursor) -> Times {
    let query = ViewQuery { columns: 50, cursor, ..ViewQuery::default() };
    Times::of(store, &query).unwrap()
}

fn query(filter: &str) -> LogsQuery {
    let filter = Filter::parse(filter, &fields::LOGS).unwrap();
    LogsQuery { filter: Some(filter), ..LogsQuery::default() }
}

fn question(filter: &str, cursor: Cursor) -> LogsQuestion {
    let store = store();
    list(&Answers::default(), &times(&store, cursor), &query(filter))
}

/// What is shown after everything that is asked has been answered with these lines.
fn shown(query: &LogsQuery, lines: &[LogLine]) -> LogsView {
    let (store, mut answers) = (store(), Answers::default());
    let times = times(&store, Cursor::Live);
    for _ in 0..2 {
        let wanted = questions(&store, &answers, &times, query);
        for (slot, _) in answers.to_ask(wanted, false) {
            answers.take(slot, Ok(Answer::Logs(lines.to_vec())));
        }
    }
    build(&store, &answers, &times, query)
}

fn of(service: &str, at_ms: u64, body: &str) -> LogLine {
    let plain = line(START_NS + at_ms * 1_000_000, "INFO", body);
    LogLine { service: service.to_owned(), ..plain }
}

#[test]
fn lines_of_a_time_are_asked_up_to_the_cursor_and_lines_of_a_request_at_any_time() {
    let ms = |second: u64| Some((START_S + second) * 1_000);
    let live = question("level>=warn svc=orders", Cursor::Live);
    assert_eq!((live.from_unix_ms, live.to_unix_ms), (Some((START_S - 10) * 1_000), ms(40)));
    assert_eq!((live.severity_min, live.service.as_deref()), (Some(13), Some("orders")));
    assert_eq!(live.limit, LINES_MAX);
    let past = question("charge", Cursor::At(START_S + 20));
    assert_eq!((past.to_unix_ms, past.contains.as_deref()), (ms(21), Some("charge")));
    for filter in [&format!("trace:{} level>=warn", trace_id(3)), "corr=u000001-000003"] {
        let asked = question(filter, Cursor::At(START_S + 20));
        assert_eq!((asked.from_unix_ms, asked.to_unix_ms), (None, None), "{filter}");
        assert!(asked.trace_id.is_some() || asked.correlation_id.is_some());
    }
    for filter in ["trace:9c1e", "trace:9c1e or charge"] {
        assert!(question(filter, Cursor::Live).to_unix_ms.is_some(), "{filter}");
    }
}

#[test]
fn only_lines_that_match_the_whole_filter_are_shown() {
    let lines =
        [of("orders", 1, "charge failed"), of("cart", 2, "filled"), of("cart", 2, "charge")];
    let view = shown(&query("charge svc!=orders"), &lines);
    assert_eq!(view.rows.len(), 1);
    assert_eq!((view.rows[0].at_ms, view.rows[0].said.as_str()), (2, "charge"));
    assert_eq!(view.rows[0].id.nth, 1, "it is the second line of its time");
    assert_eq!((view.services, view.cut, view.asked), (1, false, Asked::Answered));
    assert_eq!(view.volume.rows[0].total, 1);
    assert_eq!(view.record[0].value, "charge");
}

#[test]
fn a_full_answer_says_that_there_is_more_and_from_when_it_is_known() {
    let lines: Vec<LogLine> =
        (0..LINES_MAX as u64).map(|at| of("orders", 30_000 + at, "x")).collect();
    let view = shown(&LogsQuery::default(), &lines);
    assert!(view.cut);
    // The axis begins ten seconds before the run.
    assert_eq!((view.unknown_columns, view.volume.max), (40, LINES_MAX as u64));
    let view = shown(&LogsQuery::default(), &lines[1..]);
    assert_eq!((view.cut, view.unknown_columns), (false, 0));
}

#[test]
fn the_context_is_what_the_list_leaves_out_of_the_same_services() {
    let lines = [
        of("orders", 10, "charge failed"),
        of("orders", 11, "another request"),
        of("cart", 12, "filled"),
        of("orders", 60, "later"),
    ];
    let query = LogsQuery { context: true, ..query("charge") };
    let context = shown(&query, &lines).context.unwrap();
    let said: Vec<&str> = context.rows.iter().map(|row| row.said.as_str()).collect();
    assert_eq!((said, context.asked), (vec!["another request", "later"], Asked::Answered));
    let asked = around(lines[0].unix_ns);
    let start_ms = START_S * 1_000;
    assert_eq!(asked.from_unix_ms, Some(start_ms + 10 - CONTEXT_MS));
    assert_eq!(asked.to_unix_ms, Some(start_ms + 11 + CONTEXT_MS));
}

#[test]
fn an_answer_to_another_filter_is_no_answer() {
    let (store, mut answers) = (store(), Answers::default());
    let times = times(&store, Cursor::Live);
    let ask = |answers: &mut Answers, query: &LogsQuery, outcome| {
        let asked = answers.to_ask(questions(&store, answers, &times, query), false);
        assert_eq!(asked.len(), 1);
        answers.take(Slot::Logs, outcome);
    };
    let first = query("svc=orders");
    ask(&mut answers, &first, Ok(Answer::Logs(vec![of("orders", 1, "x")])));
    assert_eq!(build(&store, &answers, &times, &first).asked, Asked::Answered);
    let next = query("svc=cart");
    assert_eq!(build(&store, &answers, &times, &next).asked, Asked::Waiting);
    ask(&mut answers, &next, Err(AskError("nobody answers".to_owned())));
    let failed = build(&store, &answers, &times, &next);
    assert_eq!(failed.asked, Asked::Failed("nobody answers".to_owned()));
    assert_eq!(build(&store, &answers, &times, &first).rows.len(), 1, "the old lines stay");
}

#[test]
fn a_chosen_line_holds_the_list_until_it_is_let_go() {
    let store = |seconds: u64| {
        let mut store = Store::default();
        for frame in recording::until(seconds) {
            store.insert(Arc::new(frame));
        }
        store
    };
    let ask = |answers: &Answers, seconds: u64, query: &LogsQuery| {
        list(answers, &times(&store(seconds), Cursor::Live), query)
    };
    let mut answers = Answers::default();
    let first = ask(&answers, 40, &query("level>=warn"));
    answers.to_ask(vec![(Slot::Logs, Question::Logs(first.clone()))], false);
    answers.take(Slot::Logs, Ok(Answer::Logs(vec![of("orders", 30_000, "x")])));
    let chosen = |filter| LogsQuery {
        selected: Some(LineId { unix_ns: START_NS + 30_000_000_000, nth: 0 }),
        ..query(filter)
    };
    let held = ask(&answers, 60, &chosen("level>=warn"));
    assert_eq!(held.to_unix_ms, first.to_unix_ms, "nothing pushes it out");
    assert!(held.from_unix_ms <= first.from_unix_ms);
    assert_ne!(ask(&answers, 60, &query("level>=warn")), first, "following goes on");
    let other = ask(&answers, 60, &chosen("level>=error"));
    assert_eq!(other.to_unix_ms, Some((START_S + 60) * 1_000), "another filter is another list");
    let past = times(&store(60), Cursor::At(START_S + 20));
    assert_ne!(list(&answers, &past, &chosen("level>=warn")), first, "so is another moment");
}

#[test]
fn an_answer_about_a_request_is_asked_again_while_its_lines_come_in() {
    let ask = |filter: &str, slot: Slot, lines: Vec<LogLine>| {
        let (store, mut answers) = (store(), Answers::default());
        let question = match slot {
            Slot::Context => around(START_NS + 30_000_000_000),
            _ => list(&answers, &times(&store, Cursor::Live), &query(filter)),
        };
        answers.to_ask(vec![(slot, Question::Logs(question))], false);
        answers.take(slot, Ok(Answer::Logs(lines)));
        move |newest_s: u64| grows(&answers, slot, (START_S + newest_s) * 1_000, 5_000)
    };
    let request = ask("corr=a", Slot::Logs, vec![of("orders", 30_000, "x")]);
    assert!(request(31) && request(35) && !request(36));
    assert!(ask("corr=a", Slot::Logs, Vec::new())(999), "nothing has come in yet");
    assert!(!ask("", Slot::Logs, Vec::new())(1), "new seconds are another question");
    let context = ask("", Slot::Context, Vec::new());
    assert!(context(35) && !context(36));
}

#[test]
fn patterns_are_found_only_when_they_are_wanted() {
    let lines = [of("orders", 1, "order 1 paid"), of("orders", 2, "order 2 paid")];
    assert!(shown(&LogsQuery::default(), &lines).patterns.is_empty());
    let query = LogsQuery { patterns: true, ..LogsQuery::default() };
    let patterns = shown(&query, &lines).patterns;
    assert_eq!(patterns.len(), 1);
    assert_eq!((patterns[0].template.as_str(), patterns[0].count), ("order <n> paid", 2));
}
