//! What the dashboard says about itself.

use ratatui::layout::Rect;

use super::{Canvas, Hit};
use crate::app::{App, own_selected};
use crate::format;
use crate::layout::Shell;
use crate::own::OwnEntry;
use crate::screen::Snapshot;
use crate::screen::own::OwnView;
use crate::theme::Role;
use crate::widget::lines::wrapped;
use crate::widget::{paint, table};

pub(super) fn draw(
    canvas: &mut Canvas<'_>,
    app: &App,
    snapshot: &Snapshot,
    view: &OwnView,
    shell: &Shell,
) {
    let forgotten = match view.forgotten {
        0 => String::new(),
        count => format!(", {} older forgotten", format::count(count)),
    };
    let follow = if app.screens.own.selected.is_none() { "follow ON" } else { "follow off" };
    let title = format!("Own log  {}{forgotten}", view.entries.len());
    let inside = canvas.titled(shell.stage, &title, follow);
    let inside = noticed(canvas, snapshot, inside);
    let counts = view
        .counts
        .iter()
        .map(|(kind, count)| format!("{} {}", format::count(*count), kind.as_str()));
    let counts = counts.collect::<Vec<_>>().join("  ");
    let last = inside.height.saturating_sub(1);
    canvas.text(paint::after(paint::line(inside, last), 1), &counts, Role::Dim);
    if view.entries.is_empty() {
        let text = "nothing to say";
        canvas.text(paint::after(paint::line(inside, 0), 1), text, Role::Dim);
        return;
    }
    let selected = own_selected(app, view);
    let last = last.saturating_sub(whole(canvas, &view.entries[selected], inside));
    let shown = table::in_sight(view.entries.len(), selected, 0, usize::from(last));
    for (at, index) in (0..last).zip(shown) {
        let line = paint::line(inside, at);
        canvas.hit(line, Hit::Row(index));
        one(canvas, &view.entries[index], line);
        if index == selected {
            canvas.text(line, canvas.theme.glyphs.selected, Role::Text);
            let style = canvas.style(Role::Select);
            canvas.buffer.set_style(line.intersection(canvas.buffer.area), style);
        }
    }
}

/// What is wrong now, in whole sentences; gives the room below it.
fn noticed(canvas: &mut Canvas<'_>, snapshot: &Snapshot, inside: Rect) -> Rect {
    let width = inside.width.saturating_sub(4);
    let lines = snapshot.insights.iter().flat_map(|text| {
        let marks = std::iter::once(" ! ").chain(std::iter::repeat("   "));
        marks.zip(wrapped(text, width, WHOLE_LINES)).collect::<Vec<_>>()
    });
    let mut used = 0;
    for (mark, text) in lines.take(usize::from(inside.height.saturating_sub(3))) {
        canvas.text(paint::line(inside, used), &format!("{mark}{text}"), Role::Warn);
        used += 1;
    }
    Rect { y: inside.y + used, height: inside.height - used, ..inside }
}

/// Lines for the text of one entry at most.
const WHOLE_LINES: usize = 6;

/// The text of an entry that is longer than its row, above the last line; gives its lines.
fn whole(canvas: &mut Canvas<'_>, entry: &OwnEntry, inside: Rect) -> u16 {
    let width = inside.width.saturating_sub(2);
    if paint::width(&row(entry)) <= inside.width.saturating_sub(2) || inside.height < 8 {
        return 0;
    }
    let lines = wrapped(&entry.text, width, WHOLE_LINES.min(usize::from(inside.height / 2)));
    let height = u16::try_from(lines.len()).unwrap_or(0);
    let top = inside.height - 1 - height;
    for (at, line) in (top..).zip(&lines) {
        canvas.text(paint::after(paint::line(inside, at), 1), line, Role::Title);
    }
    height
}

fn row(entry: &OwnEntry) -> String {
    let (time, kind) = (time_of_day(entry.first_unix_ms), entry.kind.as_str());
    if entry.times <= 1 {
        return format!("{time} {kind:<8} {}", entry.text);
    }
    let until = time_of_day(entry.last_unix_ms);
    let times = format::count(entry.times);
    format!("{time} {kind:<8} {times} times until {until}: {}", entry.text)
}

fn one(canvas: &mut Canvas<'_>, entry: &OwnEntry, line: Rect) {
    let role = if entry.bad { Role::Warn } else { Role::Text };
    canvas.text(paint::after(line, 2), &row(entry), role);
}

/// In UTC.
fn time_of_day(unix_ms: u64) -> String {
    let seconds = unix_ms / 1_000 % 86_400;
    format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}
