//! The workers beside the requests: settlement of orders that are left over, delivery of events.
//!
//! A worker sleeps until something is due or it is woken; it never polls. What is due is in the
//! store, so a lost wake-up or a restart delays work but loses none.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use telemetry::clock::Clock;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tracing::Instrument as _;

use super::journal::{self, Order};
use super::outbox::{self, Event};
use super::pace::{self, Pace};
use super::saga::{Outcome, State};
use super::{Orders, calls};
use crate::callee::Call;
use crate::request::{Deadline, RequestContext, Trail};
use crate::server::wait_for;
use crate::store::StoreError;
use crate::wire::Notice;

/// Deadline of one piece of work: a charge, its repeat, and the confirmation.
const WORK_DEADLINE: Duration = Duration::from_secs(5);

/// Work that becomes due.
pub(crate) trait Queue: Clone + Send + Sync + 'static {
    type Item: Send + 'static;

    /// What is due now, at most `limit` of it.
    fn due(&self, limit: u32) -> impl Future<Output = Result<Vec<Self::Item>, StoreError>> + Send;

    /// When something will be due next.
    fn next_due(&self) -> impl Future<Output = Result<Option<i64>, StoreError>> + Send;

    /// Does one piece of work; says whether the callee did its part.
    fn handle(&self, item: Self::Item) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Tells that something may have become due earlier than thought.
    fn woken(&self) -> &Notify;
}

/// Works a queue off until `stop`, and then once more what is due: a piece of work that has begun
/// is finished, and what the last request has left is tried.
pub(crate) async fn work<Q: Queue>(queue: Q, clock: Clock, stop: watch::Receiver<bool>) {
    let mut pace = Pace::default();
    loop {
        let last = *stop.borrow();
        let wait = match round(&queue, &mut pace).await {
            Ok(wait) => wait,
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "worker cannot work");
                Wait::Pause(pace.note(0, 1, rand::random()).unwrap_or_default())
            },
        };
        if last {
            return;
        }
        tokio::select! {
            () = wait_for(stop.clone()) => {},
            () = pass(wait, &queue, &clock) => {},
        }
    }
}

enum Wait {
    /// There may be more to do.
    Not,
    /// After a failure, whatever becomes due meanwhile.
    Pause(Duration),
    /// Until this instant, in milliseconds since the Unix epoch, or until woken.
    Due(Option<i64>),
}

async fn round<Q: Queue>(queue: &Q, pace: &mut Pace) -> Result<Wait, StoreError> {
    let items = queue.due(pace.width()).await?;
    if items.is_empty() {
        return Ok(Wait::Due(queue.next_due().await?));
    }
    let mut working = JoinSet::new();
    for item in items {
        let queue = queue.clone();
        working.spawn(async move { queue.handle(item).await });
    }
    let (mut succeeded, mut failed) = (0, 0);
    while let Some(done) = working.join_next().await {
        if done?? {
            succeeded += 1;
        } else {
            failed += 1;
        }
    }
    Ok(pace.note(succeeded, failed, rand::random()).map_or(Wait::Not, Wait::Pause))
}

async fn pass<Q: Queue>(wait: Wait, queue: &Q, clock: &Clock) {
    match wait {
        Wait::Not => {},
        Wait::Pause(pause) => tokio::time::sleep(pause).await,
        Wait::Due(None) => queue.woken().notified().await,
        Wait::Due(Some(due_ms)) => {
            // One more millisecond, so that the instant has passed in whole milliseconds too.
            let due_ms = u64::try_from(due_ms).unwrap_or(0).saturating_add(1);
            tokio::select! {
                () = queue.woken().notified() => {},
                () = tokio::time::sleep_until(clock.instant_of_unix_ms(due_ms)) => {},
            }
        },
    }
}

/// Which callee an order waits for. Each has a worker of its own, so that stock is released while
/// payments are down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    Payments,
    Stock,
}

impl Lane {
    pub(crate) fn of(state: State) -> Option<Self> {
        match state {
            State::Charging | State::Accepted | State::Refunding => Some(Self::Payments),
            State::Placed | State::Reserving | State::Paid | State::Releasing => Some(Self::Stock),
            State::Confirmed | State::Cancelled => None,
        }
    }

