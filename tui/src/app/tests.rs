//! Keys as lines of a table: a state, a key, the next state.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use model::edge::Edge;

use super::*;
use crate::keys::typed;
use crate::screen::{Axis, Row, SortBy};
use crate::store::answers::Answers;
use crate::store::{Store, query};

fn subject(callee: &str) -> Subject {
    Subject::Edge(Edge::new("orders", callee))
}

fn row(callee: &str) -> Row {
    Row {
        subject: subject(callee),
        per_s: 0.0,
        error_percent: None,
        quantiles_ms: [None; 4],
        attempts_per_request: None,
        breaker: None,
        faults: 0,
    }
}

/// A run of seconds 100 to 199 at 3 s per column, with three edges, the second one selected.
fn seen() -> Snapshot {
    Snapshot {
        rows: ["inventory", "payments", "shipping"].map(row).to_vec(),
        selected: 1,
        axis: Axis {
            columns: 46,
            cursor: 45,
            newest_s: Some(199),
            oldest_s: 100,
            cursor_s: 199,
            cursor_clock_s: 100,
            column_s: 3,
            live: true,
            ..Axis::default()
        },
        ..Snapshot::default()
    }
}

fn app() -> App {
    App::new(120, 40, false)
}

fn press(app: &mut App, letters: &str) -> Effects {
    press_on(app, letters, &seen())
}

fn press_on(app: &mut App, letters: &str, seen: &Snapshot) -> Effects {
    let mut effects = Effects::default();
    for letter in letters.chars() {
        effects = update(app, Msg::Key(typed(letter)), seen);
    }
    effects
}

#[test]
fn keys_move_the_cursor_in_time() {
    for (keys, cursor, paused_at) in [
        ("", Cursor::Live, None),
        ("h", Cursor::At(196), None),
        ("hh", Cursor::At(193), None),
        ("hhl", Cursor::At(196), None),
        ("hl", Cursor::Live, None),
        ("l", Cursor::Live, None),
        ("{", Cursor::At(169), None),
        ("{}", Cursor::Live, None),
        ("{{{{{{{", Cursor::At(100), None),
        ("{{0", Cursor::Live, None),
        ("{{\u{1b}", Cursor::Live, None),
        (" ", Cursor::Live, Some(199)),
        ("  ", Cursor::Live, None),
        (" h", Cursor::At(196), Some(199)),
        (" hl", Cursor::Live, Some(199)),
        (" h0", Cursor::Live, None),
    ] {
        let mut app = app();
        press(&mut app, keys);
        assert_eq!((app.cursor, app.paused_at), (cursor, paused_at), "{keys:?}");
    }
}

#[test]
fn keys_select_rows_and_stop_at_the_ends() {
    for (keys, row) in [
        ("j", "shipping"),
        ("jjj", "shipping"),
        ("k", "inventory"),
        ("kk", "inventory"),
        ("G", "shipping"),
        ("gg", "inventory"),
        ("ggj", "payments"),
    ] {
        let mut app = app();
        press(&mut app, keys);
        assert_eq!(app.selected, Some(subject(row)), "{keys:?}");
    }
}

#[test]
fn keys_zoom_by_levels_and_back_to_automatic() {
    for (keys, zoom) in [
        ("", Zoom::Auto),
        ("+", Zoom::Fixed(2)),
        ("++++", Zoom::Fixed(1)),
        ("-", Zoom::Fixed(5)),
        ("---------", Zoom::Fixed(60)),
        ("-=", Zoom::Auto),
    ] {
        let mut app = app();
        press(&mut app, keys);
        assert_eq!(app.zoom, zoom, "{keys:?}");
    }
}

#[test]
fn the_plot_is_switched_in_two_steps_on_a_wide_screen_and_in_three_on_a_small_one() {
    let modes = |width, height| {
        let mut app = App::new(width, height, false);
        let mut modes = Vec::new();
        for _ in 0..4 {
            press(&mut app, "m");
            modes.push(app.screens.overview.mode);
        }
        modes
    };
    assert_eq!(modes(120, 40), [Mode::Load, Mode::Lines, Mode::Load, Mode::Lines]);
    assert_eq!(modes(80, 24), [Mode::Heat, Mode::Load, Mode::Lines, Mode::Heat]);
}

