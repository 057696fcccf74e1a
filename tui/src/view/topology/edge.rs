//! Everything about the selected edge, in lines.

use std::fmt::Write as _;

use model::fault::FaultState;
use model::policy::BreakerState;
use ratatui::layout::Rect;

use super::{error_role, rate};
use crate::app::App;
use crate::format;
use crate::screen::FaultLane;
use crate::screen::topology::{EdgeDetail, TopologyView};
use crate::theme::Role;
use crate::view::Canvas;
use crate::view::overview::{breakers, verdicts};
use crate::widget::paint;
use crate::widget::panel::Piece;

/// Columns of the names on the left.
const NAME: usize = 10;
/// Digits of a trace id that tell traces of one run apart.
const ID: usize = 8;

type Line = Vec<Piece>;

pub(super) fn draw(canvas: &mut Canvas<'_>, app: &App, view: &TopologyView, area: Rect) {
    let Some(open) = &view.open else {
        let inside = canvas.framed(area, "Edge", "", (1, app.focus == 1));
        canvas.text(paint::after(paint::line(inside, 0), 1), "no edge is selected", Role::Dim);
        return;
    };
    let title = format!("Edge {}", format::clean(&open.numbers.edge.short()));
    let inside = canvas.framed(area, &title, "", (1, app.focus == 1));
    let lines = lines(canvas, open);
    let room = paint::after(paint::first(inside, inside.width.saturating_sub(1)), 1);
    let cut = lines.len() > usize::from(room.height);
    let shown = if cut { room.height.saturating_sub(1) } else { room.height };
    for (at, line) in (0..shown).zip(&lines) {
        fitted(canvas, paint::line(room, at), line);
    }
    if cut {
        let more = lines.len() - usize::from(shown);
        canvas.text(paint::line(room, shown), &format!("{more} more lines"), Role::Dim);
    }
}

/// Pieces one after the other; the last that fits partly is cut with a mark.
fn fitted(canvas: &mut Canvas<'_>, line: Rect, pieces: &[Piece]) {
    let mut used = 0;
    for (words, style) in pieces {
        let mark = canvas.theme.glyphs.ellipsis;
        used += paint::fitted(canvas.buffer, paint::after(line, used), words, *style, mark);
    }
}

fn lines(canvas: &Canvas<'_>, open: &EdgeDetail) -> Vec<Line> {
    let mut lines = red(canvas, open);
    lines.extend(breaker(canvas, open));
    if open.faults.is_empty() && open.numbers.row.is_some() {
        lines.push(vec![name(canvas, "faults"), canvas.piece("none in the plan", Role::Dim)]);
    }
    for (at, fault) in open.faults.iter().enumerate() {
        let label = if at == 0 { "faults" } else { "" };
        lines.extend(fault_lines(canvas, label, fault));
    }
    for (at, verdict) in open.verdicts.iter().enumerate() {
        let (word, role) = verdicts::word(verdict.verdict);
        let label = if at == 0 { "verdicts" } else { "" };
        let observed = verdict.observed.split(" (").next().unwrap_or_default();
        let head = format!("{word} {} {observed}", verdict.phase.as_str());
        lines.push(vec![name(canvas, label), canvas.piece(head, role)]);
        lines.push(vec![name(canvas, ""), canvas.piece(verdict.text.as_str(), Role::Text)]);
    }
    for (what, head) in [("slowest", &open.slowest), ("failed", &open.failed)] {
        let Some(head) = head else { continue };
        let id: String = head.trace_id.to_string().chars().take(ID).collect();
        let ms = format::milliseconds(Some(head.duration_ns as f64 / 1e6));
        let role = if head.error { Role::Error } else { Role::Text };
        lines.push(vec![name(canvas, what), canvas.piece(format!("{id} {ms} ms"), role)]);
    }
    lines
}

fn name(canvas: &Canvas<'_>, label: &str) -> Piece {
    canvas.piece(format!("{label:<NAME$}"), Role::Dim)
}

