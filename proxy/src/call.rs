//! One call of a callee: the request goes out, the head of the answer comes back.
//!
//! One exception to "what fails has failed": a kept connection may have been closed by the callee
//! at the very moment when it is used again. A request of which nothing could be sent goes out on
//! the next connection. One that was sent but got no byte of an answer is repeated once on a fresh
//! connection, if its method is idempotent by itself and its body is still there. An idempotency
//! key is not enough: that the callee honours it is a promise that only a retry policy may rely on.
//! That is no retry: it is not counted, not budgeted, and never happens on a fresh connection, so
//! an injected or real failure of the callee is never smoothed over twice.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::Instant;

use crate::caller::{CallerIn, CallerOut, Progress, Side, Uploaded};
use crate::failure::Failure;
use crate::fault::shaped::Shaped;
use crate::http1::{Framing, ResponseHead};
use crate::pool::Upstream;
use crate::shape::End;
use crate::wire::body::{BodyReader, Piece};
use crate::wire::buffer::Inbox;
use crate::wire::pump::{Broken, Source, pump, shape};
use crate::wire::sink::{OutFraming, Sink};
use crate::worker::Worker;

/// Answers of the kind "wait" that one call may get before the real one.
const INFORMATIONAL_MAX: u32 = 16;
/// Heads kept by a worker for the next call.
const HEADS_MAX: usize = 64;

/// What is sent.
#[derive(Debug)]
pub(crate) struct Outgoing<'a> {
    pub(crate) to: SocketAddr,
    /// When this began.
    pub(crate) began: Instant,
    pub(crate) head: &'a [u8],
    /// The body, when it was kept.
    pub(crate) kept: &'a [u8],
    pub(crate) kept_framing: OutFraming,
    pub(crate) method: &'a str,
    /// May the callee see it twice?
    pub(crate) repeatable: bool,
    /// The caller's body streams behind the head.
    pub(crate) upload: Option<OutFraming>,
}

/// An answer whose body has not been read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: Box<ResponseHead>,
    pub(crate) body: BodyReader,
    pub(crate) to: SocketAddr,
    pub(crate) reader: OwnedReadHalf,
    /// `None` while the caller's body goes out through it.
    writer: Option<OwnedWriteHalf>,
    pub(crate) inbox: Inbox,
    /// The connection had served a request before.
    pub(crate) reused: bool,
}

/// Heads that no call uses.
#[derive(Debug, Default)]
pub(crate) struct Heads(
    #[expect(clippy::vec_box, reason = "boxes are what is lent")] Mutex<Vec<Box<ResponseHead>>>,
);

impl Heads {
    fn take(&self) -> Box<ResponseHead> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        kept.unwrap_or_else(|| Box::new(ResponseHead::new()))
    }

    pub(crate) fn give_back(&self, head: Box<ResponseHead>) {
        let mut heads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if heads.len() < HEADS_MAX {
            heads.push(head);
        }
    }
}

/// A failed try on one connection.
struct Lost {
    failure: Failure,
    /// Something of the request went out.
    sent: bool,
    /// Something of an answer came.
    answered: bool,
}

/// Calls the callee and waits for the head of its answer. `out` is where informational answers
/// go; a second copy of a request has none.
pub(crate) async fn call(
    worker: &Arc<Worker>,
    side: &Side,
    mut out: Option<&mut CallerOut>,
    outgoing: &Outgoing<'_>,
    mut shaped: Option<Shaped>,
) -> Result<Answer, Failure> {
    let mut fresh = false;
    loop {
        let upstream = if fresh {
            Box::pin(worker.pool.connect(outgoing.to)).await?
        } else {
            worker.pool.open(outgoing.to, outgoing.began).await?
        };
        let reused = upstream.reused;
        let tried = once(worker, side, out.as_deref_mut(), outgoing, (upstream, &mut shaped)).await;
        match tried {
            Ok(answer) => return Ok(answer),
            Err(Lost { failure, sent, answered }) => {
                let whole = outgoing.upload.is_none() || side.can_upload();
                let again = whole && reused && !answered && (!sent || outgoing.repeatable);
                if !again {
                    return Err(failure);
                }
                fresh = sent;
            },
        }
    }
}

