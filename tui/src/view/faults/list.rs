//! One lane for each fault with its numbers; where there is room, a line in words and one of hits
//! over time.

use model::fault::FaultState;
use ratatui::layout::Rect;

use super::Framed;
use crate::format;
use crate::screen::faults::{FaultRow, FaultsView};
use crate::screen::{FaultLane, Snapshot, TABLE_WINDOW_S};
use crate::theme::Role;
use crate::view::overview::faults::{cells, with_blanks};
use crate::view::{Canvas, Hit, TimePlot, marked_cursor};
use crate::widget::bars::Bars;
use crate::widget::{lane, paint, table};

/// Numbers beside a lane: title, columns with the blank before it.
const NUMBERS: [(&str, u16); 6] =
    [("state", 12), ("hit", 7), ("hit/s", 7), ("blast%", 7), ("skipped", 8), ("share", 7)];
/// Borders, titles and the time axis.
const AROUND: u16 = 4;
/// A name has room in this many columns.
pub(super) const WIDE_GUTTER: u16 = 15;
/// Lane, hits, words.
const LINES_MAX: usize = 3;

/// Rows of the panel, at most `most`: up to three lines for each fault.
pub(super) fn rows_wanted(view: &FaultsView, most: u16) -> u16 {
    let faults = u16::try_from(view.rows.len()).unwrap_or(u16::MAX);
    faults.saturating_mul(LINES_MAX as u16).saturating_add(AROUND).min(most)
}

pub(super) fn draw(
    canvas: &mut Canvas<'_>,
    snapshot: &Snapshot,
    view: &FaultsView,
    (area, panel): Framed,
    plot: TimePlot,
) {
    let room = usize::from(area.height.saturating_sub(AROUND));
    let lines = (room / view.rows.len().max(1)).clamp(1, LINES_MAX);
    let shown = table::in_sight(view.rows.len(), view.selected, 0, room / lines);
    let note = legend(canvas);
    let inside = canvas.framed(area, &title(view, shown.len()), &note, panel);
    titles(canvas, paint::line(inside, 0), plot);
    let mut at = 1;
    for index in shown {
        let row = &view.rows[index];
        let selected = index == view.selected;
        let whole = paint::line(inside, at);
        canvas.hit(Rect { height: whole.height * lines as u16, ..whole }, Hit::Row(index));
        first_line(canvas, snapshot, (row, selected), (whole, plot));
        if lines == LINES_MAX {
            hits(canvas, snapshot, (row, view.hits_max), (paint::line(inside, at + 1), plot));
        }
        if lines > 1 {
            let name = row_name(snapshot, &row.lane, (whole, plot));
            let cut = paint::width(&row.lane.name) > name.width;
            let text = words(&row.lane, plot, cut);
            let room = paint::after(paint::line(inside, at + lines as u16 - 1), 2);
            canvas.text(room, &text, Role::Dim);
        }
        at += lines as u16;
    }
    canvas.axis(paint::line(inside, at), &snapshot.axis, plot);
}

fn title(view: &FaultsView, shown: usize) -> String {
    let all = view.known;
    let count = if shown < all { format!("{shown} of {all}") } else { all.to_string() };
    let active = view.rows.iter().filter(|row| row.lane.state == FaultState::Active).count();
    let turned = if view.reverse { ", reversed" } else { "" };
    format!("Faults  {count}, {active} active  by {}{turned}", view.order.as_str())
}

fn legend(canvas: &Canvas<'_>) -> String {
    let glyphs = canvas.theme.glyphs;
    let [planned, done, active] = [glyphs.fault_planned, glyphs.fault_done, glyphs.fault_active];
    format!("{planned} planned {done} done {active} active")
}

/// The room left of the lanes.
fn name_room(line: Rect, plot: TimePlot) -> Rect {
    let mark = if plot.gutter >= WIDE_GUTTER { 2 } else { 1 };
    paint::first(paint::after(line, mark), plot.gutter.saturating_sub(mark + 1))
}

/// The room right of the lanes.
fn beside(line: Rect, plot: TimePlot) -> Rect {
    paint::after(line, plot.gutter.saturating_add(plot.columns))
}

/// As many columns as fit.
fn numbers(room: Rect) -> impl Iterator<Item = (usize, Rect)> {
    let mut used = 0;
    NUMBERS.into_iter().enumerate().map_while(move |(index, (_, width))| {
        let cell = paint::first(paint::after(room, used), width);
        used += width;
        // The state can be cut, a number cannot.
        (cell.width == width || (index == 0 && cell.width > 6)).then_some((index, cell))
    })
}

