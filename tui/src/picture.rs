//! A screen as text, through the same code that draws it on a terminal: for documents, bug
//! reports and tests.

use std::sync::Arc;

use model::frame::Frame;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;

use crate::app::{App, Msg, Playback, update};
use crate::ask::Asker;
use crate::feed::NobodyAsked;
use crate::glyphs;
use crate::keys::typed;
use crate::own::OwnLog;
use crate::screen::{Link, Snapshot};
use crate::store::answers::Answers;
use crate::store::{Store, query};
use crate::theme::{Depth, Theme};
use crate::view::view;

/// A list, its first trace, what surrounds that: no view leads further.
const QUESTIONS_MAX: usize = 4;

/// How a picture is taken.
#[derive(Debug, Clone)]
pub struct PictureOptions {
    pub ascii: bool,
    /// Without colours, lines and heat are drawn as signs, which is what a text can show.
    pub depth: Depth,
    /// Typed before the picture is taken, one letter per key; a line feed is Enter.
    pub keys: String,
    pub link: Link,
    /// Seconds without a frame although one was due.
    pub silent_s: u64,
    /// How the recording is played, and up to which second it has been.
    pub playback: Option<(Playback, u64)>,
    /// What the screen of that name says.
    pub own: OwnLog,
    /// Who is asked for traces and logs.
    pub asker: Arc<dyn Asker>,
}

impl Default for PictureOptions {
    fn default() -> Self {
        Self {
            ascii: false,
            depth: Depth::Mono,
            keys: String::new(),
            link: Link::Connected,
            silent_s: 0,
            playback: None,
            own: OwnLog::default(),
            asker: Arc::new(NobodyAsked),
        }
    }
}

impl PictureOptions {
    fn theme(&self) -> Theme {
        Theme::new(self.depth, if self.ascii { &glyphs::ASCII } else { &glyphs::UTF8 })
    }
}

/// The screen after these frames and keys, line by line, without blanks at the ends.
pub async fn snapshot(
    frames: &[Frame],
    width: u16,
    height: u16,
    options: &PictureOptions,
) -> String {
    text(&buffer(frames, (width, height), options).await)
}

pub(crate) async fn buffer(frames: &[Frame], size: (u16, u16), options: &PictureOptions) -> Buffer {
    let theme = options.theme();
    let mut sitting = Sitting::new(frames, options);
    let mut app = App::new(size.0, size.1, theme.half_blocks());
    if let Some((playback, at_s)) = options.playback {
        (app.playback, app.paused_at) = (Some(playback), Some(at_s));
    }
    let mut snapshot = sitting.look(&app).await;
    for letter in options.keys.chars() {
        if update(&mut app, Msg::Key(typed(letter)), &snapshot).ask {
            snapshot = sitting.look(&app).await;
        }
    }
    draw(&app, &snapshot, &theme)
}

/// What a picture is of.
struct Sitting {
    store: Store,
    answers: Answers,
    asker: Arc<dyn Asker>,
}

impl Sitting {
    fn new(frames: &[Frame], options: &PictureOptions) -> Self {
        let mut store = Store::default();
        store.link = options.link.clone();
        store.silent_s = options.silent_s;
        store.own = options.own.clone();
        for frame in frames {
            store.insert(Arc::new(frame.clone()));
        }
        Self { store, answers: Answers::default(), asker: Arc::clone(&options.asker) }
    }

    /// Everything that this view asks for, which may lead to further questions, and then the view.
    async fn look(&mut self, app: &App) -> Snapshot {
        let query = app.query();
        for _ in 0..QUESTIONS_MAX {
            let wanted = query::questions(&self.store, &self.answers, &query);
            let to_ask = self.answers.to_ask(wanted, false);
            if to_ask.is_empty() {
                break;
            }
            for (slot, question) in to_ask {
                let outcome = self.asker.ask(question).await;
                self.answers.take(slot, outcome);
            }
        }
        query::build(&self.store, &self.answers, &query)
    }
}

/// The screen as it stands, as text.
pub(crate) fn as_text(app: &App, snapshot: &Snapshot, theme: &Theme) -> String {
    text(&draw(app, snapshot, theme))
}

fn draw(app: &App, snapshot: &Snapshot, theme: &Theme) -> Buffer {
    let Ok(mut terminal) = Terminal::new(TestBackend::new(app.width, app.height));
    let Ok(_) = terminal.draw(|frame| {
        view(app, snapshot, theme, frame);
    });
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
