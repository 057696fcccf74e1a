use model::fault::FaultState;
use model::frame::FaultFrame;

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

/// As [`store`], with a planned fault armed once more beside itself.
fn armed(seconds: u64) -> Store {
    let mut store = Store::default();
    for mut frame in recording::until(seconds) {
        let name = "slow-payments by hand".to_owned();
        let by_hand = FaultFrame { name, schedule: Vec::new(), ..frame.faults[0].clone() };
        frame.faults.push(FaultFrame { state: FaultState::Active, ..by_hand });
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
    let store = armed(60);
    let name = || "slow-payments".to_owned();
    for (keys, control) in
        [("ggA", Control::Arm(name())), ("ggD", Control::Disarm(name())), ("X", Control::ClearAll)]
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
fn what_belongs_to_the_plan_is_refused_without_a_question() {
    let planned = "slow-payments belongs to the plan; only what was armed by hand can be disarmed";
    for (keys, said) in [("D", planned), ("X", "no fault is armed by hand")] {
        let (app, effects) = press(&store(60), keys, true);
        assert_eq!((app.dialog, effects.order), (None, None), "{keys}");
        assert_eq!(app.toast.unwrap().text, said, "{keys}");
        // The screen of another moment, or of before an order, cannot tell.
        for before in ["h", " ", "Ay"] {
            let (app, _) = press(&store(60), &format!("{before}{keys}"), true);
            assert!(matches!(app.dialog, Some(Dialog::Sure { .. })), "{before}{keys}");
        }
    }
    let (mut app, _) = press(&store(60), "Ay", true);
    let look = |store: &Store, app: &App| query::build(store, &Answers::default(), &app.query());
    for (store, waits) in [(store(60), true), (armed(60), false)] {
        let seen = look(&store, &app);
        update(&mut app, Msg::Data, &seen);
        assert_eq!(app.armed.is_some(), waits);
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
