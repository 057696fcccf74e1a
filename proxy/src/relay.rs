//! The body of a response on its way to the caller.
//!
//! What the gateway says itself is whole. What the callee says streams through, frame by frame and
//! never buffered; the exchange ends with its last frame, and its connection goes back to the pool.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::Sleep;

use crate::exchange::Exchange;
use crate::failure::Failure;
use crate::pool::Lent;

#[derive(Debug)]
pub(crate) enum Answered {
    Whole(Option<Bytes>),
    Relay(Box<Relay>),
}

/// The head was sent, so the caller can only be told by a body that ends too early.
#[derive(Debug, thiserror::Error)]
#[error("the answer was broken off: {0}")]
pub(crate) struct BrokenOff(Failure);

#[derive(Debug)]
pub(crate) struct Relay {
    body: Incoming,
    status: u16,
    /// Taken at the end.
    open: Option<(Exchange, Lent)>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Relay {
    pub(crate) fn new(body: Incoming, status: u16, exchange: Exchange, lent: Lent) -> Self {
        let mut relay = Self { body, status, open: Some((exchange, lent)), timer: None };
        relay.end_if_complete();
        relay
    }

    fn end_if_complete(&mut self) {
        if self.body.is_end_stream() {
            self.complete();
        }
    }

    fn complete(&mut self) {
        if let Some((mut exchange, lent)) = self.open.take() {
            exchange.end(Some(self.status), None);
            exchange.worker.pool.give_back(lent, exchange.clock().now());
        }
    }

    fn break_off(&mut self, failure: Failure) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        if let Some((mut exchange, _closed)) = self.open.take() {
            exchange.end(Some(self.status), Some(&failure));
        }
        Poll::Ready(Some(Err(BrokenOff(failure))))
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                self.end_if_complete();
                Poll::Ready(Some(Ok(frame)))
            },
            Poll::Ready(Some(Err(_))) => self.break_off(Failure::BodyBroken),
            Poll::Ready(None) => {
                self.complete();
                Poll::Ready(None)
            },
            Poll::Pending => self.poll_deadline(context),
        }
    }

    fn poll_deadline(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let deadline = self.open.as_ref().and_then(|(exchange, _)| exchange.deadline);
        let Some(deadline) = deadline else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if timer.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        let failure = self.open.as_ref().map(|(exchange, _)| exchange.timed_out());
        self.break_off(failure.unwrap_or(Failure::BodyBroken))
    }
}

impl Body for Answered {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        match &mut *self {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Relay(relay) => relay.poll(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
            Self::Relay(relay) => relay.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            },
            Self::Relay(relay) => relay.body.size_hint(),
        }
    }
}
