//! One end of a connection, watched by the runtime or, while it is busy, exactly
//! ([`super::exact`]).

use std::io::{self, Read as _, Write as _};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustix::event::epoll::EventFlags;
use rustix::net::{Shutdown, shutdown};
use tokio::io::{AsyncRead as _, AsyncWrite as _, Interest, ReadBuf};
use tokio::net::TcpStream;

use super::exact::{Poller, Watched};
use super::store::Pipe;

#[derive(Debug)]
pub(super) struct Socket(Io);

#[derive(Debug)]
enum Io {
    Usual(TcpStream),
    Exact(Exact),
    /// Lost on its way from one to the other.
    Lost,
}

#[derive(Debug)]
struct Exact {
    stream: std::net::TcpStream,
    watched: Watched,
    readable: bool,
    writable: bool,
    wants: EventFlags,
}

impl Socket {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self(Io::Usual(stream))
    }

    pub(super) fn is_exact(&self) -> bool {
        matches!(self.0, Io::Exact(_))
    }

    /// From here on it is watched for exactly what is waited for, if that can be.
    pub(super) fn watch_exactly(&mut self, poller: &Poller) -> io::Result<()> {
        let Io::Usual(stream) = &self.0 else { return Ok(()) };
        let Ok(watched) = poller.watch(stream) else { return Ok(()) };
        let Io::Usual(stream) = std::mem::replace(&mut self.0, Io::Lost) else { return Ok(()) };
        let stream = stream.into_std()?;
        let wants = EventFlags::empty();
        self.0 = Io::Exact(Exact { stream, watched, readable: true, writable: true, wants });
        Ok(())
    }

    /// Back to the runtime.
    pub(super) fn watch_usually(&mut self) -> io::Result<()> {
        self.0 = match std::mem::replace(&mut self.0, Io::Lost) {
            Io::Exact(Exact { stream, watched, .. }) => {
                watched.leave(&stream);
                Io::Usual(TcpStream::from_std(stream)?)
            },
            other => other,
        };
        Ok(())
    }

    pub(super) fn into_stream(mut self) -> io::Result<TcpStream> {
        self.watch_usually()?;
        match self.0 {
            Io::Usual(stream) => Ok(stream),
            Io::Exact(_) | Io::Lost => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Tells the peer that nothing more comes.
    pub(super) fn end(&self) {
        // It fails when the peer is gone, who need not be told then.
        let _gone = match &self.0 {
            Io::Usual(stream) => shutdown(stream, Shutdown::Write),
            Io::Exact(exact) => shutdown(&exact.stream, Shutdown::Write),
            Io::Lost => Ok(()),
        };
    }

    /// Before it is used: learns what has happened.
    pub(super) fn refresh(&mut self) {
        let Io::Exact(exact) = &mut self.0 else { return };
        let fired = exact.watched.fired();
        let broken = fired.intersects(EventFlags::ERR | EventFlags::HUP);
        exact.readable |= broken || fired.intersects(EventFlags::IN | EventFlags::RDHUP);
        exact.writable |= broken || fired.contains(EventFlags::OUT);
        exact.wants = EventFlags::empty();
    }

    /// After it was used: asks to be woken for what was missing.
    pub(super) fn arm(&mut self, context: &Context<'_>) -> io::Result<()> {
        let Io::Exact(exact) = &mut self.0 else { return Ok(()) };
        exact.watched.arm(&exact.stream, exact.wants, context)
    }

    pub(super) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let exact = match &mut self.0 {
            Io::Usual(stream) => return Pin::new(stream).poll_read(context, buffer),
            Io::Exact(exact) => exact,
            Io::Lost => return lost(),
        };
        let mut stream = &exact.stream;
        let room = buffer.initialize_unfilled();
        let length = room.len();
        let read = if exact.readable { stream.read(room) } else { would_block() };
        match read {
            Ok(count) => {
                // Less than there was room for is all that there was.
                exact.readable = count == 0 || count == length;
                buffer.advance(count);
                Poll::Ready(Ok(()))
            },
            Err(error) => exact.not_readable(error),
        }
    }

    pub(super) fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let exact = match &mut self.0 {
            Io::Usual(stream) => return Pin::new(stream).poll_write(context, bytes),
            Io::Exact(exact) => exact,
            Io::Lost => return lost(),
        };
        let mut stream = &exact.stream;
        let written = if exact.writable { stream.write(bytes) } else { would_block() };
        match written {
            Ok(count) => {
                exact.writable = count == bytes.len();
                Poll::Ready(Ok(count))
            },
            Err(error) => exact.not_writable(error),
        }
    }

    /// Takes what there is into an empty pipe; 0 is the end.
    pub(super) fn poll_fill(
        &mut self,
        context: &mut Context<'_>,
        pipe: &mut Pipe,
    ) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Io::Usual(stream) => poll_fill(stream, context, pipe),
            Io::Exact(exact) => {
                let filled = if exact.readable { pipe.fill(&exact.stream) } else { would_block() };
                match filled {
                    Ok(count) => {
                        exact.readable = !pipe.says_dry(count);
                        Poll::Ready(Ok(count))
                    },
                    Err(error) => exact.not_readable(error),
                }
            },
            Io::Lost => lost(),
        }
    }

    /// Gives as much of what a pipe holds as is taken.
    pub(super) fn poll_empty(
        &mut self,
        context: &mut Context<'_>,
        pipe: &mut Pipe,
    ) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Io::Usual(stream) => loop {
                ready!(stream.poll_write_ready(context))?;
                match stream.try_io(Interest::WRITABLE, || pipe.empty(&*stream)) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {},
                    other => return Poll::Ready(other),
                }
            },
            Io::Exact(exact) => {
                let emptied =
                    if exact.writable { pipe.empty(&exact.stream) } else { would_block() };
                match emptied {
                    Ok(count) => {
                        // It took what it could. To wait until it takes much again is cheaper than
                        // to hear once more that it takes nothing.
                        exact.writable = pipe.held() == 0;
                        Poll::Ready(Ok(count))
                    },
                    Err(error) => exact.not_writable(error),
                }
            },
            Io::Lost => lost(),
        }
    }
}

