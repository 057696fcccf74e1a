//! Takes an order along its saga: call, write down, call, until it rests or a callee is missing.

use super::journal::{self, Order, Step};
use super::pace;
use super::queue::Lane;
use super::saga::{Next, Outcome, State};
use super::{LEASE, Orders};
use crate::request::RequestContext;
use crate::store::StoreError;
use crate::wire::Line;

/// How far an order came.
#[derive(Debug)]
pub(crate) struct Driven {
    pub(crate) order: Order,
    /// The state whose call came to nothing, so that the order is left to the settlement.
    pub(crate) stuck: Option<State>,
}

impl Orders {
    /// Takes an order as far as it goes now.
    pub(crate) async fn drive(
        &self,
        order: Order,
        context: &RequestContext,
    ) -> Result<Driven, StoreError> {
        let mut driven = Driven { order, stuck: None };
        while !driven.order.state.is_final() && driven.stuck.is_none() {
            let from = driven.order.state;
            let performed = self.perform(&driven.order, context).await;
            let next = from.after(performed.outcome);
            let stuck = performed.outcome == Outcome::Unavailable || next.state == from;
            driven.stuck = stuck.then_some(from);
            if stuck && performed.outcome == Outcome::Refused {
                tracing::error!(order = driven.order.id, %from, "an undo was refused");
            }
            match self.advance(&driven.order, next, performed.cart, stuck).await? {
                Some(order) => driven.order = order,
                None => {
                    tracing::warn!(order = driven.order.id, %from, "someone else took this order");
                    break;
                },
            }
        }
        Ok(driven)
    }

    /// Goes on with an order whose request is gone.
    pub(crate) async fn resume(
        &self,
        order: Order,
        context: &RequestContext,
    ) -> Result<Driven, StoreError> {
        let next = order.state.resumed();
        if next.state == order.state {
            return self.drive(order, context).await;
        }
        match self.advance(&order, next, None, false).await? {
            Some(order) => self.drive(order, context).await,
            None => Ok(Driven { order, stuck: None }),
        }
    }

    /// Writes a step down. `None` when the order is not where it was thought to be.
    async fn advance(
        &self,
        order: &Order,
        next: Next,
        cart: Option<(Vec<Line>, i64)>,
        stuck: bool,
    ) -> Result<Option<Order>, StoreError> {
        let now_ms = self.now_ms();
        let wait = if stuck { pace::backoff(order.tries, rand::random()) } else { LEASE };
        let step = Step {
            from: order.state,
            next,
            cart,
            now_ms,
            due_ms: now_ms + wait.as_millis() as i64,
            tries: if stuck { order.tries.saturating_add(1) } else { 0 },
        };
        let id = order.id.clone();
        let taken = self.store.transact(move |store| journal::advance(store, &id, &step)).await?;
        if let Some(taken) = &taken {
            if taken.state != order.state {
                tell(order.state, taken);
                self.tellable.notify_one();
            }
            if stuck {
                self.wake(Lane::of(taken.state));
            }
        }
        Ok(taken)
    }

    fn wake(&self, lane: Option<Lane>) {
        match lane {
            Some(Lane::Payments) => self.payable.notify_one(),
            Some(Lane::Stock) => self.movable.notify_one(),
            None => {},
        }
    }
}

/// The business event of a step, as a log line.
fn tell(from: State, order: &Order) {
    let (id, total_cents) = (&order.id, order.total_cents);
    let reason = order.reason.map_or("", |reason| reason.as_str());
    match order.state {
        State::Accepted => {
            tracing::warn!(order = id, total_cents, "fallback: order accepted, to be paid later");
        },
        State::Paid => tracing::info!(order = id, total_cents, "order paid"),
        State::Confirmed => tracing::info!(order = id, total_cents, "order confirmed"),
        State::Refunding | State::Releasing => {
            tracing::warn!(order = id, %from, reason, "compensation began");
        },
        State::Cancelled => tracing::warn!(order = id, %from, reason, "order cancelled"),
        State::Placed | State::Reserving | State::Charging => {
            tracing::debug!(order = id, state = %order.state, "order went on");
        },
    }
}
