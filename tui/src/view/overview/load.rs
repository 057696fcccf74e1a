//! The load generator: offered against done, its own lateness, and the groups apart.

use model::load::LoadModel;

use crate::format::{milliseconds, rate};
use crate::screen::{LoadColumn, LoadSummary, Snapshot};
use crate::theme::Role;
use crate::view::{Canvas, Framed, TimePlot, marked_cursor};
use crate::widget::bars::Bars;
use crate::widget::paint;

type Value = fn(&LoadColumn) -> Option<f64>;

/// Lanes with their names, in columns that fit the narrowest gutter.
const LANES: [(&str, Role, Value); 4] = [
    ("offer", Role::Text, |column| column.offered),
    ("done", Role::Ok, |column| column.completed),
    ("fail", Role::Error, |column| column.failed),
    ("late", Role::Warn, |column| column.lateness_p99_ms),
];

pub(super) fn draw(canvas: &mut Canvas<'_>, snapshot: &Snapshot, frame: Framed, plot: TimePlot) {
    let load = &snapshot.load;
    let validity = load.validity.map_or("no load yet", |validity| validity.as_str());
    let title = match load.model {
        LoadModel::Open => "Load",
        LoadModel::Closed => "Load, closed model: service times",
        LoadModel::Max => "Load, max model: service times",
    };
    let inside = canvas.framed(frame.0, title, validity, frame.1);
    if snapshot.axis.newest_s.is_none() {
        return;
    }
    let (room, axis_line) = canvas.plot_and_axis(inside, plot);
    let lanes = (LANES.len() as u16).min(room.height);
    let rate_max = load
        .columns
        .iter()
        .flat_map(|column| [column.offered, column.completed, column.failed])
        .flatten()
        .fold(0.0, f64::max);
    let late_max = load.columns.iter().filter_map(|it| it.lateness_p99_ms).fold(0.0, f64::max);
    for (index, (name, role, value)) in (0..lanes).zip(LANES) {
        let values: Vec<Option<f64>> =
            load.columns.iter().map(|it| value(it).filter(|value| *value > 0.0)).collect();
        let bars = Bars {
            values: &values,
            full: if name == "late" { late_max } else { rate_max },
            symbols: canvas.theme.glyphs.bars,
            style: canvas.style(role),
            cursor: marked_cursor(&snapshot.axis),
        };
        bars.draw(canvas.buffer, paint::line(room, index));
        let line = paint::after(paint::line(inside, index), 1);
        canvas.text(paint::first(line, plot.gutter.saturating_sub(2)), name, Role::Dim);
    }
    for (index, text) in (lanes..room.height).zip(texts(load, rate_max, late_max)) {
        canvas.text(paint::after(paint::line(inside, index), 1), &text, Role::Text);
    }
    canvas.axis(axis_line, &snapshot.axis, plot);
}

/// What the header does not say already, the most telling first.
fn texts(load: &LoadSummary, rate_max: f64, late_max: f64) -> [String; 4] {
    let cores = if load.cpu_cores.is_finite() { load.cpu_cores.clamp(0.0, 999.0) } else { 0.0 };
    let late_max = milliseconds((late_max > 0.0).then_some(late_max));
    [
        format!(
            "in flight {}, full bars {}/s and late {late_max} ms",
            crate::format::count(load.in_flight),
            rate(rate_max),
        ),
        format!(
            "p99 hit {}, exposed {}, control {} ms",
            milliseconds(load.hit_p99_ms),
            milliseconds(load.exposed_p99_ms),
            milliseconds(load.control_p99_ms),
        ),
        format!(
            "late p50 {}, p99 {} ms, connection p99 {} ms",
            milliseconds(load.lateness_ms[0]),
            milliseconds(load.lateness_ms[1]),
            milliseconds(load.connection_wait_p99_ms),
        ),
        format!("the generator uses {cores:.2} cores"),
    ]
}
