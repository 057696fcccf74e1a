//! Durations of the selected flow or step by percentile.

use ratatui::layout::Rect;

use crate::app::{App, selected_load};
use crate::format;
use crate::screen::load::PERCENTILES;
use crate::screen::load::{LoadView, Split};
use crate::theme::Role;
use crate::view::Canvas;
use crate::widget::paint;
use crate::widget::spectrum::{Curve, Spectrum};

/// Signs of curves where colours cannot tell them apart, by place.
const SIGNS: usize = 4;

pub(super) fn draw(canvas: &mut Canvas<'_>, app: &App, view: &LoadView, area: Rect) {
    let row = view.rows.get(selected_load(app, view));
    let of = row.map(|row| match &row.item.step {
        Some(step) => format!("  {} / {step}", row.item.flow),
        None => format!("  {} journey", row.item.flow),
    });
    let title = format!("Percentiles{}", format::clean(&of.unwrap_or_default()));
    let split = match app.screens.load.split {
        Split::Phases => "by phase",
        Split::Groups => "by group",
    };
    let inside = canvas.framed(area, &title, split, (2, app.focus == 2));
    let spectrum = &view.spectrum;
    if spectrum.curves.is_empty() {
        let line = paint::after(paint::line(inside, 0), 1);
        canvas.text(line, "no journey has ended in the time that is shown", Role::Dim);
        return;
    }
    let glyphs = canvas.theme.glyphs;
    let dotted = canvas.theme.dotted_lines();
    let curves: Vec<Curve<'_>> = spectrum
        .curves
        .iter()
        .map(|curve| {
            let look = curve.place % SIGNS;
            let sign = glyphs.series[look];
            let name =
                if dotted { curve.name.to_owned() } else { format!("{sign} {}", curve.name) };
            let (symbol, style) = (sign, canvas.style(Role::Series(look)));
            Curve { name, values: &curve.values_ms, symbol, style }
        })
        .collect();
    let decades = (spectrum.high_ms / spectrum.low_ms).log10().round().clamp(0.0, 12.0) as i32;
    let mark = |decade: i32| {
        let value = spectrum.low_ms * 10_f64.powi(decade);
        (value, format::axis_mark(value))
    };
    let marks: Vec<(f64, String)> = (0..=decades).map(mark).collect();
    let room = paint::after(paint::first(inside, inside.width.saturating_sub(1)), 1);
    // The last line says of how many each curve is.
    let plot = Rect { height: room.height.saturating_sub(1), ..room };
    let drawn = Spectrum {
        percentiles: &PERCENTILES,
        curves: &curves,
        low: spectrum.low_ms,
        high: spectrum.high_ms,
        marks: &marks,
        dotted,
        style: canvas.style(Role::Dim),
    };
    drawn.draw(canvas.buffer, plot);
    let counts: Vec<String> = spectrum
        .curves
        .iter()
        .map(|curve| format!("{} {}", curve.name, format::count(curve.count)))
        .collect();
    let line = paint::line(room, room.height.saturating_sub(1));
    canvas.text(line, &counts.join(", "), Role::Dim);
}
