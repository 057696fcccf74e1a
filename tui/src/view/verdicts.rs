//! Every expectation: a list with values, budgets and moments, and the selected one in words and
//! over time.

use model::frame::Verdict;
use ratatui::layout::Rect;

use super::overview::verdicts::word;
use super::{Canvas, TimePlot};
use crate::app::App;
use crate::derive::budget::Budget;
use crate::format;
use crate::layout::Shell;
use crate::screen::Snapshot;
use crate::screen::verdicts::{VerdictRow, VerdictsView};
use crate::theme::Role;
use crate::view::Hit;
use crate::widget::paint;
use crate::widget::table::{Column, Table, TableRow};

mod detail;
mod trend;

/// Least rows of the panel below the list.
const BELOW: u16 = 9;
/// Cells of a budget bar.
const BAR: usize = 8;

const WIDE: [Column<'_>; 4] = [
    Column { title: "observed", width: 11, right: true },
    Column { title: "limit used", width: 16, right: false },
    Column { title: "since", width: 7, right: true },
    Column { title: "fault then", width: 20, right: false },
];

pub(super) fn draw(
    canvas: &mut Canvas<'_>,
    app: &App,
    snapshot: &Snapshot,
    view: &VerdictsView,
    shell: &Shell,
) {
    let stage = shell.stage;
    if view.rows.is_empty() {
        nothing(canvas, snapshot, view, stage);
        return;
    }
    let focus = app.focus % 2;
    let plot = super::faults::plot(app, shell);
    match (app.zoomed, focus) {
        (true, 0) => list(canvas, view, stage, true),
        (true, _) => about(canvas, snapshot, view, (stage, plot, true)),
        (false, _) => {
            let wanted = u16::try_from(view.rows.len()).unwrap_or(u16::MAX).saturating_add(4);
            let most = stage.height.saturating_sub(BELOW).max(stage.height * 3 / 5);
            let rows = wanted.min(most);
            list(canvas, view, Rect { height: rows, ..stage }, focus == 0);
            let below = Rect { y: stage.y + rows, height: stage.height - rows, ..stage };
            about(canvas, snapshot, view, (below, plot, focus == 1));
        },
    }
}

/// The selected expectation in words, and where there is room for it, over time.
fn about(
    canvas: &mut Canvas<'_>,
    snapshot: &Snapshot,
    view: &VerdictsView,
    (area, plot, has_keys): (Rect, TimePlot, bool),
) {
    let words = detail::rows_wanted(view, area.width);
    let row = view.rows.get(view.selected).zip(view.trend.as_ref());
    let Some(row) = row.filter(|_| area.height >= words.saturating_add(trend::ROWS)) else {
        detail::draw(canvas, view, area, has_keys);
        return;
    };
    detail::draw(canvas, view, Rect { height: words, ..area }, has_keys);
    let below = Rect { y: area.y + words, height: area.height - words, ..area };
    trend::draw(canvas, snapshot, row, (below, plot));
}

fn nothing(canvas: &mut Canvas<'_>, snapshot: &Snapshot, view: &VerdictsView, area: Rect) {
    let inside = canvas.titled(area, "Verdicts", "");
    let text = match snapshot.axis.newest_s {
        None => "no data yet",
        Some(_) if view.known > 0 => "no expectation fits the filter",
        Some(_) if snapshot.head.run_id.is_empty() => {
            "no expectation is known: only a run tells its verdicts to the collector"
        },
        Some(_) => "no expectation has been judged yet",
    };
    canvas.text(paint::after(paint::line(inside, 0), 1), text, Role::Dim);
}

fn list(canvas: &mut Canvas<'_>, view: &VerdictsView, area: Rect, has_keys: bool) {
    let turned = if view.reverse { ", reversed" } else { "" };
    let (shown, known) = (view.rows.len(), view.known);
    let count = if shown < known { format!("{shown} of {known}") } else { known.to_string() };
    let title = format!("Verdicts  {count}  by {}{turned}", view.order.as_str());
    let inside = canvas.framed(area, &title, "", (0, has_keys));
    let columns = match inside.width {
        98.. => &WIDE[..],
        70.. => &WIDE[..3],
        _ => &WIDE[..1],
    };
    let rows: Vec<TableRow> = view.rows.iter().map(|row| table_row(canvas, row)).collect();
    let table = Table {
        name_title: "verdict phase  expectation",
        columns,
        rows: &rows,
        selected: view.selected,
        pinned: 0,
        header: canvas.style(Role::Header),
        select: canvas.style(Role::Select),
        select_symbol: canvas.theme.glyphs.selected,
        ellipsis: canvas.theme.glyphs.ellipsis,
    };
    let last = inside.height.saturating_sub(1);
    for (index, line) in table
        .draw(canvas.buffer, Rect { height: last, width: inside.width.saturating_sub(1), ..inside })
    {
        canvas.hit(line, Hit::Row(index));
    }
    summary(canvas, view, paint::line(inside, last));
}

fn table_row(canvas: &Canvas<'_>, row: &VerdictRow) -> TableRow {
    let frame = &row.frame;
    let (word, role) = word(frame.verdict);
    let style = canvas.style(role);
    let name = format!("{word:<7} {:<6} {}", frame.phase.as_str(), frame.text);
    // The interval and the number of samples stand below.
    let observed = frame.observed.split(" (").next().unwrap_or_default().to_owned();
    let bar = row.budget.map_or_else(String::new, |budget| bar(canvas, budget));
    let since = row.decided.as_ref().map_or_else(String::new, |it| format::clock(it.clock_s));
    let faults = row.decided.as_ref().map_or_else(String::new, |it| it.faults.join(", "));
    TableRow {
        name: (name, style),
        cells: vec![
            (observed, canvas.style(Role::Text)),
            (bar, style),
            (since, canvas.style(Role::Text)),
            (faults, canvas.style(Role::Fault)),
        ],
    }
}

/// `[####    ]  52%`; a full bar is all of the limit.
fn bar(canvas: &Canvas<'_>, budget: Budget) -> String {
    let used = budget.used();
    let full =
        if used.is_nan() { 0 } else { (used * BAR as f64).ceil().clamp(0.0, BAR as f64) as usize };
    let sign = canvas.theme.glyphs.progress_done;
    format!("[{}{}] {}", sign.repeat(full), " ".repeat(BAR - full), percent(used))
}

fn percent(used: f64) -> String {
    if used.is_finite() && used < 99.995 {
        format!("{:.0}%", used * 100.0)
    } else {
        ">9999%".to_owned()
    }
}

/// The counts of each kind, and the run as a whole.
fn summary(canvas: &mut Canvas<'_>, view: &VerdictsView, line: Rect) {
    let line = paint::after(paint::first(line, line.width.saturating_sub(1)), 1);
    let pieces: Vec<_> = view
        .counts
        .iter()
        .map(|(kind, count)| {
            let (word, role) = word(*kind);
            canvas.piece(format!("{count} {word}  "), role)
        })
        .collect();
    let used = canvas.pieces(line, &pieces);
    let (text, role) = match view.overall {
        Some(Verdict::Waiting) | None => ("run: not decided", Role::Dim),
        Some(verdict) => {
            let (word, role) = word(verdict);
            canvas.right(paint::after(line, used), &format!("run: {word}"), role);
            return;
        },
    };
    canvas.right(paint::after(line, used), text, role);
}
