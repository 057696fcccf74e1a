//! The overview below 100x30: everything stacked on one time axis.

use model::fault::FaultState;
use ratatui::layout::Rect;

use super::{Panel, breakers, events, faults, framed, heat, label, latency, load, red, verdicts};
use crate::app::{App, Mode};
use crate::derive::gravity::gravity;
use crate::derive::words;
use crate::layout::{SMALL_GUTTER, Small};
use crate::screen::{BreakerLane, FaultCell, Link, Snapshot, Subject};
use crate::theme::Role;
use crate::view::{Canvas, TimePlot, header, marked_cursor};
use crate::widget::{lane, paint};

/// Columns of a state beside its lane.
const WORD: u16 = 8;

pub(super) fn draw(canvas: &mut Canvas<'_>, app: &App, snapshot: &Snapshot, layout: &Small) {
    let plot = TimePlot { gutter: SMALL_GUTTER - 1, columns: layout.columns };
    red::draw(canvas, app, snapshot, framed(app, Panel::Red, layout.red));
    let frame = |panel| framed(app, panel, layout.latency);
    match app.screens.overview.mode {
        Mode::Lines => latency::draw(canvas, snapshot, frame(Panel::Latency), plot),
        Mode::Heat => heat::draw(canvas, snapshot, frame(Panel::Second), plot),
        Mode::Load => load::draw(canvas, snapshot, frame(Panel::Second), plot),
    }
    lanes(canvas, app, snapshot, layout);
}

fn lanes(canvas: &mut Canvas<'_>, app: &App, snapshot: &Snapshot, layout: &Small) {
    let line = |index| paint::line(layout.lanes, index);
    let label = |panel| label(app.panel() == panel);
    let lane_area = |line: Rect| paint::first(paint::after(line, SMALL_GUTTER), layout.columns);
    // Beside the lanes of the smallest screens there is no room for a word.
    let rest = |line: Rect| {
        let rest = paint::after(line, SMALL_GUTTER + layout.columns + 1);
        if rest.width < WORD { paint::first(rest, 0) } else { rest }
    };
    let cursor = marked_cursor(&snapshot.axis);

    canvas.text(line(0), "breaker", label(Panel::Breakers));
    if let Some(breaker) = breaker_of_interest(snapshot) {
        let cells = breakers::cells(canvas.theme, breaker);
        canvas.moments(lane_area(line(0)));
        lane::draw(canvas.buffer, lane_area(line(0)), cells, cursor);
        let (word, role) = breakers::state_text(breaker);
        canvas.text(rest(line(0)), &word, role);
    } else {
        canvas.text(lane_area(line(0)), "no breaker", Role::Dim);
    }

    canvas.text(line(1), "faults", label(Panel::Faults));
    let all = together(snapshot);
    let cells = faults::cells(canvas.theme, &all);
    canvas.moments(lane_area(line(1)));
    lane::draw(canvas.buffer, lane_area(line(1)), cells, cursor);
    let active = snapshot.faults.iter().filter(|fault| fault.state == FaultState::Active).count();
    if snapshot.faults.is_empty() {
        canvas.text(lane_area(line(1)), "no fault in the plan", Role::Dim);
    } else if active > 0 {
        canvas.text(rest(line(1)), &format!("{active} active"), Role::Fault);
    } else if let Some(seconds) = snapshot.faults.iter().filter_map(|it| it.starts_in_s).min() {
        let text = format!("in {}", crate::format::length(seconds));
        canvas.text(rest(line(1)), &text, Role::Dim);
    }

    verdicts::line(canvas, snapshot, line(2), label(Panel::Verdicts));
    let over = words::over(snapshot.head.verdict).filter(|_| snapshot.link == Link::Ended);
    let over = over.filter(|_| app.playback.is_none());
    let used = over.map_or(0, |over| canvas.text(line(3), &format!(" {over} "), Role::Text));
    let room = paint::after(line(3), used);
    if !snapshot.insights.is_empty() {
        header::insights(canvas, app, snapshot, room);
        if app.panel() == Panel::Events {
            canvas.text(room, " ! ", Role::Focus);
        }
    } else if used == 0 {
        events::line(canvas, snapshot, room, label(Panel::Events));
    }
}

/// The breaker of the selected edge, else the one in the gravest state.
fn breaker_of_interest(snapshot: &Snapshot) -> Option<&BreakerLane> {
    let selected = snapshot.rows.get(snapshot.selected).map(|row| &row.subject);
    let of_selected = snapshot
        .breakers
        .iter()
        .find(|breaker| matches!(selected, Some(Subject::Edge(edge)) if *edge == breaker.edge));
    let grave = || snapshot.breakers.iter().max_by_key(|breaker| gravity(breaker.state));
    of_selected.or_else(grave)
}

/// All faults in one lane: active wins over done.
fn together(snapshot: &Snapshot) -> Vec<FaultCell> {
    let mut all = vec![FaultCell::Off; snapshot.axis.columns];
    for fault in &snapshot.faults {
        for (cell, more) in all.iter_mut().zip(&fault.cells) {
            *cell = match (*cell, *more) {
                (FaultCell::Active, _) | (_, FaultCell::Active) => FaultCell::Active,
                (FaultCell::Done, _) | (_, FaultCell::Done) => FaultCell::Done,
                (FaultCell::Planned, _) | (_, FaultCell::Planned) => FaultCell::Planned,
                (FaultCell::Off, FaultCell::Off) => FaultCell::Off,
            };
        }
    }
    all
}
