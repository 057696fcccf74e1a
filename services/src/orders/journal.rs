//! The orders' own tables: every order with its state, its log of states, and the outbox.
//!
//! An order that is not final has an instant at which it is *due*: then, and not before, the
//! settlement worker takes it up. A request that works on an order holds it by a lease, a due
//! instant in the future; if the request dies, the worker takes over when the lease ends.

use model::id::CorrelationId;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row};

use super::queue::Lane;
use super::saga::{Next, Reason, State};
use crate::request::Trail;
use crate::wire::{Line, NewOrder};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) id: String,
    pub(crate) cart: String,
    pub(crate) customer: String,
    pub(crate) state: State,
    pub(crate) reason: Option<Reason>,
    /// From the cart, once it was read.
    pub(crate) lines: Vec<Line>,
    pub(crate) total_cents: i64,
    /// Of the request that placed the order; all that is done for it later belongs there.
    pub(crate) trail: Trail,
    /// Attempts of the settlement worker in a row that came to nothing.
    pub(crate) tries: u32,
}

impl Order {
    /// The same for every charge of this order, so that it is booked once.
    pub(crate) fn charge_key(&self) -> String {
        format!("charge-{}", self.id)
    }
}

/// What came of placing an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Placed {
    New(Order),
    /// The key was used before, for the same order.
    Known(Order),
    /// The key was used before, for another order.
    KeyReused,
}

/// A step of an order, written down in one transaction.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) from: State,
    pub(crate) next: Next,
    /// The cart, when this step has read it.
    pub(crate) cart: Option<(Vec<Line>, i64)>,
    pub(crate) now_ms: i64,
    pub(crate) due_ms: i64,
    pub(crate) tries: u32,
}

pub(crate) fn prepare(store: &Connection) -> rusqlite::Result<()> {
    store.execute_batch(
        "CREATE TABLE IF NOT EXISTS orders (
             id TEXT PRIMARY KEY,
             idempotency_key TEXT NOT NULL UNIQUE,
             cart TEXT NOT NULL,
             customer TEXT NOT NULL,
             state TEXT NOT NULL,
             reason TEXT,
             lines TEXT NOT NULL,
             total_cents INTEGER NOT NULL,
             correlation_id TEXT NOT NULL,
             traceparent TEXT,
             tracestate TEXT,
             baggage TEXT,
             tries INTEGER NOT NULL,
             due_ms INTEGER
         ) STRICT, WITHOUT ROWID;
         CREATE INDEX IF NOT EXISTS orders_due ON orders (due_ms) WHERE due_ms IS NOT NULL;
         CREATE TABLE IF NOT EXISTS saga_log (
             order_id TEXT NOT NULL REFERENCES orders (id),
             state TEXT NOT NULL,
             unix_ms INTEGER NOT NULL
         ) STRICT;
         CREATE INDEX IF NOT EXISTS saga_log_of_order ON saga_log (order_id);",
    )?;
    super::outbox::prepare(store)?;
    // No request of an earlier process is at work any more.
    store.execute("UPDATE orders SET due_ms = 0, tries = 0 WHERE due_ms IS NOT NULL", [])?;
    Ok(())
}

/// Writes a new order down, or finds the one that was placed under this key before.
pub(crate) fn place(
    store: &Connection,
    wanted: &NewOrder,
    key: &str,
    trail: Trail,
    (now_ms, due_ms): (i64, i64),
) -> rusqlite::Result<Placed> {
    let found = store
        .prepare_cached(&format!("{SELECT} WHERE idempotency_key = ?1"))?
        .query_row([key], order_of)
        .optional()?;
    if let Some(order) = found {
        let same = order.cart == wanted.cart && order.customer == wanted.customer;
        return Ok(if same { Placed::Known(order) } else { Placed::KeyReused });
    }
    let order = Order {
        id: format!("ord-{:016x}", rand::random::<u64>()),
        cart: wanted.cart.clone(),
        customer: wanted.customer.clone(),
        state: State::Placed,
        reason: None,
        lines: Vec::new(),
        total_cents: 0,
        trail,
        tries: 0,
    };
    let trail = &order.trail;
    store
        .prepare_cached(
            "INSERT INTO orders VALUES
             (?1, ?2, ?3, ?4, ?5, NULL, '[]', 0, ?6, ?7, ?8, ?9, 0, ?10)",
        )?
        .execute((
            &order.id,
            key,
            &order.cart,
            &order.customer,
            order.state.as_str(),
            trail.correlation_id.as_str(),
            trail.parent.map(|parent| parent.to_string()),
            &trail.tracestate,
            &trail.baggage,
            due_ms,
        ))?;
    log(store, &order.id, order.state, now_ms)?;
    Ok(Placed::New(order))
}

