//! The load over time, one line for each number, on the shared axis.

use model::load::{LoadModel, Validity};
use ratatui::layout::Rect;

use crate::app::App;
use crate::format;
use crate::screen::Snapshot;
use crate::screen::load::{LoadMoment, LoadView};
use crate::theme::Role;
use crate::view::{Canvas, TimePlot, marked_cursor};
use crate::widget::bars::Bars;
use crate::widget::{lane, paint};

/// Columns of a number beside its lane, with the blank before it.
const VALUE: u16 = 6;
/// Columns of the word for the validity, with the blank before it.
const WORD: u16 = 8;

/// How a number is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    PerSecond,
    Count,
    Milliseconds,
    Cores,
}

#[derive(Debug, Clone, Copy)]
struct Lane {
    /// In columns that fit before the values of the wide gutter, and of the small one.
    name: &'static str,
    short: &'static str,
    role: Role,
    unit: Unit,
    /// Lanes of one scale can be compared by their height.
    scale: usize,
    value: fn(&LoadMoment) -> Option<f64>,
}

const fn lane(
    names: (&'static str, &'static str),
    role: Role,
    (unit, scale): (Unit, usize),
    value: fn(&LoadMoment) -> Option<f64>,
) -> Lane {
    Lane { name: names.0, short: names.1, role, unit, scale, value }
}

/// In the order in which a high screen shows them.
const LANES: [Lane; 11] = [
    lane(("offered", "offer"), Role::Text, (Unit::PerSecond, 0), |it| it.offered_per_s),
    lane(("done", "done"), Role::Ok, (Unit::PerSecond, 0), |it| it.completed_per_s),
    lane(("failed", "failed"), Role::Error, (Unit::PerSecond, 0), |it| it.failed_per_s),
    lane(("inflight", "flight"), Role::Text, (Unit::Count, 1), |it| it.in_flight),
    lane(("control", "contr"), Role::Series(0), (Unit::Milliseconds, 2), |it| it.groups_p99_ms[0]),
    lane(("not hit", "spared"), Role::Series(1), (Unit::Milliseconds, 2), |it| it.groups_p99_ms[1]),
    lane(("hit", "hit"), Role::Fault, (Unit::Milliseconds, 2), |it| it.groups_p99_ms[2]),
    lane(("late p50", "late50"), Role::Text, (Unit::Milliseconds, 3), |it| it.late_ms[0]),
    lane(("late p99", "late99"), Role::Warn, (Unit::Milliseconds, 3), |it| it.late_ms[1]),
    lane(("connect", "conn"), Role::Text, (Unit::Milliseconds, 4), |it| it.connection_ms),
    lane(("cpu", "cpu"), Role::Text, (Unit::Cores, 5), |it| it.cpu_cores),
];
/// Which of them go first where there is little room.
const RANKS: [u8; LANES.len()] = [0, 0, 0, 2, 5, 5, 5, 4, 1, 3, 3];

/// Lanes in all, the validity included.
pub(super) const COUNT: u16 = LANES.len() as u16 + 1;

pub(super) fn draw(
    canvas: &mut Canvas<'_>,
    app: &App,
    snapshot: &Snapshot,
    view: &LoadView,
    (area, plot): (Rect, TimePlot),
) {
    let title = "Load: last 10 s, and over time";
    let inside = canvas.framed(area, title, model(view.model), (1, app.focus == 1));
    if inside.height == 0 {
        return;
    }
    let rows = Rect { height: inside.height - 1, ..inside };
    all(canvas, snapshot, view, (rows, plot), true);
    canvas.axis(paint::line(inside, inside.height - 1), &snapshot.axis, plot);
}

/// Durations of another model than the open one do not hold the wait of those who never came.
fn model(model: Option<LoadModel>) -> &'static str {
    match model {
        None => "",
        Some(LoadModel::Open) => "open model",
        Some(LoadModel::Closed) => "closed model: service times",
        Some(LoadModel::Max) => "as fast as it goes",
    }
}

/// Without a box, names in few columns, numbers at the right end where there is room.
pub(super) fn bare(
    canvas: &mut Canvas<'_>,
    snapshot: &Snapshot,
    view: &LoadView,
    (area, plot): (Rect, TimePlot),
) {
    if area.height == 0 {
        return;
    }
    let rows = Rect { height: area.height - 1, ..area };
    all(canvas, snapshot, view, (rows, plot), false);
    canvas.axis(paint::line(area, area.height - 1), &snapshot.axis, plot);
}

/// The validity in the last line: numbers of a generator that could not keep up prove nothing.
fn all(
    canvas: &mut Canvas<'_>,
    snapshot: &Snapshot,
    view: &LoadView,
    (area, plot): (Rect, TimePlot),
    boxed: bool,
) {
    let room = area.height.saturating_sub(1);
    let chosen = chosen(usize::from(room));
    for (row, at) in (0..room).zip(&chosen) {
        one(canvas, snapshot, view, (paint::line(area, row), plot), (&LANES[*at], boxed));
    }
    let row = room.min(chosen.len() as u16);
    validity(canvas, snapshot, view, (paint::line(area, row), plot), boxed);
}

