//! Small multiples of the edges, all on one scale so that they can be compared. Those that a fault
//! names come first.

use super::curves::{self, heights, quantiles};
use super::scale::{self, LogScale, Place};
use super::{Stack, limits};
use crate::report::figures::{count, duration};
use crate::report::markup::put;
use crate::report::series::{Cell, EdgeSeries, Series};
use crate::result::RunResult;

/// More edges than this stand in the table only.
const EDGES_MAX: usize = 16;
const HEIGHT: f64 = 40.0;
/// Height of the errors under a panel.
const ERRORS: f64 = 10.0;

pub(super) fn edges(stack: &mut Stack<'_>, result: &RunResult, series: &Series<'_>) {
    if series.edges.is_empty() {
        return;
    }
    let what = "p50 to p99 of requests at the gateway, log scale; failed requests below";
    stack.section("Edges", what);
    let shown = &series.edges[..series.edges.len().min(EDGES_MAX)];
    let mut values = Vec::new();
    for edge in shown {
        values.extend(quantiles(&edge.cells, 0.5).into_iter().flatten());
        values.extend(quantiles(&edge.cells, 0.99).into_iter().flatten());
        values.extend(limits::values_ms(result, &edge.edge.to_string()));
    }
    let scale = LogScale::around(values.into_iter());
    let most_errors = shown.iter().flat_map(|edge| &edge.cells).map(|cell| cell.errors).max();
    for edge in shown {
        panel(stack, edge, (&scale, most_errors.unwrap_or(0)));
        let place = Place { top: stack.y, height: HEIGHT };
        limits::draw(stack, result, &edge.edge.to_string(), (place, &scale));
        stack.y += HEIGHT + ERRORS + 12.0;
    }
    if series.edges.len() > EDGES_MAX {
        let (more, y) = (series.edges.len() - EDGES_MAX, stack.y);
        stack.note(&format!("{more} more edges in the table"), y);
        stack.y += 12.0;
    }
}

fn panel(stack: &mut Stack<'_>, edge: &EdgeSeries, (scale, most_errors): (&LogScale, u64)) {
    let place = Place { top: stack.y, height: HEIGHT };
    let axis = stack.axis;
    stack.name(&edge.edge.to_string(), place.top + 10.0);
    if edge.touched {
        stack.note("◆ fault on this edge", place.top + 23.0);
    }
    scale::draw_ticks(stack, place, scale);
    let [p50_ms, p99_ms] = [0.5, 0.99].map(|fraction| quantiles(&edge.cells, fraction));
    let y = |ms: f64| place.y(scale.part(ms));
    let (p50, p99) = (heights(&p50_ms, y), heights(&p99_ms, y));
    let band = curves::band(axis, &p99, &p50);
    put!(stack.svg, "<path class=\"band-edge\" d=\"{band}\"/>");
    for (class, values) in [("p99", &p99), ("p50", &p50)] {
        let path = curves::steps(axis, values);
        put!(stack.svg, "<path class=\"{class}\" d=\"{path}\"/>");
    }
    error_bars(stack, edge, place, most_errors);
    let highest = p99_ms.into_iter().flatten().fold(0.0_f64, f64::max);
    let errors: u64 = edge.cells.iter().map(|cell| cell.errors).sum();
    stack.reading(&format!("top p99 {}", duration(highest)), place.top + 10.0);
    stack.reading(&format!("{} failed", count(errors)), place.top + 23.0);
}

/// Failed requests hang under the panel: the more there are, compared with the worst column of
/// all edges, the longer.
fn error_bars(stack: &mut Stack<'_>, edge: &EdgeSeries, place: Place, most: u64) {
    let height = |cell: &Cell| {
        let part = cell.errors as f64 / most.max(1) as f64;
        (cell.errors > 0).then(|| place.bottom() + 2.0 + (ERRORS * part).max(2.0))
    };
    let feet: Vec<_> = edge.cells.iter().map(height).collect();
    let tops: Vec<_> = feet.iter().map(|foot| foot.map(|_| place.bottom() + 2.0)).collect();
    let path = curves::band(stack.axis, &tops, &feet);
    put!(stack.svg, "<path class=\"failed\" d=\"{path}\"/>");
}