/// Takes a step. `None` when the order is not where the step starts: someone else was faster.
pub(crate) fn advance(
    store: &Connection,
    order: &str,
    step: &Step,
) -> rusqlite::Result<Option<Order>> {
    let Next { state, reason } = step.next;
    let changed = store
        .prepare_cached(
            "UPDATE orders SET state = ?3, reason = coalesce(?4, reason), due_ms = ?5, tries = ?6
             WHERE id = ?1 AND state = ?2",
        )?
        .execute((
            order,
            step.from.as_str(),
            state.as_str(),
            reason.map(Reason::as_str),
            (!state.is_final()).then_some(step.due_ms),
            step.tries,
        ))?;
    if changed == 0 {
        return Ok(None);
    }
    if let Some((lines, total_cents)) = &step.cart {
        let lines = serde_json::to_string(lines).map_err(unwritable)?;
        store
            .prepare_cached("UPDATE orders SET lines = ?2, total_cents = ?3 WHERE id = ?1")?
            .execute((order, lines, total_cents))?;
    }
    if state != step.from {
        log(store, order, state, step.now_ms)?;
    }
    let order = find(store, order)?;
    if let Some(order) = &order
        && state != step.from
    {
        super::outbox::write(store, order)?;
    }
    Ok(order)
}

pub(crate) fn find(store: &Connection, order: &str) -> rusqlite::Result<Option<Order>> {
    store
        .prepare_cached(&format!("{SELECT} WHERE id = ?1"))?
        .query_row([order], order_of)
        .optional()
}

/// Orders of a lane that are due, the longest waiting first.
pub(crate) fn due(
    store: &Connection,
    lane: Lane,
    now_ms: i64,
    limit: u32,
) -> rusqlite::Result<Vec<Order>> {
    let states = states(lane);
    let due =
        format!("{SELECT} WHERE due_ms <= ?1 AND state IN ({states}) ORDER BY due_ms LIMIT ?2");
    store.prepare_cached(&due)?.query_map((now_ms, limit), order_of)?.collect()
}

/// When the next order of a lane will be due.
pub(crate) fn next_due(store: &Connection, lane: Lane) -> rusqlite::Result<Option<i64>> {
    let states = states(lane);
    let next =
        format!("SELECT min(due_ms) FROM orders WHERE due_ms IS NOT NULL AND state IN ({states})");
    store.prepare_cached(&next)?.query_row([], |row| row.get(0))
}

/// The states of a lane as a list for SQL; they are constants of this service.
fn states(lane: Lane) -> String {
    lane.states().map(|state| format!("'{state}'")).collect::<Vec<_>>().join(", ")
}

const SELECT: &str = "SELECT id, cart, customer, state, reason, lines, total_cents, \
                      correlation_id, traceparent, tracestate, baggage, tries FROM orders";

fn order_of(row: &Row<'_>) -> rusqlite::Result<Order> {
    let state: String = row.get(3)?;
    let reason: Option<String> = row.get(4)?;
    let lines: String = row.get(5)?;
    Ok(Order {
        id: row.get(0)?,
        cart: row.get(1)?,
        customer: row.get(2)?,
        state: State::parse(&state).ok_or_else(|| unreadable(3, &state))?,
        reason: reason.as_deref().and_then(Reason::parse),
        lines: serde_json::from_str(&lines).map_err(|_wrong| unreadable(5, &lines))?,
        total_cents: row.get(6)?,
        trail: trail_of(row, 7)?,
        tries: row.get(11)?,
    })
}

/// Reads the four columns of a trail from column `first` on.
pub(crate) fn trail_of(row: &Row<'_>, first: usize) -> rusqlite::Result<Trail> {
    let id: String = row.get(first)?;
    let parent: Option<String> = row.get(first + 1)?;
    Ok(Trail {
        correlation_id: id.parse::<CorrelationId>().map_err(|_wrong| unreadable(first, &id))?,
        parent: parent.and_then(|parent| parent.parse().ok()),
        tracestate: row.get(first + 2)?,
        baggage: row.get(first + 3)?,
    })
}

fn unreadable(column: usize, text: &str) -> rusqlite::Error {
    let wrong = format!("{text:?} was not written by this service");
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, wrong.into())
}

fn unwritable(error: serde_json::Error) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(error.into())
}

fn log(store: &Connection, order: &str, state: State, now_ms: i64) -> rusqlite::Result<()> {
    store
        .prepare_cached("INSERT INTO saga_log VALUES (?1, ?2, ?3)")?
        .execute((order, state.as_str(), now_ms))
        .map(drop)
}

#[cfg(test)]
mod tests;
