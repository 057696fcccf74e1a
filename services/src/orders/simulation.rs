//! The saga against the real tables of inventory and payments, without a network: orders are
//! interleaved at random, requests and answers get lost, the process ends between any two steps.

use proptest::prelude::*;
use rusqlite::Connection;

use super::journal::{self, Order, Placed, Step};
use super::saga::{Next, Outcome, State};
use super::{books, event, outbox};
use crate::audit::{InventoryAudit, NoticeAudit, Page, ShopAudit, invariants};
use crate::inventory::shelf;
use crate::payments::{account, ledger};
use crate::request::Trail;
use crate::wire::{Charge, Line, NewOrder, Quantity, Reservation};

/// What the network does to one call, or what happens instead of it.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Answered,
    RequestLost,
    AnswerLost,
    /// The process ends after writing the state down, and a new one goes on.
    Crash,
}

const FATES: [Fate; 4] = [Fate::Answered, Fate::RequestLost, Fate::AnswerLost, Fate::Crash];

struct Shop {
    orders: Connection,
    inventory: Connection,
    payments: Connection,
    reads_keys: bool,
}

impl Shop {
    fn open(reads_keys: bool) -> Self {
        let open = |prepare: fn(&Connection) -> rusqlite::Result<()>| {
            let store = Connection::open_in_memory().unwrap();
            prepare(&store).unwrap();
            store
        };
        Self {
            orders: open(journal::prepare),
            inventory: open(shelf::prepare),
            payments: open(ledger::prepare),
            reads_keys,
        }
    }

    fn place(&self, number: usize) -> String {
        let wanted = NewOrder { cart: format!("c{number}"), customer: format!("u{}", number % 2) };
        let trail = Trail {
            correlation_id: format!("u-{number}").parse().unwrap(),
            parent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().ok(),
            tracestate: None,
            baggage: None,
        };
        let key = format!("k{number}");
        match journal::place(&self.orders, &wanted, &key, trail, (0, 0)).unwrap() {
            Placed::New(order) => order.id,
            other => panic!("{other:?}"),
        }
    }

    /// One step of one order. `pieces` and `price` are what its cart holds.
    fn step(&self, id: &str, fate: Fate, (pieces, price_cents): (i64, i64)) {
        let order = journal::find(&self.orders, id).unwrap().unwrap();
        let outcome = match fate {
            Fate::Crash => return self.write(&order, order.state.resumed(), None),
            Fate::RequestLost => Outcome::Unavailable,
            Fate::Answered => self.call(&order),
            Fate::AnswerLost => {
                self.call(&order);
                Outcome::Unavailable
            },
        };
        let line = Line { sku: "spoon".to_owned(), quantity: pieces, price_cents };
        let cart = (order.state == State::Placed && outcome == Outcome::Done)
            .then(|| (vec![line], pieces * price_cents));
        self.write(&order, order.state.after(outcome), cart);
    }

    fn write(&self, order: &Order, next: Next, cart: Option<(Vec<Line>, i64)>) {
        let step = Step { from: order.state, next, cart, now_ms: 0, due_ms: 0, tries: 0 };
        journal::advance(&self.orders, &order.id, &step).unwrap().unwrap();
    }

    fn call(&self, order: &Order) -> Outcome {
        let id = &order.id;
        let shelf = match order.state {
            State::Reserving => {
                let line =
                    |line: &Line| Quantity { sku: line.sku.clone(), quantity: line.quantity };
                let items = order.lines.iter().map(line).collect();
                shelf::reserve(&self.inventory, &Reservation { order: id.clone(), items })
            },
            State::Paid => shelf::confirm(&self.inventory, id),
            State::Releasing => shelf::release(&self.inventory, id),
            State::Charging | State::Accepted => return self.charge(order),
            State::Refunding => {
                ledger::refund(&self.payments, id).unwrap();
                return Outcome::Done;
            },
            State::Placed | State::Confirmed | State::Cancelled => return Outcome::Done,
        };
        match shelf.unwrap() {
            shelf::Answer::Is { .. } => Outcome::Done,
            _ => Outcome::Refused,
        }
    }

    fn charge(&self, order: &Order) -> Outcome {
        let (order, key) = (order.clone(), order.charge_key());
        let wanted =
            Charge { order: order.id, customer: order.customer, amount_cents: order.total_cents };
        let key = self.reads_keys.then_some(key.as_str());
        match ledger::charge(&self.payments, &wanted, key).unwrap() {
            ledger::Charged::Receipt { receipt: ledger::Receipt::Booked { .. }, .. } => {
                Outcome::Done
            },
            _ => Outcome::Refused,
        }
    }

    /// Delivers every event once, and reads the books.
    fn audit(&self) -> ShopAudit {
        let mut notices = Vec::new();
        while let Some(event) = outbox::due(&self.orders, 0, 1).unwrap().pop() {
            outbox::delivered(&self.orders, event.number).unwrap();
            if event.kind == event::CONFIRMED {
                let order = event.order;
                notices.push(NoticeAudit { order, confirmed: 1, ..NoticeAudit::default() });
            }
        }
        let mut audit = ShopAudit {
            inventory: InventoryAudit { stock: shelf::stock(&self.inventory).unwrap() },
            payments: account::audit(&self.payments, &Page::default()).unwrap(),
            orders: books::audit(&self.orders, &Page::default()).unwrap(),
            ..ShopAudit::default()
        };
        audit.notifications.notices = notices;
        audit
    }
}

/// Orders with the pieces and the price of their carts; both may be more than there is.
fn carts() -> impl Strategy<Value = Vec<(i64, i64)>> {
    prop::collection::vec((1..600_000_i64, 1..300_i64), 1..5)
}

fn steps() -> impl Strategy<Value = Vec<(usize, Fate)>> {
    prop::collection::vec((0..5_usize, prop::sample::select(FATES.to_vec())), 0..60)
}

/// Runs the steps and then answers every call until all orders rest.
fn run(shop: &Shop, carts: &[(i64, i64)], steps: &[(usize, Fate)]) -> ShopAudit {
    let ids: Vec<String> = (0..carts.len()).map(|number| shop.place(number)).collect();
    for (order, fate) in steps {
        let order = order % ids.len();
        shop.step(&ids[order], *fate, carts[order]);
    }
    for _ in 0..State::ALL.len() {
        for (id, cart) in ids.iter().zip(carts) {
            shop.step(id, Fate::Answered, *cart);
        }
    }
    shop.audit()
}

proptest! {
    #[test]
    fn no_interleaving_loss_or_crash_breaks_an_invariant(carts in carts(), steps in steps()) {
        let audit = run(&Shop::open(true), &carts, &steps);
        prop_assert!(audit.quiet());
        for finding in invariants(&audit, &[]) {
            prop_assert_eq!(finding.holds, Some(true), "{}", finding.detail);
        }
    }
}

#[test]
fn without_idempotency_a_lost_answer_charges_twice_and_the_order_is_named() {
    let shop = Shop::open(false);
    let steps = [Fate::Answered, Fate::Answered, Fate::AnswerLost].map(|fate| (0, fate));
    let audit = run(&shop, &[(2, 780)], &steps);
    let id = &audit.orders.orders[0].id;
    let findings = invariants(&audit, &[]);
    let charges = findings.iter().find(|finding| finding.name == "one charge per order").unwrap();
    assert_eq!(charges.detail, format!("1 order charged twice: {id}"));
    assert_eq!((charges.holds, charges.trace_ids.len()), (Some(false), 1));
    for other in findings.iter().filter(|finding| finding.name != charges.name) {
        assert_eq!(other.holds, Some(true), "{other:?}");
    }
}
