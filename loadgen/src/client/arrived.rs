//! When bytes came, as the kernel noted it, not when this thread got round to reading them.
//!
//! An engine that lets answers wait until its next release must not let that wait into what it
//! measures. The kernel stamps what it takes from the network (`SO_TIMESTAMPNS`), and a read gives
//! the stamp of the newest byte that it returns. The stamp is one of the wall clock; only its age
//! is taken from it, a moment after, so that a clock which is set between two reads moves nothing.

use std::cell::RefCell;
use std::io::{self, ErrorKind, IoSliceMut};
use std::os::fd::AsRawFd as _;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use nix::cmsg_space;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};
use nix::sys::time::TimeSpec;
use rustix::time::{ClockId, clock_gettime};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::Instant;

/// What one read gave.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrived {
    pub(super) bytes: usize,
    /// When the newest of them came; `None` when the kernel does not say.
    pub(super) at: Option<Instant>,
}

/// Room for what the kernel says beside the bytes. One serves all connections of an engine.
#[derive(Debug)]
pub(super) struct Stamps(RefCell<Vec<u8>>);

impl Stamps {
    pub(super) fn new() -> Self {
        Self(RefCell::new(cmsg_space!(TimeSpec)))
    }

    /// Asks the kernel for stamps. A socket that has none is read all the same.
    pub(super) fn ask(stream: &TcpStream) {
        if let Err(error) = setsockopt(stream, sockopt::ReceiveTimestampns, &true) {
            tracing::debug!(%error, "the kernel does not say when bytes come");
        }
    }

    pub(super) fn poll_read(
        &self,
        stream: &TcpStream,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<Arrived>> {
        loop {
            ready!(stream.poll_read_ready(context))?;
            let mut arrived = None;
            let tried = stream.try_io(Interest::READABLE, || {
                let read = self.receive(stream, buffer)?;
                arrived = Some(read);
                // Less than there was room for: the socket is empty, and saying so here spares the
                // read that would find out.
                let is_empty = 0 < read.bytes && read.bytes < buffer.len();
                if is_empty { Err(ErrorKind::WouldBlock.into()) } else { Ok(()) }
            });
            match (arrived, tried) {
                (Some(read), _) => return Poll::Ready(Ok(read)),
                (None, Err(error)) if error.kind() != ErrorKind::WouldBlock => {
                    return Poll::Ready(Err(error));
                },
                (None, _) => {},
            }
        }
    }

    fn receive(&self, stream: &TcpStream, buffer: &mut [u8]) -> io::Result<Arrived> {
        let mut room = self.0.borrow_mut();
        let mut slices = [IoSliceMut::new(buffer)];
        let flags = MsgFlags::MSG_DONTWAIT;
        let message = recvmsg::<()>(stream.as_raw_fd(), &mut slices, Some(&mut room), flags)?;
        let stamp = message.cmsgs()?.find_map(|said| match said {
            ControlMessageOwned::ScmTimestampns(at) => Some(Duration::from(at)),
            _ => None,
        });
        Ok(Arrived { bytes: message.bytes, at: stamp.and_then(instant_of) })
    }
}

fn instant_of(stamp: Duration) -> Option<Instant> {
    let wall = Duration::try_from(clock_gettime(ClockId::Realtime)).ok()?;
    Instant::now().checked_sub(wall.saturating_sub(stamp))
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let connecting = TcpStream::connect(listener.local_addr().unwrap());
        let (ours, theirs) = tokio::join!(connecting, listener.accept());
        (ours.unwrap(), theirs.unwrap().0)
    }

    async fn read(stamps: &Stamps, stream: &TcpStream, buffer: &mut [u8]) -> io::Result<Arrived> {
        std::future::poll_fn(|context| stamps.poll_read(stream, context, buffer)).await
    }

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "an engine that lets answers wait stands still")]
    async fn bytes_that_wait_to_be_read_keep_the_instant_at_which_they_came() {
        let (ours, mut theirs) = pair().await;
        Stamps::ask(&ours);
        let (stamps, mut buffer) = (Stamps::new(), [0; 64]);
        // The first stamps of a machine may come a moment after they are asked for.
        for round in 0..20 {
            let before = Instant::now();
            theirs.write_all(b"hello").await.unwrap();
            let after = Instant::now();
            std::thread::sleep(Duration::from_millis(20));
            let arrived = read(&stamps, &ours, &mut buffer).await.unwrap();
            assert_eq!(&buffer[..arrived.bytes], b"hello");
            let Some(at) = arrived.at else {
                assert!(round < 19, "the kernel never says when bytes come");
                continue;
            };
            let slack = Duration::from_millis(1);
            assert!(before - slack <= at && at <= after + Duration::from_millis(10), "{round}");
            return;
        }
    }

    #[tokio::test]
    async fn pieces_of_any_size_and_the_end_of_a_stream_are_read_in_order() {
        let (ours, mut theirs) = pair().await;
        Stamps::ask(&ours);
        let (stamps, mut buffer, mut got) = (Stamps::new(), [0; 4], Vec::new());
        let sending = async {
            for piece in ["four", "1", "a longer one"] {
                theirs.write_all(piece.as_bytes()).await.unwrap();
                tokio::task::yield_now().await;
            }
            drop(theirs);
        };
        let reading = async {
            loop {
                let arrived = read(&stamps, &ours, &mut buffer).await.unwrap();
                if arrived.bytes == 0 {
                    return;
                }
                got.extend_from_slice(&buffer[..arrived.bytes]);
            }
        };
        tokio::join!(sending, reading);
        assert_eq!(got, b"four1a longer one");
    }
}
