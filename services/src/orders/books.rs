//! What the orders say about themselves.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row};

use super::journal::trail_of;
use crate::audit::{OrderAudit, OrdersAudit, Page};

pub(crate) fn audit(store: &Connection, page: &Page) -> rusqlite::Result<OrdersAudit> {
    let count =
        |what: &str| store.query_row(&format!("SELECT count(*) FROM {what}"), [], |row| row.get(0));
    let orders: Vec<OrderAudit> = store
        .prepare_cached(
            "SELECT id, state, reason, total_cents, customer,
                    correlation_id, traceparent, tracestate, baggage
             FROM orders WHERE id > ?1 ORDER BY id LIMIT ?2",
        )?
        .query_map((&page.after, page.limit()), order_of)?
        .collect::<Result<_, _>>()?;
    Ok(OrdersAudit {
        unsettled: count("orders WHERE due_ms IS NOT NULL")?,
        outbox_pending: count("outbox WHERE delivered = 0")?,
        // Counting what was sold reads every order, which a question about quiet must not do.
        sold: if page.limit() > 0 { sold(store)? } else { BTreeMap::new() },
        next: page.next(orders.last().map(|order| &order.id), orders.len()),
        orders,
    })
}

fn order_of(row: &Row<'_>) -> rusqlite::Result<OrderAudit> {
    let trail = trail_of(row, 5)?;
    Ok(OrderAudit {
        id: row.get(0)?,
        state: row.get(1)?,
        reason: row.get(2)?,
        total_cents: row.get(3)?,
        customer: row.get(4)?,
        trace_id: trail.trace_id(),
        correlation_id: trail.correlation_id,
    })
}

fn sold(store: &Connection) -> rusqlite::Result<BTreeMap<String, i64>> {
    store
        .prepare_cached(
            "SELECT json_extract(value, '$.sku'), sum(json_extract(value, '$.quantity'))
             FROM orders, json_each(lines) WHERE state = ?1 GROUP BY 1",
        )?
        .query_map([super::CONFIRMED], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}
