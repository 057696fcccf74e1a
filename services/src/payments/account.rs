//! What the ledger says about itself, computed from its entries and not from cached balances.

use rusqlite::Connection;

use crate::audit::{ChargeAudit, Page, PaymentsAudit};

pub(crate) fn audit(store: &Connection, page: &Page) -> rusqlite::Result<PaymentsAudit> {
    let sum = |what: &str| {
        let sum = format!("SELECT coalesce(sum(amount_cents), 0) FROM {what}");
        store.query_row(&sum, [], |row| row.get(0))
    };
    let charges = charges(store, page)?;
    Ok(PaymentsAudit {
        opened_cents: sum("transfers WHERE kind = 'open'")?,
        customers_cents: sum("entries WHERE account LIKE 'customer:%'")?,
        merchant_cents: sum("entries WHERE account = 'merchant'")?,
        bank_cents: sum("entries WHERE account = 'bank'")?,
        drifted_accounts: drifted(store)?,
        next: page.next(charges.last().map(|charge| &charge.order), charges.len()),
        charges,
    })
}

/// Accounts whose kept balance is not the sum of their entries.
fn drifted(store: &Connection) -> rusqlite::Result<i64> {
    store.query_row(
        "SELECT count(*) FROM accounts
         LEFT JOIN (SELECT account, sum(amount_cents) AS cents FROM entries GROUP BY account)
           ON account = id
         WHERE balance_cents <> coalesce(cents, 0)",
        [],
        |row| row.get(0),
    )
}

fn charges(store: &Connection, page: &Page) -> rusqlite::Result<Vec<ChargeAudit>> {
    store
        .prepare_cached(
            "SELECT order_id, customer,
                    sum(iif(kind = 'charge', amount_cents, -amount_cents)),
                    sum(iif(kind = 'charge', 1, -1))
             FROM transfers WHERE order_id > ?1
             GROUP BY order_id ORDER BY order_id LIMIT ?2",
        )?
        .query_map((&page.after, page.limit()), |row| {
            Ok(ChargeAudit {
                order: row.get(0)?,
                customer: row.get(1)?,
                amount_cents: row.get(2)?,
                count: row.get(3)?,
            })
        })?
        .collect()
}