#[test]
fn help_opens_and_closes_and_escape_closes_it_before_it_does_anything_else() {
    let open = |app: &App| matches!(app.dialog, Some(Dialog::Help(_)));
    let mut app = app();
    press(&mut app, "h?");
    assert!(open(&app));
    press(&mut app, "\u{1b}");
    assert_eq!((open(&app), app.cursor), (false, Cursor::At(196)));
    press(&mut app, "??");
    assert!(!open(&app));
    press(&mut app, "?/pause\n");
    assert!(matches!(&app.dialog, Some(Dialog::Help(list)) if list.search == "pause"));
    press(&mut app, "\u{1b}");
    assert!(open(&app), "the first escape shows all keys again");
    press(&mut app, "\u{1b}");
    assert!(!open(&app));
}

#[test]
fn quitting_asks_for_nothing_else() {
    for (keys, quit) in [("q", Quit::Closed), ("Q", Quit::Kept), ("?q", Quit::Closed)] {
        let effects = press(&mut app(), keys);
        assert_eq!((effects.order, effects.ask), (Some(Order::Quit(quit)), false), "{keys:?}");
    }
    let control = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    for keys in ["", "?", "/", ":", "e"] {
        let mut app = app();
        press(&mut app, keys);
        let effects = update(&mut app, Msg::Key(control), &seen());
        assert_eq!(effects.order, Some(Order::Quit(Quit::Interrupted)), "{keys:?}");
    }
}

#[test]
fn numbers_open_screens_and_escape_and_brackets_go_through_the_places() {
    for (keys, screen) in [
        ("", Screen::Overview),
        ("3", Screen::Traces),
        ("35", Screen::Faults),
        ("35\u{1b}", Screen::Traces),
        ("35\u{1b}\u{1b}", Screen::Overview),
        ("35\u{1b}\u{1b}\u{1b}", Screen::Overview),
        ("35[[", Screen::Overview),
        ("35[[]", Screen::Traces),
        ("33", Screen::Traces),
        ("33\u{1b}", Screen::Overview),
        ("L", Screen::Logs),
        ("F", Screen::Faults),
        (":goto-load\n", Screen::Load),
        (":goto-log\n", Screen::OwnLog),
        (":goto-nowhere\n", Screen::Overview),
    ] {
        let mut app = app();
        press(&mut app, keys);
        assert_eq!(app.screen, screen, "{keys:?}");
    }
}

#[test]
fn a_command_is_an_action_by_name_or_a_moment() {
    let mut app = app();
    press(&mut app, ":pause\n");
    assert_eq!((app.paused_at, &app.dialog), (Some(199), &None));
    press(&mut app, ":at 00:30\n");
    assert_eq!(app.cursor, Cursor::At(129));
    press(&mut app, ":goto-nowhere\n");
    let Some(Dialog::Line(line)) = &app.dialog else { panic!("the line stays open") };
    let error = line.error.as_deref().unwrap_or_default();
    assert!(error.contains("there is no action \"goto-nowhere\""), "{error}");
}

#[test]
fn a_moment_that_is_none_or_after_the_end_is_refused_with_where_the_run_ends() {
    let wanted = "minutes and seconds like 02:41, or hours too like 1:02:41";
    for (text, told) in [
        ("at", format!("at expects {wanted}; the run is at 01:40")),
        ("at ", format!("at expects {wanted}; the run is at 01:40")),
        ("at 1:75", format!("at expects {wanted}, got \"1:75\"; the run is at 01:40")),
        ("at 01:41", "nothing is known of 01:41; the run is at 01:40".to_owned()),
    ] {
        let mut app = app();
        press(&mut app, &format!(":{text}\n"));
        let Some(Dialog::Line(line)) = &app.dialog else { panic!("{text}: the line stays open") };
        assert_eq!((line.error.as_ref(), app.cursor), (Some(&told), Cursor::Live), "{text}");
    }
    let mut replayed = app();
    replayed.playback = Some(Playback { first_s: 100, last_s: 160, speed: 1.0, playing: false });
    press(&mut replayed, ":at 01:40\n");
    let Some(Dialog::Line(line)) = &replayed.dialog else { panic!("the line stays open") };
    let told = "nothing is known of 01:40; the run ends at 01:01";
    assert_eq!(line.error.as_deref(), Some(told));
    let mut app = app();
    press(&mut app, "h:at 01:40\n");
    assert_eq!((app.dialog, app.cursor), (None, Cursor::Live));
}

