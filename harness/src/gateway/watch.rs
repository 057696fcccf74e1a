//! Sees when a file changes, by the kernel's notice of its folder.
//!
//! The folder is watched, not the file: editors replace files, and a file that Kubernetes mounts is
//! a link to a folder that is swapped. Several writes in a short time are one change.
//!
//! The kernel's notices are read by a thread of their own, which sleeps until there is one.

use std::ffi::{OsStr, OsString};
use std::io::{self, PipeReader, PipeWriter};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;
use tokio::sync::watch;

/// A change is over when nothing more happens for this time.
const QUIET: Duration = Duration::from_millis(100);
/// But it is told after this time at the latest.
const TOLD_WITHIN: Duration = Duration::from_secs(1);
/// Room for the longest name of a file, with its header.
const EVENT_BYTES: usize = 4_096;

/// Dropping it ends the thread.
#[derive(Debug)]
pub(super) struct Watch {
    /// How often something happened to the file; closed when its folder is gone.
    seen: watch::Receiver<u64>,
    /// Its end tells the thread to end.
    _stop: PipeWriter,
}

impl Watch {
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        let notices = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        let what = WatchFlags::CLOSE_WRITE
            | WatchFlags::MOVED_TO
            | WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF
            | WatchFlags::ONLYDIR;
        inotify::add_watch(&notices, &folder, what)?;
        // A link may be moved by any change of its folder.
        let name = path.file_name().filter(|_| !path.is_symlink()).map(ToOwned::to_owned);
        let (stopped, stop) = io::pipe()?;
        let (seen, receiver) = watch::channel(0);
        let reader = Reader { notices, stopped, name, seen };
        std::thread::Builder::new().name("file-watch".to_owned()).spawn(move || reader.read())?;
        Ok(Self { seen: receiver, _stop: stop })
    }

    /// Waits for a change. An error means that the folder is gone.
    pub(super) async fn changed(&mut self) -> io::Result<()> {
        let gone = |_closed| io::Error::new(io::ErrorKind::NotFound, "the folder is gone");
        self.seen.changed().await.map_err(gone)?;
        let settled = async {
            while tokio::time::timeout(QUIET, self.seen.changed())
                .await
                .is_ok_and(|seen| seen.is_ok())
            {}
        };
        let _still_busy = tokio::time::timeout(TOLD_WITHIN, settled).await;
        Ok(())
    }
}

/// The side of the thread.
struct Reader {
    notices: OwnedFd,
    stopped: PipeReader,
    /// The file within its folder; `None` takes every change.
    name: Option<OsString>,
    seen: watch::Sender<u64>,
}

impl Reader {
    fn read(self) {
        while self.wait() {
            match self.drain() {
                Ok(true) => self.seen.send_modify(|seen| *seen += 1),
                Ok(false) => {},
                // Dropping the sender says it.
                Err(_gone) => return,
            }
        }
    }

    /// Sleeps until there is a notice; false when nobody wants to know any more.
    fn wait(&self) -> bool {
        let mut both =
            [PollFd::new(&self.notices, PollFlags::IN), PollFd::new(&self.stopped, PollFlags::IN)];
        loop {
            match poll(&mut both, None) {
                Err(Errno::INTR) => {},
                Err(_) => return false,
                Ok(_) => return both[1].revents().is_empty(),
            }
        }
    }

    /// Reads all notices: is one of them about the file?
    fn drain(&self) -> io::Result<bool> {
        let mut buffer = [MaybeUninit::uninit(); EVENT_BYTES];
        let mut reader = inotify::Reader::new(&self.notices, &mut buffer);
        let mut concerned = false;
        loop {
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::AGAIN) => return Ok(concerned),
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            let gone = ReadFlags::DELETE_SELF | ReadFlags::MOVE_SELF | ReadFlags::IGNORED;
            if event.events().intersects(gone) {
                return Err(io::ErrorKind::NotFound.into());
            }
            let name = event.file_name().map(|name| OsStr::from_bytes(name.to_bytes()));
            concerned |= concerns(name, self.name.as_deref());
        }
    }
}

/// Is a notice about the file? One without a name says that notices were lost, and any of them may
/// have been about it.
fn concerns(notice: Option<&OsStr>, file: Option<&OsStr>) -> bool {
    notice.is_none() || file.is_none() || notice == file
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(30);

    async fn told(watch: &mut Watch) -> io::Result<()> {
        tokio::time::timeout(SOON, watch.changed()).await.expect("a change is seen")
    }

    #[tokio::test]
    async fn a_file_that_is_written_or_replaced_is_seen() {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("gateway.toml");
        std::fs::write(&file, "a").unwrap();
        let mut watch = Watch::of(&file).unwrap();
        std::fs::write(&file, "b").unwrap();
        told(&mut watch).await.unwrap();
        let next = folder.path().join("next");
        std::fs::write(&next, "c").unwrap();
        std::fs::rename(&next, &file).unwrap();
        told(&mut watch).await.unwrap();
    }

    #[test]
    fn a_neighbour_of_the_file_is_not_the_file() {
        let name = |text: &'static str| Some(OsStr::new(text));
        for (notice, file, expected) in [
            (name("gateway.toml"), name("gateway.toml"), true),
            (name("access.log"), name("gateway.toml"), false),
            (name("..data"), None, true),
            (None, name("gateway.toml"), true),
        ] {
            assert_eq!(concerns(notice, file), expected, "{notice:?} {file:?}");
        }
    }

    #[tokio::test]
    async fn a_link_that_is_swapped_is_seen() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = |name: &str| folder.path().join(name);
        for version in ["v1", "v2"] {
            std::fs::create_dir(path(version)).unwrap();
            std::fs::write(path(version).join("gateway.toml"), version).unwrap();
        }
        std::os::unix::fs::symlink("v1", path("..data")).unwrap();
        std::os::unix::fs::symlink("..data/gateway.toml", path("gateway.toml")).unwrap();
        let mut watch = Watch::of(&path("gateway.toml")).unwrap();
        std::os::unix::fs::symlink("v2", path("..data_tmp")).unwrap();
        std::fs::rename(path("..data_tmp"), path("..data")).unwrap();
        told(&mut watch).await.unwrap();
        assert_eq!(std::fs::read_to_string(path("gateway.toml")).unwrap(), "v2");
    }

    #[tokio::test]
    async fn a_folder_that_is_removed_ends_the_watch() {
        let folder = tempfile::TempDir::new().unwrap();
        let inner = folder.path().join("inner");
        std::fs::create_dir(&inner).unwrap();
        let mut watch = Watch::of(&inner.join("gateway.toml")).unwrap();
        std::fs::remove_dir(&inner).unwrap();
        let ended = told(&mut watch).await.unwrap_err();
        assert_eq!(ended.to_string(), "the folder is gone");
        assert!(Watch::of(&inner.join("gateway.toml")).is_err());
    }
}