async fn once(
    worker: &Arc<Worker>,
    side: &Side,
    out: Option<&mut CallerOut>,
    outgoing: &Outgoing<'_>,
    (mut upstream, shaped): (Upstream, &mut Option<Shaped>),
) -> Result<Answer, Lost> {
    let to = upstream.to;
    let broken = |error: &io::Error, sent| Lost {
        failure: Failure::Broken { to, cause: error.to_string() },
        sent,
        answered: false,
    };
    match send(worker, outgoing, &mut upstream.writer, shaped).await {
        // The callee may have answered before it stopped to listen.
        Ok(()) | Err(Unsent::Rest) => {},
        Err(Unsent::All(error)) => return Err(broken(&error, false)),
        Err(Unsent::Cut(end)) => {
            cut_off(upstream.writer, end);
            return Err(Lost { failure: Failure::InjectedReset, sent: true, answered: true });
        },
    }
    let Upstream { reader, writer, inbox, reused, .. } = upstream;
    let mut writer = Some(writer);
    if let Some(framing) = outgoing.upload {
        let (worker, shaped) = (Arc::clone(worker), shaped.take());
        side.begin(|caller, progress| {
            let writer = writer.take().expect("it was just put there");
            Box::pin(upload(worker, (caller, writer, progress), framing, shaped))
        });
    }
    let mut answer = Answer {
        head: worker.heads.take(),
        body: BodyReader::Over,
        to,
        reader,
        writer,
        inbox,
        reused,
    };
    read_head(worker, out, outgoing, &mut answer).await?;
    Ok(answer)
}

/// How a request did not go out.
enum Unsent {
    All(io::Error),
    /// The callee stopped to listen in the middle.
    Rest,
    /// A fault ended the body.
    Cut(End),
}

/// What a fault made of the request's end is what the callee gets to see.
fn cut_off(writer: OwnedWriteHalf, end: End) {
    if end == End::Reset {
        // Closed in order where the system refuses it.
        let _reset = socket2::SockRef::from(writer.as_ref()).set_linger(Some(Duration::ZERO));
        // A goodbye would come before the reset.
        writer.forget();
    }
}

/// Sends the head and a kept body.
async fn send(
    worker: &Worker,
    outgoing: &Outgoing<'_>,
    writer: &mut OwnedWriteHalf,
    shaped: &mut Option<Shaped>,
) -> Result<(), Unsent> {
    // One call for the head and a body that goes with it unharmed.
    let with_body = shaped.is_none() && !outgoing.kept.is_empty();
    let kept = if with_body { outgoing.kept } else { &[] };
    let written = if with_body {
        let slices = [io::IoSlice::new(outgoing.head), io::IoSlice::new(kept)];
        writer.write_vectored(&slices).await
    } else {
        writer.write(outgoing.head).await
    };
    let first = written.map_err(Unsent::All)?;
    let rest = outgoing.head.get(first..).unwrap_or_default();
    let kept = kept.get(first.saturating_sub(outgoing.head.len())..).unwrap_or_default();
    let mut waiting = Vec::new();
    let mut sink = Sink::new(writer, &mut waiting, outgoing.kept_framing);
    sink.raw(rest);
    let late = |_error| Unsent::Rest;
    match shaped {
        Some(shaped) if !outgoing.kept.is_empty() => {
            let mut bytes = outgoing.kept.to_vec();
            match Box::pin(shape(&mut bytes, &mut sink, shaped, worker)).await {
                Ok(()) => sink.end(&[]),
                Err(Broken::Cut(end)) => return Err(Unsent::Cut(end)),
                Err(_broken) => return Err(Unsent::Rest),
            }
        },
        _ => sink.payload(kept).await.map_err(late)?,
    }
    sink.flush().await.map_err(late)
}

async fn upload(
    worker: Arc<Worker>,
    (mut caller, mut writer, progress): (CallerIn, OwnedWriteHalf, Arc<Progress>),
    framing: OutFraming,
    mut shaped: Option<Shaped>,
) -> Uploaded {
    let mut waiting = Vec::new();
    let result = {
        let CallerIn { reader, inbox, body } = &mut caller;
        let mut source = Source {
            read: reader,
            inbox,
            body,
            buffers: &worker.buffers,
            idle_max: Duration::from_millis(worker.limits.body_idle_ms),
            bytes_max: worker.limits.body_bytes,
            progress: Some(&progress),
        };
        let mut sink = Sink::new(&mut writer, &mut waiting, framing);
        pump(&mut source, &mut sink, shaped.as_mut().map(|shaped| (shaped, &*worker))).await
    };
    let writer = match &result {
        Err(Broken::Cut(end)) => {
            cut_off(writer, *end);
            None
        },
        _ => Some(writer),
    };
    Uploaded { caller, writer, result }
}

