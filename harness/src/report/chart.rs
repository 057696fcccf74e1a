//! The picture of a run: everything over one time axis, causes above effects.
//!
//! From top to bottom: phases with their verdicts, faults, breakers, journeys by flow, edges. The
//! windows of the faults are drawn through the whole stack, so that the eye can go straight down
//! from a fault to what it did. Without JavaScript nothing is missing; with it a cursor reads the
//! values of one column.

mod curves;
mod edges;
mod flows;
mod head;
mod lanes;
mod limits;
mod readout;
mod scale;
mod windows;

use super::escape::{esc, json_in_script};
use super::markup::{Markup, put};
use super::series::{Axis, Series};
use crate::result::RunResult;

/// Size of the drawing, in its own units: pixels on a wide screen.
pub(super) const WIDTH: f64 = 1_200.0;
/// The plot lies between these; names are to the left of it, readings to the right.
pub(super) const LEFT: f64 = 206.0;
pub(super) const RIGHT: f64 = 1_088.0;

/// A growing stack of panels over one axis.
#[derive(Debug)]
pub(super) struct Stack<'a> {
    pub(super) axis: &'a Axis,
    pub(super) svg: Markup,
    /// Where the next panel begins.
    pub(super) y: f64,
}

impl Stack<'_> {
    /// Horizontal place of an instant, kept inside the plot.
    pub(super) fn x(&self, at_ms: i64) -> f64 {
        x_of(self.axis, at_ms)
    }

    /// A heading over several panels.
    fn section(&mut self, title: &str, unit: &str) {
        self.y += 14.0;
        put!(
            self.svg,
            "<text class=\"section\" x=\"0\" y=\"{:.1}\">{}<tspan class=\"unit\" dx=\"8\">{}\
             </tspan></text>",
            self.y + 10.0,
            esc(title),
            esc(unit)
        );
        self.y += 18.0;
    }

    /// The name of a panel, shortened to its room, whole in its tooltip.
    pub(super) fn name(&mut self, name: &str, y: f64) {
        put!(
            self.svg,
            "<text class=\"name\" x=\"0\" y=\"{y:.1}\">{}<title>{}</title></text>",
            esc(&super::text::cut(name, 24)),
            esc(name)
        );
    }

    /// A line of small text under the name of a panel.
    pub(super) fn note(&mut self, note: &str, y: f64) {
        put!(
            self.svg,
            "<text class=\"note\" x=\"0\" y=\"{y:.1}\">{}</text>",
            esc(&super::text::cut(note, 27))
        );
    }

    /// A reading to the right of the plot.
    pub(super) fn reading(&mut self, reading: &str, y: f64) {
        let x = RIGHT + 8.0;
        put!(self.svg, "<text class=\"note\" x=\"{x}\" y=\"{y:.1}\">{}</text>", esc(reading));
    }
}

fn x_of(axis: &Axis, at_ms: i64) -> f64 {
    let whole_ms = (axis.end_ms - axis.start_ms).max(1) as f64;
    let part = (at_ms - axis.start_ms) as f64 / whole_ms;
    LEFT + part.clamp(0.0, 1.0) * (RIGHT - LEFT)
}

/// Legend, drawing and the cursor's values.
pub(super) fn chart(result: &RunResult, series: &Series<'_>) -> String {
    let mut stack = Stack { axis: &series.axis, svg: Markup::default(), y: 0.0 };
    head::phases(&mut stack, result);
    let plot_top = stack.y;
    lanes::faults(&mut stack, series);
    lanes::breakers(&mut stack, &series.breakers);
    flows::flows(&mut stack, result, series);
    edges::edges(&mut stack, result, series);
    let plot_bottom = stack.y;
    head::axis(&mut stack);
    let height = stack.y + 6.0;

    let mut page = Markup::default();
    page.raw(include_str!("chart/legend.html"));
    put!(
        page,
        "<div class=\"scroll\"><svg id=\"chart\" viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" \
         aria-labelledby=\"chart-title\" data-left=\"{LEFT}\" data-right=\"{RIGHT}\" \
         data-end=\"{:.5}\"><title id=\"chart-title\">Faults, breakers, journeys and edges over \
         time, in seconds after the end of the baseline</title>",
        columns_end(&series.axis)
    );
    page.raw(include_str!("chart/patterns.svg"));
    head::background(&mut page, result, series, (plot_top, plot_bottom));
    page.raw(&stack.svg.finish());
    put!(
        page,
        "<line id=\"cursor\" class=\"cursor\" x1=\"0\" x2=\"0\" y1=\"{plot_top:.1}\" \
         y2=\"{plot_bottom:.1}\" visibility=\"hidden\"/></svg></div>\n\
         <p id=\"readout\" class=\"readout\" hidden></p>\n\
         <script type=\"application/json\" id=\"columns\">{}</script>\n",
        json_in_script(&readout::columns(series))
    );
    page.finish()
}

/// How many widths of the plot the columns fill: the last one may reach beyond its end.
fn columns_end(axis: &Axis) -> f64 {
    let columns_ms = axis.columns as f64 * axis.column_ms as f64;
    columns_ms / (axis.end_ms - axis.start_ms).max(1) as f64
}
