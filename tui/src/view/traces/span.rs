//! What made the open trace long, and everything about one of its spans.

use ratatui::layout::Rect;

use super::{has_keys, tone_role};
use crate::app::App;
use crate::derive::waterfall::Detail;
use crate::derive::words;
use crate::screen::traces::TracesView;
use crate::theme::Role;
use crate::view::Canvas;
use crate::widget::lines::wrapped;
use crate::widget::paint;
use crate::widget::shares::{Share, Shares};

/// Least columns of a label and the blank behind it.
const LABEL_MIN: u16 = 14;
/// Lines of one value at most.
const VALUE_LINES: usize = 12;

pub(super) fn path(canvas: &mut Canvas<'_>, app: &App, view: &TracesView, area: Rect) {
    let open = view.open.as_ref().map(|open| &open.waterfall);
    let total = open.map(|it| words::duration(it.path_total_ns)).unwrap_or_default();
    let inside = canvas.framed(area, "Critical path", &total, (2, has_keys(app, 2)));
    let Some(open) = open else { return };
    let rows: Vec<Share> = open
        .path
        .iter()
        .map(|part| Share {
            label: canvas.piece(part.what.clone(), Role::Text),
            numbers: vec![words::duration(part.ns), format!("{:.0}%", part.share * 100.0)],
            value: part.share,
            style: canvas.style(if part.what.starts_with("fault") {
                Role::Fault
            } else {
                Role::Ok
            }),
        })
        .collect();
    let shares = Shares {
        rows: &rows,
        full: rows.iter().map(|row| row.value).fold(0.0, f64::max),
        symbol: canvas.theme.glyphs.span[0],
        number_style: canvas.style(Role::Dim),
        ellipsis: canvas.theme.glyphs.ellipsis,
    };
    let room = paint::after(paint::first(inside, inside.width.saturating_sub(1)), 1);
    shares.draw(canvas.buffer, room);
}

pub(super) fn draw(canvas: &mut Canvas<'_>, app: &App, view: &TracesView, area: Rect) {
    let note = match &view.open {
        Some(open) => words::counted(open.log_lines as u64, "log line"),
        None => String::new(),
    };
    let inside = canvas.framed(area, "Span", &note, (3, has_keys(app, 3)));
    lines(canvas, view, inside, app.screens.traces.offset);
}

pub(super) fn lines(canvas: &mut Canvas<'_>, view: &TracesView, area: Rect, offset: usize) {
    let details = view.open.as_ref().map(|open| open.details.as_slice());
    listed(canvas, details.and_then(|details| details.get(offset..)).unwrap_or_default(), area);
}

/// Label and value. Labels are as wide as the longest one shown, at most half of the area; values
/// that are wider than the rest take further lines.
fn listed(canvas: &mut Canvas<'_>, details: &[Detail], area: Rect) {
    let labels = details.iter().take(usize::from(area.height));
    let longest = labels.map(|detail| paint::width(&detail.label)).max().unwrap_or(0);
    let label = longest.saturating_add(1).clamp(LABEL_MIN, (area.width / 2).max(LABEL_MIN));
    let mut at = 0;
    for detail in details {
        if at >= area.height {
            break;
        }
        let line = paint::after(paint::line(area, at), 1);
        canvas.name(paint::first(line, label - 1), &detail.label, Role::Dim);
        let width = paint::after(line, label).width;
        for text in wrapped(&detail.value, width, VALUE_LINES) {
            let line = paint::after(paint::line(area, at), 1 + label);
            canvas.text(line, &text, tone_role(detail.tone));
            at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use ratatui::buffer::{Buffer, Cell};

    use super::*;
    use crate::derive::waterfall::Tone;
    use crate::glyphs;
    use crate::theme::{Depth, Theme};

    #[test]
    fn attributes_whose_names_begin_alike_are_not_cut_to_the_same_name() {
        let detail = |label: &str, value: &str| Detail {
            label: label.to_owned(),
            value: value.to_owned(),
            tone: Tone::Plain,
        };
        let details = [
            detail("http.request.method", "GET"),
            detail("http.request.resend_count", "one two three four five six"),
            detail("shakedown.correlation_id_of_the_caller", "x"),
        ];
        let area = Rect::new(0, 0, 56, 5);
        let mut buffer = Buffer::empty(area);
        let theme = Theme::new(Depth::Mono, &glyphs::ASCII);
        let mut canvas = Canvas { buffer: &mut buffer, theme: &theme, hits: Vec::new() };
        listed(&mut canvas, &details, area);
        let rows = buffer.content.chunks(56);
        let rows: Vec<String> = rows.map(|row| row.iter().map(Cell::symbol).collect()).collect();
        let rows: Vec<&str> = rows.iter().map(|row| row.trim_end()).collect();
        let expected = [
            " http.request.method         GET",
            " http.request.resend_count   one two three four five six",
            " shakedown.cor~of_the_caller x",
            "",
            "",
        ];
        assert_eq!(rows, expected);
    }
}
