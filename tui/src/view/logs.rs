//! Log lines: the list with its filter, everything about the selected line, and how many there
//! were when.

use ratatui::layout::Rect;

use super::{Canvas, TimePlot};
use crate::app::App;
use crate::derive::severity::Severity;
use crate::derive::words;
use crate::filter::Filter;
use crate::keys::Screen;
use crate::layout::{Layout, SMALL_GUTTER, Shell};
use crate::screen::logs::LogsView;
use crate::screen::{Asked, Snapshot};
use crate::theme::Role;
use crate::widget::paint;

mod list;
mod patterns;
mod record;
mod volume;

/// Lines of the filter with its box.
const FILTER: u16 = 3;
/// Lines of the record, and of the volume, below the list of a small screen.
const SMALL_LINES: u16 = 2;
/// A small list keeps so many lines.
const LIST_MIN: u16 = 8;

pub(super) fn draw(
    canvas: &mut Canvas<'_>,
    app: &App,
    snapshot: &Snapshot,
    view: &LogsView,
    shell: &Shell,
) {
    let stage = shell.stage;
    match (app.focus, app.zoomed, shell.wide) {
        (1, true, _) | (1, _, false) => record::draw(canvas, app, view, stage),
        (2, true, _) | (2, _, false) => {
            let columns = app.layout().columns();
            let gutter = if shell.wide {
                stage.width.saturating_sub(columns + 3).min(volume::NAME)
            } else {
                SMALL_GUTTER - 1
            };
            let plot = TimePlot { gutter, columns };
            volume::draw(canvas, app, snapshot, (view, plot), stage);
        },
        (_, true, _) => lines(canvas, app, view, stage),
        (_, false, true) => wide(canvas, app, snapshot, view, stage),
        (_, false, false) => small(canvas, app, snapshot, view, stage),
    }
}

fn wide(canvas: &mut Canvas<'_>, app: &App, snapshot: &Snapshot, view: &LogsView, stage: Rect) {
    let Layout::Wide(layout) = app.layout() else { return };
    let below = (stage.height * 10 / 36).clamp(7, 14).min(stage.height.saturating_sub(FILTER + 4));
    let filter = Rect { height: FILTER.min(stage.height), ..stage };
    let note = "word  ~regex  level>=warn  svc=orders  trace:id  corr:id  a.b=c  !not  or";
    let inside = canvas.titled(filter, "Filter", note);
    filter_line(canvas, app, view, inside);
    let list = stage.height.saturating_sub(FILTER + below);
    lines(canvas, app, view, Rect { y: filter.bottom(), height: list, ..stage });
    let bottom = Rect { y: stage.bottom() - below, height: below, ..stage };
    let left = layout.latency.width;
    let plot =
        TimePlot { gutter: left.saturating_sub(layout.columns + 3), columns: layout.columns };
    volume::draw(canvas, app, snapshot, (view, plot), paint::first(bottom, left));
    record::draw(canvas, app, view, paint::after(bottom, left));
}

fn small(canvas: &mut Canvas<'_>, app: &App, snapshot: &Snapshot, view: &LogsView, stage: Rect) {
    filter_line(canvas, app, view, paint::line(stage, 0));
    let rest = stage.height.saturating_sub(1);
    let below = (2 * SMALL_LINES).min(rest.saturating_sub(LIST_MIN));
    let list = Rect { y: stage.y + 1, height: rest - below, ..stage };
    lines(canvas, app, view, list);
    let details = Rect { y: list.bottom(), height: below.min(SMALL_LINES), ..stage };
    record::lines(canvas, view, details);
    let lanes = Rect { y: details.bottom(), height: below - details.height, ..stage };
    let plot = TimePlot { gutter: SMALL_GUTTER, columns: app.layout().columns() };
    volume::lanes(canvas, snapshot, (view, plot), lanes);
}

/// The lines, or what they have in common.
fn lines(canvas: &mut Canvas<'_>, app: &App, view: &LogsView, area: Rect) {
    if app.screens.logs.patterns {
        patterns::draw(canvas, app, view, area);
    } else {
        list::draw(canvas, app, view, area);
    }
}

/// The filter, and what it has found.
fn filter_line(canvas: &mut Canvas<'_>, app: &App, view: &LogsView, line: Rect) {
    let line = paint::first(line, line.width.saturating_sub(1));
    let found = match &view.asked {
        Asked::Failed(reason) if !view.rows.is_empty() => {
            (format!("not new: {reason}"), Role::Error)
        },
        _ => (found(view), Role::Dim),
    };
    let used = canvas.right(line, &found.0, found.1);
    let room = paint::first(line, line.width.saturating_sub(used + 1));
    match app.filter(Screen::Logs).map(Filter::text) {
        Some(text) => canvas.text(room, &format!(" / {text}"), Role::Title),
        None => canvas.text(room, " / every line", Role::Dim),
    };
}

fn found(view: &LogsView) -> String {
    if view.rows.is_empty() {
        return String::new();
    }
    let lines = match view.rows.len() {
        count if view.cut => format!("{count}+ lines"),
        count => words::counted(count as u64, "line"),
    };
    format!(
        "{lines}, {}, {}",
        words::counted(view.services as u64, "service"),
        words::duration(view.length_ns()),
    )
}

fn severity_role(severity: Severity) -> Role {
    match severity {
        Severity::Fatal | Severity::Error => Role::LogError,
        Severity::Warn => Role::LogWarn,
        Severity::Info => Role::LogInfo,
        Severity::Debug | Severity::Trace => Role::LogDebug,
    }
}

#[cfg(test)]
mod tests;
