use super::*;
use crate::orders::journal;

/// A store with two events of order `a` and one of order `b`, in this order.
fn store() -> Connection {
    let store = Connection::open_in_memory().unwrap();
    journal::prepare(&store).unwrap();
    for order in ["a", "b"] {
        store
            .execute(
                "INSERT INTO orders VALUES (?1, ?1, 'c', 'ann', 'confirmed', NULL, '[]', 0,
                 'u000001-000002', NULL, NULL, NULL, 0, NULL)",
                [order],
            )
            .unwrap();
    }
    for (order, kind) in [("a", event::ACCEPTED), ("a", event::CONFIRMED), ("b", event::CONFIRMED)]
    {
        store
            .execute(
                "INSERT INTO outbox (order_id, kind, tries, due_ms, delivered)
                 VALUES (?1, ?2, 0, 0, 0)",
                (order, kind),
            )
            .unwrap();
    }
    store
}

fn ids(store: &Connection, now_ms: i64) -> Vec<String> {
    due(store, now_ms, 8).unwrap().into_iter().map(|event| event.id).collect()
}

#[test]
fn an_event_waits_for_the_earlier_one_of_its_order_only() {
    let store = store();
    assert_eq!(ids(&store, 0), ["a.order-accepted", "b.order-confirmed"]);
    delivered(&store, 1).unwrap();
    assert_eq!(ids(&store, 0), ["a.order-confirmed", "b.order-confirmed"]);
    delivered(&store, 2).unwrap();
    delivered(&store, 3).unwrap();
    assert_eq!((ids(&store, i64::MAX), next_due(&store).unwrap()), (Vec::new(), None));
}

#[test]
fn an_event_that_is_put_off_holds_its_followers_and_nobody_else() {
    let store = store();
    postpone(&store, 1, 1, 500).unwrap();
    assert_eq!(ids(&store, 499), ["b.order-confirmed"]);
    assert_eq!(ids(&store, 500), ["b.order-confirmed", "a.order-accepted"]);
    delivered(&store, 3).unwrap();
    assert_eq!(next_due(&store).unwrap(), Some(500));
}

#[test]
fn after_a_restart_what_is_not_delivered_is_due_at_once() {
    let store = store();
    postpone(&store, 1, 7, 500).unwrap();
    delivered(&store, 3).unwrap();
    journal::prepare(&store).unwrap();
    let [event] = &due(&store, 0, 8).unwrap()[..] else { panic!("one event") };
    assert_eq!((event.id.as_str(), event.tries), ("a.order-accepted", 0));
}
