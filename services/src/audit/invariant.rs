//! What the books must add up to under any fault.
//!
//! Each check names what is broken. When nothing is broken but orders are still moving, it cannot
//! be told whether the promise holds, and the finding says so.

use std::collections::{BTreeMap, BTreeSet};

use model::expect::InvariantFinding;
use model::id::TraceId;
use model::load::Acknowledged;

use super::{ChargeAudit, NoticeAudit, OrderAudit, ShopAudit};
use crate::orders::{CANCELLED, CONFIRMED, DECLINED};

/// Broken things named in one detail; the others are counted.
const NAMED_MAX: usize = 10;

/// Judges every invariant of the shop, always in the same order.
pub fn invariants(audit: &ShopAudit, acknowledged: &[Acknowledged]) -> Vec<InvariantFinding> {
    let books = Books::of(audit);
    vec![
        money(&books),
        stock(&books),
        one_charge(&books),
        acknowledged_kept(&books, acknowledged),
        one_notice(&books),
    ]
}

/// The books, indexed by order.
struct Books<'a> {
    audit: &'a ShopAudit,
    orders: BTreeMap<&'a str, &'a OrderAudit>,
    charges: BTreeMap<&'a str, &'a ChargeAudit>,
    notices: BTreeMap<&'a str, &'a NoticeAudit>,
}

/// What a check found broken: a sentence per kind, and the traces to look at.
#[derive(Default)]
struct Broken {
    sentences: Vec<String>,
    trace_ids: BTreeSet<TraceId>,
}

impl<'a> Books<'a> {
    fn of(audit: &'a ShopAudit) -> Self {
        let (orders, payments) = (&audit.orders.orders, &audit.payments.charges);
        let notices = &audit.notifications.notices;
        Self {
            audit,
            orders: orders.iter().map(|order| (order.id.as_str(), order)).collect(),
            charges: payments.iter().map(|charge| (charge.order.as_str(), charge)).collect(),
            notices: notices.iter().map(|notice| (notice.order.as_str(), notice)).collect(),
        }
    }

    fn in_state(&self, state: &str) -> impl Iterator<Item = &'a OrderAudit> {
        self.audit.orders.orders.iter().filter(move |order| order.state == state)
    }

    /// Adds `N orders WHAT: ord-…, ord-…` with their traces, when there are any.
    fn blame(&self, broken: &mut Broken, what: &str, orders: Vec<&str>) {
        if orders.is_empty() {
            return;
        }
        let plural = if orders.len() == 1 { "order" } else { "orders" };
        let named = orders[..orders.len().min(NAMED_MAX)].join(", ");
        let more = match orders.len().saturating_sub(NAMED_MAX) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        broken.sentences.push(format!("{} {plural} {what}: {named}{more}", orders.len()));
        let traces = orders.iter().filter_map(|id| self.orders.get(id)?.trace_id);
        broken.trace_ids.extend(traces);
    }

    fn finding(&self, name: &str, broken: Broken, held: String) -> InvariantFinding {
        let Broken { sentences, trace_ids } = broken;
        let orders = &self.audit.orders;
        let (holds, detail) = if !sentences.is_empty() {
            (Some(false), sentences.join("; "))
        } else if self.audit.quiet() {
            (Some(true), held)
        } else {
            let moving = format!(
                "cannot be told: {} orders unsettled, {} events not delivered",
                orders.unsettled, orders.outbox_pending
            );
            (None, moving)
        };
        let trace_ids = trace_ids.into_iter().collect();
        InvariantFinding { name: name.to_owned(), holds, detail, trace_ids }
    }
}

/// No cent is made or lost, and what each order has paid fits what became of it.
fn money(books: &Books<'_>) -> InvariantFinding {
    let payments = &books.audit.payments;
    let mut broken = Broken::default();
    let (customers, merchant) = (payments.customers_cents, payments.merchant_cents);
    let off_cents = customers + merchant - payments.opened_cents;
    if off_cents != 0 {
        broken.sentences.push(format!(
            "customers {customers} + merchant {merchant} differ from the {} opened by \
             {off_cents} cents",
            payments.opened_cents
        ));
    }
    let ledger_cents = customers + merchant + payments.bank_cents;
    if ledger_cents != 0 {
        broken.sentences.push(format!("the ledger adds up to {ledger_cents} cents, not to 0"));
    }
    if payments.drifted_accounts != 0 {
        let accounts = payments.drifted_accounts;
        broken.sentences.push(format!("{accounts} accounts differ from the sum of their entries"));
    }
    let paid = |order: &OrderAudit| books.charges.get(order.id.as_str()).copied();
    let unpaid = books.in_state(CONFIRMED).filter(|order| {
        paid(order).is_none_or(|charge| {
            charge.count < 1 || charge.amount_cents != charge.count * order.total_cents
        })
    });
    books.blame(&mut broken, "confirmed but not paid in full", ids(unpaid));
    let kept = books
        .in_state(CANCELLED)
        .filter(|order| paid(order).is_some_and(|charge| charge.amount_cents != 0));
    books.blame(&mut broken, "cancelled but not refunded", ids(kept));
    let foreign = payments.charges.iter().map(|charge| charge.order.as_str());
    let foreign = foreign.filter(|order| !books.orders.contains_key(order)).collect();
    books.blame(&mut broken, "charged but unknown", foreign);
    let held = format!("{customers} at customers + {merchant} at the merchant, as opened");
    books.finding("money conserved", broken, held)
}

