//! The overview from 100x30 on: two columns of panels, four of them on one time axis.

use super::verdicts;
use super::{Panel, breakers, events, faults, framed, heat, latency, load, red};
use crate::app::{App, Mode};
use crate::layout::Wide;
use crate::screen::Snapshot;
use crate::view::{Canvas, TimePlot};

pub(super) fn draw(canvas: &mut Canvas<'_>, app: &App, snapshot: &Snapshot, layout: &Wide) {
    let columns = layout.columns;
    // The panel's borders and one blank at the right are not part of the gutter.
    let plot = |width: u16| TimePlot { gutter: width.saturating_sub(columns + 3), columns };
    let left = plot(layout.latency.width);
    let right = plot(layout.second.width);
    let frame = |panel, area| framed(app, panel, area);
    red::draw(canvas, app, snapshot, frame(Panel::Red, layout.red));
    breakers::draw(canvas, snapshot, frame(Panel::Breakers, layout.breakers), right);
    latency::draw(canvas, snapshot, frame(Panel::Latency, layout.latency), left);
    let second = frame(Panel::Second, layout.second);
    if app.screens.overview.mode == Mode::Load {
        load::draw(canvas, snapshot, second, right);
    } else {
        heat::draw(canvas, snapshot, second, right);
    }
    faults::draw(canvas, snapshot, frame(Panel::Faults, layout.faults), left);
    verdicts::draw(canvas, snapshot, frame(Panel::Verdicts, layout.verdicts));
    events::draw(canvas, snapshot, frame(Panel::Events, layout.events));
}
