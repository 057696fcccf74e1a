//! Memory for bytes on their way.
//!
//! A connection borrows a buffer when bytes are expected and gives it back when it falls idle, so
//! that ten thousand idle connections cost no buffers. Each worker keeps its own store.

use std::io;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead as _, ReadBuf};
use tokio::net::tcp::OwnedReadHalf;

/// Enough for the heads of nearly all messages and for small bodies.
pub(crate) const BUFFER_BYTES: usize = 16 * 1024;
/// For bodies that go on: fewer system calls per byte.
pub(crate) const LONG_BUFFER_BYTES: usize = 128 * 1024;
/// Buffers of each size that a worker keeps for the next connection.
const KEPT_MAX: usize = 64;

/// Buffers that nobody uses.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    short: Mutex<Vec<Vec<u8>>>,
    long: Mutex<Vec<Vec<u8>>>,
}

impl Buffers {
    fn shelf(&self, bytes: usize) -> Option<&Mutex<Vec<Vec<u8>>>> {
        match bytes {
            BUFFER_BYTES => Some(&self.short),
            LONG_BUFFER_BYTES => Some(&self.long),
            _ => None,
        }
    }

    fn take(&self, bytes: usize) -> Vec<u8> {
        let kept = self.shelf(bytes).and_then(|shelf| lock(shelf).pop());
        kept.unwrap_or_else(|| vec![0; bytes])
    }

    fn give_back(&self, buffer: Vec<u8>) {
        if let Some(shelf) = self.shelf(buffer.len()) {
            let mut shelf = lock(shelf);
            if shelf.len() < KEPT_MAX {
                shelf.push(buffer);
            }
        }
    }
}

fn lock(shelf: &Mutex<Vec<Vec<u8>>>) -> std::sync::MutexGuard<'_, Vec<Vec<u8>>> {
    shelf.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes that were read and not used yet. Holds no memory until the first read.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Inbox {
    pub(crate) fn filled(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    pub(crate) fn filled_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.end]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    pub(crate) fn consume(&mut self, count: usize) {
        self.start += count;
        if self.start >= self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Gives the memory back if nothing is in it.
    pub(crate) fn rest(&mut self, buffers: &Buffers) {
        if self.is_empty() && !self.bytes.is_empty() {
            buffers.give_back(std::mem::take(&mut self.bytes));
        }
    }

    /// From now on reads bring more at once; for bodies that go on.
    pub(crate) fn lengthen(&mut self, buffers: &Buffers) {
        if self.bytes.len() >= LONG_BUFFER_BYTES {
            return;
        }
        let mut long = buffers.take(LONG_BUFFER_BYTES);
        let length = self.end - self.start;
        long[..length].copy_from_slice(self.filled());
        (self.start, self.end) = (0, length);
        buffers.give_back(std::mem::replace(&mut self.bytes, long));
    }

    /// Makes room for at least one more byte. A buffer that is full of one head doubles.
    fn make_room(&mut self, buffers: &Buffers) {
        if self.bytes.is_empty() {
            self.bytes = buffers.take(BUFFER_BYTES);
        }
        if self.end < self.bytes.len() {
            return;
        }
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        } else {
            let doubled = self.bytes.len() * 2;
            self.bytes.resize(doubled, 0);
        }
    }

    /// Reads what is there. 0 is the end.
    pub(crate) fn poll_fill(
        &mut self,
        context: &mut Context<'_>,
        from: &mut OwnedReadHalf,
        buffers: &Buffers,
    ) -> Poll<io::Result<usize>> {
        self.make_room(buffers);
        let mut space = ReadBuf::new(&mut self.bytes[self.end..]);
        match Pin::new(from).poll_read(context, &mut space) {
            Poll::Ready(Ok(())) => {
                let count = space.filled().len();
                self.end += count;
                Poll::Ready(Ok(count))
            },
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                self.rest(buffers);
                Poll::Pending
            },
        }
    }

    pub(crate) async fn fill(
        &mut self,
        from: &mut OwnedReadHalf,
        buffers: &Buffers,
    ) -> io::Result<usize> {
        std::future::poll_fn(|context| self.poll_fill(context, from, buffers)).await
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (near, far) = tokio::join!(TcpStream::connect(address), listener.accept());
        (near.unwrap(), far.unwrap().0)
    }

    #[tokio::test]
    async fn memory_is_held_only_while_bytes_are() {
        let (near, mut far) = pair().await;
        let (buffers, mut inbox) = (Buffers::default(), Inbox::default());
        let (mut read, _write) = near.into_split();
        assert_eq!(inbox.bytes.len(), 0);
        far.write_all(b"hello").await.unwrap();
        assert_eq!(inbox.fill(&mut read, &buffers).await.unwrap(), 5);
        inbox.rest(&buffers);
        assert_eq!(inbox.filled(), b"hello");
        inbox.consume(5);
        inbox.rest(&buffers);
        assert_eq!((inbox.bytes.len(), buffers.short.lock().unwrap().len()), (0, 1));
    }

    #[tokio::test]
    async fn what_does_not_fit_makes_the_buffer_grow_and_is_kept_whole() {
        let (near, mut far) = pair().await;
        let (buffers, mut inbox) = (Buffers::default(), Inbox::default());
        let sent: Vec<u8> = (0..BUFFER_BYTES * 3).map(|at| at as u8).collect();
        far.write_all(&sent).await.unwrap();
        drop(far);
        let (mut read, _write) = near.into_split();
        while inbox.fill(&mut read, &buffers).await.unwrap() > 0 {}
        assert_eq!(inbox.filled(), sent);
        inbox.lengthen(&buffers);
        assert_eq!(inbox.filled(), sent);
    }
}
