//! Journeys, as the load generator saw them: latency bands, rate and errors of each flow. Exposed
//! users are drawn as bands; the control group, which no fault may touch, as dashed lines over
//! them.

use super::curves::{self, heights, quantiles};
use super::scale::{self, LogScale, Place};
use super::{LEFT, RIGHT, Stack, limits};
use crate::report::figures::{duration, percent};
use crate::report::markup::put;
use crate::report::series::{Cell, FlowSeries, Series};
use crate::result::RunResult;

/// More flows than this stand in the table only.
const FLOWS_MAX: usize = 8;
const LATENCY: f64 = 150.0;
const RATE: f64 = 44.0;
const ERRORS: f64 = 38.0;

pub(super) fn flows(stack: &mut Stack<'_>, result: &RunResult, series: &Series<'_>) {
    for flow in series.flows.iter().take(FLOWS_MAX) {
        stack.section(&format!("Journeys: {}", flow.name), measured(result, &flow.name));
        latency(stack, result, flow);
        rate(stack, flow);
        errors(stack, flow);
    }
    if series.flows.len() > FLOWS_MAX {
        stack.y += 14.0;
        let more = series.flows.len() - FLOWS_MAX;
        let y = stack.y;
        stack.note(&format!("{more} more flows in the table"), y);
    }
}

/// What the durations of a flow count from.
fn measured(result: &RunResult, flow: &str) -> &'static str {
    let model = result.flows.iter().find(|totals| totals.flow == flow).map(|totals| totals.model);
    if model.is_none_or(|model| model.is_open()) {
        "from the intended start"
    } else {
        "service time of the closed model"
    }
}

fn latency(stack: &mut Stack<'_>, result: &RunResult, flow: &FlowSeries) {
    let place = Place { top: stack.y + 6.0, height: LATENCY };
    let exposed = [0.5, 0.9, 0.99, 0.999].map(|fraction| quantiles(&flow.exposed, fraction));
    let control = [0.5, 0.99].map(|fraction| quantiles(&flow.control, fraction));
    let values = exposed.iter().chain(&control).flatten().flatten().copied();
    let scale = LogScale::around(values.chain(limits::values_ms(result, &flow.name)));
    let y = |ms: f64| place.y(scale.part(ms));
    let axis = stack.axis;
    stack.name("latency", place.top + 10.0);
    stack.note("p50 p90 p99 p99.9", place.top + 23.0);
    stack.note("log scale", place.top + 35.0);
    scale::draw_ticks(stack, place, &scale);
    let [p50, p90, p99, p999] = exposed.map(|values| heights(&values, y));
    for (class, upper, lower) in [("band-high", &p99, &p90), ("band-low", &p90, &p50)] {
        let path = curves::band(axis, upper, lower);
        put!(stack.svg, "<path class=\"{class}\" d=\"{path}\"/>");
    }
    for (class, values) in [("p999", &p999), ("p99", &p99), ("p90", &p90), ("p50", &p50)] {
        let path = curves::steps(axis, values);
        put!(stack.svg, "<path class=\"{class}\" d=\"{path}\"/>");
    }
    let control = control.map(|values| heights(&values, y));
    for values in &control {
        let path = curves::line(axis, values);
        put!(stack.svg, "<path class=\"control\" d=\"{path}\"/>");
    }
    limits::draw(stack, result, &flow.name, (place, &scale));
    end_labels(stack, place, [("p50", &p50), ("p90", &p90), ("p99", &p99), ("p999", &p999)]);
    peak(stack, flow, place);
    stack.y = place.bottom() + 16.0;
}

/// The name of each line at its right end, moved apart where they meet.
fn end_labels(stack: &mut Stack<'_>, place: Place, lines: [(&str, &curves::Heights); 4]) {
    let mut floor = place.bottom() + 4.0;
    for (class, values) in lines {
        let Some(y) = values.iter().rev().flatten().next() else { continue };
        let y = (y + 3.5).min(floor);
        floor = y - 11.0;
        let text = if class == "p999" { "p99.9" } else { class };
        let x = RIGHT + 8.0;
        put!(stack.svg, "<text class=\"end-{class}\" x=\"{x}\" y=\"{y:.1}\">{text}</text>");
    }
}

