//! HTTP/1.1 by hand: one write for a request, usually one read for its answer.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::time::Instant;

use super::alert::Alert;
use super::answer::Answer;
use super::arrived::Stamps;
use super::connect::Dialer;
use super::held::Kept;
use super::idle::Idle;
use super::stream::Stream;
use super::{Failure, Outgoing, Trail, Wanted, Whose};

/// Bytes read at once. One buffer serves all connections of an engine: what an answer needs of it
/// is taken out before the next one is read.
const READ_BYTES: usize = 64 * 1024;

/// What a socket surely takes in while nobody reads it.
const UNREAD_BYTES_MAX: u64 = 16 * 1024;

#[derive(Debug)]
pub(super) struct Connection {
    stream: Stream,
    /// Requests written so far.
    used: u32,
}

impl Connection {
    /// Whether the end of the stream, or what nobody has asked for, has come on a connection that
    /// nobody was using. It costs no system call: the runtime knows what has come, and wakes the
    /// task of `context` when something does.
    pub(super) fn has_ended(&mut self, context: &mut Context<'_>) -> bool {
        let mut byte = [0];
        let mut one = ReadBuf::new(&mut byte);
        Pin::new(&mut self.stream).poll_read(context, &mut one).is_ready()
    }
}

#[derive(Debug)]
pub(super) struct Http1 {
    idle: RefCell<Idle>,
    requests_max: u32,
    buffer: RefCell<Box<[u8]>>,
    /// Answers end when the kernel says that they came.
    stamps: Option<Stamps>,
}

impl Http1 {
    pub(super) fn new(requests_max: Option<u32>, stamped: bool) -> Self {
        Self {
            idle: RefCell::new(Idle::new()),
            requests_max: requests_max.unwrap_or(u32::MAX),
            buffer: RefCell::new(vec![0; READ_BYTES].into()),
            stamps: stamped.then(Stamps::new),
        }
    }

    pub(super) async fn exchange(
        &self,
        (dialer, alert): (&Dialer, &Alert),
        (outgoing, wanted): (&Outgoing, Wanted),
        trail: &mut Trail,
        mut whose: Whose<'_>,
    ) -> Result<(), Failure> {
        let mut answer = Answer::new(outgoing.is_head, wanted);
        loop {
            let kept = self.kept(outgoing.target, &mut whose);
            let fresh = kept.is_none();
            let mut connection = match kept {
                Some(connection) => connection,
                None => Box::pin(self.connect(dialer, alert, trail)).await?,
            };
            let now = Instant::now();
            (trail.ready, trail.written) = (Some(now), None);
            let mut transfer = Transfer {
                connection: &mut connection,
                message: outgoing.message(),
                sent: 0,
                unsent: None,
                answer: &mut answer,
                buffer: &self.buffer,
                stamps: self.stamps.as_ref(),
                alert,
                arrived: None,
            };
            let end = std::future::poll_fn(|context| {
                let end = transfer.poll(context, fresh);
                if transfer.sent > 0 && trail.written.is_none() {
                    trail.written = Some(now);
                    outgoing.note_written();
                }
                // What is known must be known also when the request is given up.
                trail.status = transfer.answer.status;
                trail.body_bytes = transfer.answer.body_bytes;
                trail.arrived = transfer.arrived;
                if transfer.answer.faults.is_some() {
                    trail.faults = transfer.answer.faults.take();
                }
                end
            });
            let end = end.await;
            if end == Err(Broken::Stale) {
                trail.ready = None;
                continue;
            }
            if let Err(Broken::By(failure)) = end {
                return Err(failure);
            }
            connection.used += 1;
            if answer.reusable && end == Ok(true) && connection.used < self.requests_max {
                self.keep(connection, outgoing.target, whose);
            }
            trail.head = std::mem::take(&mut answer.head);
            trail.body = std::mem::take(&mut answer.body).into();
            return Ok(());
        }
    }

    async fn connect(
        &self,
        dialer: &Dialer,
        alert: &Alert,
        trail: &mut Trail,
    ) -> Result<Connection, Failure> {
        let _until_made = alert.connecting();
        let stream = dialer.dial(&mut trail.dial).await?;
        if let (Some(_), Stream::Tcp(socket)) = (&self.stamps, &stream) {
            Stamps::ask(socket);
        }
        Ok(Connection { stream, used: 0 })
    }

    /// Takes away the connections that the target has closed while nobody used them.
    pub(super) fn tend(&self, context: &Context<'_>) {
        self.idle.borrow_mut().tend(context);
    }

