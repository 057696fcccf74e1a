//! A terminal that counts the bytes that go to it, and the screens to show on it.

use std::cell::Cell;
use std::io::{self, Write};
use std::rc::Rc;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};
use tui::app::{App, Msg, update};
use tui::screen::{Snapshot, Zoom};

const SIZE: (u16, u16) = (120, 40);

/// Each with its key.
pub(crate) const SCREENS: [(&str, char); 7] = [
    ("overview", '1'),
    ("topology", '2'),
    ("traces", '3'),
    ("logs", '4'),
    ("faults", '5'),
    ("verdicts", '6'),
    ("load", '7'),
];

/// Takes everything and keeps the number of bytes.
#[derive(Clone, Default)]
pub(crate) struct Counting(Rc<Cell<usize>>);

impl Counting {
    pub(crate) fn bytes(&self) -> usize {
        self.0.get()
    }

    pub(crate) fn reset(&self) {
        self.0.set(0);
    }
}

impl Write for Counting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.set(self.0.get() + bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) type Counted = Terminal<CrosstermBackend<Counting>>;

pub(crate) fn terminal() -> (Counted, Counting) {
    let counting = Counting::default();
    let area = Rect::new(0, 0, SIZE.0, SIZE.1);
    let options = TerminalOptions { viewport: Viewport::Fixed(area) };
    let terminal = Terminal::with_options(CrosstermBackend::new(counting.clone()), options);
    (terminal.expect("a terminal without a device"), counting)
}

pub(crate) fn app(screen: char, zoom: Zoom) -> App {
    let mut app = App::new(SIZE.0, SIZE.1, true);
    app.zoom = zoom;
    pressed(&mut app, &screen.to_string(), &Snapshot::default());
    app
}

/// Presses keys of one letter each, while this is on the screen.
pub(crate) fn pressed(app: &mut App, keys: &str, seen: &Snapshot) {
    for letter in keys.chars() {
        let key = KeyEvent::new(KeyCode::Char(letter), KeyModifiers::NONE);
        update(app, Msg::Key(key), seen);
    }
}
