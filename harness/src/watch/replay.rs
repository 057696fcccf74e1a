//! What is kept of a run: a recording, or the file of the run itself.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use collector::RunFile;
use model::frame::DropCount;
use model::limits::FRAMES_MAX;
use tui::Playback;
use tui::ask::Asker;
use tui::kept::{self, Frame};
use tui::recorded::{self, RecordedAsker};

use super::run_file::RunFileAsker;
use super::{WatchError, verdict};
use crate::query::{QueryError, run_file};
use crate::result::ExitCode;

/// How a recording begins.
const RECORDING: &[u8] = b"SHAKEREC";

/// Frames that are there, and who knows the rest.
pub(super) struct Kept {
    pub(super) frames: Vec<Arc<Frame>>,
    pub(super) asker: Arc<dyn Asker>,
    /// What a person should know before looking.
    pub(super) note: Option<String>,
}

/// Opens a recording, a run file, a folder of a run, or a run by its id.
pub(super) fn open(path: &Path) -> Result<Kept, WatchError> {
    if is_recording(path) { recording(path) } else { run(path) }
}

impl Kept {
    /// Leaves what was there so long after the start of the load.
    pub(super) fn cut(&mut self, at_s: u64) -> Result<(), WatchError> {
        cut(&mut self.frames, at_s)
    }

    /// Leaves what is from that moment on.
    pub(super) fn begin(&mut self, at_s: u64) -> Result<(), WatchError> {
        begin(&mut self.frames, at_s)
    }

    /// What its last second is worth to a shell.
    pub(super) fn verdict(&self) -> ExitCode {
        verdict::of(self.frames.last().map(|frame| frame.told()).as_ref())
    }

    /// Standing at its last second.
    pub(super) fn standing(&self) -> Option<(Playback, u64)> {
        let (first_s, last_s) = (self.frames.first()?.unix_s, self.frames.last()?.unix_s);
        Some((Playback { first_s, last_s, speed: 1.0, playing: false }, last_s))
    }

    /// How it is played: from the start on, or standing at a moment. `None` without frames.
    pub(super) fn playback(
        &self,
        at_s: Option<u64>,
        speed: f64,
    ) -> Result<Option<(Playback, u64)>, WatchError> {
        let (Some(first), Some(last)) = (self.frames.first(), self.frames.last()) else {
            return Ok(None);
        };
        let (first_s, last_s) = (first.unix_s, last.unix_s);
        let playback = Playback { first_s, last_s, speed, playing: at_s.is_none() };
        let at = match at_s {
            None => first_s,
            Some(at_s) => {
                let mut frames = self.frames.clone();
                cut(&mut frames, at_s)?;
                frames.last().map_or(last_s, |frame| frame.unix_s)
            },
        };
        Ok(Some((playback, at)))
    }
}

/// By its name or by its first bytes. What is neither a recording nor a run is told there.
fn is_recording(path: &Path) -> bool {
    let is_named = path.extension().is_some_and(|extension| extension == "rec");
    let begins = || {
        let mut start = [0; RECORDING.len()];
        let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut start));
        read.is_ok() && start == RECORDING
    };
    path.is_file() && (is_named || begins())
}

fn recording(path: &Path) -> Result<Kept, WatchError> {
    let recording = recorded::open(path)?;
    let frames: Vec<Arc<Frame>> = recording.frames().cloned().collect();
    let last = frames.last().map(|frame| Arc::clone(&frame.dropped));
    let cut = recording.cut.map(|cut| {
        format!("{} was cut off at byte {}: it was not closed", path.display(), cut.at_byte)
    });
    let notes: Vec<String> = cut.into_iter().chain(missing(&last.unwrap_or_default())).collect();
    let note = (!notes.is_empty()).then(|| notes.join("; "));
    Ok(Kept { frames, asker: Arc::new(RecordedAsker::new(Arc::new(recording))), note })
}

/// With what recordings of recordings are without.
fn missing(dropped: &[DropCount]) -> Option<String> {
    let told: Vec<String> =
        recorded::missing(dropped).map(|loss| format!("{} {}", loss.count, loss.what)).collect();
    (!told.is_empty()).then(|| format!("this is not all of the run: {}", told.join(", ")))
}

