//! The caller's side of a connection, shared between the one task that serves it and the request
//! that is being served.
//!
//! While a request is worked on, the caller's bytes can go two ways: its body streams to the
//! callee, or nobody wants them and only its leaving is of interest. [`Side`] is in one of these
//! states, and the task that serves the request drives it beside the work. So a body streams up
//! while the answer streams down, and a caller that leaves is noticed whatever the work waits for.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use crate::wire::body::{BodyReader, Piece};
use crate::wire::buffer::{Buffers, Inbox};
use crate::wire::pump::Broken;

/// What a caller may send ahead of its turn while a request is served.
const AHEAD_BYTES_MAX: usize = 16 * 1024;

/// Where the caller's bytes come from.
#[derive(Debug)]
pub(crate) struct CallerIn {
    pub(crate) reader: OwnedReadHalf,
    pub(crate) inbox: Inbox,
    /// Of the request that is being served.
    pub(crate) body: BodyReader,
}

/// Where the answers go.
#[derive(Debug)]
pub(crate) struct CallerOut {
    pub(crate) writer: OwnedWriteHalf,
    /// What waits to be sent.
    pub(crate) waiting: Vec<u8>,
    /// A part of the answer is out, so that no other can be given.
    pub(crate) begun: bool,
    /// The caller knows only HTTP/1.0.
    pub(crate) is_http10: bool,
    /// The caller waits for an invitation before it sends its body.
    pub(crate) continue_wanted: bool,
    /// The connection ends with the answer.
    pub(crate) close_after: bool,
    /// Nothing but the end of the connection tells where the answer ends.
    pub(crate) ends_by_close: bool,
}

/// How far a body is on its way up, for those who do not move it.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Payload so far.
    pub(crate) bytes: AtomicU64,
    /// The caller has to send before anything goes on.
    pub(crate) starves: AtomicBool,
}

/// A body on its way up.
pub(crate) type Upload = Pin<Box<dyn Future<Output = Uploaded> + Send>>;

/// A body that is up, or is not.
#[derive(Debug)]
pub(crate) struct Uploaded {
    pub(crate) caller: CallerIn,
    /// Gone after a cut.
    pub(crate) writer: Option<OwnedWriteHalf>,
    pub(crate) result: Result<(), Broken>,
}

enum State {
    /// Nobody takes the caller's bytes.
    Idle(CallerIn),
    Uploading(Upload, Arc<Progress>),
    /// All is sent; the writer belongs to the connection to the callee.
    Uploaded(CallerIn, Option<OwnedWriteHalf>),
    /// Taken by the owner of the connection.
    Away,
}

/// Why the request cannot go on.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The caller closed or reset the connection.
    Left,
    /// Its body is broken, too long or too slow.
    Body(Broken),
}

pub(crate) struct Side {
    state: Mutex<State>,
    /// Payload that streamed to the callee.
    streamed_bytes: AtomicU64,
}

impl std::fmt::Debug for Side {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match &*self.lock() {
            State::Idle(_) => "idle",
            State::Uploading(..) => "uploading",
            State::Uploaded(..) => "uploaded",
            State::Away => "away",
        };
        formatter.debug_tuple("Side").field(&name).finish()
    }
}

impl Side {
    pub(crate) fn new(caller: CallerIn) -> Self {
        Self::of(State::Idle(caller))
    }

    /// For requests of the gateway's own.
    pub(crate) fn nobody() -> Self {
        Self::of(State::Away)
    }

    fn of(state: State) -> Self {
        Self { state: Mutex::new(state), streamed_bytes: AtomicU64::new(0) }
    }

    /// Is the body still where it came from, so that it can be sent?
    pub(crate) fn can_upload(&self) -> bool {
        matches!(&*self.lock(), State::Idle(caller) if !caller.body.is_over())
    }

    /// Hands the caller's bytes to an upload.
    pub(crate) fn begin(&self, upload: impl FnOnce(CallerIn, Arc<Progress>) -> Upload) {
        let mut state = self.lock();
        *state = match std::mem::replace(&mut *state, State::Away) {
            State::Idle(caller) => {
                let progress = Arc::new(Progress::default());
                State::Uploading(upload(caller, Arc::clone(&progress)), progress)
            },
            other => other,
        };
    }

    /// Payload that streamed to the callee so far.
    pub(crate) fn streamed_bytes(&self) -> u64 {
        self.streamed_bytes.load(Ordering::Relaxed)
    }

    /// Is it the caller whose bytes are missing?
    pub(crate) fn starves(&self) -> bool {
        match &*self.lock() {
            State::Uploading(_, progress) => progress.starves.load(Ordering::Relaxed),
            _ => false,
        }
    }

