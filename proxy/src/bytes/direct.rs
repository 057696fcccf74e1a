//! Bytes that nothing is done to, as cheap as possible.
//!
//! Little comes in one read and goes in one write, like any copying proxy does it: two calls. As
//! soon as a read brings much, the bytes stay in the kernel and only pass through a pipe. Neither
//! keeps anything once the bytes are delivered.

use std::io;
use std::task::{Context, Poll, ready};

use tokio::io::ReadBuf;

use super::shaped::Broken;
use super::socket::Socket;
use super::store::{Pipe, with_scratch};

/// A read that brings so much is worth a pipe for the next.
const BULK_BYTES: usize = 32 * 1024;
/// After so many transfers others get their turn.
const TURNS_MAX: u32 = 16;

#[derive(Debug, Default)]
pub(super) struct Direct {
    pipe: Option<Pipe>,
    /// What the receiver would not take yet.
    rest: Option<Rest>,
    bulk: bool,
}

#[derive(Debug)]
struct Rest {
    bytes: Box<[u8]>,
    done: usize,
}

/// What one turn did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moved {
    Bytes,
    /// The sender has ended, and everything it sent is delivered.
    End,
}

impl Direct {
    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_none() && self.pipe.as_ref().is_none_or(|pipe| pipe.held() == 0)
    }

    /// Moves bytes until the sender has no more or the receiver takes no more. `count` hears of
    /// what is delivered.
    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
        from: &mut Socket,
        to: &mut Socket,
        count: &mut impl FnMut(usize),
    ) -> Poll<Result<(), Broken>> {
        for _ in 0..TURNS_MAX {
            match self.poll_turn(context, from, to, count) {
                Poll::Ready(Ok(Moved::Bytes)) => {},
                Poll::Ready(Ok(Moved::End)) => {
                    self.release();
                    return Poll::Ready(Ok(()));
                },
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.release();
                    return Poll::Pending;
                },
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_turn(
        &mut self,
        context: &mut Context<'_>,
        from: &mut Socket,
        to: &mut Socket,
        count: &mut impl FnMut(usize),
    ) -> Poll<Result<Moved, Broken>> {
        ready!(self.poll_flush(context, to, count)).map_err(Broken::Receiver)?;
        let taken = if self.bulk {
            ready!(self.poll_fill(context, from)).map_err(Broken::Sender)?
        } else {
            ready!(self.poll_copy(context, from, to, count))?
        };
        if taken == 0 {
            return Poll::Ready(Ok(Moved::End));
        }
        self.bulk = taken >= BULK_BYTES;
        Poll::Ready(Ok(Moved::Bytes))
    }

    /// Delivers what is in hand.
    pub(super) fn poll_flush(
        &mut self,
        context: &mut Context<'_>,
        to: &mut Socket,
        count: &mut impl FnMut(usize),
    ) -> Poll<io::Result<()>> {
        while let Some(rest) = &mut self.rest {
            let left = &rest.bytes[rest.done..];
            let written = ready!(to.poll_write(context, left))?;
            count(written);
            rest.done += written;
            if rest.done == rest.bytes.len() {
                self.rest = None;
            }
        }
        while let Some(pipe) = self.pipe.as_mut().filter(|pipe| pipe.held() > 0) {
            match ready!(to.poll_empty(context, pipe))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => count(written),
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_fill(
        &mut self,
        context: &mut Context<'_>,
        from: &mut Socket,
    ) -> Poll<io::Result<usize>> {
        let pipe = match &mut self.pipe {
            Some(pipe) => pipe,
            none => none.insert(Pipe::lend()?),
        };
        from.poll_fill(context, pipe)
    }

    fn poll_copy(
        &mut self,
        context: &mut Context<'_>,
        from: &mut Socket,
        to: &mut Socket,
        count: &mut impl FnMut(usize),
    ) -> Poll<Result<usize, Broken>> {
        with_scratch(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            ready!(from.poll_read(context, &mut buffer)).map_err(Broken::Sender)?;
            let bytes = buffer.filled();
            if bytes.is_empty() {
                return Poll::Ready(Ok(0));
            }
            let written = match to.poll_write(context, bytes) {
                Poll::Ready(written) => written.map_err(Broken::Receiver)?,
                Poll::Pending => 0,
            };
            count(written);
            if written < bytes.len() {
                self.rest = Some(Rest { bytes: bytes[written..].into(), done: 0 });
            }
            Poll::Ready(Ok(bytes.len()))
        })
    }

    /// Nothing is kept while nothing is in hand.
    fn release(&mut self) {
        if let Some(pipe) = self.pipe.take_if(|pipe| pipe.held() == 0) {
            pipe.give_back();
        }
    }
}

impl Drop for Direct {
    fn drop(&mut self) {
        self.release();
    }
}
