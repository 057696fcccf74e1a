//! Keys as lines of a table: what is selected, and what follows.

use super::*;
use crate::app::{Msg, update};
use crate::derive::patterns::Pattern;
use crate::derive::severity::Severity;
use crate::keys::typed;
use crate::screen::traces;

fn row(at: u64, severity: Severity) -> LogRow {
    LogRow {
        id: LineId { unix_ns: at * 1_000_000, nth: 0 },
        at_ms: at.cast_signed(),
        service: "orders".to_owned(),
        severity,
        event: String::new(),
        message: format!("line {at} a=b"),
        said: format!("line {at}"),
        trace_id: (at != 5).then(|| format!("{:032x}", at + 1).parse().unwrap()),
        span_id: format!("{:016x}", at + 1).parse().ok(),
        correlation_id: (at < 3).then(|| format!("u000001-00000{at}")),
        of_fault: false,
        telling: severity >= Severity::Warn,
    }
}

fn pattern(template: &str) -> Pattern {
    Pattern {
        template: template.to_owned(),
        count: 1,
        share: 0.5,
        worst: Severity::Info,
        first_unix_ns: 0,
        last_unix_ns: 0,
        example: String::new(),
        services: Vec::new(),
    }
}

/// Six lines at 0 to 5 ms; those at 1 and 4 are telling.
fn seen(of_request: bool) -> Snapshot {
    let levels = [Severity::Info, Severity::Error, Severity::Info, Severity::Debug, Severity::Warn];
    let levels = levels.into_iter().chain([Severity::Info]);
    let view = LogsView {
        rows: (0..).zip(levels).map(|(at, severity)| row(at, severity)).collect(),
        patterns: vec![pattern("line <n>"), pattern("say \"<s>\"")],
        of_request,
        ..LogsView::default()
    };
    Snapshot { detail: DetailView::Logs(Box::new(view)), ..Snapshot::default() }
}

fn app() -> App {
    let mut app = App::new(120, 40, false);
    app.go(Screen::Logs);
    app
}

fn press(app: &mut App, keys: &str, seen: &Snapshot) -> Effects {
    let mut effects = Effects::default();
    for letter in keys.chars() {
        effects = update(app, Msg::Key(typed(letter)), seen);
    }
    effects
}

#[test]
fn the_newest_line_is_followed_until_one_moves_up() {
    for (keys, selected) in [
        ("", None),
        ("j", None),
        ("k", Some(4)),
        ("kk", Some(3)),
        ("kj", Some(5)),
        ("kG", None),
        ("gg", Some(0)),
        ("ggf", None),
        ("f", Some(5)),
        ("ff", None),
        ("N", Some(4)),
        ("NN", Some(1)),
        ("NNN", Some(1)),
        ("ggn", Some(1)),
        ("ggnn", Some(4)),
        ("n", None),
    ] {
        let mut app = app();
        press(&mut app, keys, &seen(false));
        let at = app.screens.logs.selected.map(|id| id.unix_ns / 1_000_000);
        assert_eq!(at, selected, "{keys:?}");
    }
}

#[test]
fn lines_of_a_request_begin_at_what_went_wrong_and_are_not_followed() {
    let seen = seen(true);
    let view = view(&seen).unwrap();
    assert_eq!(view.place_of(None), 1);
    for (keys, place) in [("", 1), ("j", 2), ("G", 5), ("f", 1), ("n", 4), ("k", 0)] {
        let mut app = app();
        press(&mut app, keys, &seen);
        assert_eq!(view.place_of(app.screens.logs.selected), place, "{keys:?}");
    }
}

#[test]
fn a_selected_line_that_is_gone_gives_its_place_to_the_next_one() {
    let seen = seen(false);
    let view = view(&seen).unwrap();
    for ((unix_ns, nth), place) in [
        ((2_000_000, 0), 2),
        ((2_000_000, 3), 2),
        ((2_000_001, 0), 3),
        ((0, 7), 0),
        ((u64::MAX, 0), 5),
    ] {
        assert_eq!(view.place_of(Some(LineId { unix_ns, nth })), place, "{unix_ns} {nth}");
    }
    assert_eq!(LogsView::default().place_of(Some(LineId { unix_ns: 1, nth: 0 })), 0);
}

#[test]
fn keys_change_how_lines_are_shown() {
    let seen = seen(false);
    let mut app = app();
    let times = |app: &App| app.screens.logs.times(view(&seen).unwrap());
    for wanted in [LineTimes::Before, LineTimes::First, LineTimes::Run] {
        press(&mut app, "d", &seen);
        assert_eq!(times(&app), wanted);
    }
    press(&mut app, "wcp", &seen);
    let choices = &app.screens.logs;
    assert_eq!((choices.wrap, choices.context, choices.patterns), (true, true, true));
    let effects = press(&mut app, "wcp", &seen);
    assert!(effects.ask, "without patterns other data are wanted");
    assert_eq!(app.screens.logs, Choices { times: Some(LineTimes::Run), ..Choices::default() });
}

