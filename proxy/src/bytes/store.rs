//! Where bytes are while they pass: pipes of the kernel, and blocks of memory.
//!
//! Both belong to the thread and are lent to connections that have bytes in hand, so an idle
//! connection holds neither. What is kept for the next one is bounded.

use std::cell::RefCell;
use std::io;

use rustix::fd::{AsFd, OwnedFd};
use rustix::pipe::{
    PipeFlags, SpliceFlags, fcntl_getpipe_size, fcntl_setpipe_size, pipe_with, splice,
};

/// Asked of the kernel, which may allow less. Fewer, larger transfers wake the peers less often.
const PIPE_BYTES: usize = 1024 * 1024;
const PIPES_KEPT: usize = 64;
pub(super) const BLOCK_BYTES: usize = 256 * 1024;
const BLOCKS_KEPT: usize = 16;
/// What is read at once by who has no reason to expect much.
const SCRATCH_BYTES: usize = 64 * 1024;

thread_local! {
    static PIPES: RefCell<Vec<Pipe>> = const { RefCell::new(Vec::new()) };
    static BLOCKS: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH_BYTES].into());
}

/// Bytes that never leave the kernel.
#[derive(Debug)]
pub(super) struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
    /// Most bytes that it holds.
    size: usize,
    held: usize,
}

impl Pipe {
    /// An empty one.
    pub(super) fn lend() -> io::Result<Self> {
        if let Some(kept) = PIPES.with_borrow_mut(Vec::pop) {
            return Ok(kept);
        }
        let (read, write) = pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC)?;
        let size = match fcntl_setpipe_size(&write, PIPE_BYTES) {
            Ok(size) if size > 0 => size,
            // Not allowed to have more: a pipe of the usual size does as well.
            _ => fcntl_getpipe_size(&write)?,
        };
        Ok(Self { read, write, size, held: 0 })
    }

    pub(super) fn give_back(self) {
        if self.held == 0 {
            PIPES.with_borrow_mut(|kept| {
                if kept.len() < PIPES_KEPT {
                    kept.push(self);
                }
            });
        }
    }

    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Takes what the socket has; 0 is its end. Only for an empty pipe, because a full one could
    /// not be told from an empty socket.
    pub(super) fn fill(&mut self, from: &impl AsFd) -> io::Result<usize> {
        let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
        let count = splice(from, None, &self.write, None, self.size, flags)?;
        self.held += count;
        Ok(count)
    }

    /// Was that all that the socket had? Every byte takes at most one of the pipe's slots, one for
    /// each page: with fewer bytes than slots it was the socket that ran dry.
    pub(super) fn says_dry(&self, count: usize) -> bool {
        count > 0 && count < self.size / 4_096
    }

    /// Gives as much as the socket takes.
    pub(super) fn empty(&mut self, to: &impl AsFd) -> io::Result<usize> {
        let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
        let count = splice(&self.read, None, to, None, self.held, flags)?;
        self.held -= count;
        Ok(count)
    }
}

/// Lends the thread's scratch, whose content means nothing.
pub(super) fn with_scratch<R>(work: impl FnOnce(&mut [u8]) -> R) -> R {
    SCRATCH.with_borrow_mut(|scratch| work(scratch))
}

pub(super) fn lend_block() -> Box<[u8]> {
    let kept = BLOCKS.with_borrow_mut(Vec::pop);
    kept.unwrap_or_else(|| vec![0; BLOCK_BYTES].into())
}

pub(super) fn give_back_block(block: Box<[u8]>) {
    if block.len() == BLOCK_BYTES {
        BLOCKS.with_borrow_mut(|kept| {
            if kept.len() < BLOCKS_KEPT {
                kept.push(block);
            }
        });
    }
}