fn run(path: &Path) -> Result<Kept, WatchError> {
    let path = run_file(&path.to_string_lossy())?;
    let file = RunFile::open(&path).map_err(QueryError::from)?;
    let mut frames = file.frames(0, usize::MAX).map_err(QueryError::from)?;
    if frames.is_empty() {
        return Err(WatchError::Nothing(format!(
            "{} has no frames; they are written when a run is sealed: shakedown query --seal {}",
            path.display(),
            path.display()
        )));
    }
    let surplus = frames.len().saturating_sub(FRAMES_MAX);
    frames.drain(..surplus);
    for frame in &mut frames {
        recorded::add_missing(&mut frame.dropped, recorded::SECONDS_NOT_HELD, surplus as u64);
    }
    let note = frames.last().and_then(|frame| missing(&frame.dropped));
    let asker = Arc::new(RunFileAsker::new(file, &frames));
    let frames = kept::of(frames).into_iter().map(Arc::new).collect();
    Ok(Kept { frames, asker, note })
}

/// The second in which the run started, and its length in seconds.
fn extent(frames: &[Arc<Frame>]) -> (u64, u64) {
    let start = frames.iter().find_map(|frame| frame.run.start_unix_ms).map(|ms| ms / 1_000);
    let start = start.or_else(|| frames.first().map(|frame| frame.unix_s)).unwrap_or_default();
    (start, frames.last().map_or(0, |frame| (frame.unix_s + 1).saturating_sub(start)))
}

/// Leaves the frames of the run up to a moment.
fn cut(frames: &mut Vec<Arc<Frame>>, at_s: u64) -> Result<(), WatchError> {
    let (start, last) = extent(frames);
    frames.retain(|frame| frame.unix_s < start.saturating_add(at_s));
    if frames.is_empty() || at_s > last { Err(unknown(last)) } else { Ok(()) }
}

/// Leaves the frames of the run from a moment on; the first one shows that moment.
fn begin(frames: &mut Vec<Arc<Frame>>, at_s: u64) -> Result<(), WatchError> {
    let (start, last) = extent(frames);
    frames.retain(|frame| frame.unix_s + 1 >= start.saturating_add(at_s));
    if frames.is_empty() { Err(unknown(last)) } else { Ok(()) }
}

fn unknown(last_s: u64) -> WatchError {
    let (minutes, seconds) = (last_s / 60, last_s % 60);
    let text = format!("nothing is known of --at; the run ends at {minutes:02}:{seconds:02}");
    WatchError::Nothing(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_leaves_what_was_before_it_and_one_after_the_end_is_refused() {
        let frame = |unix_s| model::frame::Frame { unix_s, ..model::frame::Frame::default() };
        let all: Vec<_> = kept::of((100..110).map(frame)).into_iter().map(Arc::new).collect();
        for (at_s, left) in [(1, Some(1)), (10, Some(10)), (11, None), (0, None)] {
            let mut frames = all.clone();
            let cut = cut(&mut frames, at_s);
            assert_eq!(cut.is_ok().then_some(frames.len()), left, "{at_s}");
        }
    }

    #[test]
    fn lines_of_a_replay_begin_at_the_moment_and_do_not_end_there() {
        let frame = |unix_s| model::frame::Frame { unix_s, ..model::frame::Frame::default() };
        let all: Vec<_> = kept::of((100..110).map(frame)).into_iter().map(Arc::new).collect();
        for (at_s, first) in
            [(0, Some(100)), (1, Some(100)), (4, Some(103)), (10, Some(109)), (11, None)]
        {
            let mut frames = all.clone();
            let left = begin(&mut frames, at_s);
            assert_eq!(left.is_ok(), first.is_some(), "{at_s}");
            assert_eq!(frames.first().map(|frame| frame.unix_s), first, "{at_s}");
        }
    }

    #[test]
    fn what_is_not_there_and_what_is_no_run_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join("notes.txt");
        std::fs::write(&text, "no run at all, only a text").unwrap();
        let other = folder.path().join("other.rec");
        std::fs::write(&other, "no recording").unwrap();
        for (path, part) in [
            (folder.path().join("gone.db"), "there is no"),
            (text, "notes.txt"),
            (other, "is no recording of shakedown"),
        ] {
            let Err(error) = open(&path) else { panic!("{}", path.display()) };
            let told = crate::with_causes(&error);
            assert!(told.contains(part), "{told}");
        }
    }
}
