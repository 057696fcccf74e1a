//! Whole screens as text, and that no data and no size breaks them.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use model::edge::Edge;
use model::frame::{DropCount, EdgeFrame, Frame, LoadFrame, RunHead};
use model::hist::Histogram;
use model::load::LoadModel;
use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::style::Color;

use crate::picture::{self, PictureOptions};
use crate::recording;
use crate::screen::Link;
use crate::theme::Depth;

mod recorded;
mod said;

pub(super) fn options(ascii: bool, keys: &str) -> PictureOptions {
    PictureOptions { ascii, keys: keys.to_owned(), ..PictureOptions::default() }
}

/// Askers of tests have their answers at hand, so nothing is ever waited for.
fn now<T>(picture: impl Future<Output = T>) -> T {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(picture).poll(&mut context) {
        Poll::Ready(done) => done,
        Poll::Pending => panic!("a picture waits for something"),
    }
}

pub(super) fn snapshot(
    frames: &[Frame],
    width: u16,
    height: u16,
    options: &PictureOptions,
) -> String {
    now(picture::snapshot(frames, width, height, options))
}

pub(super) fn buffer(frames: &[Frame], size: (u16, u16), options: &PictureOptions) -> Buffer {
    now(picture::buffer(frames, size, options))
}

macro_rules! picture {
    ($name:literal, $frames:expr, $size:expr, $options:expr) => {
        let (width, height) = $size;
        insta::assert_snapshot!($name, snapshot(&$frames, width, height, &$options));
    };
}

#[test]
fn the_overview_at_every_size_in_both_sets_of_signs() {
    let busy = recording::until(52);
    picture!("busy_120x40_utf8", busy, (120, 40), options(false, ""));
    picture!("busy_120x40_ascii", busy, (120, 40), options(true, ""));
    picture!("busy_100x30_utf8", busy, (100, 30), options(false, ""));
    picture!("busy_100x30_ascii", busy, (100, 30), options(true, ""));
    picture!("busy_80x24_utf8", busy, (80, 24), options(false, ""));
    picture!("busy_80x24_ascii", busy, (80, 24), options(true, ""));
    picture!("busy_60x16_utf8", busy, (60, 16), options(false, ""));
    picture!("busy_60x16_ascii", busy, (60, 16), options(true, ""));
    picture!("busy_50x10_utf8", busy, (50, 10), options(false, ""));
    picture!("busy_160x50_utf8", busy, (160, 50), options(false, ""));
}

#[test]
fn the_overview_in_colours_draws_dots_and_half_blocks() {
    let colours = PictureOptions { depth: Depth::Indexed256, ..options(false, "") };
    picture!("colours_120x40", recording::until(52), (120, 40), colours);
    picture!("colours_80x24", recording::until(52), (80, 24), colours);
}

/// Letters that look as the panel with the keys does, after these keys.
fn focused(size: (u16, u16), keys: &str) -> String {
    let colours = PictureOptions { depth: Depth::Indexed256, ..options(false, keys) };
    let buffer = buffer(&recording::until(52), size, &colours);
    let style = crate::theme::Theme::default().style(crate::theme::Role::Focus);
    let has_keys = buffer
        .content
        .iter()
        .filter(|cell| Some(cell.fg) == style.fg && cell.modifier.contains(style.add_modifier));
    let text: String = has_keys.map(ratatui::buffer::Cell::symbol).collect();
    text.chars().filter(char::is_ascii_alphabetic).collect()
}

#[test]
fn the_panel_of_the_overview_that_tab_went_to_is_seen_and_is_the_one_that_z_zooms() {
    let wide = ["REDbyflowandedge", "Breakers", "Latency", "Heatmap", "Faults", "Verdicts"];
    for (tabs, title) in wide.into_iter().chain(["Events", "REDbyflowandedge"]).enumerate() {
        let keys = "\t".repeat(tabs);
        assert_eq!(focused((160, 50), &keys), title, "{tabs}");
        assert_eq!(focused((160, 50), &(keys + "z")), title, "{tabs} zoomed");
    }
    // Without room for all, lanes have the first word of their line, and one plot is shown.
    let small = ["REDbyflowandedge", "breaker", "Latency", "faults", "verdict", ""];
    for (tabs, label) in small.into_iter().enumerate() {
        assert_eq!(focused((80, 24), &"\t".repeat(tabs)), label, "{tabs}");
    }
    assert_eq!(focused((80, 24), "\t\tm"), "Heatmap");
    assert_eq!(focused((80, 24), "m\t\tz"), "Heatmap");
    assert_eq!(focused((80, 24), "\t\tmm\t"), "faults");
}

#[test]
fn an_empty_screen_says_what_it_waits_for() {
    picture!("empty_120x40", [], (120, 40), options(false, ""));
    let connecting = PictureOptions { link: Link::Connecting, ..options(true, "") };
    picture!("empty_80x24", [], (80, 24), connecting);
}

