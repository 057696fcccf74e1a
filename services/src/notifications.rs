//! Tells customers what happened to their orders: an idempotent consumer.
//!
//! The outbox of `orders` delivers at least once, so an event may come again. The inbox remembers
//! every event id; a repeat is acknowledged, counted, and not told to the customer again.

use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use rusqlite::Connection;
use serde_json::json;

use crate::audit::{NoticeAudit, NotificationsAudit, Page};
use crate::orders::event;
use crate::problem::{Input, Problem, check_id};
use crate::request::RequestContext;
use crate::service::{Service, Setup};
use crate::store::Store;
use crate::wire::Notice;

pub(crate) fn prepare(store: &Connection) -> rusqlite::Result<()> {
    store.execute_batch(
        "CREATE TABLE IF NOT EXISTS inbox (
             event TEXT PRIMARY KEY,
             times INTEGER NOT NULL
         ) STRICT, WITHOUT ROWID;
         CREATE TABLE IF NOT EXISTS notices (
             id INTEGER PRIMARY KEY,
             order_id TEXT NOT NULL,
             kind TEXT NOT NULL,
             correlation_id TEXT NOT NULL,
             trace_id TEXT
         ) STRICT;
         CREATE INDEX IF NOT EXISTS notices_of_order ON notices (order_id)",
    )
}

pub(crate) fn build(setup: &Setup) -> Service {
    let routes = Router::new().route("/notices", post(notice)).with_state(setup.store.clone());
    let audit = Router::new().route("/audit", get(audit)).with_state(setup.store.clone());
    Service { routes, audit, workers: Vec::new() }
}

async fn notice(
    State(store): State<Store>,
    context: RequestContext,
    Input(notice): Input<Notice>,
) -> Result<Response, Problem> {
    check_id("order", &notice.order)?;
    let correlation_id = String::from(context.trail.correlation_id);
    let told = notice.clone();
    let new = store.transact(move |store| tell(store, &told, &correlation_id)).await?;
    let Notice { event, order, kind, .. } = notice;
    if new {
        tracing::info!(order, kind, "customer notified");
    } else {
        tracing::info!(order, kind, event, "repeated event ignored");
    }
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(json!({ "event": event, "repeated": !new }))).into_response())
}

/// Notes the event and, if it is new, tells the customer, in one transaction. Says if it was new.
fn tell(store: &Connection, notice: &Notice, correlation_id: &str) -> rusqlite::Result<bool> {
    let times: i64 = store
        .prepare_cached(
            "INSERT INTO inbox VALUES (?1, 1)
             ON CONFLICT (event) DO UPDATE SET times = times + 1 RETURNING times",
        )?
        .query_row([&notice.event], |row| row.get(0))?;
    if times > 1 {
        return Ok(false);
    }
    store
        .prepare_cached(
            "INSERT INTO notices (order_id, kind, correlation_id, trace_id)
             VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute((
            &notice.order,
            &notice.kind,
            correlation_id,
            notice.trace_id.map(String::from),
        ))?;
    Ok(true)
}

async fn audit(
    State(store): State<Store>,
    Query(page): Query<Page>,
) -> Result<Json<NotificationsAudit>, Problem> {
    Ok(Json(store.transact(move |store| read(store, &page)).await?))
}

fn read(store: &Connection, page: &Page) -> rusqlite::Result<NotificationsAudit> {
    let notices: Vec<NoticeAudit> = store
        .prepare_cached(
            "SELECT order_id, sum(kind = ?3), sum(kind = ?4), sum(kind = ?5)
             FROM notices WHERE order_id > ?1
             GROUP BY order_id ORDER BY order_id LIMIT ?2",
        )?
        .query_map(
            (&page.after, page.limit(), event::ACCEPTED, event::CONFIRMED, event::CANCELLED),
            |row| {
                Ok(NoticeAudit {
                    order: row.get(0)?,
                    accepted: row.get(1)?,
                    confirmed: row.get(2)?,
                    cancelled: row.get(3)?,
                })
            },
        )?
        .collect::<Result<_, _>>()?;
    let duplicates = "SELECT coalesce(sum(times - 1), 0) FROM inbox";
    Ok(NotificationsAudit {
        duplicates_seen: store.query_row(duplicates, [], |row| row.get(0))?,
        next: page.next(notices.last().map(|notice| &notice.order), notices.len()),
        notices,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_event_is_counted_and_told_once() {
        let store = Connection::open_in_memory().unwrap();
        prepare(&store).unwrap();
        let notice = |event: &str, kind: &str| Notice {
            event: event.to_owned(),
            order: "o".to_owned(),
            kind: kind.to_owned(),
            trace_id: None,
        };
        assert!(tell(&store, &notice("e1", event::ACCEPTED), "c").unwrap());
        assert!(tell(&store, &notice("e2", event::CONFIRMED), "c").unwrap());
        assert!(!tell(&store, &notice("e2", event::CONFIRMED), "c").unwrap());
        let audit = read(&store, &Page::default()).unwrap();
        let told = NoticeAudit { order: "o".to_owned(), accepted: 1, confirmed: 1, cancelled: 0 };
        assert_eq!((audit.notices, audit.duplicates_seen), (vec![told], 1));
    }
}
