//! Limits of expectations, drawn where the values are that they are about.
//!
//! Only what has a place in the picture is read: a percentile of one flow or edge below a
//! duration. Everything else stands in the table alone.

use std::time::Duration;

use model::frame::VerdictFrame;
use model::phase::Phase;
use model::units::parse_duration;

use super::scale::{LogScale, Place};
use super::{Stack, head::signed};
use crate::report::escape::esc;
use crate::report::figures::{verdict_role, verdict_sign};
use crate::report::markup::put;
use crate::result::RunResult;

/// `p99(checkout) < 2500ms`.
#[derive(Debug, PartialEq, Eq)]
struct Limit<'a> {
    percentile: &'a str,
    subject: &'a str,
    below: Duration,
}

fn read(text: &str) -> Option<Limit<'_>> {
    let (percentile, rest) = text.split_once('(')?;
    let (subject, rest) = rest.split_once(')')?;
    let digits = percentile.trim().strip_prefix('p')?;
    let known = ["50", "90", "95", "99", "999"].contains(&digits);
    let limit = rest.trim_start().strip_prefix('<')?;
    let limit = limit.strip_prefix('=').unwrap_or(limit).trim();
    // A condition may go on, as in `for 10s`.
    let limit = limit.split(" for ").next().unwrap_or(limit);
    let below = parse_duration(limit).ok()?;
    known.then(|| Limit { percentile: percentile.trim(), subject: subject.trim(), below })
}

/// The limits of one flow or edge with the expectations that set them.
fn of_subject<'a>(
    result: &'a RunResult,
    subject: &'a str,
) -> impl Iterator<Item = (&'a VerdictFrame, Limit<'a>)> {
    let bare = |text: &str| text.replace(' ', "");
    result.expectations.iter().filter_map(move |expectation| {
        let limit = read(&expectation.text)?;
        (bare(limit.subject) == bare(subject)).then_some((expectation, limit))
    })
}

pub(super) fn values_ms(result: &RunResult, subject: &str) -> Vec<f64> {
    of_subject(result, subject).map(|(_, limit)| limit.below.as_secs_f64() * 1e3).collect()
}

/// A dashed line over the phase that a limit is about, with its verdict.
pub(super) fn draw(
    stack: &mut Stack<'_>,
    result: &RunResult,
    subject: &str,
    (place, scale): (Place, &LogScale),
) {
    let zero_ms = signed(result.timeline.during_ms);
    for (expectation, limit) in of_subject(result, subject) {
        if expectation.phase == Phase::End {
            continue;
        }
        let (start, end) = result.timeline.window_ms(expectation.phase);
        let (left, right) = (stack.x(signed(start) - zero_ms), stack.x(signed(end) - zero_ms));
        let y = place.y(scale.part(limit.below.as_secs_f64() * 1e3));
        put!(
            stack.svg,
            "<path class=\"limit {role}\" d=\"M{left:.1} {y:.1}H{right:.1}\"><title>{}</title>\
             </path><text class=\"limit-text {role}\" x=\"{:.1}\" y=\"{:.1}\">{} &lt; {} {}</text>",
            esc(&expectation.text),
            right - 4.0,
            y - 3.5,
            esc(limit.percentile),
            model::units::format_duration(limit.below),
            verdict_sign(expectation.verdict),
            role = verdict_role(expectation.verdict),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_below_a_duration_are_limits_and_nothing_else_is() {
        let read_as = |text| read(text).map(|one| (one.percentile, one.subject, one.below));
        let ms = Duration::from_millis;
        assert_eq!(read_as("p99(checkout) < 2500ms"), Some(("p99", "checkout", ms(2_500))));
        assert_eq!(read_as("p999(a -> b) <= 1.5s for 10s"), Some(("p999", "a -> b", ms(1_500))));
        for text in ["errors(checkout) < 2%", "p99(checkout) > 1s", "p98(a) < 1s", "p99 < 1s", ""] {
            assert_eq!(read_as(text), None, "{text}");
        }
    }
}
