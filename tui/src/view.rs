//! From choices and data to cells: pure functions of what they are given.
//!
//! One file per panel. Nothing here computes a number of the run; that is the store's part.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::app::App;
use crate::keys::Screen;
use crate::layout::Shell;
use crate::screen::{Asked, Axis, DetailView, Link, Snapshot};
use crate::theme::{Role, Theme};
use crate::widget::axis::TimeAxis;
use crate::widget::paint;
use crate::widget::panel::{Panel, Piece};

mod dialog;
mod faults;
mod footer;
mod header;
mod help;
mod load;
mod logs;
mod overview;
mod own;
mod too_small;
mod topology;
pub(in crate::view) mod traces;
mod verdicts;

/// What lies under a place of the screen, for the mouse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hit {
    /// The name of a screen.
    Tab(Screen),
    /// A row of the list that the arrow keys move in.
    Row(usize),
    /// A plot column.
    Column(usize),
    /// A panel that can be chosen with Tab.
    Panel(usize),
}

/// Where each [`Hit`] lies; later ones lie over earlier ones.
pub type Hits = Vec<(Rect, Hit)>;

/// Draws the whole screen, and says what lies where.
pub fn view(app: &App, snapshot: &Snapshot, theme: &Theme, frame: &mut ratatui::Frame<'_>) -> Hits {
    let area = frame.area();
    let mut canvas = Canvas { buffer: frame.buffer_mut(), theme, hits: Vec::new() };
    match Shell::of(area.width, area.height) {
        Some(shell) => {
            header::draw(&mut canvas, app, snapshot, &shell);
            stage(&mut canvas, app, snapshot, &shell);
            // A small screen has no line for it.
            let wrong = match &snapshot.link {
                Link::Lost { reason, .. } if !shell.wide => Some(reason.as_str()),
                _ => None,
            };
            footer::draw(&mut canvas, app, wrong, shell.footer);
        },
        None => too_small::draw(&mut canvas, snapshot, area),
    }
    dialog::draw(&mut canvas, app, area);
    let hits = canvas.hits;
    if theme.glyphs.ascii {
        only_ascii(frame.buffer_mut());
    }
    hits
}

/// The snapshot may be one behind the screen that was just opened: then the stage is empty.
fn stage(canvas: &mut Canvas<'_>, app: &App, seen: &Snapshot, shell: &Shell) {
    match (app.screen, &seen.detail) {
        (Screen::Overview, _) => overview::draw(canvas, app, seen, shell),
        (Screen::Topology, DetailView::Topology(view)) => {
            topology::draw(canvas, app, seen, view, shell);
        },
        (Screen::Traces, DetailView::Traces(view)) => traces::draw(canvas, app, seen, view, shell),
        (Screen::Logs, DetailView::Logs(view)) => logs::draw(canvas, app, seen, view, shell),
        (Screen::Faults, DetailView::Faults(view)) => faults::draw(canvas, app, seen, view, shell),
        (Screen::Verdicts, DetailView::Verdicts(view)) => {
            verdicts::draw(canvas, app, seen, view, shell);
        },
        (Screen::Load, DetailView::Load(view)) => load::draw(canvas, app, seen, view, shell),
        (Screen::OwnLog, DetailView::Own(view)) => own::draw(canvas, app, seen, view, shell),
        _ => {},
    }
}

/// Names come from outside and may hold any letter.
fn only_ascii(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        if !cell.symbol().is_ascii() {
            cell.set_symbol("?");
        }
    }
}

/// Where a panel lies, its number in the order of Tab, and whether it has the keys.
type Framed = (Rect, (usize, bool));

/// Where to draw and how it looks.
struct Canvas<'a> {
    buffer: &'a mut Buffer,
    theme: &'a Theme,
    hits: Hits,
}

/// Where a time panel has its plot.
#[derive(Debug, Clone, Copy)]
struct TimePlot {
    /// Columns before the plot, inside the panel.
    gutter: u16,
    /// Plot columns.
    columns: u16,
}