async fn read_head(
    worker: &Worker,
    mut out: Option<&mut CallerOut>,
    outgoing: &Outgoing<'_>,
    answer: &mut Answer,
) -> Result<(), Lost> {
    let to = answer.to;
    let limits = worker.head_limits();
    let lost = |failure, answered| Lost { failure, sent: true, answered };
    let mut informational = 0;
    loop {
        if !answer.inbox.is_empty() {
            let parsed = answer.head.parse(answer.inbox.filled(), &limits, outgoing.method);
            let garbage = |cause: String| lost(Failure::Garbage { to, cause }, true);
            match parsed.map_err(|refusal| garbage(refusal.to_string()))? {
                Some(taken) if answer.head.is_informational() && answer.head.status() != 101 => {
                    answer.inbox.consume(taken);
                    informational += 1;
                    if informational > INFORMATIONAL_MAX {
                        return Err(garbage("no end of informational answers".to_owned()));
                    }
                    pass_informational(out.as_deref_mut(), &answer.head).await;
                    continue;
                },
                Some(taken) => {
                    answer.inbox.consume(taken);
                    answer.body = BodyReader::new(answer.head.framing(), &limits);
                    return Ok(());
                },
                None => {},
            }
        }
        let filled = answer.inbox.fill(&mut answer.reader, &worker.buffers).await;
        let answered = !answer.inbox.is_empty() || informational > 0;
        let cause = match filled {
            Ok(count) if count > 0 => continue,
            Ok(_end) => "it was closed".to_owned(),
            Err(error) => error.to_string(),
        };
        return Err(lost(Failure::Broken { to, cause }, answered));
    }
}

/// 103 and the like go on at once; 100 was this hop's own affair.
async fn pass_informational(out: Option<&mut CallerOut>, head: &ResponseHead) {
    let Some(out) = out.filter(|out| !out.is_http10 && head.status() != 100) else { return };
    crate::http1::forward_response(&mut out.waiting, head, crate::http1::KnownSet::EMPTY);
    out.waiting.extend_from_slice(b"\r\n");
    // A caller that is gone is noticed where it is watched.
    let _gone = out.flush().await;
}

impl Answer {
    /// The answer has been read: keeps the connection if both sides are through and willing.
    pub(crate) fn put_away(self, worker: &Worker, side: &Side, now: Instant) {
        let keep = self.body.is_over()
            && self.head.keep_alive()
            && !matches!(self.head.framing(), Framing::UntilClose);
        let Self { head, to, reader, writer, mut inbox, .. } = self;
        worker.heads.give_back(head);
        let writer = writer.or_else(|| side.take_writer());
        if let Some(writer) = writer.filter(|_| keep) {
            inbox.rest(&worker.buffers);
            let upstream = Upstream { to, reader, writer, inbox, reused: true };
            worker.pool.give_back(upstream, now);
        }
    }

    /// Reads the body of an answer that nobody gets, so that its connection can be used again.
    pub(crate) async fn read_away(mut self, worker: &Worker, side: &Side) {
        loop {
            match self.body.next(self.inbox.filled()) {
                Ok(Piece::Data { consumed, .. } | Piece::Framing { consumed }) => {
                    self.inbox.consume(consumed);
                },
                Ok(Piece::End { consumed }) => {
                    self.inbox.consume(consumed);
                    return self.put_away(worker, side, worker.clock.now());
                },
                Ok(Piece::NeedMore) => {
                    let filled = self.inbox.fill(&mut self.reader, &worker.buffers).await;
                    if !matches!(filled, Ok(count) if count > 0) {
                        return;
                    }
                },
                Err(_garbage) => return,
            }
        }
    }

    /// Both halves, for a tunnel.
    pub(crate) fn into_tunnel(self, side: &Side) -> Option<(OwnedReadHalf, OwnedWriteHalf, Inbox)> {
        let writer = self.writer.or_else(|| side.take_writer())?;
        Some((self.reader, writer, self.inbox))
    }
}
