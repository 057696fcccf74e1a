//! What a child of the run writes: kept in its log file, heard line by line, and made log records.
//!
//! A child that writes lines without an end, or faster than anybody reads, costs bounded memory:
//! of a line the beginning is kept, and what the collector has no room for is counted there. The
//! file has everything.

use std::fs::File;
use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use collector::{LINE_BYTES_MAX, LineIntake};
use tokio::io::{AsyncRead, AsyncReadExt as _};

const PIECE_BYTES: usize = 16 * 1024;

/// Reads a stream to its end. Each line is shown to `is_log`, which may take it for itself.
pub(super) async fn follow(
    mut stream: impl AsyncRead + Unpin,
    log: Arc<Mutex<File>>,
    mut intake: Option<LineIntake>,
    mut is_log: impl FnMut(&str) -> bool,
) {
    let (mut piece, mut lines) = (vec![0; PIECE_BYTES], Splitter::default());
    // A stream that cannot be read any more is at its end.
    while let Ok(bytes @ 1..) = stream.read(&mut piece).await {
        let text = lines.push(&piece[..bytes], &mut is_log);
        keep(&log, intake.as_mut(), &text).await;
    }
    let text = lines.end(&mut is_log);
    keep(&log, intake.as_mut(), &text).await;
    if let Some(intake) = intake {
        // What was lost is in the account of the collector.
        intake.end().await;
    }
}

/// A log line that cannot be kept (disk full) must not stop the process that wrote it.
async fn keep(log: &Mutex<File>, intake: Option<&mut LineIntake>, text: &Text) {
    let _disk_full = log.lock().unwrap_or_else(PoisonError::into_inner).write_all(&text.whole);
    if let Some(intake) = intake {
        intake.push(&text.lines).await;
    }
}

/// What came to an end with one piece.
#[derive(Debug, Default, PartialEq, Eq)]
struct Text {
    /// For the file.
    whole: Vec<u8>,
    /// The same in lines that have an end and are not endless.
    lines: Vec<u8>,
}

/// Finds the lines in pieces of a stream.
#[derive(Debug, Default)]
struct Splitter {
    /// Of the line that has no end yet.
    begun: Vec<u8>,
    /// The file has the beginning of this line already, because it is too long to be ours.
    is_long: bool,
}

impl Splitter {
    fn push(&mut self, mut piece: &[u8], is_log: &mut impl FnMut(&str) -> bool) -> Text {
        let mut text = Text::default();
        while let Some(end) = piece.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = piece.split_at(end + 1);
            self.grow(&line[..end], &mut text);
            self.finish(&mut text, is_log);
            piece = rest;
        }
        self.grow(piece, &mut text);
        text
    }

    fn end(&mut self, is_log: &mut impl FnMut(&str) -> bool) -> Text {
        let mut text = Text::default();
        if !self.begun.is_empty() {
            self.finish(&mut text, is_log);
        }
        text
    }

    /// One byte more than the collector keeps tells it that the line was longer.
    fn grow(&mut self, part: &[u8], text: &mut Text) {
        if self.is_long {
            text.whole.extend_from_slice(part);
            return;
        }
        self.begun.extend_from_slice(part);
        if self.begun.len() > LINE_BYTES_MAX {
            self.is_long = true;
            text.whole.extend_from_slice(&self.begun);
            self.begun.truncate(LINE_BYTES_MAX + 1);
        }
    }

    fn finish(&mut self, text: &mut Text, is_log: &mut impl FnMut(&str) -> bool) {
        if self.is_long || is_log(String::from_utf8_lossy(&self.begun).trim_end()) {
            if !self.is_long {
                text.whole.extend_from_slice(&self.begun);
            }
            text.whole.push(b'\n');
            text.lines.append(&mut self.begun);
            text.lines.push(b'\n');
        }
        self.begun.clear();
        self.is_long = false;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Everything that came of a stream in pieces of a size.
    fn split(stream: &[u8], size: usize) -> Text {
        let (mut lines, mut all) = (Splitter::default(), Text::default());
        let mut is_log = |line: &str| !line.starts_with("ready");
        let mut add = |text: Text| {
            all.whole.extend(text.whole);
            all.lines.extend(text.lines);
        };
        for piece in stream.chunks(size) {
            add(lines.push(piece, &mut is_log));
            assert!(lines.begun.len() <= LINE_BYTES_MAX + 1);
        }
        add(lines.end(&mut is_log));
        all
    }

    #[test]
    fn a_line_without_an_end_is_whole_in_the_file_and_cut_for_the_collector() {
        let long = vec![b'x'; 3 * LINE_BYTES_MAX];
        let stream = [b"one\n", &*long, b"\nready 7\ntwo"].concat();
        for size in [1_000, PIECE_BYTES, usize::MAX] {
            let text = split(&stream, size);
            assert_eq!(text.whole, [b"one\n", &*long, b"\ntwo\n"].concat(), "{size}");
            let cut = &long[..=LINE_BYTES_MAX];
            assert_eq!(text.lines, [b"one\n", cut, b"\ntwo\n"].concat(), "{size}");
        }
    }

    proptest! {
        #[test]
        fn lines_are_the_same_in_whatever_pieces_they_come(
            stream in "(ready|\\{\"a\":1\\}|x|é|\r|\n){0,40}", size in 1_usize..9,
        ) {
            let text = split(stream.as_bytes(), size);
            let logs = stream.split_terminator('\n').filter(|line| !line.starts_with("ready"));
            let expected: String = logs.flat_map(|line| [line, "\n"]).collect();
            prop_assert_eq!(&text.whole, expected.as_bytes());
            prop_assert_eq!(&text.lines, expected.as_bytes());
        }
    }
}
