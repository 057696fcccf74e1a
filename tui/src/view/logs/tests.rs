//! The screen of log lines as text, and that no line breaks it.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::frame::LogLine;
use model::names::{attribute, event};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::ask::{AskError, Asker, Asking, Question};
use crate::picture::PictureOptions;
use crate::recorded::testing::{line, recording_of, trace_id};
use crate::recorded::{Bounds, RecordedAsker, Second};
use crate::recording::{self, START_S};
use crate::theme::Depth;
use crate::view::tests::{buffer, options, snapshot};

const CORRELATION: &str = "u000007-000031";

fn said(at_ms: u64, service: &str, severity: &str, body: &str) -> LogLine {
    let number = at_ms % 977;
    LogLine {
        service: service.to_owned(),
        trace_id: Some(trace_id(number)),
        correlation_id: Some(format!("u{number:06x}-000001").parse().unwrap()),
        ..line((START_S * 1_000 + at_ms) * 1_000_000, severity, body)
    }
}

fn with(line: LogLine, attributes: &[(&str, Value)]) -> LogLine {
    let attributes: BTreeMap<String, Value> =
        attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    LogLine { attributes, ..line }
}

/// One request that fails, as its services tell it.
fn request() -> Vec<LogLine> {
    let of_it = |line: LogLine| LogLine {
        trace_id: Some(trace_id(900)),
        correlation_id: Some(CORRELATION.parse().unwrap()),
        ..line
    };
    let fault = LogLine {
        event: event::FAULT_DECISION.to_owned(),
        ..said(40_835, "gateway", "INFO", "fault payments slow hit orders -> payments")
    };
    let fault = with(
        fault,
        &[
            (attribute::FAULT, json!("payments slow")),
            (attribute::FAULT_OUTCOME, json!("hit")),
            (attribute::FAULT_DRAW, json!(0.113)),
            (attribute::FAULT_ACHIEVED_US, json!(1_520_000)),
        ],
    );
    let lines = [
        with(said(40_811, "orders", "INFO", "order placed"), &[("order", json!(31))]),
        said(40_816, "inventory", "INFO", "reservation changed"),
        fault,
        with(
            said(41_640, "orders", "WARN", "call failed"),
            &[(
                "error",
                json!("the gateway gave up after 800 ms, and nobody knows whether it was charged"),
            )],
        ),
        said(41_641, "orders", "WARN", "fallback: order accepted, to be paid later"),
    ];
    lines.into_iter().map(of_it).collect()
}

fn lines() -> Vec<LogLine> {
    let other = |at: u64| {
        let at_ms = 20_000 + at * 130;
        let slow = at_ms > 31_000 && at.is_multiple_of(5);
        if slow {
            said(at_ms, "orders", "WARN", "call failed")
        } else {
            let took = [("took_us", json!(700 + at * 37 % 900))];
            with(
                said(at_ms, ["cart", "catalog"][(at % 2) as usize], "INFO", "request served"),
                &took,
            )
        }
    };
    (0..245).map(other).chain(request()).collect()
}

fn asked(ascii: bool, keys: &str, lines: Vec<LogLine>) -> PictureOptions {
    let second = Second { lines, ..Second::default() };
    let recording = recording_of(vec![second], Bounds::default());
    let asker: Arc<dyn Asker> = Arc::new(RecordedAsker::new(Arc::new(recording)));
    PictureOptions { asker, ..options(ascii, keys) }
}

macro_rules! picture {
    ($name:literal, $size:expr, $options:expr) => {
        let (width, height) = $size;
        let text = snapshot(&recording::until(52), width, height, &$options);
        insta::assert_snapshot!($name, text);
    };
}

#[test]
fn lines_are_followed_and_the_newest_is_selected() {
    picture!("list_120x40", (120, 40), asked(false, "4", lines()));
    picture!("list_80x24", (80, 24), asked(true, "4", lines()));
    picture!("list_60x16", (60, 16), asked(true, "4", lines()));
    picture!("past_120x40", (120, 40), asked(true, "4{{", lines()));
}

#[test]
fn the_lines_of_a_request_tell_what_went_wrong() {
    let keys = "4/corr:u000007-000031\n";
    picture!("request_120x40", (120, 40), asked(false, keys, lines()));
    picture!("request_80x24", (80, 24), asked(true, keys, lines()));
    let keys = format!("{keys}cw");
    picture!("context_120x40", (120, 40), asked(true, &keys, lines()));
    picture!("context_80x24", (80, 24), asked(true, &keys, lines()));
}

#[test]
fn patterns_and_panels_have_the_stage_when_they_are_opened() {
    picture!("patterns_120x40", (120, 40), asked(true, "4p", lines()));
    picture!("pattern_80x24", (80, 24), asked(true, "4pj\n", lines()));
    picture!("record_80x24", (80, 24), asked(true, "4/corr:u000007-000031\n\t", lines()));
    picture!("volume_80x24", (80, 24), asked(true, "4\t\t", lines()));
    picture!("columns_80x24", (80, 24), asked(true, "4v", lines()));
}

#[test]
fn an_empty_list_says_why_it_is_empty() {
    picture!("nothing_80x24", (80, 24), asked(true, "4", Vec::new()));
    picture!("no_match_120x40", (120, 40), asked(true, "4/level>=fatal\n", lines()));
    let many = (0..1_100).map(|at| said(45_000 + at, "orders", "INFO", "served")).collect();
    picture!("cut_120x40", (120, 40), asked(false, "4", many));
}

#[derive(Debug)]
struct Broken;

impl Asker for Broken {
    fn ask(&self, _: Question) -> Asking {
        let error = AskError("cannot connect to 127.0.0.1:4321: Connection refused".to_owned());
        Box::pin(std::future::ready(Err(error)))
    }
}

#[test]
fn a_question_without_an_answer_says_why() {
    let broken = PictureOptions { asker: Arc::new(Broken), ..options(true, "4") };
    picture!("failed_80x24", (80, 24), broken);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_line_and_no_size_breaks_the_screen(
        size in (0_u16..=160, 0_u16..=60),
        texts in prop::collection::vec(
            prop_oneof![
                Just("支付服务".repeat(90)),
                Just("e\u{301}\u{200d}👩‍👩‍👧‍👦\u{1b}[31m\r\n\t".repeat(9)),
                ".{0,60}",
            ],
            0..9,
        ),
        times in prop::collection::vec(prop_oneof![Just(0), Just(u64::MAX), 0..60_000_000_000_u64], 9),
        keys in "4[jkGnNcwpdLfTFz{}\n\t\u{1b}]{0,8}",
        depth in prop::sample::select(vec![Depth::Mono, Depth::Indexed256]),
        ascii in any::<bool>(),
    ) {
        let hostile = |(text, at): (&String, &u64)| LogLine {
            unix_ns: (START_S * 1_000_000_000).saturating_add(*at),
            service: text.clone(),
            ..with(said(1, "", text, text), &[(text.as_str(), json!(text))])
        };
        let lines: Vec<LogLine> = texts.iter().zip(&times).map(hostile).collect();
        let how = PictureOptions { depth, ..asked(ascii, &keys, lines) };
        let buffer = buffer(&recording::until(52), size, &how);
        for cell in &buffer.content {
            prop_assert!(!cell.symbol().contains(char::is_control), "{:?}", cell.symbol());
        }
    }
}
