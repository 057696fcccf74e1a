//! Cause and effect on one vertical line: durations, breakers, faults and verdicts of the run.

use ratatui::layout::Rect;

use super::{Canvas, Framed, TimePlot};
use crate::app::{App, Mode};
use crate::layout::{Layout, Shell};
use crate::screen::Snapshot;
use crate::theme::Role;

pub(super) mod breakers;
mod events;
pub(super) mod faults;
mod heat;
pub(super) mod latency;
mod load;
mod red;
mod small;
pub(super) mod verdicts;
mod wide;

/// The panels, in the order in which Tab goes through them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Panel {
    Red,
    Breakers,
    Latency,
    Second,
    Faults,
    Verdicts,
    Events,
}

impl Panel {
    pub const ALL: [Self; 7] = [
        Self::Red,
        Self::Breakers,
        Self::Latency,
        Self::Second,
        Self::Faults,
        Self::Verdicts,
        Self::Events,
    ];
}

/// Where a panel lies, with its number and whether Tab has gone to it.
fn framed(app: &App, panel: Panel, area: Rect) -> Framed {
    (area, (panel as usize, app.panel() == panel))
}

/// How the first word of a panel without a border looks.
fn label(has_keys: bool) -> Role {
    if has_keys { Role::Focus } else { Role::Dim }
}

pub(super) fn draw(canvas: &mut Canvas<'_>, app: &App, snapshot: &Snapshot, shell: &Shell) {
    if app.zoomed {
        one(canvas, app, snapshot, shell.stage);
        return;
    }
    match Layout::of(app.width, app.height) {
        Layout::Wide(layout) => wide::draw(canvas, app, snapshot, &layout),
        Layout::Small(layout) => small::draw(canvas, app, snapshot, &layout),
        Layout::TooSmall => {},
    }
}

/// One panel on the whole stage.
fn one(canvas: &mut Canvas<'_>, app: &App, snapshot: &Snapshot, area: Rect) {
    let columns = app.layout().columns();
    let plot = TimePlot { gutter: area.width.saturating_sub(columns + 3).min(14), columns };
    let area = framed(app, app.panel(), area);
    match app.panel() {
        Panel::Red => red::draw(canvas, app, snapshot, area),
        Panel::Breakers => breakers::draw(canvas, snapshot, area, plot),
        Panel::Latency => latency::draw(canvas, snapshot, area, plot),
        Panel::Second if app.screens.overview.mode == Mode::Load => {
            load::draw(canvas, snapshot, area, plot);
        },
        Panel::Second => heat::draw(canvas, snapshot, area, plot),
        Panel::Faults => faults::draw(canvas, snapshot, area, plot),
        Panel::Verdicts => verdicts::draw(canvas, snapshot, area),
        Panel::Events => events::draw(canvas, snapshot, area),
    }
}
