//! The caller's socket, with the one thing that hyper cannot do: end in a reset.
//!
//! A closed socket normally says goodbye in order. With zero linger the kernel sends RST instead
//! and throws away what was not sent yet, which is what a crashed host looks like to its peer.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Says that the connection shall end in a reset.
#[derive(Debug, Clone, Default)]
pub(super) struct Sever(Arc<AtomicBool>);

impl Sever {
    pub(super) fn ask(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn is_asked(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

#[derive(Debug)]
pub(super) struct CallerSocket {
    io: TokioIo<TcpStream>,
    sever: Sever,
}

impl CallerSocket {
    pub(super) fn new(socket: TcpStream, sever: Sever) -> Self {
        Self { io: TokioIo::new(socket), sever }
    }
}

impl Drop for CallerSocket {
    fn drop(&mut self) {
        if self.sever.is_asked()
            && let Err(error) =
                socket2::SockRef::from(self.io.inner()).set_linger(Some(std::time::Duration::ZERO))
        {
            tracing::warn!(%error, "a connection ends in order instead of by reset");
        }
    }
}

impl Read for CallerSocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl Write for CallerSocket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.sever.is_asked() {
            // A goodbye would come before the reset.
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, buffers)
    }
}