/// As many as fit, those with the lowest rank, in their order.
fn chosen(fitting: usize) -> Vec<usize> {
    let mut by_rank: Vec<usize> = (0..LANES.len()).collect();
    by_rank.sort_by_key(|at| (RANKS[*at], *at));
    by_rank.truncate(fitting);
    by_rank.sort_unstable();
    by_rank
}

/// Where the name, the number and the plot of a line stand.
fn parts(line: Rect, plot: TimePlot, boxed: bool, value: u16) -> (Rect, Rect, Rect) {
    let room = paint::first(paint::after(line, plot.gutter), plot.columns);
    let before = paint::first(paint::after(line, 1), plot.gutter.saturating_sub(1));
    if boxed {
        // One blank before the plot.
        let before = paint::first(before, before.width.saturating_sub(1));
        let name = paint::first(before, before.width.saturating_sub(value - 1));
        return (name, paint::after(before, before.width.saturating_sub(value)), room);
    }
    let rest = paint::after(line, plot.gutter + plot.columns);
    let rest = if rest.width < value { paint::first(rest, 0) } else { rest };
    (before, paint::first(rest, value), room)
}

fn one(
    canvas: &mut Canvas<'_>,
    snapshot: &Snapshot,
    view: &LoadView,
    (line, plot): (Rect, TimePlot),
    (lane, boxed): (&Lane, bool),
) {
    let (name, value, room) = parts(line, plot, boxed, VALUE);
    canvas.text(name, if boxed { lane.name } else { lane.short }, Role::Dim);
    let now = (lane.value)(&view.now);
    // A group that there is not, and nothing that failed, need no attention.
    let role = if now.is_some_and(|now| now > 0.0) { Role::Text } else { Role::Dim };
    canvas.right(value, &text(lane.unit, now), role);
    // Nothing is no bar, not a small one.
    let shown = |moment| (lane.value)(moment).filter(|value| *value > 0.0);
    let values: Vec<Option<f64>> = view.moments.iter().map(shown).collect();
    let alike = LANES.iter().filter(|other| other.scale == lane.scale);
    let full = alike
        .flat_map(|other| view.moments.iter().filter_map(other.value))
        .filter(|value| value.is_finite())
        .fold(0.0, f64::max);
    canvas.moments(room);
    let bars = Bars {
        values: &values,
        full,
        symbols: canvas.theme.glyphs.bars,
        style: canvas.style(lane.role),
        cursor: marked_cursor(&snapshot.axis),
    };
    bars.draw(canvas.buffer, room);
    if value.width == 0 {
        // The oldest columns make room for the number.
        let over = paint::first(room, VALUE + 1);
        paint::clear(canvas.buffer, over);
        canvas.right(paint::first(over, VALUE), &text(lane.unit, now), role);
    }
}

fn text(unit: Unit, value: Option<f64>) -> String {
    match (unit, value) {
        (_, None) => format::UNKNOWN.to_owned(),
        (Unit::PerSecond, Some(value)) => format::rate(value),
        (Unit::Count, Some(value)) => format::count(value as u64),
        (Unit::Milliseconds, value) => format::milliseconds(value),
        (Unit::Cores, Some(value)) => format!("{:.2}", value.clamp(0.0, 99.0)),
    }
}

fn validity(
    canvas: &mut Canvas<'_>,
    snapshot: &Snapshot,
    view: &LoadView,
    (line, plot): (Rect, TimePlot),
    boxed: bool,
) {
    let (name, value, room) = parts(line, plot, boxed, WORD);
    canvas.text(name, "valid", Role::Dim);
    let (text, role) = view.now.validity.map_or((format::UNKNOWN, Role::Dim), word);
    canvas.right(value, text, role);
    canvas.moments(room);
    let glyphs = canvas.theme.glyphs;
    let cells = view.moments.iter().map(|moment| {
        let validity = moment.validity?;
        let sign = match validity {
            Validity::Valid => glyphs.breaker_closed,
            Validity::Suspect => glyphs.breaker_half_open,
            Validity::Invalid => glyphs.breaker_open,
        };
        Some((sign, canvas.theme.style(word(validity).1)))
    });
    lane::draw(canvas.buffer, room, cells, marked_cursor(&snapshot.axis));
}

/// In capitals when the numbers are not to be trusted.
fn word(validity: Validity) -> (&'static str, Role) {
    match validity {
        Validity::Valid => ("valid", Role::Ok),
        Validity::Suspect => ("SUSPECT", Role::Warn),
        Validity::Invalid => ("INVALID", Role::Error),
    }
}
