//! Keys as lines of a table: a state, a key, the next state.

use crossterm::event::{KeyCode, KeyModifiers};
use model::edge::Edge;

use super::*;

fn subject(callee: &str) -> Subject {
    Subject::Edge(Edge::new("orders", callee))
}

/// A run of seconds 100 to 199 at 3 s per column, with three edges, the second one selected.
fn app() -> App {
    let mut app = App::new(120, 40, false);
    app.known = Known {
        subjects: ["inventory", "payments", "shipping"].map(subject).to_vec(),
        selected: 1,
        newest_s: Some(199),
        oldest_s: 100,
        cursor_s: 199,
        column_s: 3,
    };
    app
}

fn press(app: &mut App, letters: &str) -> Effects {
    let mut effects = Effects::default();
    for letter in letters.chars() {
        let code = if letter == '\u{1b}' { KeyCode::Esc } else { KeyCode::Char(letter) };
        effects = update(app, Msg::Key(KeyEvent::new(code, KeyModifiers::NONE)));
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
        ("Ggj", "shipping"),
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
            modes.push(app.mode);
        }
        modes
    };
    assert_eq!(modes(120, 40), [Mode::Load, Mode::Lines, Mode::Load, Mode::Lines]);
    assert_eq!(modes(80, 24), [Mode::Heat, Mode::Load, Mode::Lines, Mode::Heat]);
}

#[test]
fn help_opens_and_closes_and_escape_closes_it_before_it_does_anything_else() {
    let mut app = app();
    press(&mut app, "h?");
    assert!(app.help);
    press(&mut app, "\u{1b}");
    assert_eq!((app.help, app.cursor), (false, Cursor::At(196)));
    press(&mut app, "??");
    assert!(!app.help);
    press(&mut app, "?/q");
    assert_eq!((app.help, app.help_list.search.as_str()), (true, "q"));
    press(&mut app, "\u{1b}j");
    assert_eq!((app.help, app.help_list.top, app.selected.is_none()), (true, 1, true));
}

#[test]
fn quitting_asks_for_nothing_else() {
    let closed = Effects { quit: Some(Quit::Closed), ..Effects::default() };
    assert_eq!(press(&mut app(), "q"), closed);
    let control = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(update(&mut app(), Msg::Key(control)).quit, Some(Quit::Interrupted));
}

#[test]
fn only_what_changes_the_question_asks_the_store() {
    for (keys, ask, redraw) in [
        ("x", false, false),
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
    assert!(update(&mut app, Msg::Resize(80, 24)).ask);
    assert_eq!(app.query().columns, 60);
    assert!(!update(&mut app, Msg::Resize(80, 24)).ask);
}

#[test]
fn before_any_data_no_key_moves_anything() {
    let mut app = App::new(120, 40, true);
    let before = app.clone();
    press(&mut app, "hjkl{}ggG 0+=");
    assert_eq!(app, before);
}
