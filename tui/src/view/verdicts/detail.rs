//! The selected expectation in words.

use ratatui::layout::Rect;

use super::percent;
use crate::format;
use crate::screen::verdicts::{VerdictRow, VerdictsView};
use crate::theme::Role;
use crate::view::Canvas;
use crate::view::overview::verdicts::word;
use crate::widget::paint;

/// Columns of the words before values.
const LABEL: u16 = 10;

pub(super) fn draw(canvas: &mut Canvas<'_>, view: &VerdictsView, area: Rect, has_keys: bool) {
    let Some(row) = view.rows.get(view.selected) else { return };
    let note = word(row.frame.verdict).0;
    let inside = canvas.framed(area, &format::clean(&row.frame.text), note, (1, has_keys));
    let room = usize::from(inside.width.saturating_sub(LABEL + 2));
    let mut at = 0;
    for (label, value, role) in lines(row) {
        for (part, text) in wrapped(&value, room).into_iter().enumerate() {
            let line = paint::after(paint::line(inside, at), 1);
            let label = if part == 0 { label } else { "" };
            canvas.text(paint::first(line, LABEL - 1), label, Role::Dim);
            canvas.text(paint::after(line, LABEL), &text, role);
            at = at.saturating_add(1);
        }
    }
}

/// Rows for everything that is said.
pub(super) fn rows_wanted(view: &VerdictsView, width: u16) -> u16 {
    let Some(row) = view.rows.get(view.selected) else { return 0 };
    let room = usize::from(width.saturating_sub(LABEL + 4));
    let lines: usize = lines(row).iter().map(|(_, value, _)| wrapped(value, room).len()).sum();
    u16::try_from(lines).unwrap_or(u16::MAX).saturating_add(2)
}

type Line = (&'static str, String, Role);

fn lines(row: &VerdictRow) -> Vec<Line> {
    let frame = &row.frame;
    let (_, role) = word(frame.verdict);
    let window = match row.window_s {
        Some((from, to)) if from < to => {
            format!("{}, {}..{}", frame.phase, format::clock(from), format::clock(to))
        },
        Some((from, _)) => format!("{}, from {} on", frame.phase, format::clock(from)),
        None => frame.phase.as_str().to_owned(),
    };
    let mut lines =
        vec![("verdict", frame.verdict.as_str().to_owned(), role), ("over", window, Role::Text)];
    if !frame.observed.is_empty() {
        let used = row.budget.map(|budget| format!("; {} of the limit", percent(budget.used())));
        lines.push((
            "observed",
            format!("{}{}", frame.observed, used.unwrap_or_default()),
            Role::Text,
        ));
    }
    match &row.decided {
        Some(decided) => {
            let since = format!("{} (Enter looks at it)", format::clock(decided.clock_s));
            lines.push(("since", since, Role::Text));
            let faults = match &decided.faults[..] {
                [] => ("no fault".to_owned(), Role::Dim),
                names => (names.join(", "), Role::Fault),
            };
            lines.push(("active", faults.0, faults.1));
        },
        None => lines.push(("since", "not decided yet".to_owned(), Role::Dim)),
    }
    if !frame.detail.is_empty() {
        lines.push(("because", frame.detail.clone(), Role::Text));
    }
    if !frame.trace_ids.is_empty() {
        let ids: Vec<String> = frame.trace_ids.iter().map(ToString::to_string).collect();
        lines.push(("traces", ids.join(" "), Role::Text));
    }
    lines
}

/// In lines of so many characters, broken between words where that is possible.
fn wrapped(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last().map_or(0, |line| line.chars().count());
        if line > 0 && line + 1 + word.chars().count() > room {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_wrapped_and_no_word_is_lost() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("a verylongword b", 4), ["a", "verylongword", "b"]);
        assert_eq!(wrapped("", 4), [""]);
    }
}
