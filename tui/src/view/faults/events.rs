//! What happened to the selected fault, with the moment of the cursor marked.

use super::Framed;
use crate::format;
use crate::screen::Snapshot;
use crate::screen::faults::FaultsView;
use crate::theme::Role;
use crate::view::Canvas;
use crate::widget::{paint, table};

pub(super) fn draw(
    canvas: &mut Canvas<'_>,
    snapshot: &Snapshot,
    view: &FaultsView,
    (area, panel): Framed,
) {
    let events = view.detail.as_ref().map_or(&[][..], |detail| &detail.events);
    let title = format!("Events  {}", events.len());
    let inside = canvas.framed(area, &title, "n/N of any fault", panel);
    if events.is_empty() {
        let text = "nothing has happened to it yet";
        canvas.text(paint::after(paint::line(inside, 0), 1), text, Role::Dim);
        return;
    }
    let cursor_s = snapshot.axis.cursor_s;
    let past = events.iter().filter(|event| event.unix_s <= cursor_s).count();
    let current = past.checked_sub(1);
    let height = usize::from(inside.height);
    let shown = table::in_sight(events.len(), current.unwrap_or(0), 0, height);
    for (at, index) in (0..).zip(shown) {
        let event = &events[index];
        let line = paint::line(inside, at);
        // What lies after the cursor has not happened yet.
        let role = if event.unix_s > cursor_s { Role::Dim } else { Role::Text };
        if current == Some(index) {
            canvas.text(line, canvas.theme.glyphs.selected, Role::Text);
        }
        let text = format!("{} {}", format::clock(event.clock_s), event.text);
        canvas.text(paint::after(line, 2), &text, role);
    }
}