/// No piece is made or lost, and what was shipped is what was sold.
fn stock(books: &Books<'_>) -> InvariantFinding {
    let mut broken = Broken::default();
    for stock in &books.audit.inventory.stock {
        let (on_hand, reserved, shipped) = (stock.on_hand, stock.reserved, stock.shipped);
        let sku = &stock.sku;
        let off = on_hand + reserved + shipped - stock.start;
        if off != 0 {
            broken.sentences.push(format!(
                "{sku}: {on_hand} on hand + {reserved} reserved + {shipped} shipped differ from {} \
                 at the start by {off}",
                stock.start
            ));
        }
        if on_hand.min(reserved).min(shipped) < 0 {
            broken.sentences.push(format!("{sku}: a negative number of pieces"));
        }
        let sold = books.audit.orders.sold.get(sku).copied().unwrap_or(0);
        if books.audit.quiet() && reserved != 0 {
            broken.sentences.push(format!("{sku}: {reserved} reserved for no order"));
        }
        if books.audit.quiet() && shipped != sold {
            broken.sentences.push(format!("{sku}: {shipped} shipped but {sold} sold"));
        }
    }
    let sold: i64 = books.audit.orders.sold.values().sum();
    let held = format!("{sold} pieces sold and shipped, all others on hand");
    books.finding("stock conserved", broken, held)
}

fn one_charge(books: &Books<'_>) -> InvariantFinding {
    let mut broken = Broken::default();
    let charged = |times: fn(i64) -> bool| -> Vec<&str> {
        let charges = books.audit.payments.charges.iter();
        charges.filter(|charge| times(charge.count)).map(|charge| charge.order.as_str()).collect()
    };
    books.blame(&mut broken, "charged twice", charged(|count| count == 2));
    books.blame(&mut broken, "charged more than twice", charged(|count| count > 2));
    let held = format!("{} orders charged, each once", charged(|count| count == 1).len());
    books.finding("one charge per order", broken, held)
}

/// What the shop answered with success exists, and was not cancelled unless its customer could
/// not pay for an order that was accepted to be paid later.
fn acknowledged_kept(books: &Books<'_>, acknowledged: &[Acknowledged]) -> InvariantFinding {
    let mut broken = Broken::default();
    let promised = |order: &Acknowledged| books.orders.get(order.value.as_str()).copied();
    let (kept, lost): (Vec<_>, Vec<_>) =
        acknowledged.iter().partition(|order| promised(order).is_some());
    broken.trace_ids.extend(lost.iter().map(|order| order.trace_id));
    books.blame(&mut broken, "acknowledged and lost", values(&lost));
    let dropped: Vec<&Acknowledged> = kept
        .into_iter()
        .filter(|order| {
            promised(order).is_some_and(|order| {
                order.state == CANCELLED && order.reason.as_deref() != Some(DECLINED)
            })
        })
        .collect();
    broken.trace_ids.extend(dropped.iter().map(|order| order.trace_id));
    books.blame(&mut broken, "acknowledged and then cancelled", values(&dropped));
    let held = format!("{} acknowledged orders, all there", acknowledged.len());
    books.finding("no acknowledged order lost", broken, held)
}

/// Every confirmed order's customer was told so once, and nobody was told anything twice.
fn one_notice(books: &Books<'_>) -> InvariantFinding {
    let mut broken = Broken::default();
    let times = |order: &OrderAudit| {
        books.notices.get(order.id.as_str()).map_or(0, |notice| notice.confirmed)
    };
    if books.audit.quiet() {
        let silent = books.in_state(CONFIRMED).filter(|order| times(order) == 0);
        books.blame(&mut broken, "confirmed without a notice", ids(silent));
    }
    let twice = books
        .audit
        .notifications
        .notices
        .iter()
        .filter(|notice| notice.confirmed.max(notice.accepted).max(notice.cancelled) > 1);
    let twice = twice.map(|notice| notice.order.as_str()).collect();
    books.blame(&mut broken, "told the same twice", twice);
    let held = format!(
        "{} orders told, {} repeated events ignored",
        books.notices.len(),
        books.audit.notifications.duplicates_seen
    );
    books.finding("one notice per order", broken, held)
}

fn ids<'a>(orders: impl Iterator<Item = &'a OrderAudit>) -> Vec<&'a str> {
    orders.map(|order| order.id.as_str()).collect()
}

fn values<'a>(orders: &[&'a Acknowledged]) -> Vec<&'a str> {
    orders.iter().map(|order| order.value.as_str()).collect()
}

#[cfg(test)]
mod tests;
