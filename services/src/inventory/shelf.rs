//! The tables of the inventory and the moves between them.

use model::shop::{ITEMS, STOCK_AT_START};
use rusqlite::{Connection, OptionalExtension as _};

use crate::audit::StockAudit;
use crate::wire::{Quantity, Reservation};

/// Where a reservation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Reserved,
    Confirmed,
    Released,
}

impl State {
    const ALL: [Self; 3] = [Self::Reserved, Self::Confirmed, Self::Released];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Reserved => "reserved",
            Self::Confirmed => "confirmed",
            Self::Released => "released",
        }
    }
}

/// What a request to the shelf led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// As asked for, now or already before.
    Is { state: State, changed: bool },
    /// Too few pieces; nothing was reserved.
    Short { sku: String },
    /// The order has reserved other items before.
    Different,
    /// The reservation is in a state that does not allow it.
    Not { wanted: &'static str, state: Option<State> },
}

pub(crate) fn prepare(store: &Connection) -> rusqlite::Result<()> {
    store.execute_batch(
        "CREATE TABLE IF NOT EXISTS stock (
             sku TEXT PRIMARY KEY,
             start INTEGER NOT NULL,
             on_hand INTEGER NOT NULL CHECK (on_hand >= 0),
             reserved INTEGER NOT NULL CHECK (reserved >= 0),
             shipped INTEGER NOT NULL CHECK (shipped >= 0)
         ) STRICT, WITHOUT ROWID;
         CREATE TABLE IF NOT EXISTS reservations (
             order_id TEXT PRIMARY KEY,
             state TEXT NOT NULL
         ) STRICT, WITHOUT ROWID;
         CREATE TABLE IF NOT EXISTS reserved_lines (
             order_id TEXT NOT NULL REFERENCES reservations (order_id),
             sku TEXT NOT NULL REFERENCES stock (sku),
             quantity INTEGER NOT NULL CHECK (quantity > 0),
             PRIMARY KEY (order_id, sku)
         ) STRICT, WITHOUT ROWID",
    )?;
    for (sku, _, _) in ITEMS {
        store.execute(
            "INSERT INTO stock VALUES (?1, ?2, ?2, 0, 0) ON CONFLICT DO NOTHING",
            (sku, STOCK_AT_START),
        )?;
    }
    Ok(())
}

pub(crate) fn reserve(store: &Connection, wanted: &Reservation) -> rusqlite::Result<Answer> {
    let items = merged(&wanted.items);
    match state(store, &wanted.order)? {
        Some(State::Released) => {
            return Ok(Answer::Not { wanted: "reserved", state: Some(State::Released) });
        },
        Some(state) if lines(store, &wanted.order)? == items => {
            return Ok(Answer::Is { state, changed: false });
        },
        Some(_) => return Ok(Answer::Different),
        None => {},
    }
    // Every line is checked before the first is taken, so that a refusal changes nothing.
    for item in &items {
        let on_hand: Option<i64> = store
            .prepare_cached("SELECT on_hand FROM stock WHERE sku = ?1")?
            .query_row([&item.sku], |row| row.get(0))
            .optional()?;
        if on_hand.is_none_or(|on_hand| on_hand < item.quantity) {
            return Ok(Answer::Short { sku: item.sku.clone() });
        }
    }
    mark(store, &wanted.order, State::Reserved)?;
    for item in &items {
        store.prepare_cached("INSERT INTO reserved_lines VALUES (?1, ?2, ?3)")?.execute((
            &wanted.order,
            &item.sku,
            item.quantity,
        ))?;
    }
    move_lines(store, "UPDATE stock SET on_hand = on_hand - ?2, reserved = reserved + ?2", &items)?;
    Ok(Answer::Is { state: State::Reserved, changed: true })
}

pub(crate) fn confirm(store: &Connection, order: &str) -> rusqlite::Result<Answer> {
    match state(store, order)? {
        Some(State::Confirmed) => Ok(Answer::Is { state: State::Confirmed, changed: false }),
        Some(State::Reserved) => {
            let items = lines(store, order)?;
            let ship = "UPDATE stock SET reserved = reserved - ?2, shipped = shipped + ?2";
            move_lines(store, ship, &items)?;
            mark(store, order, State::Confirmed)?;
            Ok(Answer::Is { state: State::Confirmed, changed: true })
        },
        state => Ok(Answer::Not { wanted: "reserved", state }),
    }
}

pub(crate) fn release(store: &Connection, order: &str) -> rusqlite::Result<Answer> {
    match state(store, order)? {
        Some(State::Released) => Ok(Answer::Is { state: State::Released, changed: false }),
        Some(State::Confirmed) => {
            Ok(Answer::Not { wanted: "reserved", state: Some(State::Confirmed) })
        },
        Some(State::Reserved) => {
            let items = lines(store, order)?;
            let back = "UPDATE stock SET reserved = reserved - ?2, on_hand = on_hand + ?2";
            move_lines(store, back, &items)?;
            mark(store, order, State::Released)?;
            Ok(Answer::Is { state: State::Released, changed: true })
        },
        // The reservation may still be on its way.
        None => {
            mark(store, order, State::Released)?;
            Ok(Answer::Is { state: State::Released, changed: true })
        },
    }
}

/// What is where, article by article.
pub(crate) fn stock(store: &Connection) -> rusqlite::Result<Vec<StockAudit>> {
    store
        .prepare_cached("SELECT sku, start, on_hand, reserved, shipped FROM stock ORDER BY sku")?
        .query_map([], |row| {
            Ok(StockAudit {
                sku: row.get(0)?,
                start: row.get(1)?,
                on_hand: row.get(2)?,
                reserved: row.get(3)?,
                shipped: row.get(4)?,
            })
        })?
        .collect()
}

fn state(store: &Connection, order: &str) -> rusqlite::Result<Option<State>> {
    let found: Option<String> = store
        .prepare_cached("SELECT state FROM reservations WHERE order_id = ?1")?
        .query_row([order], |row| row.get(0))
        .optional()?;
    Ok(found.and_then(|name| State::ALL.into_iter().find(|state| state.as_str() == name)))
}

fn mark(store: &Connection, order: &str, state: State) -> rusqlite::Result<()> {
    store
        .prepare_cached(
            "INSERT INTO reservations VALUES (?1, ?2)
             ON CONFLICT (order_id) DO UPDATE SET state = excluded.state",
        )?
        .execute((order, state.as_str()))
        .map(drop)
}

fn lines(store: &Connection, order: &str) -> rusqlite::Result<Vec<Quantity>> {
    store
        .prepare_cached(
            "SELECT sku, quantity FROM reserved_lines WHERE order_id = ?1 ORDER BY sku",
        )?
        .query_map([order], |row| Ok(Quantity { sku: row.get(0)?, quantity: row.get(1)? }))?
        .collect()
}

fn move_lines(store: &Connection, update: &str, items: &[Quantity]) -> rusqlite::Result<()> {
    let mut statement = store.prepare_cached(&format!("{update} WHERE sku = ?1"))?;
    items.iter().try_for_each(|item| statement.execute((&item.sku, item.quantity)).map(drop))
}

/// One line per article, ordered as they are stored.
fn merged(items: &[Quantity]) -> Vec<Quantity> {
    let mut sums = std::collections::BTreeMap::<&str, i64>::new();
    for item in items {
        let sum = sums.entry(&item.sku).or_default();
        *sum = sum.saturating_add(item.quantity);
    }
    let line = |(sku, quantity): (&str, i64)| Quantity { sku: sku.to_owned(), quantity };
    sums.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests;
