//! Every fault at full length: lanes with numbers, durations of the selected one under its lane, it
//! in words, what happened, and what it changed.

use ratatui::layout::Rect;

use super::overview::latency;
use super::{Canvas, Framed, TimePlot};
use crate::app::App;
use crate::layout::{SMALL_GUTTER, Shell};
use crate::screen::Snapshot;
use crate::screen::faults::FaultsView;
use crate::theme::Role;
use crate::widget::paint;

mod detail;
mod effect;
mod events;
mod list;

/// The panels, in the order in which Tab goes through them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Panel {
    List,
    Detail,
    Events,
    Effect,
}

impl Panel {
    pub const ALL: [Self; 4] = [Self::List, Self::Detail, Self::Events, Self::Effect];
}

/// Least rows of the panels below the list.
const BELOW: u16 = 8;
/// Least rows of the durations, which stand there only if all others have what they need.
const LATENCY: u16 = 7;

pub(super) fn draw(
    canvas: &mut Canvas<'_>,
    app: &App,
    snapshot: &Snapshot,
    view: &FaultsView,
    shell: &Shell,
) {
    if view.rows.is_empty() {
        nothing(canvas, snapshot, view, shell.stage);
        return;
    }
    let focused = app.faults_panel();
    let plot = (plot(app, shell), focused);
    if app.zoomed {
        one(canvas, (snapshot, view), (focused, shell.stage), plot);
        return;
    }
    let stage = shell.stage;
    let most = stage.height.saturating_sub(BELOW).max(stage.height / 2);
    let rows = list::rows_wanted(view, most);
    let (above, below) = (Rect { height: rows, ..stage }, paint_below(stage, rows));
    one(canvas, (snapshot, view), (Panel::List, above), plot);
    let effect = effect::rows_wanted(view);
    if !shell.wide || (focused == Panel::Effect && below.height < BELOW + effect) {
        let panel = if focused == Panel::List { Panel::Detail } else { focused };
        one(canvas, (snapshot, view), (panel, below), plot);
        return;
    }
    // The last panel is as high as its rows, if something is left for the others.
    let effect = if below.height >= BELOW + effect { effect } else { 0 };
    let (above, below) = (
        Rect { height: below.height - effect, ..below },
        paint_below(below, below.height - effect),
    );
    let above = latency(canvas, snapshot, view, above, plot.0);
    // Words and events stand side by side where there is room for both.
    let half = above.width / 2;
    one(canvas, (snapshot, view), (Panel::Detail, paint::first(above, half)), plot);
    one(canvas, (snapshot, view), (Panel::Events, paint::after(above, half)), plot);
    if effect > 0 {
        one(canvas, (snapshot, view), (Panel::Effect, below), plot);
    }
}

/// Under the lanes, where there is more room than words need; gives what is left.
fn latency(
    canvas: &mut Canvas<'_>,
    snapshot: &Snapshot,
    view: &FaultsView,
    area: Rect,
    plot: TimePlot,
) -> Rect {
    let rows = area.height.saturating_sub(detail::rows_wanted(view).max(BELOW));
    let latency = view.detail.as_ref().and_then(|detail| detail.latency.as_ref());
    let Some((row, durations)) = latency.filter(|_| rows >= LATENCY) else { return area };
    let above = Rect { height: rows, ..area };
    let inside = latency::of(canvas, &snapshot.axis, (Some(row), durations), (above, None), plot);
    latency::values(canvas, row, inside, plot);
    paint_below(area, rows)
}

/// Lanes stand where those of the overview's left side stand.
pub(super) fn plot(app: &App, shell: &Shell) -> TimePlot {
    let columns = app.layout().columns();
    let gutter = if shell.wide { 15 } else { SMALL_GUTTER - 1 };
    TimePlot { gutter, columns }
}

fn paint_below(stage: Rect, rows: u16) -> Rect {
    Rect { y: stage.y + rows, height: stage.height - rows, ..stage }
}

fn one(
    canvas: &mut Canvas<'_>,
    (snapshot, view): (&Snapshot, &FaultsView),
    (panel, area): (Panel, Rect),
    (plot, focused): (TimePlot, Panel),
) {
    let number = Panel::ALL.iter().position(|it| *it == panel).unwrap_or(0);
    let frame = (area, (number, panel == focused));
    match panel {
        Panel::List => list::draw(canvas, snapshot, view, frame, plot),
        Panel::Detail => detail::draw(canvas, view, frame, plot),
        Panel::Events => events::draw(canvas, snapshot, view, frame),
        Panel::Effect => effect::draw(canvas, view, frame),
    }
}

fn nothing(canvas: &mut Canvas<'_>, snapshot: &Snapshot, view: &FaultsView, area: Rect) {
    let inside = canvas.titled(area, "Faults", "");
    let text = match snapshot.axis.newest_s {
        None => "no data yet",
        Some(_) if view.known > 0 => "no fault fits the filter",
        Some(_) if snapshot.head.run_id.is_empty() => {
            "no fault is known: only a run tells its plan to the collector"
        },
        Some(_) => "no fault in the plan of this run",
    };
    canvas.text(paint::after(paint::line(inside, 0), 1), text, Role::Dim);
}