fn peak(stack: &mut Stack<'_>, flow: &FlowSeries, place: Place) {
    let highest =
        |cells: &[Cell]| quantiles(cells, 0.99).into_iter().flatten().fold(0.0_f64, f64::max);
    let (exposed, control) = (highest(&flow.exposed), highest(&flow.control));
    let x = RIGHT + 44.0;
    let mut lines = vec!["highest p99".to_owned(), format!("exposed {}", duration(exposed))];
    if control > 0.0 {
        lines.push(format!("control {}", duration(control)));
    }
    // Beside the names of the lines there is only room above or below them.
    for (number, line) in lines.iter().enumerate() {
        let y = place.top + 4.0 + 12.0 * number as f64;
        put!(
            stack.svg,
            "<text class=\"note end\" x=\"{:.1}\" y=\"{y:.1}\">{line}</text>",
            x + 68.0
        );
    }
}

/// Journeys that ended per second, the failed ones on top.
fn rate(stack: &mut Stack<'_>, flow: &FlowSeries) {
    let place = Place { top: stack.y + 4.0, height: RATE };
    let column_s = stack.axis.column_s();
    let both = || flow.exposed.iter().zip(&flow.control);
    let per_s = |count: u64| count as f64 / column_s;
    let all: Vec<f64> = both().map(|(one, other)| per_s(one.count + other.count)).collect();
    let failed: Vec<f64> = both().map(|(one, other)| per_s(one.errors + other.errors)).collect();
    let most = nice_ceiling(all.iter().copied().fold(1.0, f64::max));
    let y = |value: f64| place.y(value / most);
    let top: Vec<_> = all.iter().map(|value| Some(y(*value))).collect();
    let zero: Vec<_> = all.iter().map(|_| Some(place.bottom())).collect();
    let good: Vec<_> = all.iter().zip(&failed).map(|(all, failed)| Some(y(all - failed))).collect();
    stack.name("rate", place.top + 10.0);
    stack.note("journeys/s ended", place.top + 23.0);
    scale::draw_tick(stack, place.bottom(), "0");
    scale::draw_tick(stack, place.top, &format!("{most}/s"));
    let completed = curves::band(stack.axis, &good, &zero);
    let broken = curves::band(stack.axis, &top, &good);
    put!(stack.svg, "<path class=\"completed\" d=\"{completed}\"/>");
    put!(stack.svg, "<path class=\"failed\" d=\"{broken}\"/>");
    stack.y = place.bottom() + 8.0;
}

fn errors(stack: &mut Stack<'_>, flow: &FlowSeries) {
    let place = Place { top: stack.y + 4.0, height: ERRORS };
    let share = |cell: &Cell| (cell.count > 0).then(|| cell.errors as f64 / cell.count as f64);
    let exposed: Vec<_> = flow.exposed.iter().map(share).collect();
    let control: Vec<_> = flow.control.iter().map(share).collect();
    let values = exposed.iter().chain(&control).flatten().copied();
    let most = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0];
    let highest = values.fold(0.0_f64, f64::max);
    let most = most.into_iter().find(|most| *most >= highest).unwrap_or(1.0);
    let y = |value: f64| place.y(value / most);
    let axis = stack.axis;
    stack.name("errors", place.top + 10.0);
    stack.note("share of journeys", place.top + 23.0);
    scale::draw_tick(stack, place.bottom(), "0 %");
    scale::draw_tick(stack, place.top, &format!("{} %", most * 100.0));
    let zero: Vec<_> = exposed.iter().map(|value| value.map(|_| place.bottom())).collect();
    let area = curves::band(axis, &heights(&exposed, y), &zero);
    put!(stack.svg, "<path class=\"failed\" d=\"{area}\"/>");
    let line = curves::line(axis, &heights(&control, y));
    put!(stack.svg, "<path class=\"control\" d=\"{line}\"/>");
    for (group, cells, at) in [("exposed", &flow.exposed, 10.0), ("control", &flow.control, 23.0)] {
        let sum = |of: fn(&Cell) -> u64| cells.iter().map(of).sum::<u64>();
        let failed = percent(sum(|cell| cell.errors), sum(|cell| cell.count));
        stack.reading(&format!("{group} {failed}"), place.top + at);
    }
    put!(stack.svg, "<path class=\"lane\" d=\"M{LEFT} {:.1}H{RIGHT}\"/>", place.bottom());
    stack.y = place.bottom() + 8.0;
}

/// 1, 2 or 5 times a power of ten, not below the value.
fn nice_ceiling(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .map(|step| step * power)
        .into_iter()
        .find(|at| *at >= value * 0.999)
        .unwrap_or(value)
}
