//! The topology as text.

use std::sync::Arc;

use model::answer::{CallRow, Durations};
use model::edge::Edge;
use model::frame::{EdgeFrame, Frame};
use model::hist::Histogram;

use crate::ask::{Answer, AskError, Asker, Asking, Question};
use crate::picture::PictureOptions;
use crate::recording;
use crate::view::tests::{options, snapshot};

/// Knows calls between services, or why it does not.
#[derive(Debug)]
struct Spans(Result<Vec<CallRow>, AskError>);

impl Asker for Spans {
    fn ask(&self, question: Question) -> Asking {
        let answer = match question {
            Question::Calls => self.0.clone().map(Answer::Calls),
            _ => Err(AskError("only calls are known".to_owned())),
        };
        Box::pin(std::future::ready(answer))
    }
}

fn call(caller: &str, callee: &str, calls: u64, errors: u64) -> CallRow {
    let durations = |p50, p99| Durations {
        p50_ms: Some(p50),
        p90_ms: Some(p50 * 2.0),
        p99_ms: Some(p99),
        ..Durations::default()
    };
    CallRow {
        caller: caller.to_owned(),
        callee: callee.to_owned(),
        calls,
        errors,
        server: durations(1.2, 7.5),
        client: durations(1.9, 9.0),
    }
}

fn with_calls(ascii: bool, keys: &str) -> PictureOptions {
    let calls = vec![
        call("payments", "ledger", 2_946, 12),
        call("orders", "payments", 3_120, 18),
        call("", "mailer", 12, 0),
        call("ledger", "ledger", 40, 0),
        call("ledger", "payments", 3, 0),
    ];
    PictureOptions { asker: Arc::new(Spans(Ok(calls))), ..options(ascii, keys) }
}

macro_rules! picture {
    ($name:literal, $frames:expr, $size:expr, $options:expr) => {
        let (width, height) = $size;
        insta::assert_snapshot!($name, snapshot(&$frames, width, height, &$options));
    };
}

#[test]
fn the_graph_stands_beside_the_edge_over_its_history_and_the_matrix() {
    let busy = recording::until(52);
    picture!("graph_120x40", busy, (120, 40), with_calls(false, "2"));
    picture!("graph_120x40_ascii", busy, (120, 40), with_calls(true, "2"));
    picture!("graph_100x30", busy, (100, 30), with_calls(false, "2"));
    picture!("past_120x40", recording::run(), (120, 40), with_calls(false, "2{{"));
    picture!("calls_120x40", busy, (120, 40), with_calls(false, "2G"));
}

#[test]
fn a_graph_that_does_not_fit_says_what_is_outside_and_keys_bring_it_into_sight() {
    let calls: Vec<CallRow> = (0..14)
        .map(|at| call(&format!("stage-{at:02}"), &format!("stage-{:02}", at + 1), 10, 0))
        .chain((0..9).map(|at| call("stage-03", &format!("leaf-{at}"), 10, 0)))
        .collect();
    let asker = Arc::new(Spans(Ok(calls)));
    let options = |keys| PictureOptions { asker: asker.clone(), ..options(true, keys) };
    let busy = recording::until(52);
    picture!("outside_120x40", busy, (120, 40), options("2"));
    for (keys, seen, side) in
        [("2/stage\n", "stage-00", "right"), ("2/stage\nG", "stage-14", "left")]
    {
        let text = snapshot(&busy, 120, 40, &options(keys));
        let said = text
            .lines()
            .find(|line| line.contains("outside ("))
            .unwrap_or_else(|| panic!("{text}"));
        assert!(said.contains(side), "{text}");
        let panel = text.lines().map(|line| line.chars().take(82).collect::<String>());
        assert!(panel.filter(|line| line.contains(seen)).count() > 0, "{text}");
    }
}

#[test]
fn the_tree_and_the_matrix_tell_the_same() {
    let busy = recording::until(52);
    picture!("tree_120x40", busy, (120, 40), with_calls(false, "2m"));
    picture!("matrix_120x40", busy, (120, 40), with_calls(true, "2mm"));
    picture!("filtered_120x40", busy, (120, 40), with_calls(false, "2/svc=payments\n"));
    picture!("edge_zoomed_120x40", busy, (120, 40), with_calls(false, "2\tz"));
    picture!("history_zoomed_120x40", busy, (120, 40), with_calls(false, "2\t\tz"));
}

#[test]
fn a_small_screen_has_the_tree_over_the_edge_and_its_history() {
    let busy = recording::until(52);
    picture!("tree_80x24", busy, (80, 24), with_calls(false, "2"));
    picture!("tree_80x24_ascii", busy, (80, 24), with_calls(true, "2"));
    picture!("tree_60x16", busy, (60, 16), with_calls(true, "2"));
    picture!("graph_80x24", busy, (80, 24), with_calls(false, "2mm"));
    picture!("matrix_80x24", busy, (80, 24), with_calls(true, "2m"));
}

#[test]
fn what_is_missing_is_said() {
    let reason = "GET /v1/graph: the collector answered 503".to_owned();
    let failed =
        PictureOptions { asker: Arc::new(Spans(Err(AskError(reason)))), ..options(true, "2") };
    picture!("failed_80x24", recording::until(52), (80, 24), failed);
    let mut empty = Frame { unix_s: recording::START_S, ..Frame::default() };
    picture!("nothing_yet_80x24", [empty.clone()], (80, 24), with_no_calls());
    empty.edges = vec![EdgeFrame {
        edge: Edge::new("a", "b"),
        requests: 0,
        errors: std::collections::BTreeMap::new(),
        attempts: 0,
        duration: Histogram::default(),
        exemplars: Vec::new(),
    }];
    picture!("one_idle_edge_100x30", [empty], (100, 30), with_no_calls());
    let nothing = with_calls(true, "2/svc=nobody\n");
    picture!("filtered_away_80x24", recording::until(52), (80, 24), nothing);
}

fn with_no_calls() -> PictureOptions {
    PictureOptions { asker: Arc::new(Spans(Ok(Vec::new()))), ..options(true, "2") }
}
