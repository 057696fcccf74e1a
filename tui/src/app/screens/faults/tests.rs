use super::*;
use crate::app::{Dialog, Msg, Order, update};
use crate::keys::typed;
use crate::recording::{self, START_S};
use crate::store::answers::Answers;
use crate::store::{Store, query};

fn store(seconds: u64) -> Store {
    let mut store = Store::default();
    for frame in recording::until(seconds) {
        store.insert(std::sync::Arc::new(frame));
    }
    store
}

/// The app after these keys on the faults screen, and what the last one led to.
fn press(store: &Store, keys: &str, control: bool) -> (App, Effects) {
    let mut app = App::new(120, 40, false);
    app.control = control;
    app.screen = Screen::Faults;
    let mut effects = Effects::default();
    for letter in keys.chars() {
        let seen = query::build(store, &Answers::default(), &app.query());
        effects = update(&mut app, Msg::Key(typed(letter)), &seen);
    }
    (app, effects)
}

#[test]
fn keys_select_a_fault_by_its_name_and_sort_the_list() {
    let store = store(60);
    for (keys, selected, order, reverse) in [
        ("j", Some("stock-errors"), FaultOrder::Start, false),
        ("jk", Some("slow-payments"), FaultOrder::Start, false),
        ("G", Some("stock-errors"), FaultOrder::Start, false),
        ("Ggg", Some("slow-payments"), FaultOrder::Start, false),
        ("s", None, FaultOrder::Hits, false),
        ("ssS", None, FaultOrder::Name, true),
        ("sss", None, FaultOrder::Start, false),
        ("jSj", Some("slow-payments"), FaultOrder::Start, true),
    ] {
        let (app, _) = press(&store, keys, false);
        let choices = &app.screens.faults;
        let found = (choices.selected.as_deref(), choices.order, choices.reverse);
        assert_eq!(found, (selected, order, reverse), "{keys:?}");
    }
}

#[test]
fn the_cursor_goes_from_event_to_event_and_says_when_there_is_none() {
    let store = store(90);
    for (keys, cursor, said) in [
        ("N", Cursor::At(START_S + 55), "00:55 slow-payments active -> done: schedule"),
        ("NN", Cursor::At(START_S + 25), "00:25 slow-payments planned -> active: schedule"),
        ("NNN", Cursor::At(START_S + 25), "nothing happened to a fault earlier"),
        ("NNn", Cursor::At(START_S + 55), "00:55 slow-payments active -> done: schedule"),
        ("n", Cursor::Live, "nothing happened to a fault later"),
        // In the panel of events the arrows do the same for the selected fault.
        ("\t\tkk", Cursor::At(START_S + 25), "00:25 planned -> active: schedule"),
        ("j\t\tk", Cursor::Live, "nothing happened to a fault earlier"),
    ] {
        let (app, _) = press(&store, keys, false);
        assert_eq!((app.cursor, app.toast.unwrap().text.as_str()), (cursor, said), "{keys:?}");
    }
}

#[test]
fn from_a_fault_one_goes_to_its_traces_and_its_log_lines() {
    let store = store(60);
    for (keys, screen, filter) in [
        ("T", Screen::Traces, "fault=\"slow-payments\""),
        ("j\n", Screen::Traces, "fault=\"stock-errors\""),
        ("L", Screen::Logs, "shakedown.fault.name=\"slow-payments\""),
    ] {
        let (app, _) = press(&store, keys, false);
        let text = app.filter(screen).map(|filter| filter.text().to_owned());
        assert_eq!((app.screen, text.as_deref()), (screen, Some(filter)), "{keys:?}");
    }
}

#[test]
fn arming_and_disarming_is_asked_about_first_and_only_when_it_is_allowed() {
    let store = store(60);
    let name = || "slow-payments".to_owned();
    for (keys, control) in
        [("A", Control::Arm(name())), ("D", Control::Disarm(name())), ("X", Control::ClearAll)]
    {
        let (app, _) = press(&store, keys, true);
        assert!(matches!(app.dialog, Some(Dialog::Sure { .. })), "{keys}");
        let (app, effects) = press(&store, &format!("{keys}y"), true);
        assert_eq!((app.dialog, effects.order), (None, Some(Order::Control(control))));
        let (_, effects) = press(&store, &format!("{keys}n"), true);
        assert_eq!(effects.order, None, "{keys}");
        let (app, _) = press(&store, keys, false);
        assert!(app.dialog.is_none() && app.toast.is_some(), "{keys}");
    }
}

#[test]
fn without_faults_keys_say_so() {
    let store = store(0);
    let (app, effects) = press(&store, "jnsT", true);
    assert_eq!(app.toast.unwrap().text, "there is no fault");
    assert_eq!(effects.order, None);
}

#[test]
fn the_name_is_copied() {
    let (_, effects) = press(&store(60), "y", false);
    assert_eq!(effects.order, Some(Order::Copy("slow-payments".to_owned())));
}