#[test]
fn a_command_that_does_nothing_on_a_screen_leaves_its_line_and_says_so() {
    for (keys, said) in [
        (":mark\n", "mark does nothing on Overview; it is for: Traces"),
        (":wrap\n", "wrap does nothing on Overview; it is for: Logs"),
        ("6:mode\n", "mode does nothing on Verdicts; it is for: Overview, Topology, Load"),
        ("3:links\n", "links finds nothing to act on"),
    ] {
        let mut app = app();
        let effects = press(&mut app, keys);
        assert_eq!((effects.redraw, &app.dialog), (true, &None), "{keys:?}");
        assert_eq!(app.toast.unwrap().text, said, "{keys:?}");
    }
    for (keys, wrong) in [
        (":yes\n", "yes is no command; it is a key of: dialog"),
        (":cursor-left\n", "cursor-left is no command; it is a key of: prompt"),
    ] {
        let mut app = app();
        assert!(press(&mut app, keys).redraw);
        let Some(Dialog::Line(line)) = &app.dialog else { panic!("the line stays open") };
        assert_eq!(line.error.as_deref(), Some(wrong));
    }
}

#[test]
fn tab_goes_round_the_panels_and_z_gives_one_the_whole_stage() {
    let mut app = app();
    press(&mut app, "\t\t");
    assert_eq!(app.panel(), crate::view::OverviewPanel::Latency);
    press(&mut app, "z");
    assert!(app.zoomed);
    assert!(app.query().heat_rows > 20);
    press(&mut app, "\u{1b}");
    assert!(!app.zoomed);
    press(&mut app, "\t\t\t\n");
    assert_eq!(app.screen, Screen::Verdicts, "enter opens what the panel is about");
}

#[test]
fn a_pointer_chooses_tabs_rows_and_moments() {
    let mut app = app();
    let point = |app: &mut App, pointer, hit| update(app, Msg::Mouse(pointer, hit), &seen());
    point(&mut app, Pointer::Pressed, Some(Hit::Row(2)));
    assert_eq!(app.selected, Some(subject("shipping")));
    point(&mut app, Pointer::WheelUp, None);
    assert_eq!(app.selected, Some(subject("payments")));
    point(&mut app, Pointer::Dragged, Some(Hit::Column(35)));
    assert_eq!(app.cursor, Cursor::At(169));
    point(&mut app, Pointer::Dragged, Some(Hit::Row(0)));
    assert_eq!(app.selected, Some(subject("payments")), "a drag selects nothing");
    point(&mut app, Pointer::Pressed, Some(Hit::Tab(Screen::Load)));
    assert_eq!(app.screen, Screen::Load);
    press(&mut app, "?");
    point(&mut app, Pointer::Pressed, Some(Hit::Tab(Screen::Logs)));
    assert_eq!(app.screen, Screen::Load, "what lies under a dialog is out of reach");
}

#[test]
fn a_replay_is_played_paused_and_sought_both_ways() {
    let mut app = app();
    let playback = Playback { first_s: 100, last_s: 199, speed: 4.0, playing: true };
    (app.playback, app.paused_at) = (Some(playback), Some(110));
    let at = |second: u64| {
        let mut seen = seen();
        (seen.axis.newest_s, seen.axis.cursor_s) = (Some(second), second);
        seen
    };
    update(&mut app, Msg::Tick, &at(110));
    assert_eq!(app.paused_at, Some(111));
    press_on(&mut app, " ", &at(111));
    assert!(!app.playback.unwrap().playing);
    press_on(&mut app, ">>", &at(111));
    assert_eq!(app.playback.unwrap().speed.to_bits(), 16.0_f64.to_bits());
    assert_eq!(app.playback.unwrap().step(), (2, 125));
    press_on(&mut app, "h", &at(111));
    assert_eq!(app.cursor, Cursor::At(108));
    press_on(&mut app, "0", &at(111));
    assert_eq!((app.cursor, app.paused_at), (Cursor::Live, Some(111)));
    press_on(&mut app, "l", &at(111));
    assert_eq!(app.paused_at, Some(114), "forward from the newest second plays on");
    press_on(&mut app, "}}}}", &at(114));
    assert_eq!(app.paused_at, Some(199));
    press_on(&mut app, " ", &at(199));
    assert_eq!((app.paused_at, app.playback.unwrap().playing), (Some(100), true));
}

