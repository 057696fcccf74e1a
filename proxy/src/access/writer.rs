//! The thread that writes the access log.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::{BUFFER_BYTES, Orders, Shared, Slot, locked};

/// How long a line waits at most before it is written.
const WAIT: Duration = Duration::from_millis(100);

/// Where lines go.
#[derive(Debug)]
pub(super) struct Sink {
    file: File,
    /// `None` for standard output, which cannot be opened again.
    path: Option<PathBuf>,
}

impl Sink {
    pub(super) fn open(target: &str) -> io::Result<Self> {
        if target == "-" {
            let file = io::stdout().as_fd().try_clone_to_owned()?.into();
            return Ok(Self { file, path: None });
        }
        let path = PathBuf::from(target);
        Ok(Self { file: append(&path)?, path: Some(path) })
    }

    fn reopen(&mut self) -> io::Result<()> {
        if let Some(path) = &self.path {
            self.file = append(path)?;
        }
        Ok(())
    }

    /// As `write_all` does, but what was written before an error is known: the rest is returned.
    fn write<'a>(&mut self, lines: &'a [u8]) -> Result<(), (io::Error, &'a [u8])> {
        let mut rest = lines;
        while !rest.is_empty() {
            match self.file.write(rest) {
                Ok(0) => return Err((io::ErrorKind::WriteZero.into(), rest)),
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {},
                Err(error) => return Err((error, rest)),
            }
        }
        Ok(())
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

#[derive(Debug)]
pub(super) struct Writer {
    shared: Arc<Shared>,
    sink: Sink,
    /// Empty between two exchanges.
    spare: Vec<u8>,
    /// What was written last broke off inside a line.
    torn: bool,
    /// The last write failed, which is logged once and not with every buffer.
    failing: bool,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, sink: Sink) -> Self {
        let spare = Vec::with_capacity(BUFFER_BYTES);
        Self { shared, sink, spare, torn: false, failing: false }
    }

    pub(super) fn run(mut self) {
        loop {
            let orders = self.wait();
            if self.follow(orders) {
                return;
            }
        }
    }

    fn wait(&self) -> Orders {
        let idle = |orders: &mut Orders| {
            !orders.look && !orders.reopen && !orders.closed && orders.flushes.is_empty()
        };
        let orders = locked(&self.shared.orders);
        let waited = self.shared.wake.wait_timeout_while(orders, WAIT, idle);
        let (mut orders, _timed_out) = waited.unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *orders)
    }

    /// Writes what there is and does what was asked; true when that was the last time.
    pub(super) fn follow(&mut self, orders: Orders) -> bool {
        let mut index = 0;
        while let Some(slot) = self.slot(index) {
            self.write_lines_of(&slot);
            index += 1;
        }
        // The last worker of a buffer is gone, and what it wrote is written.
        locked(&self.shared.slots)
            .retain(|slot| Arc::strong_count(slot) > 1 || !locked(&slot.lines).is_empty());
        if orders.reopen
            && let Err(error) = self.sink.reopen()
        {
            tracing::warn!(%error, "the access log goes on in its old file");
        }
        for flushed in orders.flushes {
            // Who asked may be gone.
            let _nobody = flushed.send(());
        }
        orders.closed
    }

    /// Not locked while lines are written, so that a worker can be added meanwhile.
    fn slot(&self, index: usize) -> Option<Arc<Slot>> {
        locked(&self.shared.slots).get(index).cloned()
    }

    fn write_lines_of(&mut self, slot: &Slot) {
        slot.called.store(false, Ordering::Relaxed);
        std::mem::swap(&mut *locked(&slot.lines), &mut self.spare);
        if self.spare.is_empty() {
            return;
        }
        self.write_spare();
        self.spare.clear();
    }

    fn write_spare(&mut self) {
        // The line that broke off ends here, so that the next one is whole.
        let ended = if self.torn { self.sink.write(b"\n") } else { Ok(()) };
        let (error, rest) = match ended.map(|()| self.sink.write(&self.spare)) {
            Ok(Ok(())) => {
                (self.torn, self.failing) = (false, false);
                return;
            },
            Ok(Err((error, rest))) => {
                let written = &self.spare[..self.spare.len() - rest.len()];
                self.torn = written.last().is_some_and(|byte| *byte != b'\n');
                (error, rest)
            },
            Err((error, _newline)) => (error, self.spare.as_slice()),
        };
        let lost = rest.split(|byte| *byte == b'\n').count() as u64 - 1;
        self.shared.dropped.fetch_add(lost, Ordering::Relaxed);
        if !self.failing {
            tracing::warn!(%error, "the access log cannot be written");
        }
        self.failing = true;
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let mut orders = locked(&self.shared.orders);
        orders.gone = true;
        orders.flushes.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::fd::OwnedFd;

    use super::*;
    use crate::access::AccessLog;

    #[test]
    fn a_line_that_broke_off_is_ended_before_the_next_one() {
        const LINES: usize = 10_000;
        let (mut reader, pipe) = io::pipe().unwrap();
        let sink = Sink { file: OwnedFd::from(pipe).into(), path: None };
        let (log, mut writer) = AccessLog::with_writer(sink);
        // Of odd length, so that no line ends where the pages of a pipe do.
        let line = [&[b'x'; 98][..], b"\n"].concat();
        locked(&log.slot.lines).extend(line.repeat(LINES));
        // The reader leaves when the pipe, which holds less than all, has filled up once.
        let leaving = std::thread::spawn(move || reader.read_exact(&mut vec![0; 100_000]).unwrap());
        writer.follow(Orders::default());
        leaving.join().unwrap();
        assert!(writer.torn);
        assert!((1..LINES as u64).contains(&log.dropped()), "{}", log.dropped());

        let file = tempfile::NamedTempFile::new().unwrap();
        writer.sink = Sink::open(file.path().to_str().unwrap()).unwrap();
        locked(&log.slot.lines).extend(b"whole\n");
        writer.follow(Orders::default());
        assert_eq!(std::fs::read_to_string(file.path()).unwrap(), "\nwhole\n");
        assert!(!writer.torn);
    }
}
