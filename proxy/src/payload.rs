//! The body of a request on its way to the callee.
//!
//! It streams, unless the edge has a retry policy and the length is known and small: then it is
//! read first, so that a second attempt can send it again. A streaming body can be sent once.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use model::limits::REPLAY_BODY_BYTES_MAX;

#[derive(Debug)]
pub(crate) enum Payload {
    Empty,
    Kept(Bytes),
    /// `None` once it has been sent.
    Stream(Option<Incoming>),
}

/// What hyper sends.
#[derive(Debug)]
pub(crate) enum OutBody {
    Empty,
    Kept(Option<Bytes>),
    Stream {
        body: Incoming,
        /// Set when all of it went out: only then may the connection be used again.
        sent: Arc<AtomicBool>,
    },
}

impl Payload {
    pub(crate) fn new(body: Incoming) -> Self {
        if body.is_end_stream() { Self::Empty } else { Self::Stream(Some(body)) }
    }

    /// Reads a small body in, so that it can be sent again.
    pub(crate) async fn keep_if_small(&mut self) -> Result<(), hyper::Error> {
        let Self::Stream(body) = self else { return Ok(()) };
        let is_small = |body: &Incoming| {
            body.size_hint().exact().is_some_and(|bytes| bytes <= REPLAY_BODY_BYTES_MAX as u64)
        };
        if let Some(body) = body.take_if(|body| is_small(body)) {
            *self = Self::Kept(body.collect().await?.to_bytes());
        }
        Ok(())
    }

    /// Must it be sent in chunks?
    pub(crate) fn has_unknown_length(&self) -> bool {
        matches!(self, Self::Stream(Some(body)) if body.size_hint().exact().is_none())
    }

    /// Can it still be sent?
    pub(crate) fn is_there(&self) -> bool {
        !matches!(self, Self::Stream(None))
    }

    /// The body for one attempt, and a flag that says when all of it went out.
    pub(crate) fn open(&mut self) -> Option<(OutBody, Arc<AtomicBool>)> {
        let sent = Arc::new(AtomicBool::new(true));
        let body = match self {
            Self::Empty => OutBody::Empty,
            Self::Kept(bytes) => OutBody::Kept(Some(bytes.clone())),
            Self::Stream(body) => {
                sent.store(false, Ordering::Release);
                OutBody::Stream { body: body.take()?, sent: Arc::clone(&sent) }
            },
        };
        Some((body, sent))
    }

    /// Takes a body back that was not touched.
    pub(crate) fn restore(&mut self, unsent: OutBody) {
        if let OutBody::Stream { body, .. } = unsent {
            *self = Self::Stream(Some(body));
        }
    }
}

impl Body for OutBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Kept(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Stream { body, sent } => {
                let polled = Pin::new(&mut *body).poll_frame(context);
                let ended = match &polled {
                    Poll::Ready(None) => true,
                    Poll::Ready(Some(Ok(_))) => body.is_end_stream(),
                    Poll::Ready(Some(Err(_))) | Poll::Pending => false,
                };
                if ended {
                    sent.store(true, Ordering::Release);
                }
                polled
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Kept(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
            Self::Stream { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Kept(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            },
            Self::Stream { body, .. } => body.size_hint(),
        }
    }
}