    /// Is so little of the body left that reading it away is cheaper than another connection?
    pub(crate) fn is_nearly_read(&self) -> bool {
        match &*self.lock() {
            State::Idle(caller) | State::Uploaded(caller, _) => caller.is_nearly_read(),
            State::Uploading(..) => false,
            State::Away => true,
        }
    }

    /// Is all of the body read, so that another request may follow?
    pub(crate) fn is_read(&self) -> bool {
        match &*self.lock() {
            State::Idle(caller) | State::Uploaded(caller, _) => caller.body.is_over(),
            State::Uploading(..) => false,
            State::Away => true,
        }
    }

    /// Takes the caller's bytes for a while; [`Self::put`] gives them back.
    pub(crate) fn take(&self) -> Option<CallerIn> {
        let mut state = self.lock();
        match std::mem::replace(&mut *state, State::Away) {
            State::Idle(caller) => Some(caller),
            other => {
                *state = other;
                None
            },
        }
    }

    pub(crate) fn put(&self, caller: CallerIn) {
        *self.lock() = State::Idle(caller);
    }

    /// The writer of the connection to the callee, once all of the body went out through it.
    pub(crate) fn take_writer(&self) -> Option<OwnedWriteHalf> {
        match &mut *self.lock() {
            State::Uploaded(_, writer) => writer.take(),
            _ => None,
        }
    }

    /// Everything at the end of a request. An upload that is not over goes on as a future.
    pub(crate) fn into_rest(self) -> Rest {
        match self.state.into_inner().unwrap_or_else(PoisonError::into_inner) {
            State::Idle(caller) | State::Uploaded(caller, _) => Rest::Caller(caller),
            State::Uploading(upload, _) => Rest::Upload(upload),
            State::Away => Rest::Nothing,
        }
    }

    /// Drives an upload, or watches the caller. Ready only with trouble.
    pub(crate) fn poll(&self, context: &mut Context<'_>, buffers: &Buffers) -> Poll<Trouble> {
        let mut state = self.lock();
        loop {
            match &mut *state {
                State::Idle(caller) | State::Uploaded(caller, _) => {
                    return caller.poll_left(context, buffers);
                },
                State::Away => return Poll::Pending,
                State::Uploading(upload, progress) => {
                    let polled = upload.as_mut().poll(context);
                    let bytes = progress.bytes.load(Ordering::Relaxed);
                    self.streamed_bytes.store(bytes, Ordering::Relaxed);
                    let Poll::Ready(uploaded) = polled else {
                        return Poll::Pending;
                    };
                    let Uploaded { caller, writer, result } = uploaded;
                    match result {
                        Ok(()) => *state = State::Uploaded(caller, writer),
                        // The callee wants no more. Its answer, or its end, tells why.
                        Err(Broken::Sink(_)) => *state = State::Uploaded(caller, None),
                        Err(broken) => {
                            *state = State::Uploaded(caller, None);
                            return Poll::Ready(Trouble::Body(broken));
                        },
                    }
                },
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is left of the caller's side when a request is over.
pub(crate) enum Rest {
    Caller(CallerIn),
    Upload(Upload),
    Nothing,
}

impl CallerIn {
    pub(crate) fn is_nearly_read(&self) -> bool {
        self.body.left().is_some_and(crate::pipeline::is_small)
    }

    /// Reads away what is left of the body. False when it does not come.
    pub(crate) async fn read_away(&mut self, buffers: &Buffers) -> bool {
        loop {
            match self.body.next(self.inbox.filled()) {
                Ok(Piece::Data { consumed, .. } | Piece::Framing { consumed }) => {
                    self.inbox.consume(consumed);
                },
                Ok(Piece::End { consumed }) => {
                    self.inbox.consume(consumed);
                    return true;
                },
                Ok(Piece::NeedMore) => {
                    let filled = self.inbox.fill(&mut self.reader, buffers).await;
                    if !matches!(filled, Ok(count) if count > 0) {
                        return false;
                    }
                },
                Err(_malformed) => return false,
            }
        }
    }

    /// Ready when the caller has closed or reset. What it sends ahead is kept, up to a bound.
    fn poll_left(&mut self, context: &mut Context<'_>, buffers: &Buffers) -> Poll<Trouble> {
        while self.inbox.filled().len() < AHEAD_BYTES_MAX {
            match self.inbox.poll_fill(context, &mut self.reader, buffers) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Trouble::Left),
                Poll::Ready(Ok(_)) => {},
            }
        }
        Poll::Pending
    }
}

impl CallerOut {
    /// Says that the body may come, if the caller waits for that.
    pub(crate) async fn invite_body(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.continue_wanted) {
            self.waiting.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
            self.flush().await?;
        }
        Ok(())
    }

    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        crate::wire::sink::flush(&mut self.writer, &mut self.waiting).await
    }
}
