//! Moves one body from a socket to another, in constant memory and with back-pressure: nothing is
//! read while the receiver takes nothing.
//!
//! What waits to be sent leaves before the pump waits for input, so a stream of small events is
//! not held back, and a body that came together with its head leaves together with it.

use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::tcp::OwnedReadHalf;
use tokio::time::Instant;

use super::body::{BodyReader, Piece};
use super::buffer::{Buffers, Inbox, LONG_BUFFER_BYTES};
use super::patience::Patience;
use super::sink::Sink;
use crate::caller::Progress;
use crate::fault::shaped::Shaped;
use crate::http1::Refusal;
use crate::shape::{End, Then};
use crate::worker::Worker;

/// A body that is known to be longer gets a long buffer; one of unknown length when it fills a
/// short one.
const LONG_BODY_BYTES: u64 = 64 * 1024;

/// The side that a body is read from.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    pub(crate) read: &'a mut OwnedReadHalf,
    pub(crate) inbox: &'a mut Inbox,
    pub(crate) body: &'a mut BodyReader,
    pub(crate) buffers: &'a Buffers,
    /// Longest time without a byte.
    pub(crate) idle_max: Duration,
    /// Most payload; more breaks the body.
    pub(crate) bytes_max: Option<u64>,
    /// Who else wants to know how far it is.
    pub(crate) progress: Option<&'a Progress>,
}

/// Why a body did not come through.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    #[error("the sender broke off: {0}")]
    Source(io::Error),
    #[error("the sender closed in the middle")]
    Early,
    #[error("the sender sent nothing for {} ms", .0.as_millis())]
    Idle(Duration),
    #[error("{0}")]
    Malformed(Refusal),
    #[error("the body is longer than {0} bytes")]
    TooLong(u64),
    #[error("the receiver broke off: {0}")]
    Sink(io::Error),
    #[error("cut by a fault")]
    Cut(End),
}

/// Moves the whole body. `shaped` may hold back, change and cut it.
pub(crate) async fn pump(
    source: &mut Source<'_>,
    sink: &mut Sink<'_>,
    mut shaped: Option<(&mut Shaped, &Worker)>,
) -> Result<(), Broken> {
    if source.body.left().is_some_and(|left| left > LONG_BODY_BYTES) {
        source.inbox.lengthen(source.buffers);
    }
    let mut total: u64 = 0;
    let mut patience = None;
    loop {
        let piece = source.body.next(source.inbox.filled()).map_err(Broken::Malformed)?;
        match piece {
            Piece::Data { at, consumed } => {
                total += at.len() as u64;
                if let Some(most) = source.bytes_max.filter(|most| total > *most) {
                    return Err(Broken::TooLong(most));
                }
                let payload_bytes = at.len() as u64;
                match &mut shaped {
                    None => {
                        let bytes = &source.inbox.filled()[at];
                        sink.payload(bytes).await.map_err(Broken::Sink)?;
                    },
                    Some((shaped, worker)) => {
                        let bytes = &mut source.inbox.filled_mut()[at];
                        // Seldom, and its state would make the future of every body larger.
                        Box::pin(shape(bytes, sink, shaped, worker)).await?;
                    },
                }
                source.inbox.consume(consumed);
                if let Some(progress) = source.progress {
                    progress.bytes.fetch_add(payload_bytes, Ordering::Relaxed);
                }
            },
            Piece::Framing { consumed } => source.inbox.consume(consumed),
            Piece::NeedMore => {
                sink.flush().await.map_err(Broken::Sink)?;
                if total > LONG_BODY_BYTES {
                    source.inbox.lengthen(source.buffers);
                }
                if source.fill(&mut patience).await? == 0 && !source.body.closed() {
                    return Err(Broken::Early);
                }
            },
            Piece::End { consumed } => {
                source.inbox.consume(consumed);
                let trailers = source.body.take_trailers();
                sink.end(&trailers);
                return sink.flush().await.map_err(Broken::Sink);
            },
        }
    }
}

impl Source<'_> {
    pub(crate) async fn fill(&mut self, patience: &mut Option<Patience>) -> Result<usize, Broken> {
        let (inbox, read, buffers, idle_max) =
            (&mut *self.inbox, &mut *self.read, self.buffers, self.idle_max);
        let until = Instant::now() + idle_max;
        if let Some(patience) = patience {
            patience.set(until);
        }
        let progress = self.progress;
        let starves = |is| progress.iter().for_each(|it| it.starves.store(is, Ordering::Relaxed));
        starves(true);
        let filled = std::future::poll_fn(|context| {
            if let std::task::Poll::Ready(filled) = inbox.poll_fill(context, read, buffers) {
                return std::task::Poll::Ready(filled.map_err(Broken::Source));
            }
            let patience = patience.get_or_insert_with(|| Patience::until(until));
            patience.poll_over(context).map(|()| Err(Broken::Idle(idle_max)))
        })
        .await;
        starves(false);
        filled
    }
}

/// Sends bytes as the faults let them.
pub(crate) async fn shape(
    bytes: &mut [u8],
    sink: &mut Sink<'_>,
    shaped: &mut Shaped,
    worker: &Worker,
) -> Result<(), Broken> {
    let mut done = 0;
    while done < bytes.len() {
        let rest = &mut bytes[done..];
        let now = worker.clock.now();
        let (passed, then) = shaped.offer(rest, now, worker.clock.unix_ns_of(now) / 1_000_000);
        let waits = matches!(then, Then::Wait(_));
        send(&rest[..passed], waits, sink, shaped).await.map_err(Broken::Sink)?;
        done += passed;
        match then {
            Then::More => {},
            Then::Wait(until) => shaped.wait(until, &worker.timer).await,
            Then::End(End::Swallow) => {
                sink.flush().await.map_err(Broken::Sink)?;
                shaped.swallow(worker).await;
                return Err(Broken::Cut(End::Swallow));
            },
            Then::End(end) => {
                if end == End::BrokenChunk {
                    sink.break_chunk();
                }
                sink.flush().await.map_err(Broken::Sink)?;
                return Err(Broken::Cut(end));
            },
        }
    }
    Ok(())
}

/// Sends what passed. Tells the faults when the receiver, and not one of them, is what it waits
/// for.
async fn send(
    passed: &[u8],
    flushed: bool,
    sink: &mut Sink<'_>,
    shaped: &mut Shaped,
) -> io::Result<()> {
    let mut sending = std::pin::pin!(async {
        sink.payload(passed).await?;
        if flushed { sink.flush().await } else { Ok(()) }
    });
    std::future::poll_fn(|context| {
        let polled = sending.as_mut().poll(context);
        if polled.is_pending() {
            shaped.receiver_stalls();
        }
        polled
    })
    .await
}

const _: () = assert!(LONG_BUFFER_BYTES as u64 > LONG_BODY_BYTES);
