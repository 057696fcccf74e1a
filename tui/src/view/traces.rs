//! The list of traces, and the open one as a waterfall with what made it long.
//!
//! Wide, both stand side by side and the open trace is the selected one; small, one opens it.

use ratatui::layout::Rect;

use super::Canvas;
use crate::app::{App, is_inside};
use crate::derive::waterfall::{BarKind, Tone};
use crate::layout::Shell;
use crate::screen::Snapshot;
use crate::screen::traces::TracesView;
use crate::theme::Role;
use crate::widget::paint;

mod compare;
mod list;
mod span;
mod waterfall;

/// Columns of the list beside the open trace.
const LIST: u16 = 46;
/// Lines of the critical path with its box.
const PATH: u16 = 9;
/// Lines of the details below a waterfall on a small screen.
const SMALL_DETAILS: u16 = 6;

pub(super) fn draw(
    canvas: &mut Canvas<'_>,
    app: &App,
    _snapshot: &Snapshot,
    view: &TracesView,
    shell: &Shell,
) {
    let stage = shell.stage;
    match (app.zoomed, app.focus, shell.wide) {
        (true, 0, _) => list::draw(canvas, app, view, stage),
        (true, 1, _) => trace(canvas, app, view, stage),
        (true, 2, _) => span::path(canvas, app, view, stage),
        (true, _, _) => span::draw(canvas, app, view, stage),
        (false, _, true) => wide(canvas, app, view, stage),
        (false, _, false) => small(canvas, app, view, stage),
    }
}

fn wide(canvas: &mut Canvas<'_>, app: &App, view: &TracesView, stage: Rect) {
    list::draw(canvas, app, view, paint::first(stage, LIST));
    let right = paint::after(stage, LIST);
    let rest = right.height.saturating_sub(PATH);
    let span = (rest * 2 / 5).max(6).min(rest);
    let waterfall = rest - span;
    trace(canvas, app, view, Rect { height: waterfall, ..right });
    let path = Rect { y: right.y + waterfall, height: PATH.min(right.height - waterfall), ..right };
    span::path(canvas, app, view, path);
    let span = Rect { y: path.bottom(), height: right.bottom() - path.bottom(), ..right };
    span::draw(canvas, app, view, span);
}

fn small(canvas: &mut Canvas<'_>, app: &App, view: &TracesView, stage: Rect) {
    match app.focus {
        0 => list::draw(canvas, app, view, stage),
        2 => span::path(canvas, app, view, stage),
        3 => span::draw(canvas, app, view, stage),
        _ => {
            let below = SMALL_DETAILS.min(stage.height / 3);
            let above = stage.height - below;
            trace(canvas, app, view, Rect { height: above, ..stage });
            let lines = Rect { y: stage.y + above, height: below, ..stage };
            span::lines(canvas, view, lines, 0);
        },
    }
}

/// The open trace alone, or beside another one.
fn trace(canvas: &mut Canvas<'_>, app: &App, view: &TracesView, area: Rect) {
    match view.open.as_ref().and_then(|open| open.comparison.as_ref().map(|it| (open, it))) {
        Some((open, (other, comparison))) => {
            compare::draw(canvas, app, (open, *other, comparison), area);
        },
        None => waterfall::draw(canvas, app, view, area),
    }
}

fn bar_role(kind: BarKind) -> Role {
    match kind {
        BarKind::Ok => Role::Ok,
        BarKind::Error => Role::Error,
        BarKind::Fault => Role::Fault,
        BarKind::Rejected => Role::Warn,
        BarKind::Wait => Role::Dim,
    }
}

pub(super) fn tone_role(tone: Tone) -> Role {
    match tone {
        Tone::Plain => Role::Text,
        Tone::Dim => Role::Dim,
        Tone::Warn => Role::Warn,
        Tone::Error => Role::Error,
        Tone::Fault => Role::Fault,
    }
}

/// Is the panel the one that the keys move in?
fn has_keys(app: &App, panel: usize) -> bool {
    if panel == 0 { !is_inside(app) } else { app.focus == panel }
}
