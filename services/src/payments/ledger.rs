//! Double-entry ledger: every transfer takes from one account what it gives to another.
//!
//! Accounts are `bank`, from which customers' accounts are opened and which therefore goes
//! negative, `merchant`, and `customer:ID`, which must not go negative.

use model::shop::BALANCE_AT_START_CENTS;
use rusqlite::{Connection, OptionalExtension as _};

use crate::wire::Charge;

/// What came of a charge, now or when it was first asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Receipt {
    Booked { transfer: i64 },
    Declined,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Charged {
    Receipt {
        receipt: Receipt,
        repeated: bool,
    },
    /// The key belongs to a charge with another body.
    KeyReused,
}

pub(crate) fn prepare(store: &Connection) -> rusqlite::Result<()> {
    store.execute_batch(
        "CREATE TABLE IF NOT EXISTS accounts (
             id TEXT PRIMARY KEY,
             balance_cents INTEGER NOT NULL CHECK (id = 'bank' OR balance_cents >= 0)
         ) STRICT, WITHOUT ROWID;
         CREATE TABLE IF NOT EXISTS transfers (
             id INTEGER PRIMARY KEY,
             kind TEXT NOT NULL CHECK (kind IN ('open', 'charge', 'refund')),
             order_id TEXT,
             customer TEXT NOT NULL,
             amount_cents INTEGER NOT NULL CHECK (amount_cents > 0),
             refunds INTEGER UNIQUE REFERENCES transfers (id)
         ) STRICT;
         CREATE INDEX IF NOT EXISTS transfers_of_order ON transfers (order_id);
         CREATE TABLE IF NOT EXISTS entries (
             transfer INTEGER NOT NULL REFERENCES transfers (id),
             account TEXT NOT NULL REFERENCES accounts (id),
             amount_cents INTEGER NOT NULL,
             PRIMARY KEY (transfer, account)
         ) STRICT, WITHOUT ROWID;
         CREATE TABLE IF NOT EXISTS idempotency (
             key TEXT PRIMARY KEY,
             order_id TEXT NOT NULL,
             customer TEXT NOT NULL,
             amount_cents INTEGER NOT NULL,
             transfer INTEGER REFERENCES transfers (id)
         ) STRICT, WITHOUT ROWID;
         INSERT INTO accounts VALUES ('bank', 0), ('merchant', 0) ON CONFLICT DO NOTHING;",
    )
}

/// Charges once per key. Without a key every call is a charge of its own.
pub(crate) fn charge(
    store: &Connection,
    wanted: &Charge,
    key: Option<&str>,
) -> rusqlite::Result<Charged> {
    if let Some(known) = key.map(|key| recall(store, wanted, key)).transpose()?.flatten() {
        return Ok(known);
    }
    open(store, &wanted.customer)?;
    let account = account_of(&wanted.customer);
    let balance_cents: i64 = store
        .prepare_cached("SELECT balance_cents FROM accounts WHERE id = ?1")?
        .query_row([&account], |row| row.get(0))?;
    let receipt = if balance_cents < wanted.amount_cents {
        Receipt::Declined
    } else {
        let transfer = Transfer {
            kind: "charge",
            order: Some(&wanted.order),
            customer: &wanted.customer,
            amount_cents: wanted.amount_cents,
            refunds: None,
        };
        Receipt::Booked { transfer: book(store, &transfer, &account, "merchant")? }
    };
    if let Some(key) = key {
        remember(store, wanted, key, receipt)?;
    }
    Ok(Charged::Receipt { receipt, repeated: false })
}

/// Gives back everything that an order was charged and not yet given back; says how much.
pub(crate) fn refund(store: &Connection, order: &str) -> rusqlite::Result<i64> {
    let open: Vec<(i64, String, i64)> = store
        .prepare_cached(
            "SELECT id, customer, amount_cents FROM transfers AS charge
             WHERE order_id = ?1 AND kind = 'charge'
               AND NOT EXISTS (SELECT 1 FROM transfers WHERE refunds = charge.id)",
        )?
        .query_map([order], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    let mut refunded_cents = 0;
    for (charge, customer, amount_cents) in open {
        let transfer = Transfer {
            kind: "refund",
            order: Some(order),
            customer: &customer,
            amount_cents,
            refunds: Some(charge),
        };
        book(store, &transfer, "merchant", &account_of(&customer))?;
        refunded_cents += amount_cents;
    }
    Ok(refunded_cents)
}

/// Opens the account of a customer who has none.
fn open(store: &Connection, customer: &str) -> rusqlite::Result<()> {
    let account = account_of(customer);
    let made = store
        .prepare_cached("INSERT INTO accounts VALUES (?1, 0) ON CONFLICT DO NOTHING")?
        .execute([&account])?;
    if made == 0 {
        return Ok(());
    }
    let transfer = Transfer {
        kind: "open",
        order: None,
        customer,
        amount_cents: BALANCE_AT_START_CENTS,
        refunds: None,
    };
    book(store, &transfer, "bank", &account).map(drop)
}

struct Transfer<'a> {
    kind: &'static str,
    order: Option<&'a str>,
    customer: &'a str,
    amount_cents: i64,
    /// The charge that is given back.
    refunds: Option<i64>,
}

fn book(
    store: &Connection,
    transfer: &Transfer<'_>,
    from: &str,
    to: &str,
) -> rusqlite::Result<i64> {
    store
        .prepare_cached(
            "INSERT INTO transfers (kind, order_id, customer, amount_cents, refunds)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute((
            transfer.kind,
            transfer.order,
            transfer.customer,
            transfer.amount_cents,
            transfer.refunds,
        ))?;
    let id = store.last_insert_rowid();
    for (account, amount_cents) in [(from, -transfer.amount_cents), (to, transfer.amount_cents)] {
        store.prepare_cached("INSERT INTO entries VALUES (?1, ?2, ?3)")?.execute((
            id,
            account,
            amount_cents,
        ))?;
        store
            .prepare_cached("UPDATE accounts SET balance_cents = balance_cents + ?2 WHERE id = ?1")?
            .execute((account, amount_cents))?;
    }
    Ok(id)
}

fn account_of(customer: &str) -> String {
    format!("customer:{customer}")
}

fn recall(store: &Connection, wanted: &Charge, key: &str) -> rusqlite::Result<Option<Charged>> {
    let known: Option<(Charge, Option<i64>)> = store
        .prepare_cached(
            "SELECT order_id, customer, amount_cents, transfer FROM idempotency WHERE key = ?1",
        )?
        .query_row([key], |row| {
            let (order, customer, amount_cents) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok((Charge { order, customer, amount_cents }, row.get(3)?))
        })
        .optional()?;
    Ok(known.map(|(first, transfer)| {
        if first != *wanted {
            return Charged::KeyReused;
        }
        let receipt = match transfer {
            Some(transfer) => Receipt::Booked { transfer },
            None => Receipt::Declined,
        };
        Charged::Receipt { receipt, repeated: true }
    }))
}

fn remember(
    store: &Connection,
    wanted: &Charge,
    key: &str,
    receipt: Receipt,
) -> rusqlite::Result<()> {
    let transfer = match receipt {
        Receipt::Booked { transfer } => Some(transfer),
        Receipt::Declined => None,
    };
    store
        .prepare_cached("INSERT INTO idempotency VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute((key, &wanted.order, &wanted.customer, wanted.amount_cents, transfer))
        .map(drop)
}

#[cfg(test)]
mod tests;
