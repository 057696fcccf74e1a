use proptest::prelude::*;

use super::*;

fn shelf() -> Connection {
    let store = Connection::open_in_memory().unwrap();
    prepare(&store).unwrap();
    store
}

fn wants(order: &str, items: &[(&str, i64)]) -> Reservation {
    let line =
        |(sku, quantity): &(&str, i64)| Quantity { sku: (*sku).to_owned(), quantity: *quantity };
    Reservation { order: order.to_owned(), items: items.iter().map(line).collect() }
}

fn pieces(store: &Connection, sku: &str) -> (i64, i64, i64) {
    let read = "SELECT on_hand, reserved, shipped FROM stock WHERE sku = ?1";
    store.query_row(read, [sku], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap()
}

const ALL: i64 = STOCK_AT_START;

fn is(state: State, changed: bool) -> Answer {
    Answer::Is { state, changed }
}

#[test]
fn a_repeated_reservation_takes_the_stock_once() {
    let store = shelf();
    let twice = wants("o", &[("spoon", 2), ("filter", 1), ("spoon", 1)]);
    assert_eq!(reserve(&store, &twice).unwrap(), is(State::Reserved, true));
    assert_eq!(reserve(&store, &twice).unwrap(), is(State::Reserved, false));
    assert_eq!(pieces(&store, "spoon"), (ALL - 3, 3, 0));
    let other = wants("o", &[("spoon", 9)]);
    assert_eq!(reserve(&store, &other).unwrap(), Answer::Different);
}

#[test]
fn what_is_not_there_is_refused_and_nothing_is_taken() {
    let store = shelf();
    let too_many = wants("o", &[("filter", 1), ("spoon", ALL + 1)]);
    assert_eq!(reserve(&store, &too_many).unwrap(), Answer::Short { sku: "spoon".into() });
    let unknown = wants("o", &[("filter", 1), ("unheard-of", 1)]);
    assert_eq!(reserve(&store, &unknown).unwrap(), Answer::Short { sku: "unheard-of".into() });
    assert_eq!(pieces(&store, "filter"), (ALL, 0, 0));
}

#[test]
fn a_confirmed_reservation_ships_once_and_is_never_put_back() {
    let store = shelf();
    reserve(&store, &wants("o", &[("spoon", 2)])).unwrap();
    assert_eq!(confirm(&store, "o").unwrap(), is(State::Confirmed, true));
    assert_eq!(confirm(&store, "o").unwrap(), is(State::Confirmed, false));
    assert!(matches!(release(&store, "o").unwrap(), Answer::Not { .. }));
    assert_eq!(pieces(&store, "spoon"), (ALL - 2, 0, 2));
}

#[test]
fn a_released_reservation_is_put_back_once_and_never_shipped() {
    let store = shelf();
    reserve(&store, &wants("o", &[("spoon", 2)])).unwrap();
    assert_eq!(release(&store, "o").unwrap(), is(State::Released, true));
    assert_eq!(release(&store, "o").unwrap(), is(State::Released, false));
    assert!(matches!(confirm(&store, "o").unwrap(), Answer::Not { .. }));
    assert_eq!(pieces(&store, "spoon"), (ALL, 0, 0));
}

#[test]
fn a_reservation_that_arrives_after_its_release_is_refused() {
    let store = shelf();
    assert_eq!(release(&store, "o").unwrap(), is(State::Released, true));
    let late = reserve(&store, &wants("o", &[("spoon", 2)])).unwrap();
    assert!(matches!(late, Answer::Not { .. }), "{late:?}");
    assert_eq!(pieces(&store, "spoon"), (ALL, 0, 0));
}

#[test]
fn an_unknown_order_cannot_be_confirmed() {
    assert!(matches!(confirm(&shelf(), "o").unwrap(), Answer::Not { state: None, .. }));
}

proptest! {
    #[test]
    fn no_order_of_requests_loses_or_makes_a_piece(
        requests in prop::collection::vec((0..3_u8, 0..4_u8, 1..400_000_i64), 1..40)
    ) {
        let store = shelf();
        for (request, order, quantity) in requests {
            let order = format!("o{order}");
            match request {
                0 => drop(reserve(&store, &wants(&order, &[("spoon", quantity)])).unwrap()),
                1 => drop(confirm(&store, &order).unwrap()),
                _ => drop(release(&store, &order).unwrap()),
            }
            let (on_hand, reserved, shipped) = pieces(&store, "spoon");
            prop_assert_eq!(on_hand + reserved + shipped, ALL);
            prop_assert!(on_hand >= 0 && reserved >= 0 && shipped >= 0);
        }
    }
}
