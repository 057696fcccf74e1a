//! Faults over time, and what the one of interest does.

use model::fault::FaultState;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::format;
use crate::screen::{FaultCell, FaultLane, Snapshot};
use crate::theme::{Role, Theme};
use crate::view::{Canvas, Framed, TimePlot, marked_cursor};
use crate::widget::{lane, paint};

pub(super) fn draw(canvas: &mut Canvas<'_>, snapshot: &Snapshot, frame: Framed, plot: TimePlot) {
    let glyphs = canvas.theme.glyphs;
    let legend = [
        canvas.piece(format!("{} done ", glyphs.fault_done), Role::Dim),
        canvas.piece(format!("{} active", glyphs.fault_active), Role::Fault),
    ];
    let room = frame.0.height.saturating_sub(2);
    // Two thirds are lanes, the rest is the axis and what the fault of interest does.
    let fitting = usize::from(room.saturating_sub(1)) * 2 / 3;
    let shown = chosen(&snapshot.faults, fitting.max(1));
    let title = if shown.len() < snapshot.faults.len() {
        format!("Faults  {} of {}", shown.len(), snapshot.faults.len())
    } else {
        "Faults".to_owned()
    };
    let title = vec![canvas.piece(title, Role::Title)];
    let inside = canvas.framed_with(frame, title, &legend);
    if shown.is_empty() {
        let text = "no fault in the plan";
        canvas.text(paint::after(paint::line(inside, 0), 1), text, Role::Dim);
        return;
    }
    for (row, fault) in (0..).zip(&shown) {
        fault_line(canvas, snapshot, fault, (paint::line(inside, row), plot));
    }
    let row = shown.len() as u16;
    canvas.axis(paint::line(inside, row), &snapshot.axis, plot);
    let details = details(&shown);
    for (row, text) in (row + 1..inside.height).zip(details) {
        canvas.text(paint::after(paint::line(inside, row), 1), &text, Role::Text);
    }
}

/// All in the order of the scenario when they fit; else active ones, then those to come.
fn chosen(faults: &[FaultLane], fitting: usize) -> Vec<&FaultLane> {
    let mut shown: Vec<&FaultLane> = faults.iter().collect();
    if shown.len() > fitting {
        shown.sort_by_key(|fault| (rank(fault.state), fault.starts_in_s));
        shown.truncate(fitting);
    }
    shown
}

fn rank(state: FaultState) -> u8 {
    match state {
        FaultState::Active => 0,
        FaultState::Planned => 1,
        FaultState::Done => 2,
    }
}

fn fault_line(
    canvas: &mut Canvas<'_>,
    snapshot: &Snapshot,
    fault: &FaultLane,
    (line, plot): (Rect, TimePlot),
) {
    let role = if fault.state == FaultState::Active { Role::Fault } else { Role::Text };
    let area = paint::first(paint::after(line, plot.gutter), plot.columns);
    let cells = cells(canvas.theme, &fault.cells);
    canvas.moments(area);
    lane::draw(canvas.buffer, area, cells, marked_cursor(&snapshot.axis));
    if let Some(seconds) = fault.starts_in_s {
        let lead = canvas.theme.glyphs.fault_planned.repeat(3);
        let text = format!(" {lead} in {}", format::length(seconds));
        canvas.right(area, &text, Role::Dim);
    }
    let name = paint::first(paint::after(line, 1), plot.gutter.saturating_sub(2));
    let name = with_blanks(name, fault, marked_cursor(&snapshot.axis));
    canvas.name(name, &fault.name, role);
}

/// The room of a name before its lane; as much more as the name needs of what is blank at the
/// begin of the lane. The second half of a lane is left to what stands there.
pub(in crate::view) fn with_blanks(room: Rect, fault: &FaultLane, cursor: Option<usize>) -> Rect {
    let blank = fault.cells.iter().take_while(|cell| **cell == FaultCell::Off).count();
    let blank = blank.min(cursor.unwrap_or(usize::MAX)).min(fault.cells.len() / 2) as u16;
    let wanted = paint::width(&fault.name);
    Rect { width: room.width.saturating_add(blank).min(wanted.max(room.width)), ..room }
}

pub(in crate::view) fn cells<'a>(
    theme: &'a Theme,
    cells: &'a [FaultCell],
) -> impl Iterator<Item = Option<(&'a str, Style)>> {
    cells.iter().map(|cell| match cell {
        FaultCell::Off => None,
        FaultCell::Planned => Some((theme.glyphs.fault_planned, theme.style(Role::Dim))),
        FaultCell::Done => Some((theme.glyphs.fault_done, theme.style(Role::Dim))),
        FaultCell::Active => Some((theme.glyphs.fault_active, theme.style(Role::Fault))),
    })
}

/// The fault of interest: the first active one, else the next to come, else the last.
fn details(shown: &[&FaultLane]) -> Vec<String> {
    let active = shown.iter().find(|fault| fault.state == FaultState::Active);
    let coming = || {
        let planned = shown.iter().filter(|fault| fault.starts_in_s.is_some());
        planned.min_by_key(|fault| fault.starts_in_s)
    };
    let Some(fault) = active.or_else(coming).or_else(|| shown.last()) else { return Vec::new() };
    let when = match (fault.state, fault.ends_in_s, fault.starts_in_s) {
        (FaultState::Active, Some(seconds), _) => format!("ends in {}", format::length(seconds)),
        (FaultState::Active, None, _) => "active".to_owned(),
        (FaultState::Planned, _, Some(seconds)) => format!("in {}", format::length(seconds)),
        (FaultState::Planned, _, None) => "planned".to_owned(),
        (FaultState::Done, ..) => "done".to_owned(),
    };
    vec![
        format!("{}: {}", fault.name, fault.what),
        format!(
            "hit {} ({}/s), skipped {}, {when}",
            format::count(fault.hit),
            format::rate(fault.hit_per_s),
            format::count(fault.skipped),
        ),
        format!("share {} of {}", fault.share, fault.edges),
    ]
}
