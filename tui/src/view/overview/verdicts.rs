//! Expectations as they stand.

use model::frame::{Verdict, VerdictFrame};
use ratatui::layout::Rect;

use crate::layout::SMALL_GUTTER;
use crate::screen::Snapshot;
use crate::theme::Role;
use crate::view::{Canvas, Framed};
use crate::widget::paint;
use crate::widget::panel::Piece;

/// Columns of the verdict's word with its blank.
const WORD: u16 = 8;
/// Columns of the phase with its blank.
const PHASE: u16 = 7;

pub(super) fn draw(canvas: &mut Canvas<'_>, snapshot: &Snapshot, frame: Framed) {
    let inside = canvas.framed(frame.0, "Verdicts", "observed", frame.1);
    let rows = inside.height.saturating_sub(1);
    if snapshot.verdicts.is_empty() {
        let text = "no expectation has been judged yet";
        canvas.text(paint::after(paint::line(inside, 0), 1), text, Role::Dim);
        return;
    }
    for (row, verdict) in (0..rows).zip(ordered(&snapshot.verdicts, usize::from(rows))) {
        one(canvas, verdict, paint::line(inside, row));
    }
    let line = paint::after(paint::line(inside, rows), 1);
    let counts = counts(canvas, &snapshot.verdicts);
    let used = canvas.pieces(line, &counts);
    if let Some(verdict) = snapshot.head.verdict {
        let (word, role) = word(verdict);
        let room = paint::after(paint::first(line, line.width - 1), used + 1);
        canvas.right(room, &format!("run: {word}"), role);
    }
}

/// In the order of the scenario when all fit; else what is wrong comes first.
fn ordered(verdicts: &[VerdictFrame], fitting: usize) -> Vec<&VerdictFrame> {
    let mut all: Vec<&VerdictFrame> = verdicts.iter().collect();
    if all.len() > fitting {
        all.sort_by_key(|verdict| std::cmp::Reverse(verdict.verdict));
    }
    all
}

fn one(canvas: &mut Canvas<'_>, verdict: &VerdictFrame, line: Rect) {
    let line = paint::after(paint::first(line, line.width.saturating_sub(1)), 1);
    let (word, role) = word(verdict.verdict);
    canvas.text(paint::first(line, WORD - 1), word, role);
    let rest = paint::after(line, WORD);
    canvas.text(paint::first(rest, PHASE - 1), verdict.phase.as_str(), Role::Dim);
    let rest = paint::after(rest, PHASE);
    // The interval and the number of samples have their place in the report.
    let observed = verdict.observed.split(" (").next().unwrap_or_default();
    let observed = if paint::width(observed) > rest.width / 2 { "" } else { observed };
    let used = canvas.right(rest, observed, Role::Text);
    let room = rest.width.saturating_sub(if used > 0 { used + 1 } else { 0 });
    canvas.text(paint::first(rest, room), &verdict.text, Role::Text);
}

/// Words of one width; the one that breaks a build is in capitals.
pub(in crate::view) fn word(verdict: Verdict) -> (&'static str, Role) {
    match verdict {
        Verdict::Pass => ("pass", Role::Ok),
        Verdict::Waiting => ("waiting", Role::Dim),
        Verdict::NotExercised => ("not met", Role::Warn),
        Verdict::Unclear => ("unclear", Role::Warn),
        Verdict::Fail => ("FAIL", Role::Error),
    }
}

const ALL: [Verdict; 5] =
    [Verdict::Fail, Verdict::Unclear, Verdict::NotExercised, Verdict::Waiting, Verdict::Pass];

fn counts(canvas: &Canvas<'_>, verdicts: &[VerdictFrame]) -> Vec<Piece> {
    ALL.into_iter()
        .filter_map(|kind| {
            let count = verdicts.iter().filter(|verdict| verdict.verdict == kind).count();
            let (word, role) = word(kind);
            (count > 0).then(|| canvas.piece(format!("{count} {word}  "), role))
        })
        .collect()
}

/// All verdicts in one line: the counts, and the worst one.
pub(super) fn line(canvas: &mut Canvas<'_>, snapshot: &Snapshot, line: Rect, label: Role) {
    canvas.text(line, "verdict", label);
    let line = paint::after(line, SMALL_GUTTER);
    if snapshot.verdicts.is_empty() {
        canvas.text(line, "none yet", Role::Dim);
        return;
    }
    let counts = counts(canvas, &snapshot.verdicts);
    let used = canvas.pieces(line, &counts);
    let worst = snapshot.verdicts.iter().max_by_key(|verdict| verdict.verdict);
    let Some(worst) = worst.filter(|worst| worst.verdict > Verdict::Waiting) else { return };
    let observed = worst.observed.split(" (").next().unwrap_or_default();
    let text = format!("{}: {observed}", worst.text);
    canvas.text(paint::after(line, used), &text, Role::Text);
}
