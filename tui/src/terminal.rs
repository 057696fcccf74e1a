//! Taking the terminal over and giving it back, whatever happens in between.
//!
//! [`leave`] undoes everything and can be called any number of times; the guard calls it at the
//! end and on errors, the panic hook calls it before the message is printed. A frame reaches the
//! terminal in one piece, inside one synchronized update, or not at all: a panic while drawing
//! can leave neither half a frame nor a held-back screen.

use std::io::{self, Write};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::clipboard::CopyToClipboard;
use crossterm::cursor::{Hide, Show};
use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use crossterm::queue;
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    disable_raw_mode, enable_raw_mode,
};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;

static TAKEN: AtomicBool = AtomicBool::new(false);
static HOOK: Once = Once::new();

pub(crate) type Screen = Terminal<CrosstermBackend<WholeFrames<io::Stdout>>>;

/// Gives the terminal back when dropped.
#[derive(Debug)]
pub(crate) struct Guard(());

impl Drop for Guard {
    fn drop(&mut self) {
        leave();
    }
}

/// Raw mode, the alternate screen, no cursor, pasted text in one piece, and the mouse if it is
/// wanted.
pub(crate) fn enter(mouse: bool) -> io::Result<(Guard, Screen)> {
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            leave();
            before(panic);
        }));
    });
    // From here on the guard undoes whatever was reached.
    let guard = Guard(());
    let screen = take(mouse)?;
    Ok((guard, screen))
}

/// Takes the terminal over again after [`leave`], under the guard of [`enter`].
pub(crate) fn take(mouse: bool) -> io::Result<Screen> {
    enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    let mut stdout = io::stdout();
    queue!(stdout, EnterAlternateScreen, Hide, EnableBracketedPaste)?;
    if mouse {
        queue!(stdout, EnableMouseCapture)?;
    }
    stdout.flush()?;
    Terminal::new(CrosstermBackend::new(WholeFrames::new(stdout, is_taken)))
}

/// The terminal is ours. A panic anywhere in the process takes it away.
pub(crate) fn is_taken() -> bool {
    TAKEN.load(Ordering::SeqCst)
}

/// Gives the terminal back. Errors have nowhere to go: the terminal is what they would be shown on.
pub(crate) fn leave() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        let mut stdout = io::stdout();
        let _ = queue!(stdout, EndSynchronizedUpdate, DisableMouseCapture, DisableBracketedPaste);
        let _ = queue!(stdout, LeaveAlternateScreen, Show);
        let _ = stdout.flush();
        let _ = disable_raw_mode();
    }
}

/// To the terminal's clipboard, by the sequence that terminals know for it.
pub(crate) fn copy(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout();
    queue!(stdout, CopyToClipboard::to_clipboard_from(text))?;
    stdout.flush()
}

/// Collects what is written and sends it at once on flush.
#[derive(Debug)]
pub(crate) struct WholeFrames<W> {
    to: W,
    waiting: Vec<u8>,
    allowed: fn() -> bool,
}

impl<W: Write> WholeFrames<W> {
    fn new(to: W, allowed: fn() -> bool) -> Self {
        Self { to, waiting: Vec::new(), allowed }
    }
}

impl<W: Write> Write for WholeFrames<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.waiting.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let frame = std::mem::take(&mut self.waiting);
        if frame.is_empty() || !(self.allowed)() {
            return Ok(());
        }
        let mut whole = Vec::with_capacity(frame.len() + 16);
        queue!(whole, BeginSynchronizedUpdate)?;
        whole.extend_from_slice(&frame);
        queue!(whole, EndSynchronizedUpdate)?;
        self.to.write_all(&whole)?;
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Seek as _};

    use ratatui::{TerminalOptions, Viewport};

    use super::*;

    #[test]
    fn a_frame_arrives_whole_inside_one_synchronized_update() {
        let mut writer = WholeFrames::new(Vec::new(), || true);
        writer.write_all(b"ab").unwrap();
        writer.write_all(b"c").unwrap();
        assert!(writer.to.is_empty());
        writer.flush().unwrap();
        writer.flush().unwrap();
        assert_eq!(String::from_utf8_lossy(&writer.to), "\u{1b}[?2026habc\u{1b}[?2026l");
    }

    #[test]
    fn a_panic_while_drawing_leaves_nothing_of_its_frame() {
        let size = ratatui::layout::Rect::new(0, 0, 20, 5);
        let options = TerminalOptions { viewport: Viewport::Fixed(size) };
        let mut file = tempfile::tempfile().unwrap();
        let writer = WholeFrames::new(file.try_clone().unwrap(), || true);
        let backend = CrosstermBackend::new(writer);
        let mut screen = Terminal::with_options(backend, options).unwrap();
        let drawn = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            screen
                .draw(|frame| {
                    frame.buffer_mut().set_string(0, 0, "half", ratatui::style::Style::new());
                    panic!("a picture that cannot be drawn");
                })
                .map(|_| ())
        }));
        assert!(drawn.is_err());
        let mut written = String::new();
        file.rewind().unwrap();
        file.read_to_string(&mut written).unwrap();
        assert!(!written.contains("half"), "{written:?}");
    }

    #[test]
    fn nothing_is_written_once_the_terminal_is_given_back() {
        let mut writer = WholeFrames::new(Vec::new(), || false);
        writer.write_all(b"half a frame").unwrap();
        writer.flush().unwrap();
        assert!(writer.to.is_empty());
    }
}
