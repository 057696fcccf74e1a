//! The thread that writes: many small requests in one `write(2)`, and never on the runtime.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;
use telemetry::otlp::Signal;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::file::{self, HEAD_BYTES, MARK};
use super::log::Record;
use super::{Spool, SpoolError, index};

/// Requests on their way to the thread.
const COMMANDS_MAX: usize = 1_024;
/// Bytes on their way to the thread; who finds no room waits for the disk.
const ROOM_BYTES: usize = 32 * 1024 * 1024;
const PERMIT_BYTES: usize = 1_024;
/// Written at once, at most.
const GROUP_MAX: usize = 256;
/// Larger payloads are written as they are, smaller ones are gathered first.
const GATHER_BYTES_MAX: usize = 64 * 1024;

struct Append {
    signal: Signal,
    record: Record,
    done: oneshot::Sender<()>,
    _room: OwnedSemaphorePermit,
}

enum Command {
    Append(Append),
    Remove(PathBuf),
    Finish(oneshot::Sender<()>),
}

#[derive(Debug)]
pub(super) struct Writer {
    folder: PathBuf,
    spool: Weak<Spool>,
    commands: Sender<Command>,
    room: Arc<Semaphore>,
    /// Taken by the thread.
    queue: Mutex<Option<Receiver<Command>>>,
}

impl Writer {
    pub(super) fn new(folder: &Path, spool: Weak<Spool>) -> Self {
        let (commands, queue) = channel(COMMANDS_MAX);
        Self {
            folder: folder.to_owned(),
            spool,
            commands,
            room: Arc::new(Semaphore::new(ROOM_BYTES / PERMIT_BYTES)),
            queue: Mutex::new(Some(queue)),
        }
    }

    pub(super) fn start(&self) -> Result<(), SpoolError> {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(queue) = queue else { return Ok(()) };
        let mut thread = Thread {
            folder: self.folder.clone(),
            spool: Weak::clone(&self.spool),
            active: [const { None }; 3],
            gathered: Vec::new(),
            told: Vec::new(),
            troubled: false,
        };
        std::thread::Builder::new()
            .name("export-queue".to_owned())
            .spawn(move || thread.run(queue))
            .map(drop)
            .map_err(|source| SpoolError::Thread { path: self.folder.clone(), source })
    }

    /// Returns when the record is written, or counted as lost.
    pub(super) async fn append(&self, signal: Signal, payload: Bytes, items: u64) {
        let permits = (payload.len() / PERMIT_BYTES + 1).min(ROOM_BYTES / PERMIT_BYTES) as u32;
        let room = Arc::clone(&self.room).acquire_many_owned(permits).await;
        let (done, written) = oneshot::channel();
        let record = Record { items, payload };
        let sent = match room {
            Ok(room) => {
                let append = Append { signal, record, done, _room: room };
                self.commands.send(Command::Append(append)).await.is_ok()
            },
            Err(_closed) => false,
        };
        if (!sent || written.await.is_err())
            && let Some(spool) = self.spool.upgrade()
        {
            // The thread has ended: the collector is shutting down.
            spool.unwritten(signal, items);
        }
    }

    pub(super) fn remove(&self, path: PathBuf) {
        if let Err(full) = self.commands.try_send(Command::Remove(path))
            && let Command::Remove(path) = full.into_inner()
        {
            remove(&path);
        }
    }

    /// Writes what is under way, and ends the thread.
    pub(super) async fn finish(&self) {
        let (done, finished) = oneshot::channel();
        if self.commands.send(Command::Finish(done)).await.is_ok() {
            // An error says that the thread has ended already.
            let _ended = finished.await;
        }
    }
}

/// A file that is left over is found at the next start.
fn remove(path: &Path) {
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        let path = path.display();
        tracing::warn!(%path, %error, "what was sent on cannot be removed");
    }
}

/// The segment that is being written.
struct Active {
    file: Arc<File>,
    bytes: u64,
}

struct Thread {
    folder: PathBuf,
    spool: Weak<Spool>,
    active: [Option<Active>; 3],
    gathered: Vec<u8>,
    /// Who is told that its record is written, or lost, once a group is done.
    told: Vec<oneshot::Sender<()>>,
    /// Said once.
    troubled: bool,
}

impl Thread {
    fn run(&mut self, mut queue: Receiver<Command>) {
        while let Some(first) = queue.blocking_recv() {
            let mut group = Vec::new();
            let mut next = Some(first);
            while let Some(command) = next.take() {
                match command {
                    Command::Append(append) => group.push(append),
                    Command::Remove(path) => remove(&path),
                    Command::Finish(done) => {
                        self.write(std::mem::take(&mut group));
                        self.end();
                        // Nobody waits for it any more.
                        let _gone = done.send(());
                        return;
                    },
                }
                if group.len() < GROUP_MAX {
                    next = queue.try_recv().ok();
                }
            }
            self.write(group);
        }
    }