#[test]
fn a_menu_chooses_the_columns() {
    let mut app = app();
    press(&mut app, "v \n", &seen(false));
    assert_eq!(app.screens.logs.columns, [false, true, true, false]);
    press(&mut app, "vjjj \n", &seen(false));
    assert_eq!(app.screens.logs.columns, [false, true, true, true]);
}

#[test]
fn enter_opens_exactly_the_trace_of_the_line() {
    for key in ["\n", "T"] {
        let mut app = app();
        press(&mut app, &format!("gg{key}"), &seen(false));
        let id = "00000000000000000000000000000001";
        assert_eq!((app.screen, app.focus), (Screen::Traces, 1));
        assert_eq!(app.filter(Screen::Traces).unwrap().text(), format!("trace:{id}"));
        let opened = app.screens.traces.selected.map(|it: traces::LineId| it.trace_id);
        assert_eq!(opened, Some(id.parse().unwrap()));
        assert_eq!(app.screens.traces.span, Some("0000000000000001".parse().unwrap()));
        // Out of the trace, and back to the line.
        press(
            &mut app,
            "\u{1b}",
            &Snapshot { detail: DetailView::Traces(Box::default()), ..seen(false) },
        );
        press(
            &mut app,
            "\u{1b}",
            &Snapshot { detail: DetailView::Traces(Box::default()), ..seen(false) },
        );
        assert_eq!(app.screen, Screen::Logs);
        assert_eq!(app.screens.logs.selected.map(|it| it.unix_ns), Some(0));
    }
    let mut app = app();
    press(&mut app, "\n", &seen(false));
    assert_eq!(app.screen, Screen::Logs, "the last line has no trace");
    assert_eq!(app.toast.unwrap().text, "this line belongs to no trace");
}

#[test]
fn a_line_leads_to_all_lines_of_its_request_and_esc_back() {
    for (keys, filter) in
        [("gg", "corr=\"u000001-000000\""), ("kk", "trace:00000000000000000000000000000004")]
    {
        let mut app = app();
        press(&mut app, keys, &seen(false));
        let before = app.screens.logs.clone();
        press(&mut app, "L", &seen(false));
        assert_eq!(app.filter(Screen::Logs).map(Filter::text), Some(filter));
        assert_eq!(app.screens.logs.selected, before.selected);
        press(&mut app, "L", &seen(true));
        assert_eq!(app.toast.clone().unwrap().text, "these are the lines of its request already");
        press(&mut app, "\u{1b}", &seen(true));
        assert_eq!(app.filter(Screen::Logs), None);
        assert_eq!((app.screen, &app.screens.logs), (Screen::Logs, &before));
    }
}

#[test]
fn a_pattern_becomes_a_filter_beside_the_one_that_is_there() {
    let mut app = app();
    app.set_filter(Screen::Logs, "svc=a or svc=b").unwrap();
    press(&mut app, "p\n", &seen(false));
    let filter = app.filter(Screen::Logs).unwrap().text().to_owned();
    assert_eq!(filter, "(svc=a or svc=b) ~\"^\\\\s*line\\\\s+\\\\S+\\\\s*$\"");
    assert!(!app.screens.logs.patterns, "its lines are shown");
    press(&mut app, "pj\n", &seen(false));
    let filter = app.filter(Screen::Logs).unwrap().text().to_owned();
    assert!(filter.ends_with("~\"^\\\\s*say\\\\s+\\\".*\\\"\\\\s*$\""), "{filter}");
    // Back to the patterns, out of them, and back to the patterns before.
    press(&mut app, "\u{1b}\u{1b}\u{1b}", &seen(false));
    assert_eq!(app.filter(Screen::Logs).unwrap().text(), "svc=a or svc=b");
    assert!(app.screens.logs.patterns);
}

#[test]
fn a_line_is_copied_with_its_ids() {
    let mut app = app();
    let effects = press(&mut app, "ggy", &seen(false));
    let text = "1970-01-01 00:00:00.000 orders INFO line 0 a=b corr=u000001-000000 \
                trace=00000000000000000000000000000001";
    assert_eq!(effects.order, Some(Order::Copy(text.to_owned())));
}

#[test]
fn the_record_scrolls_when_it_has_the_keys() {
    let mut seen = seen(false);
    if let DetailView::Logs(view) = &mut seen.detail {
        view.record =
            crate::derive::record::record(&crate::recorded::testing::line(0, "INFO", "x"));
    }
    let mut app = app();
    press(&mut app, "\tjjj", &seen);
    assert_eq!((app.focus, app.screens.logs.offset), (1, 3));
    assert_eq!(app.screens.logs.selected, None);
    press(&mut app, "jjj\u{1b}k", &seen);
    assert_eq!((app.focus, app.screens.logs.offset), (0, 0), "another line begins at its top");
}

#[test]
fn another_list_forgets_the_line_of_the_one_before() {
    let mut app = app();
    press(&mut app, "kkp", &seen(false));
    super::super::show(&mut app, Screen::Logs, "trace:1");
    assert_eq!(app.screens.logs, Choices::default());
}
