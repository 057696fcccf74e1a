//! A screen as text, through the same code that draws it on a terminal: for documents, bug
//! reports and tests.

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use model::frame::Frame;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;

use crate::app::{App, Known, Msg, update};
use crate::glyphs;
use crate::screen::{Link, Snapshot};
use crate::store::{Store, query};
use crate::theme::{Depth, Theme};
use crate::view::view;

/// How a picture is taken.
#[derive(Debug, Clone)]
pub struct PictureOptions {
    pub ascii: bool,
    /// Without colours, lines and heat are drawn as signs, which is what a text can show.
    pub depth: Depth,
    /// Typed before the picture is taken, one letter per key.
    pub keys: String,
    pub link: Link,
}

impl Default for PictureOptions {
    fn default() -> Self {
        Self { ascii: false, depth: Depth::Mono, keys: String::new(), link: Link::Connected }
    }
}

impl PictureOptions {
    fn theme(&self) -> Theme {
        Theme::new(self.depth, if self.ascii { &glyphs::ASCII } else { &glyphs::UTF8 })
    }
}

/// The screen after these frames and keys, line by line, without blanks at the ends.
pub fn snapshot(frames: &[Frame], width: u16, height: u16, options: &PictureOptions) -> String {
    text(&buffer(frames, (width, height), options))
}

pub(crate) fn buffer(frames: &[Frame], size: (u16, u16), options: &PictureOptions) -> Buffer {
    let theme = options.theme();
    let mut store = Store::default();
    store.link = options.link.clone();
    for frame in frames {
        store.insert(Arc::new(frame.clone()));
    }
    let mut app = App::new(size.0, size.1, theme.half_blocks());
    let ask = |app: &mut App| {
        let snapshot = query::build(&store, &app.query());
        update(app, Msg::Data(Known::of(&snapshot)));
        snapshot
    };
    let mut snapshot = ask(&mut app);
    for letter in options.keys.chars() {
        let key = KeyEvent::new(KeyCode::Char(letter), KeyModifiers::NONE);
        if update(&mut app, Msg::Key(key)).ask {
            snapshot = ask(&mut app);
        }
    }
    draw(&app, &snapshot, &theme)
}

fn draw(app: &App, snapshot: &Snapshot, theme: &Theme) -> Buffer {
    let Ok(mut terminal) = Terminal::new(TestBackend::new(app.width, app.height));
    let Ok(_) = terminal.draw(|frame| view(app, snapshot, theme, frame));
    terminal.backend().buffer().clone()
}

fn text(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width);
    if width == 0 {
        return String::new();
    }
    let mut text = String::new();
    for row in buffer.content.chunks(width) {
        let mut line = String::new();
        let mut hidden = 0;
        for cell in row {
            // The cell behind a wide letter is part of the letter.
            if hidden > 0 {
                hidden -= 1;
                continue;
            }
            line.push_str(cell.symbol());
            hidden = usize::from(crate::widget::paint::width(cell.symbol())).saturating_sub(1);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