/// Rates, errors by blame, durations.
fn red(canvas: &Canvas<'_>, open: &EdgeDetail) -> Vec<Line> {
    let numbers = &open.numbers;
    let percent = numbers.error_percent();
    let mut lines = vec![vec![name(canvas, "requests"), rate(canvas, numbers)]];
    if let (Some(_), Some(call)) = (&numbers.row, &numbers.call) {
        let text = format!("{} since the start", format::count(call.calls));
        lines.push(vec![name(canvas, ""), canvas.piece(text, Role::Dim)]);
    }
    if let Some(tries) = numbers.row.as_ref().and_then(|row| row.attempts_per_request) {
        let text = format!("{:.2} per request", tries.min(99.0));
        let role = if tries > 1.005 { Role::Warn } else { Role::Text };
        lines.push(vec![name(canvas, "attempts"), canvas.piece(text, role)]);
    }
    let failed = format!("{}%", format::percent(percent));
    lines.push(vec![name(canvas, "failed"), canvas.piece(failed, error_role(percent))]);
    for row in &open.errors {
        let text =
            format!("{:>5}% {:>5}/s ", format::percent(Some(row.percent)), format::rate(row.per_s));
        let role = if row.blame == "injected" { Role::Fault } else { Role::Text };
        let blame = canvas.piece(format::clean(&row.blame), role);
        lines.push(vec![name(canvas, ""), canvas.piece(text, Role::Text), blame]);
    }
    let ms = format::milliseconds;
    let [p50, p90, p99] = numbers.quantiles_ms().map(ms);
    let low = format!("{p50} / {p90} ms");
    lines.push(vec![name(canvas, "p50 p90"), canvas.piece(low, Role::Text)]);
    let (label, high) = match &numbers.row {
        Some(row) => ("p99 p99.9", format!("{p99} / {} ms", ms(row.quantiles_ms[3]))),
        None => ("p99", format!("{p99} ms")),
    };
    lines.push(vec![name(canvas, label), canvas.piece(high, Role::Text)]);
    if let (None, Some(call)) = (&numbers.row, &numbers.call) {
        let client = format!("p50 {} p99 {} ms", ms(call.client.p50_ms), ms(call.client.p99_ms));
        lines.push(vec![name(canvas, "at caller"), canvas.piece(client, Role::Text)]);
        for text in [
            "no gateway stands between the",
            "two: counted by spans, since the",
            "start of the run",
        ] {
            lines.push(vec![canvas.piece(text, Role::Dim)]);
        }
    }
    lines
}

fn breaker(canvas: &Canvas<'_>, open: &EdgeDetail) -> Vec<Line> {
    let Some(lane) = &open.breaker else {
        if open.numbers.row.is_none() {
            return Vec::new();
        }
        return vec![vec![name(canvas, "breaker"), canvas.piece("none", Role::Dim)]];
    };
    let (word, role) = breakers::state_text(lane);
    let mut first = vec![name(canvas, "breaker"), canvas.piece(word, role)];
    if let Some(seconds) = lane.probe_in_s.filter(|_| lane.state == BreakerState::Open) {
        first.push(canvas.piece(format!(", probe in {}", format::length(seconds)), role));
    }
    let mut lines = vec![first];
    if !lane.reason.is_empty() {
        lines.push(vec![name(canvas, ""), canvas.piece(lane.reason.as_str(), Role::Dim)]);
    }
    let times = if open.opened == 1 { "time" } else { "times" };
    let opened = format!("opened {} {times}", open.opened);
    let role = if open.opened > 0 { Role::Warn } else { Role::Dim };
    lines.push(vec![name(canvas, ""), canvas.piece(opened, role)]);
    lines
}