#[test]
fn nothing_is_changed_without_leave_and_without_a_question() {
    let mut app = app();
    // What somebody armed a moment ago.
    app.armed = Some("slow by hand".to_owned());
    assert_eq!(press(&mut app, "X").order, None);
    assert!(app.toast.take().is_some_and(|toast| toast.text.contains("--allow-control")));
    app.control = true;
    assert_eq!(press(&mut app, "X").order, None);
    assert!(matches!(app.dialog, Some(Dialog::Sure { .. })));
    assert_eq!(press(&mut app, "n").order, None);
    assert_eq!(app.dialog, None);
    assert_eq!(press(&mut app, "Xy").order, Some(Order::Control(Control::ClearAll)));
}

#[test]
fn only_what_changes_the_question_asks_the_store() {
    for (keys, ask, redraw) in [
        ("x", false, false),
        ("g", false, true),
        ("?", false, true),
        ("m", false, true),
        ("l", false, true),
        ("h", true, true),
        ("j", true, true),
        ("+", true, true),
        (" ", true, true),
    ] {
        let effects = press(&mut app(), keys);
        assert_eq!((effects.ask, effects.redraw), (ask, redraw), "{keys:?}");
    }
}

#[test]
fn another_size_asks_for_other_columns_and_the_same_size_for_nothing() {
    let mut app = app();
    assert!(update(&mut app, Msg::Resize(80, 24), &seen()).ask);
    assert_eq!(app.query().columns, 60);
    assert!(!update(&mut app, Msg::Resize(80, 24), &seen()).ask);
}

#[test]
fn before_any_data_no_key_moves_anything() {
    let mut app = App::new(120, 40, true);
    let before = app.clone();
    press_on(&mut app, "hjkl{}ggG 0=", &Snapshot::default());
    assert_eq!(app, before);
}

#[test]
fn rows_are_sorted_by_one_column_after_the_other_and_the_selection_stays() {
    let mut frames = Store::default();
    for frame in crate::recording::until(52) {
        frames.insert(Arc::new(frame));
    }
    let look = |app: &App| query::build(&frames, &Answers::default(), &app.query());
    let names = |seen: &Snapshot| -> Vec<String> {
        seen.rows.iter().map(|row| row.subject.label()).collect()
    };
    let mut app = app();
    let first = look(&app);
    press_on(&mut app, "s", &first);
    let by_errors = look(&app);
    assert_eq!(names(&by_errors)[0], "checkout journey", "flows stay above");
    assert_eq!(names(&by_errors)[2], "client>orders");
    press_on(&mut app, "S", &by_errors);
    assert_eq!(names(&look(&app)).last().map(String::as_str), Some("orders>payments"));
    for _ in 1..SortBy::ALL.len() {
        press_on(&mut app, "s", &first);
    }
    assert_eq!(names(&look(&app)), names(&first), "once round");
    press_on(&mut app, "ggn", &first);
    assert_eq!(app.selected, Some(Subject::Flow("checkout".to_owned())), "the first with errors");
}

#[test]
fn every_key_of_a_screen_does_something_there() {
    let mut frames = Store::default();
    for frame in crate::recording::until(52) {
        frames.insert(Arc::new(frame));
    }
    // Those whose rows come with frames; the others have answers of their own in their tests.
    let screens = [Screen::Overview, Screen::Topology, Screen::Faults, Screen::Verdicts];
    for screen in screens.into_iter().chain([Screen::Load, Screen::OwnLog]) {
        for row in crate::keys::ROWS.iter().filter(|row| row.holds(screen.into())) {
            let mut app = App { control: true, ..app() };
            app.go(screen);
            let seen = query::build(&frames, &Answers::default(), &app.query());
            let effects = act(&mut app, row.action, &seen);
            // The own log is a list of sentences that lead nowhere.
            let nowhere = screen == Screen::OwnLog
                && matches!(row.action, Action::Open | Action::Copy | Action::Follow);
            assert!(effects != Effects::default() || nowhere, "{} on {screen:?}", row.name);
        }
    }
}
