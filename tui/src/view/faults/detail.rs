//! The selected fault in words.

use model::fault::FaultState;

use super::list::{WIDE_GUTTER, WINDOW_S, state};
use super::{Framed, effect};
use crate::format;
use crate::screen::faults::{FaultDetail, FaultRow, FaultsView, Reach, WindowRow};
use crate::theme::Role;
use crate::view::{Canvas, TimePlot};
use crate::widget::paint;

/// Columns of the words before values.
const LABEL: u16 = 10;

pub(super) fn draw(
    canvas: &mut Canvas<'_>,
    view: &FaultsView,
    (area, panel): Framed,
    plot: TimePlot,
) {
    let (Some(row), Some(detail)) = (view.rows.get(view.selected), &view.detail) else { return };
    let inside = canvas.framed(area, &row.lane.name, row.lane.state.as_str(), panel);
    let mut lines = lines(row, detail);
    // A wide screen has a table of it.
    let effect = detail.effect.as_ref().filter(|_| plot.gutter < WIDE_GUTTER);
    let effect = effect.map(effect::short).unwrap_or_default();
    let labels = ["effect"].into_iter().chain(std::iter::repeat(""));
    lines.extend(labels.zip(effect).map(|(label, text)| (label, text, Role::Text)));
    for (at, (label, value, role)) in (0..inside.height).zip(lines) {
        let line = paint::after(paint::line(inside, at), 1);
        canvas.text(paint::first(line, LABEL - 1), label, Role::Dim);
        canvas.text(paint::after(line, LABEL), &value, role);
    }
}

/// Rows of the panel on a wide screen.
pub(super) fn rows_wanted(view: &FaultsView) -> u16 {
    let selected = view.rows.get(view.selected).zip(view.detail.as_ref());
    let lines = selected.map_or(0, |(row, detail)| lines(row, detail).len());
    u16::try_from(lines).unwrap_or(u16::MAX).saturating_add(2)
}

type Line = (&'static str, String, Role);

fn lines(row: &FaultRow, detail: &FaultDetail) -> Vec<Line> {
    let fault = &row.lane;
    let active = if fault.state == FaultState::Active { Role::Fault } else { Role::Text };
    let edges: Vec<String> = detail.edges.iter().map(ToString::to_string).collect();
    let edges = if edges.is_empty() { "no edge".to_owned() } else { edges.join(", ") };
    let mut lines = vec![
        ("does", fault.what.clone(), Role::Text),
        ("to", format!("{} of {edges}", fault.share), Role::Text),
        ("state", state(fault), active),
    ];
    let hits = format!(
        "{}, {}/s; skipped {}",
        format::count(fault.hit),
        format::rate(fault.hit_per_s),
        format::count(fault.skipped)
    );
    lines.push(("hit", hits, Role::Text));
    lines.push(("blast", blast(row.reach, detail.reach), Role::Text));
    for (index, window) in detail.windows.iter().enumerate() {
        let label = if index == 0 { "schedule" } else { "" };
        lines.push(window_line(label, window));
    }
    if detail.windows.is_empty() {
        lines.push(("schedule", "none".to_owned(), Role::Dim));
    }
    lines
}

/// Both with the stretch that they are about.
fn blast(now: Reach, axis: Reach) -> String {
    let percent = |reach: Reach| format::share(reach.percent());
    format!(
        "{} of {} in {WINDOW_S} s; whole axis {}",
        percent(now),
        format::count(now.requests),
        percent(axis)
    )
}

fn window_line(label: &'static str, window: &WindowRow) -> Line {
    let from = format::clock(window.from_s);
    let span = match window.to_s {
        Some(to_s) => {
            let length = format::length(to_s.saturating_sub(window.from_s));
            format!("{from}..{}  {length}", format::clock(to_s))
        },
        None => format!("from {from} on"),
    };
    let role = if window.state == FaultState::Active { Role::Fault } else { Role::Text };
    (label, format!("{span}  {}", window.state.as_str()), role)
}
