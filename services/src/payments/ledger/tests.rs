use proptest::prelude::*;

use super::*;
use crate::audit::{ChargeAudit, Page, PaymentsAudit};

fn till() -> Connection {
    let store = Connection::open_in_memory().unwrap();
    prepare(&store).unwrap();
    store
}

fn wants(order: &str, amount_cents: i64) -> Charge {
    Charge { order: order.to_owned(), customer: "ann".to_owned(), amount_cents }
}

fn audit(store: &Connection) -> PaymentsAudit {
    super::super::account::audit(store, &Page::default()).unwrap()
}

fn conserved(audit: &PaymentsAudit) -> bool {
    audit.customers_cents + audit.merchant_cents == audit.opened_cents
        && audit.bank_cents == -audit.opened_cents
        && audit.drifted_accounts == 0
}

#[test]
fn the_same_key_gets_the_first_result_again_and_books_nothing() {
    let store = till();
    let first = charge(&store, &wants("o", 700), Some("k")).unwrap();
    let Charged::Receipt { receipt, repeated: false } = first else { panic!("{first:?}") };
    let again = charge(&store, &wants("o", 700), Some("k")).unwrap();
    assert_eq!(again, Charged::Receipt { receipt, repeated: true });
    assert_eq!(audit(&store).merchant_cents, 700);
}

#[test]
fn another_body_under_the_same_key_is_refused() {
    let store = till();
    charge(&store, &wants("o", 700), Some("k")).unwrap();
    for other in [wants("o", 701), wants("p", 700)] {
        assert_eq!(charge(&store, &other, Some("k")).unwrap(), Charged::KeyReused);
    }
    assert_eq!(audit(&store).merchant_cents, 700);
}

#[test]
fn a_charge_without_key_is_booked_each_time() {
    let store = till();
    charge(&store, &wants("o", 700), None).unwrap();
    charge(&store, &wants("o", 700), None).unwrap();
    let audit = audit(&store);
    let charge =
        ChargeAudit { order: "o".into(), customer: "ann".into(), amount_cents: 1_400, count: 2 };
    assert_eq!(audit.charges, [charge]);
    assert!(conserved(&audit));
}

#[test]
fn a_charge_above_the_balance_is_declined_and_stays_declined_under_its_key() {
    let store = till();
    let (all, declined) = (BALANCE_AT_START_CENTS, |repeated| Charged::Receipt {
        receipt: Receipt::Declined,
        repeated,
    });
    assert_eq!(charge(&store, &wants("o", all + 1), Some("k")).unwrap(), declined(false));
    assert_eq!(charge(&store, &wants("o", all + 1), Some("k")).unwrap(), declined(true));
    assert!(matches!(
        charge(&store, &wants("p", all), Some("l")).unwrap(),
        Charged::Receipt { receipt: Receipt::Booked { .. }, .. }
    ));
    assert_eq!(charge(&store, &wants("q", 1), Some("m")).unwrap(), declined(false));
}

#[test]
fn a_refund_gives_everything_back_once() {
    let store = till();
    charge(&store, &wants("o", 700), None).unwrap();
    charge(&store, &wants("o", 700), None).unwrap();
    assert_eq!(refund(&store, "o").unwrap(), 1_400);
    assert_eq!(refund(&store, "o").unwrap(), 0);
    assert_eq!(refund(&store, "unheard-of").unwrap(), 0);
    let audit = audit(&store);
    assert_eq!((audit.merchant_cents, audit.charges[0].count), (0, 0));
    assert!(conserved(&audit));
}

#[test]
fn a_changed_balance_shows_as_drift() {
    let store = till();
    charge(&store, &wants("o", 700), None).unwrap();
    store.execute("UPDATE accounts SET balance_cents = 1 WHERE id = 'merchant'", []).unwrap();
    assert_eq!(audit(&store).drifted_accounts, 1);
}

#[test]
fn pages_of_charges_join_without_gap_or_repeat() {
    let store = till();
    for number in 0..5 {
        charge(&store, &wants(&format!("o{number}"), 100), None).unwrap();
    }
    let mut page = Page { limit: Some(2), ..Page::default() };
    let mut orders = Vec::new();
    for _ in 0..3 {
        let audit = super::super::account::audit(&store, &page).unwrap();
        orders.extend(audit.charges.into_iter().map(|charge| charge.order));
        match audit.next {
            Some(next) => page.after = next,
            None => break,
        }
    }
    assert_eq!(orders, ["o0", "o1", "o2", "o3", "o4"]);
}

proptest! {
    #[test]
    fn no_order_of_requests_loses_or_makes_a_cent(
        requests in prop::collection::vec(
            (0..4_u8, 0..3_u8, 0..3_u8, 1..60_000_000_i64), 1..40)
    ) {
        let store = till();
        for (request, order, customer, amount_cents) in requests {
            let order = format!("o{order}");
            let customer = format!("c{customer}");
            let wanted = Charge { order: order.clone(), customer, amount_cents };
            match request {
                0 => drop(refund(&store, &order).unwrap()),
                1 => drop(charge(&store, &wanted, None).unwrap()),
                _ => drop(charge(&store, &wanted, Some(&order)).unwrap()),
            }
            prop_assert!(conserved(&audit(&store)));
        }
    }
}
