//! What the selected fault changed, in numbers before, while and after it acted.

use ratatui::layout::Rect;

use super::Framed;
use crate::format;
use crate::screen::faults::{Effect, EffectRow, FaultsView, Stretch};
use crate::theme::Role;
use crate::view::{Canvas, error_role};
use crate::widget::paint;

/// Columns of one number with the blank before it.
const NUMBER: u16 = 7;
/// Columns of one quantity: before, during, after, and a blank.
const GROUP: u16 = 3 * NUMBER + 2;
/// Columns of a name at least.
const NAME: u16 = 18;
const WHEN: [&str; 3] = ["before", "during", "after"];
/// From the first to be shown.
const QUANTITIES: [&str; 4] = ["p99 ms", "failed %", "p50 ms", "requests/s"];
/// Borders, and two lines of titles.
const AROUND: u16 = 4;

/// Rows of the panel; 0 without an effect.
pub(super) fn rows_wanted(view: &FaultsView) -> u16 {
    let effect = view.detail.as_ref().and_then(|detail| detail.effect.as_ref());
    effect.map_or(0, |effect| AROUND + u16::try_from(effect.rows.len()).unwrap_or(u16::MAX))
}

pub(super) fn draw(canvas: &mut Canvas<'_>, view: &FaultsView, (area, panel): Framed) {
    let Some(detail) = &view.detail else { return };
    let name = view.rows.get(view.selected).map_or("", |row| row.lane.name.as_str());
    let note = detail.effect.as_ref().map_or_else(String::new, spans);
    let inside = canvas.framed(area, &format!("Effect of {name}"), &note, panel);
    let Some(effect) = &detail.effect else {
        let text = "it has not acted yet";
        canvas.text(paint::after(paint::line(inside, 0), 1), text, Role::Dim);
        return;
    };
    let groups = usize::from(inside.width.saturating_sub(NAME) / GROUP).min(QUANTITIES.len());
    let names = inside.width.saturating_sub(GROUP * groups as u16);
    for (group, title) in QUANTITIES.iter().take(groups).enumerate() {
        let top = group_room(paint::line(inside, 0), names, group);
        canvas.text(paint::after(top, 3), title, Role::Header);
        let below = group_room(paint::line(inside, 1), names, group);
        for (at, when) in (0..).zip(WHEN) {
            canvas.right(number_room(below, at), when, Role::Header);
        }
    }
    for (at, row) in (2..inside.height).zip(&effect.rows) {
        let line = paint::line(inside, at);
        let name = paint::after(paint::first(line, names), 1);
        canvas.text(name, &row.subject.label(), Role::Text);
        numbers(canvas, row, line, (names, groups));
    }
}

fn numbers(canvas: &mut Canvas<'_>, row: &EffectRow, line: Rect, (names, groups): (u16, usize)) {
    for group in 0..groups {
        let room = group_room(line, names, group);
        for (at, stretch) in (0..).zip(&row.stretches) {
            let (text, role) = number(stretch, group);
            canvas.right(number_room(room, at), &text, role);
        }
    }
}

fn number(stretch: &Stretch, group: usize) -> (String, Role) {
    match group {
        0 => (format::milliseconds(stretch.p99_ms), Role::Text),
        1 => (format::percent(stretch.error_percent), error_role(stretch.error_percent)),
        2 => (format::milliseconds(stretch.p50_ms), Role::Text),
        _ => (stretch.per_s.map_or_else(|| "--".to_owned(), format::rate), Role::Text),
    }
}

fn group_room(line: Rect, names: u16, group: usize) -> Rect {
    paint::first(paint::after(line, names + GROUP * group as u16), GROUP)
}

fn number_room(group: Rect, at: u16) -> Rect {
    paint::first(paint::after(group, NUMBER * at), NUMBER)
}

/// Which seconds are held against each other.
fn spans(effect: &Effect) -> String {
    let span = |(when, span): (&str, Option<(u64, u64)>)| match span {
        Some((from, to)) => format!("{when} {}..{}", format::clock(from), format::clock(to)),
        None => format!("{when} --"),
    };
    WHEN.into_iter().zip(effect.spans_s).map(span).collect::<Vec<_>>().join("  ")
}

/// The effect on the first edge in words, where there is no room for a table.
pub(super) fn short(effect: &Effect) -> Vec<String> {
    let Some(row) = effect.rows.first() else { return Vec::new() };
    let quantity = |group: usize| {
        let values = row.stretches.iter().map(|stretch| number(stretch, group).0);
        let values: Vec<String> =
            WHEN.into_iter().zip(values).map(|(when, value)| format!("{when} {value}")).collect();
        format!("{}: {}", QUANTITIES[group], values.join(", "))
    };
    vec![quantity(0), quantity(1)]
}
