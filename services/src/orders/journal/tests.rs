use super::*;
use crate::orders::outbox;
use crate::orders::saga::Outcome;

fn store() -> Connection {
    let store = Connection::open_in_memory().unwrap();
    prepare(&store).unwrap();
    store
}

fn trail() -> Trail {
    Trail {
        correlation_id: "u000001-000002".parse().unwrap(),
        parent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().ok(),
        tracestate: Some("a=1".to_owned()),
        baggage: None,
    }
}

fn wanted(cart: &str) -> NewOrder {
    NewOrder { cart: cart.to_owned(), customer: "ann".to_owned() }
}

fn new_order(store: &Connection, key: &str) -> Order {
    match place(store, &wanted("c"), key, trail(), (1, 100)).unwrap() {
        Placed::New(order) => order,
        other => panic!("{other:?}"),
    }
}

fn step(from: State, outcome: Outcome) -> Step {
    Step { from, next: from.after(outcome), cart: None, now_ms: 2, due_ms: 200, tries: 0 }
}

fn log_of(store: &Connection, order: &str) -> Vec<String> {
    let read = "SELECT state FROM saga_log WHERE order_id = ?1 ORDER BY rowid";
    let mut read = store.prepare(read).unwrap();
    read.query_map([order], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[test]
fn an_order_is_read_as_it_was_written() {
    let store = store();
    let order = new_order(&store, "k");
    assert_eq!(find(&store, &order.id).unwrap(), Some(order.clone()));
    assert_eq!(order.trail, trail());
    let lines = vec![Line { sku: "spoon".into(), quantity: 2, price_cents: 780 }];
    let read = Step { cart: Some((lines.clone(), 1_560)), ..step(State::Placed, Outcome::Done) };
    let order = advance(&store, &order.id, &read).unwrap().unwrap();
    assert_eq!((order.state, order.lines, order.total_cents), (State::Reserving, lines, 1_560));
}

#[test]
fn a_key_finds_its_order_again_and_refuses_another() {
    let store = store();
    let order = new_order(&store, "k");
    let again = place(&store, &wanted("c"), "k", trail(), (1, 100)).unwrap();
    assert_eq!(again, Placed::Known(order));
    let other = place(&store, &wanted("d"), "k", trail(), (1, 100)).unwrap();
    assert_eq!(other, Placed::KeyReused);
}

#[test]
fn of_two_who_take_the_same_step_one_is_told_to_stop() {
    let store = store();
    let order = new_order(&store, "k");
    let first = step(State::Placed, Outcome::Done);
    assert!(advance(&store, &order.id, &first).unwrap().is_some());
    assert_eq!(advance(&store, &order.id, &first).unwrap(), None);
    assert_eq!(log_of(&store, &order.id), ["placed", "reserving"]);
}

#[test]
fn an_order_is_due_in_its_lane_when_its_lease_ends_and_at_once_after_a_restart() {
    let store = store();
    let order = new_order(&store, "k");
    let due_at = |now_ms| due(&store, Lane::Stock, now_ms, 8).unwrap().len();
    assert_eq!((due_at(99), due_at(100)), (0, 1));
    assert_eq!(next_due(&store, Lane::Stock).unwrap(), Some(100));
    assert_eq!(next_due(&store, Lane::Payments).unwrap(), None);
    for outcome in [Outcome::Done, Outcome::Done, Outcome::Unavailable] {
        let state = find(&store, &order.id).unwrap().unwrap().state;
        advance(&store, &order.id, &step(state, outcome)).unwrap().unwrap();
    }
    assert_eq!(next_due(&store, Lane::Payments).unwrap(), Some(200));
    prepare(&store).unwrap();
    assert_eq!(next_due(&store, Lane::Payments).unwrap(), Some(0));
}

#[test]
fn a_final_order_is_never_due() {
    let store = store();
    let order = new_order(&store, "k");
    advance(&store, &order.id, &step(State::Placed, Outcome::Refused)).unwrap().unwrap();
    prepare(&store).unwrap();
    assert_eq!(due(&store, Lane::Stock, i64::MAX, 8).unwrap(), []);
}

#[test]
fn a_step_and_its_event_are_written_together_or_not_at_all() {
    let mut store = store();
    let order = new_order(&store, "k");
    for outcome in [Outcome::Done, Outcome::Done, Outcome::Done] {
        let state = find(&store, &order.id).unwrap().unwrap().state;
        advance(&store, &order.id, &step(state, outcome)).unwrap().unwrap();
    }
    let confirm = step(State::Paid, Outcome::Done);
    let unfinished = store.transaction().unwrap();
    advance(&unfinished, &order.id, &confirm).unwrap().unwrap();
    drop(unfinished);
    assert_eq!(find(&store, &order.id).unwrap().unwrap().state, State::Paid);
    assert_eq!(outbox::due(&store, i64::MAX, 8).unwrap(), []);
    advance(&store, &order.id, &confirm).unwrap().unwrap();
    let [event] = &outbox::due(&store, i64::MAX, 8).unwrap()[..] else { panic!("one event") };
    assert_eq!((&event.order, &event.trail), (&order.id, &trail()));
}