    #[cfg(test)]
    pub(super) fn idle(&self) -> usize {
        self.idle.borrow().len()
    }

    fn kept(&self, target: usize, whose: &mut Whose<'_>) -> Option<Connection> {
        match whose {
            Whose::Everybody => self.idle.borrow_mut().pop(),
            Whose::Journey(held) => match held.take(target)? {
                Kept::Http1(connection) => Some(connection),
                Kept::Http2(_) => None,
            },
            Whose::Nobody => None,
        }
    }

    fn keep(&self, connection: Connection, target: usize, whose: Whose<'_>) {
        match whose {
            Whose::Everybody => self.idle.borrow_mut().push(connection),
            Whose::Journey(held) => held.keep(target, Kept::Http1(connection)),
            Whose::Nobody => {},
        }
    }
}

/// Why an exchange came to no end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Broken {
    /// The target had closed the kept connection before; nothing was written.
    Stale,
    By(Failure),
}

/// A request on its way out and its answer on its way in.
struct Transfer<'a> {
    connection: &'a mut Connection,
    message: &'a [u8],
    sent: usize,
    /// Why the rest of the request could not be written. An answer may have come all the same.
    unsent: Option<Failure>,
    answer: &'a mut Answer,
    buffer: &'a RefCell<Box<[u8]>>,
    stamps: Option<&'a Stamps>,
    alert: &'a Alert,
    /// When the last bytes of the answer came, if the kernel says so.
    arrived: Option<Instant>,
}

impl Transfer<'_> {
    /// True when the connection is clean afterwards: all was written, and nothing came behind the
    /// answer.
    fn poll(&mut self, context: &mut Context<'_>, fresh: bool) -> Poll<Result<bool, Broken>> {
        if self.sent == 0 && !fresh && self.connection.has_ended(context) {
            return Poll::Ready(Err(Broken::Stale));
        }
        if self.sent < self.message.len() && self.unsent.is_none() {
            self.write(context);
            if self.unsent.is_some() && self.sent == 0 && !fresh {
                return Poll::Ready(Err(Broken::Stale));
            }
        }
        self.read(context).map_err(Broken::By)
    }

    fn write(&mut self, context: &mut Context<'_>) {
        let mut stream = Pin::new(&mut self.connection.stream);
        while let Some(rest) = self.message.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match stream.as_mut().poll_write(context, rest) {
                Poll::Ready(Ok(0)) => self.unsent = Some(Failure::Closed),
                Poll::Ready(Ok(written)) => {
                    self.sent += written;
                    continue;
                },
                Poll::Ready(Err(error)) => self.unsent = Some(Failure::of_io(&error)),
                Poll::Pending => self.alert.raise(),
            }
            break;
        }
        // Only encrypted streams keep something back.
        if let Stream::Tls(_) = self.connection.stream
            && let Poll::Ready(Err(error)) =
                Pin::new(&mut self.connection.stream).poll_flush(context)
        {
            self.unsent = Some(Failure::of_io(&error));
        }
    }

    fn read(&mut self, context: &mut Context<'_>) -> Poll<Result<bool, Failure>> {
        let mut memory = self.buffer.borrow_mut();
        loop {
            let bytes = match ready!(self.poll_bytes(context, &mut memory)) {
                Ok(length) => &memory[..length],
                Err(error) => {
                    return Poll::Ready(Err(self.unsent.unwrap_or_else(|| Failure::of_io(&error))));
                },
            };
            if bytes.is_empty() {
                self.alert.raise();
                let closed = self.answer.close().map(|()| false);
                return Poll::Ready(closed.map_err(|failure| self.unsent.unwrap_or(failure)));
            }
            let taken = match self.answer.take(bytes) {
                Ok(taken) => taken,
                Err(failure) => return Poll::Ready(Err(failure)),
            };
            if self.answer.done() {
                let clean = taken == bytes.len() && self.sent == self.message.len();
                return Poll::Ready(Ok(clean));
            }
            if self.answer.body_bytes > UNREAD_BYTES_MAX {
                self.alert.raise();
            }
        }
    }

    fn poll_bytes(
        &mut self,
        context: &mut Context<'_>,
        memory: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if let (Some(stamps), Stream::Tcp(socket)) = (self.stamps, &self.connection.stream) {
            let read = ready!(stamps.poll_read(socket, context, memory))?;
            self.arrived = read.at;
            return Poll::Ready(Ok(read.bytes));
        }
        let mut buffer = ReadBuf::new(memory);
        ready!(Pin::new(&mut self.connection.stream).poll_read(context, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }
}