impl Exact {
    fn not_readable<T>(&mut self, error: io::Error) -> Poll<io::Result<T>> {
        if error.kind() != io::ErrorKind::WouldBlock {
            return Poll::Ready(Err(error));
        }
        self.readable = false;
        self.wants |= EventFlags::IN | EventFlags::RDHUP;
        Poll::Pending
    }

    fn not_writable<T>(&mut self, error: io::Error) -> Poll<io::Result<T>> {
        if error.kind() != io::ErrorKind::WouldBlock {
            return Poll::Ready(Err(error));
        }
        self.writable = false;
        self.wants |= EventFlags::OUT;
        Poll::Pending
    }
}

fn poll_fill(
    stream: &TcpStream,
    context: &mut Context<'_>,
    pipe: &mut Pipe,
) -> Poll<io::Result<usize>> {
    loop {
        ready!(stream.poll_read_ready(context))?;
        let mut taken = None;
        let tried = stream.try_io(Interest::READABLE, || {
            let count = pipe.fill(stream)?;
            taken = Some(count);
            // Asking again would be for nothing, and this tells the runtime so.
            if pipe.says_dry(count) { would_block() } else { Ok(()) }
        });
        match (taken, tried) {
            (Some(count), _) => return Poll::Ready(Ok(count)),
            (None, Err(error)) if error.kind() != io::ErrorKind::WouldBlock => {
                return Poll::Ready(Err(error));
            },
            (None, _) => {},
        }
    }
}

fn would_block<T>() -> io::Result<T> {
    Err(io::ErrorKind::WouldBlock.into())
}

fn lost<T>() -> Poll<io::Result<T>> {
    Poll::Ready(Err(io::ErrorKind::NotConnected.into()))
}
