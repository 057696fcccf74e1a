//! Lanes: what was done to the system, and how its breakers answered.

use model::policy::BreakerState;

use super::{LEFT, RIGHT, Stack, windows};
use crate::report::escape::esc;
use crate::report::figures::{count, counted, offset};
use crate::report::markup::put;
use crate::report::series::{FaultSeries, Lane, Segment, Series};

const LANE: f64 = 18.0;
const GAP: f64 = 12.0;
/// More faults or breakers than this stand in the tables only.
pub(super) const LANES_MAX: usize = 24;
/// States narrower than this part of a pixel after the last drawn one are left out.
const NARROWEST: f64 = 0.5;

/// Planned windows as outlines, filled where the fault acted, stronger where it hit more.
pub(super) fn faults(stack: &mut Stack<'_>, series: &Series<'_>) {
    if series.faults.is_empty() {
        return;
    }
    stack.section("Faults", "hits per second");
    for fault in series.faults.iter().take(LANES_MAX) {
        fault_lane(stack, fault);
        stack.y += LANE + GAP;
    }
    more(stack, series.faults.len(), "faults");
}

fn fault_lane(stack: &mut Stack<'_>, series: &FaultSeries<'_>) {
    let (fault, y) = (series.fault, stack.y);
    stack.name(&fault.name, y + 9.0);
    stack.note(&fault.what, y + 21.0);
    stack.reading(&counted(fault.hit, "hit"), y + 9.0);
    stack.reading(&format!("{} skipped", count(fault.skipped)), y + 21.0);
    for (start_ms, end_ms) in windows::drawable(stack.axis, fault.schedule.iter()) {
        let (left, right) = (stack.x(start_ms), stack.x(end_ms));
        put!(
            stack.svg,
            "<rect class=\"window\" x=\"{left:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{}\">\
             <title>planned {} to {}</title></rect>",
            y + 0.5,
            right - left,
            LANE - 1.0,
            offset(start_ms),
            offset(end_ms)
        );
    }
    let most = series.hits.iter().copied().max().unwrap_or(0);
    for (column, hits) in series.hits.iter().enumerate() {
        if *hits == 0 && !series.active[column] {
            continue;
        }
        hit_cell(stack, (column, *hits), most);
    }
}

fn hit_cell(stack: &mut Stack<'_>, (column, hits): (usize, u64), most: u64) {
    let start_ms = stack.axis.column_start_ms(column);
    let (left, right) = (stack.x(start_ms), stack.x(start_ms + stack.axis.column_ms));
    let strength = if hits == 0 { 0.12 } else { 0.3 + 0.7 * hits as f64 / most.max(1) as f64 };
    put!(
        stack.svg,
        "<rect class=\"hit\" x=\"{left:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{LANE}\" \
         fill-opacity=\"{strength:.2}\"><title>{}: {:.1} hits/s</title></rect>",
        stack.y,
        right - left + 0.2,
        offset(start_ms),
        hits as f64 / stack.axis.column_s()
    );
}

/// A lane for each breaker that ever left closed; one line names the others.
pub(super) fn breakers(stack: &mut Stack<'_>, lanes: &[Lane]) {
    if lanes.is_empty() {
        return;
    }
    stack.section("Breakers", "state");
    let (moved, quiet): (Vec<&Lane>, Vec<&Lane>) =
        lanes.iter().partition(|lane| lane.ever_left_closed());
    for lane in moved.iter().take(LANES_MAX) {
        breaker_lane(stack, lane);
        stack.y += LANE + 7.0;
    }
    more(stack, moved.len(), "breakers");
    if !quiet.is_empty() {
        let which = if moved.is_empty() { "" } else { " others" };
        let names: Vec<String> = quiet.iter().map(|lane| lane.edge.short()).collect();
        put!(
            stack.svg,
            "<text class=\"note\" x=\"0\" y=\"{:.1}\">─ {}{which} stayed closed: {}</text>",
            stack.y + 10.0,
            quiet.len(),
            esc(&names.join(", "))
        );
        stack.y += 16.0;
    }
}

fn breaker_lane(stack: &mut Stack<'_>, lane: &Lane) {
    let y = stack.y;
    stack.name(&lane.edge.to_string(), y + 13.0);
    let opened = match lane.times_opened() {
        1 => "opened once".to_owned(),
        times => format!("opened {times} times"),
    };
    stack.reading(&opened, y + 13.0);
    put!(stack.svg, "<path class=\"lane\" d=\"M{LEFT} {:.1}H{RIGHT}\"/>", y + LANE / 2.0);
    let mut drawn_to = f64::NEG_INFINITY;
    for segment in &lane.segments {
        let right = stack.x(segment.end_ms);
        if right > drawn_to + NARROWEST {
            breaker_segment(stack, segment);
            drawn_to = right;
        }
    }
}

fn more(stack: &mut Stack<'_>, all: usize, things: &str) {
    if all > LANES_MAX {
        let y = stack.y + 10.0;
        stack.note(&format!("{} more {things}", all - LANES_MAX), y);
        stack.y += 16.0;
    }
}

/// Form, sign and word carry the state; colour only helps.
fn breaker_segment(stack: &mut Stack<'_>, segment: &Segment) {
    let (left, right) = (stack.x(segment.start_ms), stack.x(segment.end_ms));
    let (y, width) = (stack.y, (right - left).max(1.5));
    put!(
        stack.svg,
        "<g><title>{} from {} to {}: {}</title>",
        segment.state,
        offset(segment.start_ms),
        offset(segment.end_ms),
        esc(&segment.reason)
    );
    if let Some(trace_id) = segment.trace_id {
        put!(stack.svg, "<desc>trace {trace_id}</desc>");
    }
    let (class, word) = match segment.state {
        BreakerState::Closed => ("closed", ""),
        BreakerState::Open => ("open", "open"),
        BreakerState::HalfOpen => ("half-open", "half"),
        BreakerState::ForcedOpen => ("forced", "forced"),
        BreakerState::Disabled | BreakerState::MetricsOnly => ("disabled", ""),
    };
    if word.is_empty() {
        let middle = y + LANE / 2.0;
        put!(stack.svg, "<path class=\"{class}\" d=\"M{left:.1} {middle:.1}H{right:.1}\"/>");
    } else {
        put!(
            stack.svg,
            "<rect class=\"{class}\" x=\"{left:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" \
             height=\"{LANE}\"/>"
        );
    }
    if !word.is_empty() && width > 8.0 * word.len() as f64 {
        let (x, y) = (left + 4.0, y + 12.8);
        put!(stack.svg, "<text class=\"on-{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{word}</text>");
    }
    stack.svg.raw("</g>");
}
