//! The keys that one needs, from the table of keys.

use ratatui::layout::Rect;

use super::Canvas;
use crate::keys::BINDINGS;
use crate::theme::Role;
use crate::widget::paint;

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let mut hints: Vec<&str> =
        BINDINGS.iter().map(|binding| binding.footer).filter(|hint| !hint.is_empty()).collect();
    // The last one, quit, stays; those before it go when there is no room.
    let width = |hints: &[&str]| hints.iter().map(|hint| paint::width(hint) + 2).sum::<u16>();
    while hints.len() > 2 && width(&hints) > area.width {
        hints.remove(hints.len() - 2);
    }
    canvas.text(paint::after(area, 1), &hints.join("  "), Role::Dim);
}
