//! Circuit breakers: state, reason, countdown, and a lane over time for each.

use model::policy::BreakerState;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::derive::gravity::gravity;
use crate::format;
use crate::screen::{BreakerLane, Snapshot};
use crate::theme::{Role, Theme};
use crate::view::{Canvas, Framed, TimePlot, marked_cursor};
use crate::widget::{lane, paint};

/// Columns for the name of an edge.
const NAME: u16 = 20;
/// Lines of a breaker: name and state, lane, and the reason where there is room.
const LINES: u16 = 2;

pub(super) fn draw(canvas: &mut Canvas<'_>, snapshot: &Snapshot, frame: Framed, plot: TimePlot) {
    let glyphs = canvas.theme.glyphs;
    let legend = [
        canvas.piece(format!("{} closed ", glyphs.breaker_closed), role(BreakerState::Closed)),
        canvas.piece(format!("{} open ", glyphs.breaker_open), role(BreakerState::Open)),
        canvas
            .piece(format!("{} half-open", glyphs.breaker_half_open), role(BreakerState::HalfOpen)),
    ];
    let room = frame.0.height.saturating_sub(3);
    let fitting = usize::from(room / LINES);
    let shown = chosen(&snapshot.breakers, fitting);
    let title = if shown.len() < snapshot.breakers.len() {
        format!("Breakers  {} of {}", shown.len(), snapshot.breakers.len())
    } else {
        "Breakers".to_owned()
    };
    let title = vec![canvas.piece(title, Role::Title)];
    let inside = canvas.framed_with(frame, title, &legend);
    if shown.is_empty() {
        let line = paint::after(paint::line(inside, 0), 1);
        canvas.text(line, "no edge has a breaker", Role::Dim);
    }
    let reasons = room >= (LINES + 1) * shown.len() as u16;
    let mut row = 0;
    for breaker in &shown {
        describe(canvas, breaker, paint::line(inside, row), !reasons);
        if reasons {
            row += 1;
            canvas.text(paint::after(paint::line(inside, row), 3), &breaker.reason, Role::Dim);
        }
        let line = paint::after(paint::line(inside, row + 1), plot.gutter);
        let cells = cells(canvas.theme, breaker);
        let area = paint::first(line, plot.columns);
        canvas.moments(area);
        lane::draw(canvas.buffer, area, cells, marked_cursor(&snapshot.axis));
        row += LINES;
    }
    if snapshot.axis.newest_s.is_some() && inside.height > 0 {
        canvas.axis(paint::line(inside, inside.height - 1), &snapshot.axis, plot);
    }
}

/// All in their order when they fit; else those that are not closed come first, then those that
/// were not closed at some time that the lane shows.
fn chosen(breakers: &[BreakerLane], fitting: usize) -> Vec<&BreakerLane> {
    let mut shown: Vec<&BreakerLane> = breakers.iter().collect();
    if shown.len() > fitting {
        shown.sort_by_key(|breaker| {
            let worst = breaker.cells.iter().flatten().map(|state| gravity(*state)).max();
            std::cmp::Reverse((gravity(breaker.state), worst))
        });
        shown.truncate(fitting);
    }
    shown
}

fn describe(canvas: &mut Canvas<'_>, breaker: &BreakerLane, line: Rect, with_reason: bool) {
    let line = paint::after(paint::first(line, line.width.saturating_sub(1)), 1);
    canvas.text(paint::first(line, NAME), &breaker.edge.short(), Role::Text);
    let line = paint::after(line, NAME + 1);
    let (word, role) = state_text(breaker);
    let mut used = canvas.text(line, &word, role);
    let probe = breaker.probe_in_s.filter(|_| breaker.state == BreakerState::Open);
    let countdown = match probe {
        Some(0) => ", probe due".to_owned(),
        Some(seconds) => format!(", probe in {}", format::length(seconds)),
        None => String::new(),
    };
    used += canvas.text(paint::after(line, used), &countdown, role);
    if with_reason && !breaker.reason.is_empty() {
        canvas.text(paint::after(line, used), &format!(", {}", breaker.reason), Role::Dim);
    }
}

pub(in crate::view) fn state_text(breaker: &BreakerLane) -> (String, Role) {
    let word = word(breaker.state);
    let text = match breaker.state {
        BreakerState::Closed | BreakerState::Disabled => word.to_owned(),
        _ => format!("{word} {}", format::length(breaker.age_s)),
    };
    (text, role(breaker.state))
}

pub(in crate::view) fn cells<'a>(
    theme: &'a Theme,
    breaker: &'a BreakerLane,
) -> impl Iterator<Item = Option<(&'a str, Style)>> {
    breaker
        .cells
        .iter()
        .map(|state| state.map(|state| (theme.glyphs.breaker(state), theme.style(role(state)))))
}

/// States that need attention are in capitals.
pub(in crate::view) fn word(state: BreakerState) -> &'static str {
    match state {
        BreakerState::Closed => "closed",
        BreakerState::Open => "OPEN",
        BreakerState::HalfOpen => "half-open",
        BreakerState::ForcedOpen => "FORCED",
        BreakerState::Disabled => "disabled",
        BreakerState::MetricsOnly => "metrics",
    }
}

pub(in crate::view) fn role(state: BreakerState) -> Role {
    match state {
        BreakerState::Closed => Role::Ok,
        BreakerState::Open | BreakerState::ForcedOpen => Role::Error,
        BreakerState::HalfOpen => Role::Warn,
        BreakerState::Disabled | BreakerState::MetricsOnly => Role::Dim,
    }
}