impl Canvas<'_> {
    fn style(&self, role: Role) -> Style {
        self.theme.style(role)
    }

    /// Lets the mouse find something here.
    fn hit(&mut self, area: Rect, hit: Hit) {
        self.hits.push((area, hit));
    }

    fn piece(&self, words: impl Into<String>, role: Role) -> Piece {
        (words.into(), self.style(role))
    }

    fn text(&mut self, area: Rect, words: &str, role: Role) -> u16 {
        let style = self.style(role);
        paint::fitted(self.buffer, area, words, style, self.theme.glyphs.ellipsis)
    }

    /// As [`Self::text`], for a name.
    fn name(&mut self, area: Rect, name: &str, role: Role) -> u16 {
        let style = self.style(role);
        paint::shortened(self.buffer, area, name, style, self.theme.glyphs.ellipsis)
    }

    /// What stands where an answer is missing.
    fn waiting(&mut self, asked: &Asked, nothing: &str, line: Rect) {
        let line = paint::after(line, 1);
        match asked {
            Asked::Waiting => self.text(line, "asking ...", Role::Dim),
            Asked::Failed(reason) => self.text(line, reason, Role::Error),
            Asked::Answered => self.text(line, nothing, Role::Dim),
        };
    }

    fn right(&mut self, area: Rect, words: &str, role: Role) -> u16 {
        let style = self.style(role);
        paint::right(self.buffer, area, words, style)
    }

    fn pieces(&mut self, area: Rect, pieces: &[Piece]) -> u16 {
        paint::pieces(self.buffer, area, pieces)
    }

    /// A box; gives the room inside it.
    fn panel(&mut self, area: Rect, title: &[Piece], note: &[Piece]) -> Rect {
        let style = self.style(Role::Border);
        let border = &self.theme.glyphs.border;
        Panel { border, style, title, note }.draw(self.buffer, area)
    }

    fn titled(&mut self, area: Rect, title: &str, note: &str) -> Rect {
        let title = [self.piece(title, Role::Title)];
        let note = [self.piece(note, Role::Dim)];
        self.panel(area, &title, &note)
    }

    /// As [`Self::titled`], for one of the panels that Tab goes through, which stands out when it
    /// has the keys.
    fn framed(&mut self, area: Rect, title: &str, note: &str, panel: (usize, bool)) -> Rect {
        let title = vec![self.piece(title, Role::Title)];
        let note = [self.piece(note, Role::Dim)];
        self.framed_with((area, panel), title, &note)
    }

    /// As [`Self::framed`]; the first piece of the title stands out with the border.
    fn framed_with(&mut self, frame: Framed, mut title: Vec<Piece>, note: &[Piece]) -> Rect {
        let (area, (number, has_keys)) = frame;
        self.hit(area, Hit::Panel(number));
        let border = &self.theme.glyphs.border;
        let style = self.style(if has_keys { Role::Focus } else { Role::Border });
        if let Some((_, first)) = title.first_mut().filter(|_| has_keys) {
            *first = style;
        }
        Panel { border, style, title: &title, note }.draw(self.buffer, area)
    }

    /// The time axis in the first line of an area, under its plot.
    fn axis(&mut self, area: Rect, axis: &Axis, plot: TimePlot) {
        let ago = |seconds: u64| match seconds {
            0 => "now".to_owned(),
            _ => format!("-{}", crate::format::length(seconds)),
        };
        let area = paint::first(paint::after(area, plot.gutter), plot.columns);
        self.moments(area);
        let glyphs = self.theme.glyphs;
        let axis = TimeAxis {
            labels: axis.ago_s.map(ago),
            cursor: axis.cursor,
            gaps: &axis.gaps,
            gap_symbol: glyphs.gap,
            cursor_symbol: glyphs.cursor,
            style: self.style(Role::Dim),
            cursor_style: self.style(Role::Title),
        };
        axis.draw(self.buffer, area);
    }

    /// Lets a click on a plot look at the moment of its column.
    fn moments(&mut self, area: Rect) {
        self.hit(area, Hit::Column(0));
    }

    /// The inside of a time panel: the plot, and the line of its time axis.
    fn plot_and_axis(&mut self, inside: Rect, plot: TimePlot) -> (Rect, Rect) {
        let rows = inside.height.saturating_sub(1);
        let area =
            Rect { height: rows, ..paint::first(paint::after(inside, plot.gutter), plot.columns) };
        self.moments(area);
        (area, paint::line(inside, rows))
    }

    /// A line through a plot at the cursor, when the cursor is not at the newest second.
    fn cursor_line(&mut self, area: Rect, axis: &Axis) {
        let Some(cursor) = marked_cursor(axis) else { return };
        let style = self.style(Role::Dim);
        let at = u16::try_from(cursor).unwrap_or(u16::MAX);
        for y in 0..area.height {
            paint::cell(self.buffer, area, (at, y), self.theme.glyphs.cursor_line, style);
        }
    }

    /// Marks of a logarithmic scale, before the plot.
    fn scale(&mut self, plot: Rect, gutter: u16, (low_ms, high_ms): (f64, f64)) {
        let decades = (high_ms / low_ms).log10().round().clamp(0.0, 12.0) as u16;
        let mut last = None;
        for decade in (0..=decades).rev() {
            let share = f64::from(decade) / f64::from(decades.max(1));
            let up = ((share * f64::from(plot.height)) as u16).min(plot.height.saturating_sub(1));
            let row = plot.height.saturating_sub(1) - up;
            if last == Some(row) {
                continue;
            }
            last = Some(row);
            let mark = crate::format::axis_mark(low_ms * 10_f64.powi(i32::from(decade)));
            let line = Rect { x: plot.x - gutter, width: gutter - 1, ..paint::line(plot, row) };
            self.right(line, &mark, Role::Dim);
        }
    }
}

/// From this share of failed requests on, in percent, the number is red.
const BAD_PERCENT: f64 = 1.0;

/// How a share of failed requests looks; `None` is without requests.
fn error_role(percent: Option<f64>) -> Role {
    match percent {
        Some(share) if share >= BAD_PERCENT => Role::Error,
        Some(share) if share > 0.0 => Role::Warn,
        Some(_) => Role::Text,
        None => Role::Dim,
    }
}

/// The cursor, when it is worth a mark of its own.
fn marked_cursor(axis: &Axis) -> Option<usize> {
    (axis.newest_s != Some(axis.cursor_s)).then_some(axis.cursor)
}

pub use faults::Panel as FaultsPanel;
pub use overview::Panel as OverviewPanel;

#[cfg(test)]
mod tests;
