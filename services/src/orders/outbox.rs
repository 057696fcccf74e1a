//! The transactional outbox: what happened to an order is written in the same transaction as the
//! change itself, and delivered from there.
//!
//! So no event is lost and none is invented. Delivery is at least once: an event whose
//! acknowledgement was lost is sent again under the same id. Events of one order go out in order;
//! an event waits until its predecessor is acknowledged.

use rusqlite::{Connection, Row};

use super::event;
use super::journal::{Order, trail_of};
use super::saga::{Reason, State};
use crate::request::Trail;

/// An event on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) number: i64,
    /// For the receiver, to tell a repeat.
    pub(crate) id: String,
    pub(crate) order: String,
    pub(crate) kind: String,
    pub(crate) tries: u32,
    /// Of the request that placed the order.
    pub(crate) trail: Trail,
}

pub(crate) fn prepare(store: &Connection) -> rusqlite::Result<()> {
    store.execute_batch(
        "CREATE TABLE IF NOT EXISTS outbox (
             number INTEGER PRIMARY KEY,
             order_id TEXT NOT NULL REFERENCES orders (id),
             kind TEXT NOT NULL,
             tries INTEGER NOT NULL,
             due_ms INTEGER NOT NULL,
             delivered INTEGER NOT NULL,
             UNIQUE (order_id, kind)
         ) STRICT;
         CREATE INDEX IF NOT EXISTS outbox_due ON outbox (due_ms) WHERE delivered = 0;
         CREATE INDEX IF NOT EXISTS outbox_of_order ON outbox (order_id) WHERE delivered = 0;
         UPDATE outbox SET due_ms = 0, tries = 0 WHERE delivered = 0;",
    )
}

/// Writes the event of the state that `order` has just reached, if there is one.
pub(crate) fn write(store: &Connection, order: &Order) -> rusqlite::Result<()> {
    let kind = match (order.state, order.reason) {
        (State::Accepted, _) => event::ACCEPTED,
        (State::Confirmed, _) => event::CONFIRMED,
        // In the other cases the request was still there to be answered, and nothing was charged.
        (State::Cancelled, Some(Reason::Declined | Reason::NotShippable | Reason::Interrupted)) => {
            event::CANCELLED
        },
        _ => return Ok(()),
    };
    store
        .prepare_cached(
            "INSERT INTO outbox (order_id, kind, tries, due_ms, delivered)
             VALUES (?1, ?2, 0, 0, 0)",
        )?
        .execute((&order.id, kind))
        .map(drop)
}

/// Events that may go out now: due, and the oldest of their order.
pub(crate) fn due(store: &Connection, now_ms: i64, limit: u32) -> rusqlite::Result<Vec<Event>> {
    store
        .prepare_cached(
            "SELECT number, order_id, kind, outbox.tries,
                    correlation_id, traceparent, tracestate, baggage
             FROM outbox JOIN orders ON orders.id = order_id
             WHERE delivered = 0 AND outbox.due_ms <= ?1 AND NOT EXISTS (
                 SELECT 1 FROM outbox AS earlier
                 WHERE earlier.order_id = outbox.order_id AND earlier.delivered = 0
                   AND earlier.number < outbox.number)
             ORDER BY outbox.due_ms, number LIMIT ?2",
        )?
        .query_map((now_ms, limit), event_of)?
        .collect()
}

fn event_of(row: &Row<'_>) -> rusqlite::Result<Event> {
    let (order, kind): (String, String) = (row.get(1)?, row.get(2)?);
    Ok(Event {
        number: row.get(0)?,
        id: format!("{order}.{kind}"),
        order,
        kind,
        tries: row.get(3)?,
        trail: trail_of(row, 4)?,
    })
}

/// When the next event will be due that does not wait for another one of its order.
pub(crate) fn next_due(store: &Connection) -> rusqlite::Result<Option<i64>> {
    store
        .prepare_cached(
            "SELECT min(due_ms) FROM outbox
             WHERE delivered = 0 AND NOT EXISTS (
                 SELECT 1 FROM outbox AS earlier
                 WHERE earlier.order_id = outbox.order_id AND earlier.delivered = 0
                   AND earlier.number < outbox.number)",
        )?
        .query_row([], |row| row.get(0))
}

pub(crate) fn delivered(store: &Connection, number: i64) -> rusqlite::Result<()> {
    store
        .prepare_cached("UPDATE outbox SET delivered = 1 WHERE number = ?1")?
        .execute([number])
        .map(drop)
}

/// Puts an event off after a failed delivery.
pub(crate) fn postpone(
    store: &Connection,
    number: i64,
    tries: u32,
    due_ms: i64,
) -> rusqlite::Result<()> {
    store
        .prepare_cached("UPDATE outbox SET tries = ?2, due_ms = ?3 WHERE number = ?1")?
        .execute((number, tries, due_ms))
        .map(drop)
}

#[cfg(test)]
mod tests;