fn fault_lines(canvas: &Canvas<'_>, label: &str, fault: &FaultLane) -> Vec<Line> {
    let (role, when) = match (fault.state, fault.starts_in_s, fault.ends_in_s) {
        (FaultState::Active, _, Some(ends)) => {
            (Role::Fault, format!("active, {} left", format::length(ends)))
        },
        (FaultState::Planned, Some(starts), _) => {
            (Role::Text, format!("in {}", format::length(starts)))
        },
        (FaultState::Active, _, None) => (Role::Fault, "active".to_owned()),
        (state, ..) => (Role::Dim, state.as_str().to_owned()),
    };
    let hit = format::count(fault.hit);
    let hits = format!("hit {hit}, skipped {}", format::count(fault.skipped));
    let lines = [
        (fault.name.clone(), role),
        (format!("{when}, share {}", fault.share), role),
        (fault.what.clone(), Role::Dim),
        (hits, Role::Dim),
    ];
    let one = |(at, (text, role)): (usize, (String, Role))| {
        let label = if at == 0 { label } else { "" };
        vec![name(canvas, label), canvas.piece(format::clean(&text), role)]
    };
    lines.into_iter().enumerate().map(one).collect()
}

/// The same in up to four lines.
pub(super) fn short(canvas: &mut Canvas<'_>, view: &TopologyView, area: Rect) {
    let Some(open) = &view.open else { return };
    let lines =
        [first(canvas, open), durations(canvas, open), state(canvas, open), verdict(canvas, open)];
    for (at, line) in (0..area.height).zip(&lines) {
        fitted(canvas, paint::after(paint::line(area, at), 1), line);
    }
}

fn first(canvas: &Canvas<'_>, open: &EdgeDetail) -> Line {
    let numbers = &open.numbers;
    let percent = numbers.error_percent();
    let mut line = vec![
        canvas.piece(format!("{}  ", format::clean(&numbers.edge.short())), Role::Title),
        rate(canvas, numbers),
        canvas.piece(format!("  failed {}", format::share(percent)), error_role(percent)),
    ];
    let blame = |row: &crate::screen::topology::BlameRow| {
        format!("{} {}", format::clean(&row.blame), format::percent(Some(row.percent)))
    };
    let blames: Vec<String> = open.errors.iter().map(blame).collect();
    if !blames.is_empty() {
        line.push(canvas.piece(format!(" ({})", blames.join(", ")), Role::Text));
    }
    line
}

fn durations(canvas: &Canvas<'_>, open: &EdgeDetail) -> Line {
    let [p50, p90, p99] = open.numbers.quantiles_ms().map(format::milliseconds);
    let mut text = format!("p50 {p50}  p90 {p90}  p99 {p99}");
    if let Some(row) = &open.numbers.row {
        _ = write!(text, "  p99.9 {}", format::milliseconds(row.quantiles_ms[3]));
    }
    text.push_str(" ms");
    if let Some(tries) = open.numbers.row.as_ref().and_then(|row| row.attempts_per_request) {
        _ = write!(text, "  attempts {:.2}", tries.min(99.0));
    }
    vec![canvas.piece(text, Role::Text)]
}

/// Breaker, then faults.
fn state(canvas: &Canvas<'_>, open: &EdgeDetail) -> Line {
    let mut line = match &open.breaker {
        Some(lane) => {
            let (word, role) = breakers::state_text(lane);
            let opened = format!(", opened {}x", open.opened);
            vec![canvas.piece(format!("breaker {word}"), role), canvas.piece(opened, Role::Dim)]
        },
        None => vec![canvas.piece("no breaker", Role::Dim)],
    };
    for fault in &open.faults {
        let role = if fault.state == FaultState::Active { Role::Fault } else { Role::Dim };
        let text = format!("  {} {}", format::clean(&fault.name), fault.state.as_str());
        line.push(canvas.piece(text, role));
    }
    line
}

/// The worst of those that name the edge.
fn verdict(canvas: &Canvas<'_>, open: &EdgeDetail) -> Line {
    let Some(worst) = open.verdicts.iter().max_by_key(|it| it.verdict) else {
        return vec![canvas.piece("no expectation names this edge", Role::Dim)];
    };
    let (word, role) = verdicts::word(worst.verdict);
    vec![
        canvas.piece(format!("{word} "), role),
        canvas.piece(format!("{} {}", worst.phase.as_str(), worst.text), Role::Text),
    ]
}