    fn write(&mut self, group: Vec<Append>) {
        let Some(spool) = self.spool.upgrade() else { return };
        let mut by_signal = [const { Vec::new() }; 3];
        for append in group {
            by_signal[index(append.signal)].push(append);
        }
        for (signal, mut appends) in Signal::ALL.into_iter().zip(by_signal) {
            while !appends.is_empty() {
                appends = self.write_some(&spool, signal, appends);
            }
        }
        // Whoever is told may end everything at once, and then the claim of the folder is to be
        // free: it must not live on in this thread.
        drop(spool);
        for done in self.told.drain(..) {
            // The sender may have gone away.
            let _gone = done.send(());
        }
    }

    /// Writes as many as go into the segment; the others.
    fn write_some(
        &mut self,
        spool: &Spool,
        signal: Signal,
        mut appends: Vec<Append>,
    ) -> Vec<Append> {
        let segment_bytes = spool.lock().segment_bytes;
        let room = match self.open(spool, signal, segment_bytes) {
            Ok(bytes) => segment_bytes.saturating_sub(bytes),
            Err(error) => {
                self.failed(spool, signal, appends, &error);
                return Vec::new();
            },
        };
        let mut bytes = 0;
        let count = appends.iter().take_while(|append| {
            let fits = bytes < room;
            bytes += (HEAD_BYTES + append.record.payload.len()) as u64;
            fits
        });
        let rest = appends.split_off(count.count().max(1));
        match self.write_all(signal, &appends) {
            Ok(()) => {
                self.troubled = false;
                let (records, told): (Vec<_>, Vec<_>) =
                    appends.into_iter().map(|append| (append.record, append.done)).unzip();
                spool.publish(signal, records);
                self.told.extend(told);
            },
            Err(error) => self.failed(spool, signal, appends, &error),
        }
        rest
    }

    /// Bytes in the segment that is to be written.
    fn open(&mut self, spool: &Spool, signal: Signal, segment_bytes: u64) -> std::io::Result<u64> {
        let active = &mut self.active[index(signal)];
        if let Some(active) = active.as_ref().filter(|active| active.bytes < segment_bytes) {
            return Ok(active.bytes);
        }
        *active = None;
        let number = spool.lock().logs[index(signal)].active_number() + 1;
        let path = file::path(&self.folder, signal, number);
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(true);
        let file = Arc::new(options.open(path)?);
        (&*file).write_all(MARK)?;
        spool.lock().logs[index(signal)].rotate(Some(Arc::clone(&file)));
        *active = Some(Active { file, bytes: MARK.len() as u64 });
        Ok(MARK.len() as u64)
    }

    fn write_all(&mut self, signal: Signal, appends: &[Append]) -> std::io::Result<()> {
        let Some(active) = &mut self.active[index(signal)] else { return Ok(()) };
        let mut file = &*active.file;
        let gathered = &mut self.gathered;
        gathered.clear();
        let (mut bytes, mut written) = (0, Ok(()));
        for Append { record, .. } in appends {
            file::put_head(signal, record.items, &record.payload, gathered);
            bytes += (HEAD_BYTES + record.payload.len()) as u64;
            if record.payload.len() < GATHER_BYTES_MAX {
                gathered.extend_from_slice(&record.payload);
            }
            if record.payload.len() >= GATHER_BYTES_MAX || gathered.len() >= GATHER_BYTES_MAX {
                written = written.and_then(|()| file.write_all(gathered));
                gathered.clear();
            }
            if record.payload.len() >= GATHER_BYTES_MAX {
                written = written.and_then(|()| file.write_all(&record.payload));
            }
        }
        written = written.and_then(|()| file.write_all(gathered));
        match written {
            Ok(()) => active.bytes += bytes,
            Err(_) => {
                // A part of a record may be there; the next ones go into a new segment.
                let _still_full = active.file.set_len(active.bytes);
                self.active[index(signal)] = None;
            },
        }
        written
    }

    fn failed(
        &mut self,
        spool: &Spool,
        signal: Signal,
        appends: Vec<Append>,
        error: &std::io::Error,
    ) {
        let items = appends.iter().map(|append| append.record.items).sum();
        if !std::mem::replace(&mut self.troubled, true) {
            let folder = self.folder.display();
            tracing::error!(%folder, items, %error, "what is to be sent on cannot be kept; it is lost and counted");
        }
        spool.unwritten(signal, items);
        self.told.extend(appends.into_iter().map(|append| append.done));
    }

    /// Removes everything when nothing waits any more.
    fn end(&mut self) {
        if self.spool.upgrade().is_some_and(|spool| spool.is_empty())
            && let Err(error) = std::fs::remove_dir_all(&self.folder)
        {
            let folder = self.folder.display();
            tracing::warn!(%folder, %error, "what was sent on cannot be removed");
        }
    }
}
