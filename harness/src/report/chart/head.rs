//! What holds the stack together: phases with their verdicts, the shading behind all panels, and
//! the axis.

use model::frame::{Verdict, VerdictFrame};
use model::phase::Phase;

use super::lanes::LANES_MAX;
use super::{LEFT, RIGHT, Stack, WIDTH, windows, x_of};
use crate::report::escape::esc;
use crate::report::figures::{phase_length_ms, verdict_role, verdict_sign};
use crate::report::markup::{Markup, put};
use crate::report::series::{Axis, Series};
use crate::result::RunResult;

/// Width of one verdict mark.
const MARK: f64 = 19.0;

/// Start and end of a phase on the axis; the end phase is a point.
fn window(result: &RunResult, axis: &Axis, phase: Phase) -> (i64, i64) {
    let (start, end) = result.timeline.window_ms(phase);
    let from_start = |ms: u64| {
        let zero_ms = i64::try_from(result.timeline.during_ms).unwrap_or(i64::MAX);
        i64::try_from(ms).unwrap_or(i64::MAX).saturating_sub(zero_ms)
    };
    let end = if phase == Phase::End { axis.end_ms } else { from_start(end) };
    (from_start(start), end)
}

/// Names of the phases, the marks of their expectations, and the upper axis.
pub(super) fn phases(stack: &mut Stack<'_>, result: &RunResult) {
    stack.name("phase", 14.0);
    stack.name("verdicts", 34.0);
    for phase in Phase::ALL {
        let (start, end) = window(result, stack.axis, phase);
        let (left, right) = (stack.x(start), stack.x(end));
        let (left, right) = if phase == Phase::End { (RIGHT, WIDTH) } else { (left, right) };
        if right - left < 1.0 {
            continue;
        }
        let length_s = phase_length_ms(&result.timeline, phase) as f64 / 1e3;
        let length = if phase == Phase::End { String::new() } else { format!("{length_s} s") };
        let room = right - left;
        if room > 8.0 * phase.as_str().len() as f64 {
            put!(stack.svg, "<text class=\"phase\" x=\"{:.1}\" y=\"14\">{phase}", left + 5.0);
            if room > 110.0 {
                put!(stack.svg, "<tspan class=\"unit\" dx=\"6\">{length}</tspan>");
            }
            stack.svg.raw("</text>");
        }
        marks(stack, result, phase, (left + 4.0, room - 4.0));
    }
    stack.y = 46.0;
    tick_texts(stack, 57.0);
    stack.y = 62.0;
}

/// One mark per expectation, or counts where there is no room.
fn marks(stack: &mut Stack<'_>, result: &RunResult, phase: Phase, (left, room): (f64, f64)) {
    let numbered: Vec<(usize, &VerdictFrame)> =
        result.expectations.iter().enumerate().filter(|(_, one)| one.phase == phase).collect();
    if numbered.is_empty() {
        return;
    }
    if numbered.len() as f64 * MARK > room {
        return counts(stack, &numbered, left);
    }
    for (place, (number, expectation)) in numbered.into_iter().enumerate() {
        let x = left + place as f64 * MARK;
        put!(
            stack.svg,
            "<a href=\"#e{}\"><title>{}: {}</title><rect class=\"mark {role}\" x=\"{x:.1}\" \
             y=\"21\" width=\"16\" height=\"16\" rx=\"3\"/><text class=\"mark-sign {role}\" \
             x=\"{:.1}\" y=\"33.5\">{}</text></a>",
            number + 1,
            esc(&expectation.text),
            expectation.verdict.as_str(),
            x + 8.0,
            verdict_sign(expectation.verdict),
            role = verdict_role(expectation.verdict),
        );
    }
}

fn counts(stack: &mut Stack<'_>, numbered: &[(usize, &VerdictFrame)], left: f64) {
    let all =
        [Verdict::Fail, Verdict::Unclear, Verdict::NotExercised, Verdict::Waiting, Verdict::Pass];
    put!(stack.svg, "<text class=\"counts\" x=\"{left:.1}\" y=\"33.5\">");
    for verdict in all {
        let count = numbered.iter().filter(|(_, one)| one.verdict == verdict).count();
        if count > 0 {
            put!(
                stack.svg,
                "<tspan class=\"{}\">{count}{}</tspan> ",
                verdict_role(verdict),
                verdict_sign(verdict)
            );
        }
    }
    stack.svg.raw("</text>");
}

