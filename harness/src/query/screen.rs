//! What standard output can show: its width, colours, and signs beyond ASCII.

use std::io::IsTerminal as _;

use tui::ColorChoice;
use tui::theme::{Depth, Surroundings, Theme};

/// Where no terminal says how wide it is: a file, a pipe.
const WIDTH_DEFAULT: usize = 120;
const WIDTH_MIN: usize = 60;
const WIDTH_MAX: usize = 240;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Screen {
    pub(super) width: usize,
    pub(super) color: bool,
    pub(super) ascii: bool,
}

/// What a text is, for its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Dim,
    Strong,
    Error,
    Warn,
    Fault,
}

impl Screen {
    pub(super) fn of_stdout() -> Self {
        let stdout = std::io::stdout();
        let choice = if stdout.is_terminal() { ColorChoice::Auto } else { ColorChoice::Never };
        let theme = Theme::choose(choice, None, &Surroundings::read());
        let columns = rustix::termios::tcgetwinsize(stdout).ok().map(|size| size.ws_col.into());
        let width = columns.filter(|columns| *columns > 0).unwrap_or(WIDTH_DEFAULT);
        Self {
            width: width.clamp(WIDTH_MIN, WIDTH_MAX),
            color: theme.depth != Depth::Mono,
            ascii: theme.glyphs.ascii,
        }
    }

    /// The text in its colour, where there are colours.
    pub(super) fn painted(&self, text: &str, tone: Tone) -> String {
        let code = match tone {
            _ if !self.color || text.is_empty() => return text.to_owned(),
            Tone::Dim => "2",
            Tone::Strong => "1",
            Tone::Error => "31",
            Tone::Warn => "33",
            Tone::Fault => "35",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    /// One line of plain text, no longer than `width`.
    pub(super) fn fitted(&self, text: &str, width: usize) -> String {
        let text = crate::report::escape::plain(text);
        let text = if self.ascii { ascii(&text) } else { text };
        if text.chars().count() <= width {
            return text;
        }
        let end = if self.ascii { '~' } else { '…' };
        text.chars().take(width.saturating_sub(1)).chain([end]).collect()
    }
}

fn ascii(text: &str) -> String {
    text.chars().map(|letter| if letter.is_ascii() { letter } else { '?' }).collect()
}
