//! All keys and all signs, over the screen.

use model::policy::BreakerState;
use ratatui::layout::Rect;

use super::{Canvas, breakers};
use crate::app::App;
use crate::keys::{Place, ROWS, Screen};
use crate::theme::Role;
use crate::widget::paint;
use crate::widget::panel::Piece;

/// Columns of the keys with their blank.
const LABEL: u16 = 16;
/// Widest help, for the eye's sake.
const WIDTH_MAX: u16 = 92;

pub(super) fn draw(canvas: &mut Canvas<'_>, app: &App, screen: Rect) {
    let legend = legend(canvas);
    let place = Place::Screen(Screen::Overview);
    let lines: Vec<(String, &str)> = ROWS
        .iter()
        .filter(|row| row.holds(place))
        .map(|row| (app.keymap.keys(place, row.action).join(", "), row.text))
        .collect();
    let keys = lines.len() as u16;
    let wanted = keys + 1 + legend.len() as u16 + 2;
    let height = wanted.min(screen.height);
    let width = screen.width.min(WIDTH_MAX);
    let area = Rect {
        x: screen.x + (screen.width - width) / 2,
        y: screen.y + (screen.height - height) / 2,
        width,
        height,
    };
    clear(canvas, area);
    // On the smallest screen the lines need the room of the box.
    let inside =
        if area.height >= keys + 2 { canvas.titled(area, "Help", "? or esc closes") } else { area };
    // On the smallest screen there are fewer lines than keys, so half of them stand beside.
    let rows = if keys > inside.height { keys.div_ceil(2) } else { keys };
    let columns = keys.div_ceil(rows);
    for (number, (keys, text)) in (0..).zip(&lines) {
        let line = paint::line(inside, number % rows);
        let left = (number / rows) * (inside.width / columns);
        let line = paint::after(paint::first(line, left + inside.width / columns), left + 1);
        canvas.text(paint::first(line, LABEL - 1), keys, Role::Title);
        canvas.text(paint::after(line, LABEL), text, Role::Text);
    }
    for (row, pieces) in (keys + 1..inside.height).zip(&legend) {
        canvas.pieces(paint::after(paint::line(inside, row), 1), pieces);
    }
}

fn clear(canvas: &mut Canvas<'_>, area: Rect) {
    for y in 0..area.height {
        for x in 0..area.width {
            if let Some(cell) = canvas.buffer.cell_mut((area.x + x, area.y + y)) {
                cell.reset();
            }
        }
    }
}

fn legend(canvas: &Canvas<'_>) -> Vec<Vec<Piece>> {
    let glyphs = canvas.theme.glyphs;
    let mut states = vec![canvas.piece("breaker  ", Role::Dim)];
    // Metrics-only is drawn like disabled, because it rejects nothing either.
    let drawn = BreakerState::ALL.into_iter().filter(|it| *it != BreakerState::MetricsOnly);
    for state in drawn {
        let text = format!("{} {}  ", glyphs.breaker(state), state.as_str());
        states.push(canvas.piece(text, breakers::role(state)));
    }
    let faults = vec![
        canvas.piece("fault    ", Role::Dim),
        canvas.piece(format!("{} done  ", glyphs.fault_done), Role::Dim),
        canvas.piece(format!("{} active  ", glyphs.fault_active), Role::Fault),
        canvas.piece(format!("{} planned  ", glyphs.fault_planned), Role::Dim),
    ];
    let table = vec![
        canvas.piece("table    ", Role::Dim),
        canvas.piece("b breaker  f active faults  tries calls/request  ", Role::Text),
        canvas.piece(format!("{} data missing", glyphs.gap), Role::Text),
    ];
    vec![states, faults, table]
}