/// The lower axis with its unit.
pub(super) fn axis(stack: &mut Stack<'_>) {
    stack.y += 4.0;
    let y = stack.y;
    put!(stack.svg, "<path class=\"axis\" d=\"M{LEFT} {y:.1}H{RIGHT}\"/>");
    tick_texts(stack, y + 14.0);
    put!(
        stack.svg,
        "<text class=\"unit\" x=\"{LEFT}\" y=\"{:.1}\">seconds after the end of the baseline\
         </text>",
        y + 29.0
    );
    stack.y += 34.0;
}

fn tick_texts(stack: &mut Stack<'_>, y: f64) {
    for at_ms in ticks_ms(stack.axis) {
        let x = stack.x(at_ms);
        let text = at_ms as f64 / 1e3;
        let sign = if at_ms > 0 { "+" } else { "" };
        put!(stack.svg, "<text class=\"time\" x=\"{x:.1}\" y=\"{y:.1}\">{sign}{text}</text>");
    }
}

/// About a dozen round instants, zero among them.
fn ticks_ms(axis: &Axis) -> Vec<i64> {
    let whole_ms = axis.end_ms - axis.start_ms;
    let steps = [500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000];
    let longer = [600_000, 1_800_000, 3_600_000, 7_200_000];
    let fits = |step: &i64| whole_ms / step <= 14;
    let step = steps.into_iter().chain(longer).find(fits).unwrap_or(14_400_000);
    let first = axis.start_ms.div_euclid(step) + i64::from(axis.start_ms.rem_euclid(step) > 0);
    (first..=axis.end_ms.div_euclid(step)).map(|number| number * step).collect()
}

/// Phases, fault windows, grid and gaps, behind everything.
pub(super) fn background(
    page: &mut Markup,
    result: &RunResult,
    series: &Series<'_>,
    (top, bottom): (f64, f64),
) {
    let axis = &series.axis;
    let height = bottom - top;
    for phase in [Phase::Warmup, Phase::Before, Phase::During, Phase::After] {
        let (start, end) = window(result, axis, phase);
        let (left, right) = (x_of(axis, start), x_of(axis, end));
        put!(
            page,
            "<rect class=\"ground {phase}\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" \
             height=\"{height:.1}\"/>",
            right - left
        );
    }
    let all = series.faults.iter().flat_map(|fault| &fault.fault.schedule);
    for (start_ms, end_ms) in windows::drawable(axis, all) {
        let (left, right) = (x_of(axis, start_ms), x_of(axis, end_ms));
        put!(
            page,
            "<rect class=\"shade\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" \
             height=\"{height:.1}\"/>",
            right - left
        );
    }
    for fault in series.faults.iter().take(LANES_MAX) {
        for (start_ms, end_ms) in windows::drawable(axis, fault.fault.schedule.iter()) {
            let (left, right) = (x_of(axis, start_ms), x_of(axis, end_ms));
            put!(
                page,
                "<path class=\"border\" d=\"M{left:.1} {top:.1}V{bottom:.1}M{right:.1} {top:.1}\
                 V{bottom:.1}\"/>"
            );
        }
    }
    for at_ms in ticks_ms(axis) {
        let class = if at_ms == 0 { "zero" } else { "grid" };
        let x = x_of(axis, at_ms);
        put!(page, "<path class=\"{class}\" d=\"M{x:.1} {top:.1}V{bottom:.1}\"/>");
    }
    gaps(page, series, (top, height));
}

/// Columns about which nothing is known, between columns about which something is.
fn gaps(page: &mut Markup, series: &Series<'_>, (top, height): (f64, f64)) {
    let Some(last) = series.known.iter().rposition(|known| *known) else { return };
    for column in (0..last).filter(|column| !series.known[*column]) {
        let start_ms = series.axis.column_start_ms(column);
        let left = x_of(&series.axis, start_ms);
        let right = x_of(&series.axis, start_ms + series.axis.column_ms);
        put!(
            page,
            "<rect class=\"gap\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" \
             height=\"{height:.1}\"><title>no data</title></rect>",
            right - left
        );
    }
}

pub(super) fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}
