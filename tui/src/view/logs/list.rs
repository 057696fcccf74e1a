//! The lines in order of time, and below them what else happened around the selected one.

use ratatui::layout::Rect;

use super::severity_role;
use crate::app::{App, LineColumn, LineTimes};
use crate::derive::words;
use crate::format;
use crate::keys::Screen;
use crate::screen::logs::{CONTEXT_MS, Context, LogRow, LogsView};
use crate::theme::{Role, Theme};
use crate::view::{Canvas, Hit};
use crate::widget::lines::{Lines, TextRow};
use crate::widget::paint;
use crate::widget::panel::Piece;
use crate::widget::table::Column;

/// Columns of the longest name of a service.
const SOURCE_MAX: u16 = 15;
/// Columns of a correlation id.
const REQUEST: u16 = 17;
/// Digits of a trace id that tell traces of one run apart.
const ID: usize = 8;

pub(super) fn draw(canvas: &mut Canvas<'_>, app: &App, view: &LogsView, area: Rect) {
    let choices = &app.screens.logs;
    let times = choices.times(view);
    let title = if view.of_request { "Logs of a request" } else { "Logs" };
    let inside = canvas.framed(area, title, &note(app, view), (0, app.focus == 0));
    if view.rows.is_empty() {
        let nothing = match (app.filter(Screen::Logs), view.of_request) {
            (None, _) => "no line in the time that is shown",
            (Some(_), false) => "no line in the time that is shown matches the filter",
            (Some(_), true) => "no line of this request is kept",
        };
        canvas.waiting(&view.asked, nothing, paint::line(inside, 0));
        return;
    }
    let below = match &view.context {
        Some(context) => (context.rows.len() as u16 + 1).clamp(2, (inside.height / 3).max(2)),
        None => 0,
    };
    let list = Rect { height: inside.height.saturating_sub(below), ..inside };
    let selected = view.place_of(choices.selected);
    let shown = Shown { theme: canvas.theme, columns: choices.columns, times };
    let columns = shown.columns(&view.rows);
    let row = |at: usize| {
        let before = at.checked_sub(1).and_then(|at| view.rows.get(at));
        let from = if times == LineTimes::Before { before } else { view.rows.first() };
        shown.row(&view.rows[at], from)
    };
    let lines = Lines {
        columns: &columns,
        title: "message",
        count: view.rows.len(),
        row: &row,
        middle: selected,
        is_selected: true,
        wrap: choices.wrap,
        header: Some(canvas.style(Role::Header)),
        select: canvas.style(Role::Select),
        select_symbol: canvas.theme.glyphs.selected,
        ellipsis: canvas.theme.glyphs.ellipsis,
    };
    for (index, line) in lines.draw(canvas.buffer, list) {
        canvas.hit(line, Hit::Row(index));
    }
    if let Some(context) = &view.context {
        let area = Rect { y: list.bottom(), height: inside.height - list.height, ..inside };
        around(canvas, app, (context, &view.rows[selected]), area);
    }
}

fn note(app: &App, view: &LogsView) -> String {
    let choices = &app.screens.logs;
    let counted = match choices.times(view) {
        LineTimes::Run => "time of the run",
        LineTimes::First => "since the first line",
        LineTimes::Before => "since the line before",
    };
    let follow = match (view.of_request, choices.follows(view)) {
        (true, _) => "whenever it was",
        (false, true) => "follow ON",
        (false, false) => "follow off",
    };
    let wrap = if choices.wrap { "wrap  " } else { "" };
    format!("{counted}  {wrap}{follow}")
}

