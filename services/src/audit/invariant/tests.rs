use super::*;
use crate::audit::StockAudit;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

fn order(id: &str, state: &str) -> OrderAudit {
    OrderAudit {
        id: id.to_owned(),
        state: state.to_owned(),
        reason: (state == CANCELLED).then(|| "unavailable".to_owned()),
        total_cents: 700,
        customer: "ann".to_owned(),
        correlation_id: "c-1".parse().unwrap(),
        trace_id: Some(TRACE.parse().unwrap()),
    }
}

/// One confirmed and one cancelled order, all in order.
fn shop() -> ShopAudit {
    let mut audit = ShopAudit::default();
    audit.orders.orders = vec![order("ord-1", CONFIRMED), order("ord-2", CANCELLED)];
    audit.orders.sold = [("spoon".to_owned(), 3)].into();
    audit.inventory.stock =
        vec![StockAudit { sku: "spoon".into(), start: 10, on_hand: 7, reserved: 0, shipped: 3 }];
    audit.payments.opened_cents = 10_000;
    audit.payments.customers_cents = 9_300;
    audit.payments.merchant_cents = 700;
    audit.payments.bank_cents = -10_000;
    audit.payments.charges = vec![ChargeAudit {
        order: "ord-1".into(),
        customer: "ann".into(),
        amount_cents: 700,
        count: 1,
    }];
    audit.notifications.notices =
        vec![NoticeAudit { order: "ord-1".into(), confirmed: 1, ..NoticeAudit::default() }];
    audit
}

fn promised(value: &str) -> Acknowledged {
    Acknowledged {
        value: value.to_owned(),
        correlation_id: "c-9".parse().unwrap(),
        trace_id: "0af7651916cd43dd8448eb211c80319d".parse().unwrap(),
    }
}

#[test]
fn books_in_order_hold_every_invariant() {
    let findings = invariants(&shop(), &[promised("ord-1")]);
    let names: Vec<&str> = findings.iter().map(|finding| finding.name.as_str()).collect();
    let all = [
        "money conserved",
        "stock conserved",
        "one charge per order",
        "no acknowledged order lost",
        "one notice per order",
    ];
    assert_eq!(names, all);
    for finding in findings {
        assert_eq!(finding.holds, Some(true), "{finding:?}");
    }
}

/// Invariant, what its detail must say, and how the books break.
type Case = (&'static str, &'static str, fn(&mut ShopAudit));

const BROKEN: [Case; 17] = [
    ("money conserved", "by -1 cents", |shop| shop.payments.customers_cents -= 1),
    ("money conserved", "adds up to 5 cents", |shop| shop.payments.bank_cents += 5),
    ("money conserved", "1 accounts differ", |shop| shop.payments.drifted_accounts = 1),
    ("money conserved", "1 order confirmed but not paid in full: ord-1", |shop| {
        shop.payments.charges.clear();
    }),
    ("money conserved", "confirmed but not paid in full: ord-1", |shop| {
        shop.payments.charges[0].amount_cents = 699;
    }),
    ("money conserved", "1 order cancelled but not refunded: ord-2", |shop| {
        let charge = ChargeAudit { order: "ord-2".into(), ..shop.payments.charges[0].clone() };
        shop.payments.charges.push(charge);
    }),
    ("money conserved", "charged but unknown: ord-9", |shop| {
        let charge = ChargeAudit { order: "ord-9".into(), ..shop.payments.charges[0].clone() };
        shop.payments.charges.push(charge);
    }),
    ("stock conserved", "spoon: 6 on hand", |shop| shop.inventory.stock[0].on_hand = 6),
    ("stock conserved", "negative", |shop| {
        shop.inventory.stock[0].on_hand = -1;
        shop.inventory.stock[0].reserved = 8;
    }),
    ("stock conserved", "2 reserved for no order", |shop| {
        shop.inventory.stock[0].on_hand = 5;
        shop.inventory.stock[0].reserved = 2;
    }),
    ("stock conserved", "3 shipped but 4 sold", |shop| {
        shop.orders.sold = [("spoon".to_owned(), 4)].into();
    }),
    ("one charge per order", "1 order charged twice: ord-1", |shop| {
        shop.payments.charges[0].count = 2;
    }),
    ("one charge per order", "1 order charged more than twice: ord-1", |shop| {
        shop.payments.charges[0].count = 3;
    }),
    ("no acknowledged order lost", "1 order acknowledged and lost: ord-1", |shop| {
        shop.orders.orders.remove(0);
    }),
    ("no acknowledged order lost", "acknowledged and then cancelled: ord-1", |shop| {
        shop.orders.orders[0].state = CANCELLED.to_owned();
    }),
    ("one notice per order", "1 order confirmed without a notice: ord-1", |shop| {
        shop.notifications.notices.clear();
    }),
    ("one notice per order", "1 order told the same twice: ord-1", |shop| {
        shop.notifications.notices[0].confirmed = 2;
    }),
];

#[test]
fn each_break_is_found_and_named_with_its_trace() {
    for (name, says, break_it) in BROKEN {
        let mut audit = shop();
        break_it(&mut audit);
        let findings = invariants(&audit, &[promised("ord-1")]);
        let finding = findings.iter().find(|finding| finding.name == name).unwrap();
        assert_eq!(finding.holds, Some(false), "{name}, {says}: {finding:?}");
        assert!(finding.detail.contains(says), "{says}: {}", finding.detail);
        let known = says.contains("ord-") && !says.contains("ord-9");
        assert_eq!(!finding.trace_ids.is_empty(), known, "{says}: {finding:?}");
    }
}

#[test]
fn a_customer_who_could_not_pay_later_loses_an_accepted_order_by_right() {
    let mut audit = shop();
    audit.orders.orders[1].reason = Some(DECLINED.to_owned());
    let findings = invariants(&audit, &[promised("ord-2")]);
    assert_eq!(findings[3].holds, Some(true), "{:?}", findings[3]);
}

#[test]
fn while_orders_move_a_break_is_told_and_holding_is_not() {
    let mut audit = shop();
    audit.orders.unsettled = 1;
    assert!(!audit.quiet());
    for finding in invariants(&audit, &[]) {
        assert_eq!(finding.holds, None, "{finding:?}");
    }
    audit.payments.charges[0].count = 2;
    let findings = invariants(&audit, &[]);
    assert_eq!(findings[2].holds, Some(false), "{:?}", findings[2]);
}

#[test]
fn an_undelivered_event_keeps_the_shop_from_being_quiet() {
    let mut audit = shop();
    audit.orders.outbox_pending = 1;
    assert!(!audit.quiet());
}

#[test]
fn a_long_list_of_broken_orders_is_cut_and_counted() {
    let mut audit = shop();
    audit.payments.charges = (0..14)
        .map(|number| ChargeAudit {
            order: format!("ord-{number:02}"),
            count: 2,
            ..audit.payments.charges[0].clone()
        })
        .collect();
    let detail = &invariants(&audit, &[])[2].detail;
    assert!(detail.starts_with("14 orders charged twice: ord-00, "), "{detail}");
    assert!(detail.ends_with("ord-09 and 4 more"), "{detail}");
}