#[test]
fn a_lost_collector_leaves_the_data_and_says_why_it_is_gone() {
    let reason = "cannot connect to 127.0.0.1:4321: Connection refused (os error 111)".to_owned();
    let lost = PictureOptions { link: Link::Lost { reason, retry_ms: 1_800 }, ..options(true, "") };
    picture!("lost_120x40", recording::until(52), (120, 40), lost);
    picture!("lost_80x24", recording::until(52), (80, 24), lost);
}

#[test]
fn an_error_in_a_line_that_is_written_is_shown_whole() {
    let picture = snapshot(&recording::until(9), 60, 16, &options(true, ":goto-nowhere\n"));
    let said: Vec<&str> = picture.lines().skip(13).collect();
    insta::assert_snapshot!("line_error_60x16", said.join("\n"));
}

#[test]
fn a_silent_collector_leaves_a_gap_behind_its_last_second() {
    let silent = |silent_s, ascii| PictureOptions { silent_s, ..options(ascii, "") };
    picture!("silent_120x40", recording::until(52), (120, 40), silent(6, false));
    picture!("silent_80x24", recording::until(52), (80, 24), silent(6, true));
    // What came last stays in sight.
    picture!("silent_long_80x24", recording::until(52), (80, 24), silent(3_000, true));
}

#[test]
fn the_past_shows_the_moment_under_the_cursor() {
    picture!("past_120x40", recording::run(), (120, 40), options(false, "{{"));
    picture!("past_80x24", recording::run(), (80, 24), options(true, "{{"));
    picture!("paused_80x24", recording::until(52), (80, 24), options(true, " "));
    picture!("ended_120x40", recording::run(), (120, 40), {
        PictureOptions { link: Link::Ended, ..options(false, "") }
    });
}

#[test]
fn the_other_plots_stand_on_the_same_columns() {
    picture!("load_120x40", recording::until(52), (120, 40), options(false, "m"));
    picture!("heat_80x24", recording::until(52), (80, 24), options(true, "m"));
    picture!("load_80x24", recording::until(52), (80, 24), options(true, "mm"));
}

#[test]
fn gaps_and_losses_are_shown() {
    let mut frames: Vec<Frame> =
        recording::until(52).into_iter().filter(|frame| !(10..18).contains(&frame.seq)).collect();
    let lost = DropCount { what: "collector spans".to_owned(), count: 12 };
    frames.last_mut().unwrap().dropped = vec![lost];
    picture!("gap_120x40", frames, (120, 40), options(true, "jk"));
}

#[test]
fn help_lists_the_keys_of_the_screen() {
    picture!("help_120x40", recording::until(52), (120, 40), options(false, "?"));
    picture!("help_80x24", recording::until(52), (80, 24), options(true, "?"));
    picture!("help_60x16", recording::until(9), (60, 16), options(true, "?"));
    picture!("help_search_80x24", recording::until(9), (80, 24), options(false, "?/fault"));
    let page = |top: usize| format!("?{}", "j".repeat(top));
    let all: String = (0..140)
        .step_by(14)
        .map(|top| snapshot(&recording::until(9), 60, 16, &options(true, &page(top))))
        .collect();
    assert!(all.contains("g g, home") && all.contains("data missing"), "{all}");
}

#[test]
fn the_time_panels_of_the_wide_screen_have_the_cursor_in_the_same_plot_column() {
    let text = snapshot(&recording::run(), 120, 40, &options(true, "{{"));
    let columns: Vec<Vec<usize>> = text
        .lines()
        .filter(|line| line.contains("-2:") && line.contains('^'))
        .map(|line| line.match_indices('^').map(|(at, _)| at).collect())
        .collect();
    // Latency and faults on the left; breakers and heat map on the right.
    let left: Vec<usize> = columns.iter().flatten().copied().filter(|at| *at < 64).collect();
    let right: Vec<usize> = columns.iter().flatten().copied().filter(|at| *at >= 64).collect();
    assert_eq!((left.len(), right.len()), (2, 2), "{text}");
    assert!(left.iter().all(|at| *at == left[0]), "{text}");
    assert!(right.iter().all(|at| *at == left[0] + 56), "{text}");
}

#[test]
fn mono_sets_no_colour_and_ascii_no_other_letter() {
    let buffer = buffer(&recording::until(52), (120, 40), &options(true, ""));
    for cell in &buffer.content {
        assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset));
        assert!(cell.symbol().is_ascii(), "{:?}", cell.symbol());
    }
}

#[test]
fn load_of_another_model_than_the_open_one_is_labelled_on_its_panel() {
    let titled = |model| {
        let mut frames = recording::until(52);
        for frame in &mut frames {
            frame.load.model = model;
        }
        snapshot(&frames, 120, 40, &options(false, "m"))
    };
    assert!(titled(LoadModel::Closed).contains("Load, closed model: service times"));
    assert!(titled(LoadModel::Max).contains("Load, max model: service times"));
    assert!(!titled(LoadModel::Open).contains("service times"));
}

