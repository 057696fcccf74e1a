//! Keys on the topology as lines of a table.

use std::sync::Arc;

use super::*;
use crate::app::{Msg, update};
use crate::filter::Filter;
use crate::keys::typed;
use crate::recording;
use crate::store::answers::Answers;
use crate::store::{Store, query};

/// Types on the topology after 52 s of the run, with a new picture after each key.
fn pressed(keys: &str, size: (u16, u16), control: bool) -> (App, Effects) {
    let mut store = Store::default();
    for frame in recording::until(52) {
        store.insert(Arc::new(frame));
    }
    let mut app = App::new(size.0, size.1, false);
    app.control = control;
    let mut effects = Effects::default();
    for letter in format!("2{keys}").chars() {
        let seen = query::build(&store, &Answers::default(), &app.query());
        effects = update(&mut app, Msg::Key(typed(letter)), &seen);
    }
    (app, effects)
}

#[test]
fn keys_go_through_the_edges_line_by_line() {
    for (keys, edge) in [
        ("", None),
        ("j", Some("orders>payments")),
        ("k", Some("orders>notifications")),
        ("kk", Some("orders>inventory")),
        ("kkj", Some("orders>notifications")),
        ("gg", Some("client>cart")),
        ("ggjj", Some("client>orders")),
        ("ggk", Some("client>cart")),
        ("ggG", Some("orders>payments")),
        ("ggn", Some("client>orders")),
        ("ggnn", Some("orders>payments")),
        ("N", Some("client>orders")),
        ("NN", Some("client>orders")),
        ("mk", Some("orders>notifications")),
        ("mmk", Some("orders>notifications")),
        ("/svc=inventory\nj", Some("orders>inventory")),
        ("/edge:>cart\nj", Some("client>cart")),
    ] {
        let selected = pressed(keys, (120, 40), false).0.selected;
        let expected = edge.map(|edge| {
            let (caller, callee) = edge.split_once('>').unwrap();
            Subject::Edge(model::edge::Edge::new(caller, callee))
        });
        assert_eq!(selected, expected, "{keys:?}");
    }
}

#[test]
fn the_picture_changes_in_turn_from_the_one_that_fits() {
    for (keys, size, expected) in [
        ("", (120, 40), Picture::Graph),
        ("m", (120, 40), Picture::Tree),
        ("mm", (120, 40), Picture::Matrix),
        ("mmm", (120, 40), Picture::Graph),
        ("", (80, 24), Picture::Tree),
        ("m", (80, 24), Picture::Matrix),
        ("mm", (80, 24), Picture::Graph),
    ] {
        assert_eq!(picture(&pressed(keys, size, false).0), expected, "{keys:?} {size:?}");
    }
}

#[test]
fn an_edge_leads_to_its_traces_logs_and_faults_and_stays_selected() {
    for (keys, screen, filter) in [
        ("\n", Screen::Traces, "edge:orders>payments error=true"),
        ("T", Screen::Traces, "edge:orders>payments error=true"),
        ("gg\n", Screen::Traces, "edge:client>cart"),
        ("L", Screen::Logs, "(svc=\"orders\" or svc=\"payments\")"),
        ("F", Screen::Faults, "edge:orders>payments"),
    ] {
        let (app, _) = pressed(keys, (120, 40), false);
        assert_eq!(app.screen, screen, "{keys:?}");
        assert_eq!(app.filter(screen).map(Filter::text), Some(filter), "{keys:?}");
        assert!(app.selected.is_some(), "{keys:?}");
    }
}

#[test]
fn an_edge_is_copied_as_it_is_written_in_files() {
    let order = pressed("y", (120, 40), false).1.order;
    assert_eq!(order, Some(Order::Copy("orders -> payments".to_owned())));
}

#[test]
fn faults_of_the_edge_are_armed_and_disarmed_after_a_question() {
    let slow = || "slow-payments".to_owned();
    for (keys, control, order, told) in [
        // It belongs to the plan, unless somebody has armed something a moment ago.
        ("D", true, None, true),
        ("kkAyjjDy", true, Some(Order::Control(Control::Disarm(slow()))), false),
        ("kkAyjjD", true, None, false),
        ("kkAyjjDn", true, None, false),
        ("D", false, None, true),
        ("A", true, None, true),
        ("kkAy", true, Some(Order::Control(Control::Arm("stock-errors".to_owned()))), false),
        ("ggD", true, None, true),
    ] {
        let (app, effects) = pressed(keys, (120, 40), control);
        assert_eq!(effects.order, order, "{keys:?}");
        assert_eq!(app.toast.is_some(), told, "{keys:?}");
    }
}

#[test]
fn a_click_selects_a_link() {
    let (mut app, _) = pressed("", (120, 40), false);
    let mut seen = Snapshot::default();
    assert_eq!(click(&mut app, &seen, 0), Effects::default(), "nothing is there yet");
    let mut store = Store::default();
    for frame in recording::until(52) {
        store.insert(Arc::new(frame));
    }
    seen = query::build(&store, &Answers::default(), &app.query());
    click(&mut app, &seen, 0);
    assert_eq!(app.selected, Some(Subject::Edge(model::edge::Edge::new("client", "cart"))));
    click(&mut app, &seen, 999);
    assert_eq!(app.selected, Some(Subject::Edge(model::edge::Edge::new("client", "cart"))));
}