    pub(crate) fn states(self) -> impl Iterator<Item = State> {
        State::ALL.into_iter().filter(move |state| Self::of(*state) == Some(self))
    }
}

/// The orders of one lane.
#[derive(Debug, Clone)]
pub(crate) struct Settlement {
    pub(crate) orders: Arc<Orders>,
    pub(crate) lane: Lane,
}

impl Queue for Settlement {
    type Item = Order;

    async fn due(&self, limit: u32) -> Result<Vec<Order>, StoreError> {
        let (lane, now_ms) = (self.lane, self.orders.now_ms());
        self.orders.store.transact(move |store| journal::due(store, lane, now_ms, limit)).await
    }

    async fn next_due(&self) -> Result<Option<i64>, StoreError> {
        let lane = self.lane;
        self.orders.store.transact(move |store| journal::next_due(store, lane)).await
    }

    async fn handle(&self, order: Order) -> Result<bool, StoreError> {
        let span = tracing::info_span!(
            "settle order",
            otel.kind = "internal",
            order = order.id,
            shakedown.correlation_id = order.trail.correlation_id.as_str(),
        );
        let context = self.orders.context(&order.trail, &span);
        let driven = self.orders.resume(order, &context).instrument(span).await?;
        Ok(driven.stuck.and_then(Lane::of) != Some(self.lane))
    }

    fn woken(&self) -> &Notify {
        match self.lane {
            Lane::Payments => &self.orders.payable,
            Lane::Stock => &self.orders.movable,
        }
    }
}

/// The events of all orders.
#[derive(Debug, Clone)]
pub(crate) struct Outbox(pub(crate) Arc<Orders>);

impl Queue for Outbox {
    type Item = Event;

    async fn due(&self, limit: u32) -> Result<Vec<Event>, StoreError> {
        let now_ms = self.0.now_ms();
        self.0.store.transact(move |store| outbox::due(store, now_ms, limit)).await
    }

    async fn next_due(&self) -> Result<Option<i64>, StoreError> {
        self.0.store.transact(outbox_next_due).await
    }

    async fn handle(&self, event: Event) -> Result<bool, StoreError> {
        let span = tracing::info_span!(
            "deliver event",
            otel.kind = "internal",
            order = event.order,
            event = event.kind,
            shakedown.correlation_id = event.trail.correlation_id.as_str(),
        );
        let context = self.0.context(&event.trail, &span);
        self.0.deliver(event, &context).instrument(span).await
    }

    fn woken(&self) -> &Notify {
        &self.0.tellable
    }
}

fn outbox_next_due(store: &rusqlite::Transaction<'_>) -> rusqlite::Result<Option<i64>> {
    outbox::next_due(store)
}

impl Orders {
    /// The context of work that is done later, in the trace and under the correlation id of the
    /// request that it goes back to.
    fn context(&self, trail: &Trail, span: &tracing::Span) -> RequestContext {
        let deadline = Deadline::after(WORK_DEADLINE, &self.clock);
        RequestContext { trail: trail.enter(span), deadline }
    }

    async fn deliver(&self, event: Event, context: &RequestContext) -> Result<bool, StoreError> {
        let body = Notice {
            event: event.id.clone(),
            order: event.order.clone(),
            kind: event.kind.clone(),
            trace_id: event.trail.trace_id(),
        };
        let call = Call::post("/notices", "/notices".to_owned(), &body).key(event.id.clone());
        let done = calls::outcome(&self.notifications.call(context, call).await) == Outcome::Done;
        let number = event.number;
        if done {
            self.store.transact(move |store| outbox::delivered(store, number)).await?;
            tracing::info!(order = event.order, event = event.kind, "outbox delivered");
        } else {
            let tries = event.tries.saturating_add(1);
            let wait = pace::backoff(event.tries, rand::random());
            let due_ms = self.now_ms() + wait.as_millis() as i64;
            let put_off =
                self.store.transact(move |store| outbox::postpone(store, number, tries, due_ms));
            put_off.await?;
            tracing::warn!(order = event.order, event = event.kind, tries, "event put off");
        }
        Ok(done)
    }
}
