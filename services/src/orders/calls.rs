//! The call that each state of the saga stands for, and what its answer means.
//!
//! Every change carries an idempotency key made of the order: whoever repeats it, this service or
//! the gateway on its behalf, asks for the same thing and not for another one.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;

use super::Orders;
use super::journal::Order;
use super::saga::{Outcome, State};
use crate::callee::{Answer, Call, CallError};
use crate::request::RequestContext;
use crate::wire::{Cart, Charge, Line, Quantity, Refund, Reservation};

/// Longest wait for a charge: a customer is rather told "paid later" than kept waiting.
const CHARGE_TIMEOUT: Duration = Duration::from_secs(1);

/// What a state's call came to.
#[derive(Debug)]
pub(crate) struct Performed {
    pub(crate) outcome: Outcome,
    /// Lines and total, when the call has read the cart.
    pub(crate) cart: Option<(Vec<Line>, i64)>,
}

impl From<Outcome> for Performed {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, cart: None }
    }
}

impl Orders {
    /// Makes the call of the order's state.
    pub(crate) async fn perform(&self, order: &Order, context: &RequestContext) -> Performed {
        match order.state {
            State::Placed => self.read_cart(order, context).await,
            State::Reserving => self.reserve(order, context).await.into(),
            State::Charging | State::Accepted => self.charge(order, context).await.into(),
            State::Paid => self.move_stock(order, "confirm", context).await.into(),
            State::Refunding => self.refund(order, context).await.into(),
            State::Releasing => self.move_stock(order, "release", context).await.into(),
            State::Confirmed | State::Cancelled => Outcome::Done.into(),
        }
    }

    async fn read_cart(&self, order: &Order, context: &RequestContext) -> Performed {
        let call = Call::get("/carts/{id}", format!("/carts/{}", order.cart));
        let answer = self.cart.call(context, call).await;
        let outcome = outcome(&answer);
        let Ok(answer) = answer else { return outcome.into() };
        if outcome != Outcome::Done {
            return outcome.into();
        }
        match answer.json::<Cart>() {
            Ok(cart) if cart.items.is_empty() => Outcome::Refused.into(),
            Ok(cart) => Performed { outcome, cart: Some((cart.items, cart.total_cents)) },
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "cart is unreadable");
                Outcome::Unavailable.into()
            },
        }
    }

    async fn reserve(&self, order: &Order, context: &RequestContext) -> Outcome {
        let line = |line: &Line| Quantity { sku: line.sku.clone(), quantity: line.quantity };
        let items = order.lines.iter().map(line).collect();
        let body = Reservation { order: order.id.clone(), items };
        let call = Call::post("/reservations", "/reservations".to_owned(), &body)
            .key(format!("reserve-{}", order.id));
        outcome(&self.inventory.call(context, call).await)
    }

    /// Charges under the order's own key. When the answer is lost, nobody knows whether the money
    /// moved; the same call with the same key finds out without moving it again.
    async fn charge(&self, order: &Order, context: &RequestContext) -> Outcome {
        let body = Charge {
            order: order.id.clone(),
            customer: order.customer.clone(),
            amount_cents: order.total_cents,
        };
        let call = Call::post("/charges", "/charges".to_owned(), &body)
            .key(order.charge_key())
            .timeout(CHARGE_TIMEOUT);
        let again = call.again();
        let mut answer = self.payments.call(context, call).await;
        if answer.as_ref().is_err_and(CallError::is_lost_answer) {
            tracing::warn!(order = order.id, "answer of the charge was lost, asked again");
            answer = self.payments.call(context, again).await;
        }
        outcome(&answer)
    }

    async fn refund(&self, order: &Order, context: &RequestContext) -> Outcome {
        let body = Refund { order: order.id.clone() };
        let call = Call::post("/refunds", "/refunds".to_owned(), &body)
            .key(format!("refund-{}", order.id));
        outcome(&self.payments.call(context, call).await)
    }

    async fn move_stock(
        &self,
        order: &Order,
        action: &'static str,
        context: &RequestContext,
    ) -> Outcome {
        let route = match action {
            "confirm" => "/reservations/{order}/confirm",
            _ => "/reservations/{order}/release",
        };
        let path = format!("/reservations/{}/{action}", order.id);
        let call = Call::post(route, path, &json!({})).key(format!("{action}-{}", order.id));
        outcome(&self.inventory.call(context, call).await)
    }
}

/// A success, a refusal that a repeat would get again, or anything else.
pub(crate) fn outcome(answer: &Result<Answer, CallError>) -> Outcome {
    let Ok(answer) = answer else { return Outcome::Unavailable };
    match answer.status {
        status if status.is_success() => Outcome::Done,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
            Outcome::Unavailable
        },
        status if status.is_client_error() => Outcome::Refused,
        _ => Outcome::Unavailable,
    }
}
