//! All durations of the selected flow or edge over time: two humps are seen as two.

use ratatui::style::Style;

use super::latency;
use crate::screen::Snapshot;
use crate::theme::{HEAT_STEPS, Role};
use crate::view::{Canvas, Framed, TimePlot};
use crate::widget::heatmap::HeatMap;
use crate::widget::panel::Piece;

pub(super) fn draw(canvas: &mut Canvas<'_>, snapshot: &Snapshot, frame: Framed, plot: TimePlot) {
    let title = latency::title(canvas, snapshot.rows.get(snapshot.selected), "Heat map");
    let legend = legend(canvas);
    let inside = canvas.framed_with(frame, title, &legend);
    if snapshot.axis.newest_s.is_none() {
        return;
    }
    let (room, axis_line) = canvas.plot_and_axis(inside, plot);
    canvas.scale(room, plot.gutter, (snapshot.plot.low_ms, snapshot.plot.high_ms));
    canvas.cursor_line(room, &snapshot.axis);
    let columns: Vec<Vec<u64>> =
        snapshot.plot.columns.iter().map(|column| column.heat.clone()).collect();
    let ramp: Vec<Style> = (0..HEAT_STEPS).map(|step| canvas.style(Role::Heat(step))).collect();
    let map = HeatMap {
        columns: &columns,
        max: snapshot.plot.heat_max,
        ramp: &ramp,
        symbols: canvas.theme.glyphs.heat,
        half_blocks: canvas.theme.half_blocks(),
    };
    map.draw(canvas.buffer, room);
    canvas.axis(axis_line, &snapshot.axis, plot);
}

fn legend(canvas: &Canvas<'_>) -> Vec<Piece> {
    let symbols = canvas.theme.glyphs.heat;
    let mut pieces = vec![canvas.piece("few ", Role::Dim)];
    if canvas.theme.half_blocks() {
        pieces.extend((0..HEAT_STEPS).map(|step| canvas.piece("█", Role::Heat(step))));
    } else {
        let role = |index: usize| Role::Heat(index * HEAT_STEPS / symbols.len());
        pieces.extend(symbols.iter().enumerate().map(|(i, it)| canvas.piece(*it, role(i))));
    }
    pieces.push(canvas.piece(" many", Role::Dim));
    pieces
}