fn titles(canvas: &mut Canvas<'_>, line: Rect, plot: TimePlot) {
    canvas.text(name_room(line, plot), "fault", Role::Header);
    for (index, cell) in numbers(beside(line, plot)) {
        let (title, _) = NUMBERS[index];
        if index == 0 {
            canvas.text(paint::after(cell, 1), title, Role::Header);
        } else {
            canvas.right(cell, title, Role::Header);
        }
    }
}

fn first_line(
    canvas: &mut Canvas<'_>,
    snapshot: &Snapshot,
    (row, selected): (&FaultRow, bool),
    (line, plot): (Rect, TimePlot),
) {
    let fault = &row.lane;
    let active = fault.state == FaultState::Active;
    let role = if active { Role::Fault } else { Role::Text };
    for (index, cell) in numbers(beside(line, plot)) {
        match index {
            0 => canvas.text(paint::after(cell, 1), &state(fault), role),
            1 => canvas.right(cell, &format::count(fault.hit), Role::Text),
            2 => canvas.right(cell, &format::rate(fault.hit_per_s), Role::Text),
            3 => canvas.right(cell, &format::percent(row.reach.percent()), Role::Text),
            4 => canvas.right(cell, &format::count(fault.skipped), Role::Text),
            _ => canvas.right(cell, &fault.share, Role::Text),
        };
    }
    let area = paint::first(paint::after(line, plot.gutter), plot.columns);
    canvas.moments(area);
    lane::draw(
        canvas.buffer,
        area,
        cells(canvas.theme, &fault.cells),
        marked_cursor(&snapshot.axis),
    );
    let name = row_name(snapshot, fault, (line, plot));
    canvas.name(name, &fault.name, role);
    if selected {
        canvas.text(line, canvas.theme.glyphs.selected, Role::Text);
        let style = canvas.style(Role::Select);
        // The lane keeps its own look: a reversed bar is no bar.
        canvas.buffer.set_style(name.intersection(canvas.buffer.area), style);
    }
}

/// Where the name of a fault stands in its first line.
fn row_name(snapshot: &Snapshot, fault: &FaultLane, (line, plot): (Rect, TimePlot)) -> Rect {
    with_blanks(name_room(line, plot), fault, marked_cursor(&snapshot.axis))
}

/// Hits per second under the lane, all faults on one scale.
fn hits(
    canvas: &mut Canvas<'_>,
    snapshot: &Snapshot,
    (row, full): (&FaultRow, f64),
    (line, plot): (Rect, TimePlot),
) {
    canvas.text(name_room(line, plot), "hits", Role::Dim);
    let values: Vec<Option<f64>> =
        row.hits.iter().map(|value| value.filter(|value| *value > 0.0)).collect();
    let bars = Bars {
        values: &values,
        full,
        symbols: canvas.theme.glyphs.bars,
        style: canvas.style(Role::Fault),
        cursor: marked_cursor(&snapshot.axis),
    };
    let area = paint::first(paint::after(line, plot.gutter), plot.columns);
    canvas.moments(area);
    bars.draw(canvas.buffer, area);
    let most = row.hits.iter().copied().flatten().fold(0.0, f64::max);
    let text = format!(" max {}/s", format::rate(most));
    canvas.text(beside(line, plot), &text, Role::Dim);
}

pub(super) fn state(fault: &FaultLane) -> String {
    match (fault.state, fault.ends_in_s, fault.starts_in_s) {
        (FaultState::Active, Some(left), _) => format!("ends {}", format::length(left)),
        (FaultState::Active, None, _) => "active".to_owned(),
        (FaultState::Planned, _, Some(seconds)) => format!("in {}", format::length(seconds)),
        (FaultState::Planned, _, None) => "planned".to_owned(),
        (FaultState::Done, ..) => "done".to_owned(),
    }
}

/// What it does, to whom; with its name where that is cut above, and with its numbers where those
/// have no room of their own.
fn words(fault: &FaultLane, plot: TimePlot, cut: bool) -> String {
    let name = if cut { format!("{}: ", fault.name) } else { String::new() };
    let what = format!("{}, {} of {}", fault.what, fault.share, fault.edges);
    if plot.gutter >= WIDE_GUTTER {
        return name + &what;
    }
    let (hit, rate) = (format::count(fault.hit), format::rate(fault.hit_per_s));
    format!("{name}{hit} hit, {rate}/s; {what}")
}

/// Seconds that rates and blast radius are about.
pub(super) const WINDOW_S: u64 = TABLE_WINDOW_S;
