//! One HTTP/1.1 connection of a caller: heads in, requests served one after the other, answers
//! out, until one side has enough.
//!
//! A connection without a request holds no buffers. What a slow or silent sender may take is
//! bounded in time: the first byte of a head starts its clock, a connection without a byte is
//! closed when it was idle for too long.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use model::names::header;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::asked;
use super::door::Door;
use crate::caller::{CallerIn, CallerOut, Rest, Side, Uploaded};
use crate::http1::{self, Refusal, RequestHead};
use crate::pipeline::{self, Next};
use crate::wire::body::BodyReader;
use crate::wire::buffer::Inbox;
use crate::wire::patience::Patience;
use crate::worker::Worker;

/// After the last answer the caller may still be sending: what it sends is read for this time, so
/// that the answer is not lost in a reset (RFC 9112 §9.6).
const LINGER_MAX: Duration = Duration::from_secs(2);

/// What came instead of a request.
enum NoRequest {
    /// The caller is through, silent for too long, or the gateway ends.
    Over,
    Slow,
    Refused(Refusal),
}

/// Serves until the connection is over.
pub(super) async fn serve(
    worker: Arc<Worker>,
    door: Arc<Door>,
    socket: TcpStream,
    stopping: watch::Receiver<bool>,
) {
    let (reader, writer) = socket.into_split();
    let mut caller = CallerIn { reader, inbox: Inbox::default(), body: BodyReader::Over };
    let mut out = CallerOut {
        writer,
        waiting: Vec::new(),
        begun: false,
        is_http10: false,
        continue_wanted: false,
        close_after: false,
        ends_by_close: false,
    };
    let mut head = RequestHead::new();
    let mut patience = Patience::until(worker.clock.now() + idle(&worker));
    let mut stop_asked = stopping.clone();
    let mut stop: Pin<Box<dyn Future<Output = ()> + Send>> =
        Box::pin(async move { asked(&mut stop_asked).await });
    loop {
        let wanted = next_head(&worker, &mut caller, &mut head, (&mut patience, &mut stop)).await;
        if let Err(none) = wanted {
            return turn_away(&worker, none, (caller, out)).await;
        }
        caller.body = BodyReader::new(head.framing(), &worker.head_limits());
        out.waiting = worker.scratch.take();
        out.begun = false;
        out.ends_by_close = false;
        out.is_http10 = head.is_http10();
        out.continue_wanted = head.expects_continue();
        out.close_after = !head.keep_alive() || *stopping.borrow();
        let side = Side::new(caller);
        let request = std::mem::take(&mut head);
        let (next, back, ended) = pipeline::serve(&worker, &door, request, (&side, &mut out)).await;
        head = back;
        worker.scratch.give_back(std::mem::take(&mut out.waiting));
        caller = match (next, side.into_rest()) {
            (Next::Keep, Rest::Caller(caller)) if caller.body.is_over() => caller,
            (Next::Keep, Rest::Caller(mut caller)) if caller.is_nearly_read() => {
                let reading = caller.read_away(&worker.buffers);
                match tokio::time::timeout(LINGER_MAX, reading).await {
                    Ok(true) => caller,
                    _ => return linger(out, Rest::Caller(caller), &worker).await,
                }
            },
            (Next::Sever, rest) => return sever(out, rest),
            (Next::Tunnel(tunnel), Rest::Caller(caller)) => {
                return tunnel.run(caller, out.writer, &worker.buffers).await;
            },
            (_, rest) if is_unread(&rest) => return linger(out, rest, &worker).await,
            _ => return,
        };
        caller.inbox.rest(&worker.buffers);
        patience.set(ended + idle(&worker));
    }
}

fn idle(worker: &Worker) -> Duration {
    Duration::from_millis(worker.limits.idle_ms)
}