/// Lines of the same services at the same time that the filter leaves out.
fn around(canvas: &mut Canvas<'_>, app: &App, (context, line): (&Context, &LogRow), area: Rect) {
    let more = if context.cut { "+" } else { "" };
    let title = format!(
        "-- {}{more} of these services within {CONTEXT_MS} ms of {} (c hides them) --",
        words::counted(context.rows.len() as u64, "other line"),
        clock(line.at_ms),
    );
    canvas.text(paint::after(paint::line(area, 0), 2), &title, Role::Dim);
    let room =
        Rect { y: area.y + area.height.min(1), height: area.height.saturating_sub(1), ..area };
    if context.rows.is_empty() {
        canvas.waiting(&context.asked, "none", paint::after(paint::line(room, 0), 1));
        return;
    }
    let [time, source, level, _] = app.screens.logs.columns;
    let shown = Shown {
        theme: canvas.theme,
        columns: [time, source, level, true],
        times: LineTimes::Before,
    };
    let columns = shown.columns(&context.rows);
    let row = |at: usize| shown.row(&context.rows[at], Some(line));
    let lines = Lines {
        columns: &columns,
        title: "",
        count: context.rows.len(),
        row: &row,
        middle: context.rows.partition_point(|row| row.id < line.id),
        is_selected: false,
        wrap: false,
        header: None,
        select: canvas.style(Role::Select),
        select_symbol: "",
        ellipsis: canvas.theme.glyphs.ellipsis,
    };
    lines.draw(canvas.buffer, room);
}

/// What stands before the message.
struct Shown<'a> {
    theme: &'a Theme,
    columns: [bool; 4],
    times: LineTimes,
}

impl Shown<'_> {
    fn chosen(&self) -> impl Iterator<Item = LineColumn> {
        LineColumn::ALL.into_iter().zip(self.columns).filter(|(_, on)| *on).map(|(it, _)| it)
    }

    fn columns(&self, rows: &[LogRow]) -> Vec<Column<'static>> {
        let widest = rows.iter().map(|row| paint::width(&row.service)).max().unwrap_or(0);
        let source = widest.clamp(6, SOURCE_MAX) + 1;
        let ends = [rows.first(), rows.last()].into_iter().flatten();
        let time = ends.map(|row| paint::width(&clock(row.at_ms))).max().unwrap_or(0) + 1;
        let column = |column: LineColumn| {
            let (width, right) = match (column, self.times) {
                (LineColumn::Time, LineTimes::Run) => (time, true),
                (LineColumn::Time, _) => (12, true),
                (LineColumn::Source, _) => (source, false),
                (LineColumn::Level, _) => (6, false),
                (LineColumn::Request, _) => (REQUEST, false),
            };
            Column { title: column.name(), width, right }
        };
        self.chosen().map(column).collect()
    }

    /// `from` is the line that times are counted from.
    fn row(&self, row: &LogRow, from: Option<&LogRow>) -> TextRow {
        let piece = |text: String, role: Role| -> Piece { (text, self.theme.style(role)) };
        let level = severity_role(row.severity);
        let cell = |column: LineColumn| match column {
            LineColumn::Time => piece(self.time(row, from), Role::Dim),
            LineColumn::Source => piece(row.service.clone(), Role::Dim),
            LineColumn::Level => piece(row.severity.as_str().to_owned(), level),
            LineColumn::Request => {
                let trace = row.trace_id.map(|id| id.to_string().chars().take(ID).collect());
                let request = row.correlation_id.clone().or(trace).unwrap_or_default();
                piece(request, Role::Dim)
            },
        };
        let text = if row.of_fault { Role::Fault } else { level };
        TextRow { cells: self.chosen().map(cell).collect(), text: piece(row.message.clone(), text) }
    }

    fn time(&self, row: &LogRow, from: Option<&LogRow>) -> String {
        if self.times == LineTimes::Run {
            return clock(row.at_ms);
        }
        let from = from.map_or(row.id.unix_ns, |it| it.id.unix_ns);
        words::signed_duration(row.id.unix_ns.cast_signed().wrapping_sub_unsigned(from))
    }
}

/// `02:40.835`, `-00:03.120` before the start of load.
pub(super) fn clock(at_ms: i64) -> String {
    let sign = if at_ms < 0 { "-" } else { "" };
    let ms = at_ms.unsigned_abs();
    format!("{sign}{}.{:03}", format::clock(ms / 1_000), ms % 1_000)
}