/// Names and numbers that no real run has.
fn hostile(name: &str, numbers: u64, edges: usize) -> Vec<Frame> {
    let mut frames = recording::until(40);
    let last = frames.last_mut().unwrap();
    let mut duration = Histogram::default();
    duration.record_ns(u64::MAX, 1 << 39);
    duration.record_ns(1, 1 << 20);
    last.edges.extend((0..edges).map(|index| EdgeFrame {
        edge: Edge::new(format!("{name}{index}"), name),
        requests: numbers,
        errors: [(name.to_owned(), numbers)].into(),
        attempts: numbers,
        duration: duration.clone(),
        exemplars: Vec::new(),
    }));
    last.run = RunHead { title: name.to_owned(), seed: numbers, ..last.run.clone() };
    last.load = LoadFrame {
        offered: numbers,
        in_flight: numbers,
        cpu_cores: if numbers.is_multiple_of(2) { f64::NAN } else { f64::INFINITY },
        ..last.load.clone()
    };
    for cell in &mut last.load.cells {
        (cell.flow, cell.count) = (name.to_owned(), numbers);
    }
    for breaker in &mut last.breakers {
        breaker.reason = name.to_owned();
        (breaker.since_unix_ms, breaker.probe_at_unix_ms) = (numbers, Some(numbers));
    }
    for fault in &mut last.faults {
        (fault.what, fault.hit, fault.skipped) = (name.to_owned(), numbers, numbers);
        fault.hit_now = numbers;
    }
    for verdict in &mut last.verdicts {
        (verdict.text, verdict.observed) = (name.to_owned(), name.to_owned());
    }
    last.dropped = vec![DropCount { what: name.to_owned(), count: numbers }; 3];
    frames
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_size_and_no_data_breaks_a_screen(
        size in (0_u16..=200, 0_u16..=80),
        name in prop_oneof![
            Just(String::new()),
            Just("支付服务".repeat(40)),
            Just("e\u{301}\u{200d}👩‍👩‍👧‍👦\u{1b}[31m\r\n\t".repeat(9)),
            Just("x".repeat(10_000)),
            ".{0,60}",
        ],
        numbers in prop_oneof![Just(0), Just(u64::MAX), any::<u64>()],
        edges in 0_usize..200,
        keys in "[hjkl{}gG0 +=m?zTLFe:/a1-8Xyn\\[-]{0,6}",
        depth in prop::sample::select(vec![Depth::Mono, Depth::Ansi16, Depth::Indexed256]),
        ascii in any::<bool>(),
    ) {
        let how = PictureOptions { depth, ..options(ascii, &keys) };
        let buffer = buffer(&hostile(&name, numbers, edges), size, &how);
        prop_assert_eq!((buffer.area.width, buffer.area.height), size);
        for cell in &buffer.content {
            prop_assert!(!cell.symbol().contains(char::is_control), "{:?}", cell.symbol());
        }
    }
}

#[test]
fn the_faults_at_every_size() {
    let busy = recording::until(52);
    picture!("faults_120x40_utf8", busy, (120, 40), options(false, "5"));
    picture!("faults_120x40_ascii", busy, (120, 40), options(true, "5j"));
    picture!("faults_80x24_utf8", busy, (80, 24), options(false, "5"));
    picture!("faults_60x16_ascii", busy, (60, 16), options(true, "5"));
    picture!("faults_events_80x24", busy, (80, 24), options(true, "5\t\t"));
    picture!("faults_past_80x24", recording::run(), (80, 24), options(true, "5NN"));
    picture!("faults_empty_80x24", [], (80, 24), options(true, "5"));
}

#[test]
fn the_verdicts_at_every_size() {
    let ended = recording::run();
    picture!("verdicts_120x40_utf8", ended, (120, 40), options(false, "6"));
    picture!("verdicts_80x24_utf8", ended, (80, 24), options(false, "6"));
    picture!("verdicts_80x24_ascii", recording::until(52), (80, 24), options(true, "6G"));
    picture!("verdicts_60x16_ascii", ended, (60, 16), options(true, "6s"));
    picture!("verdicts_empty_80x24", [], (80, 24), options(true, "6"));
}

#[test]
fn the_own_log_is_there_before_the_first_frame() {
    let store = crate::store::Store::default();
    store.own.note(1_000, crate::own::OwnKind::Link, false, "connecting");
    for at in 0..3 {
        let text = "lost: cannot connect to 127.0.0.1:4321";
        store.own.note(3_600_000 + at * 1_000, crate::own::OwnKind::Link, true, text);
    }
    let mut app = crate::app::App::new(80, 16, false);
    app.screen = crate::keys::Screen::OwnLog;
    let answers = crate::store::answers::Answers::default();
    let seen = crate::store::query::build(&store, &answers, &app.query());
    let theme = crate::theme::Theme::new(Depth::Mono, &crate::glyphs::ASCII);
    let text = picture::as_text(&app, &seen, &theme);
    insta::assert_snapshot!("own_80x16", text);
}