/// Waits for a whole head.
async fn next_head(
    worker: &Worker,
    caller: &mut CallerIn,
    head: &mut RequestHead,
    (patience, stop): (&mut Patience, &mut Pin<Box<dyn Future<Output = ()> + Send>>),
) -> Result<(), NoRequest> {
    let limits = worker.head_limits();
    let mut begun = false;
    loop {
        if !caller.inbox.is_empty() {
            match head.parse(caller.inbox.filled(), &limits) {
                Ok(Some(taken)) => {
                    caller.inbox.consume(taken);
                    return Ok(());
                },
                Ok(None) if !begun => {
                    begun = true;
                    let most = Duration::from_millis(worker.limits.head_ms);
                    patience.set(worker.clock.now() + most);
                },
                Ok(None) => {},
                Err(refusal) => return Err(NoRequest::Refused(refusal)),
            }
        }
        let filled = std::future::poll_fn(|context| {
            let CallerIn { reader, inbox, .. } = caller;
            if let Poll::Ready(filled) = inbox.poll_fill(context, reader, &worker.buffers) {
                let count = filled.unwrap_or(0);
                return Poll::Ready(if count == 0 { Err(NoRequest::Over) } else { Ok(()) });
            }
            if patience.poll_over(context).is_ready() {
                return Poll::Ready(Err(if begun { NoRequest::Slow } else { NoRequest::Over }));
            }
            // A request that has begun to come is still served.
            if !begun && stop.as_mut().poll(context).is_ready() {
                return Poll::Ready(Err(NoRequest::Over));
            }
            Poll::Pending
        });
        filled.await?;
    }
}

/// Says why there will be no answer but this one.
async fn turn_away(worker: &Worker, none: NoRequest, (caller, mut out): (CallerIn, CallerOut)) {
    let (status, text) = match none {
        NoRequest::Over => return,
        NoRequest::Slow => (408, "the head of the request did not come in time".to_owned()),
        NoRequest::Refused(refusal) => (refusal.status(), refusal.to_string()),
    };
    worker.losses.head_refused();
    let body = pipeline::error_body(&text);
    http1::status_line(&mut out.waiting, status);
    http1::field(&mut out.waiting, "content-type", b"application/json");
    http1::field(&mut out.waiting, header::BLAME, b"downstream");
    http1::field(&mut out.waiting, "content-length", body.len().to_string().as_bytes());
    out.waiting.extend_from_slice(b"connection: close\r\n\r\n");
    out.waiting.extend_from_slice(body.as_bytes());
    if out.flush().await.is_ok() {
        linger(out, Rest::Caller(caller), worker).await;
    }
}

/// Ends in a reset: what a crashed host looks like to its peer.
fn sever(out: CallerOut, rest: Rest) {
    let socket = socket2::SockRef::from(out.writer.as_ref());
    if let Err(error) = socket.set_linger(Some(Duration::ZERO)) {
        tracing::warn!(%error, "a connection ends in order instead of by reset");
    }
    // A goodbye would come before the reset.
    out.writer.forget();
    drop(rest);
}

/// May the caller be in the middle of sending?
fn is_unread(rest: &Rest) -> bool {
    match rest {
        Rest::Caller(caller) => !caller.body.is_over() || !caller.inbox.is_empty(),
        Rest::Upload(_) => true,
        Rest::Nothing => false,
    }
}

/// Ends in order, and lets the caller finish what it was sending.
async fn linger(mut out: CallerOut, rest: Rest, worker: &Worker) {
    if out.writer.shutdown().await.is_err() {
        return;
    }
    let reading = async {
        let mut caller = match rest {
            Rest::Caller(caller) => caller,
            Rest::Upload(upload) => {
                let Uploaded { caller, .. } = upload.await;
                caller
            },
            Rest::Nothing => return io::Result::Ok(()),
        };
        loop {
            let read = caller.inbox.filled().len();
            caller.inbox.consume(read);
            if caller.inbox.fill(&mut caller.reader, &worker.buffers).await? == 0 {
                return Ok(());
            }
        }
    };
    let _in_time = tokio::time::timeout(LINGER_MAX, reading).await;
}
