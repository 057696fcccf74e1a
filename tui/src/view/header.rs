//! Above every screen: which run, how far, what was lost, which moment is shown, the tabs, and on
//! a wide screen what is wrong, or how the load is doing.

use model::frame::Verdict;
use model::load::Validity;
use ratatui::layout::Rect;

use super::overview::verdicts;
use super::{Canvas, Hit};
use crate::app::App;
use crate::derive::words;
use crate::format;
use crate::keys::{Action, Place, Screen};
use crate::layout::Shell;
use crate::screen::{Head, Link, Snapshot};
use crate::theme::Role;
use crate::widget::paint;
use crate::widget::panel::Piece;

/// Columns of the progress bar between its brackets.
const PROGRESS_COLUMNS: u64 = 18;
/// Columns of a run id that tell runs apart for people.
const RUN_ID_LETTERS: usize = 8;

/// Fewer columns of the name of a recording say nothing.
const REC_LETTERS: usize = 6;
/// Columns of a title before it is cut.
const TITLE: usize = 32;
const TITLE_SMALL: usize = 22;

pub(super) fn draw(canvas: &mut Canvas<'_>, app: &App, snapshot: &Snapshot, shell: &Shell) {
    let pieces = if shell.wide { run(canvas, snapshot) } else { run_small(canvas, snapshot) };
    first_line(canvas, app, snapshot, paint::line(shell.header, 0), &pieces);
    tabs(canvas, app, snapshot, paint::line(shell.header, 1), shell.wide);
    if shell.note.height > 0 {
        note(canvas, app, snapshot, shell.note);
    }
}

fn run(canvas: &Canvas<'_>, snapshot: &Snapshot) -> Vec<Piece> {
    let head = &snapshot.head;
    let mut pieces = vec![canvas.piece(" shakedown", Role::Title)];
    if !head.title.is_empty() {
        let title = format!("  {}", format::column(&head.title, TITLE).trim_end());
        pieces.push(canvas.piece(title, Role::Text));
    }
    pieces.push(canvas.piece(format!("  {}", times(head)), Role::Text));
    pieces.extend(progress(canvas, head));
    pieces.extend(dropped(canvas, head));
    if !head.run_id.is_empty() {
        // The last part tells runs apart; the date and the title before it do not.
        let last = head.run_id.rsplit('-').next().unwrap_or_default();
        let id: String = last.chars().take(RUN_ID_LETTERS).collect();
        if head.has_plan() {
            pieces.push(canvas.piece(format!("  seed {}", head.seed), Role::Dim));
        }
        pieces.push(canvas.piece(format!("  run {id}"), Role::Dim));
    }
    pieces
}

fn run_small(canvas: &Canvas<'_>, snapshot: &Snapshot) -> Vec<Piece> {
    let head = &snapshot.head;
    let title = if head.title.is_empty() { "shakedown" } else { &head.title };
    let title = format!(" {}", format::column(title, TITLE_SMALL).trim_end());
    let mut pieces = vec![
        canvas.piece(title, Role::Title),
        canvas.piece(format!("  {}", times(head)), Role::Text),
    ];
    pieces.extend(dropped(canvas, head));
    if let Some(percent) = percent(head) {
        pieces.push(canvas.piece(format!("  {percent}%"), Role::Dim));
    }
    let wrong = snapshot.insights.len();
    if wrong > 0 {
        pieces.push(canvas.piece(format!("  !{wrong}"), Role::Warn));
    }
    pieces
}

/// The marker at the right end comes first: it says which moment all numbers are about.
fn first_line(
    canvas: &mut Canvas<'_>,
    app: &App,
    snapshot: &Snapshot,
    line: Rect,
    pieces: &[Piece],
) {
    let columns =
        |pieces: &[Piece]| pieces.iter().map(|(words, _)| paint::width(words)).sum::<u16>();
    let mut marker = marker(canvas, app, snapshot);
    let over = (columns(pieces) + columns(&marker) + 1).saturating_sub(line.width);
    if over > 0
        && let Some(path) = &app.recording
        && let Some(recording) = marker.first_mut()
    {
        // What was lost and what is wrong comes before the whole name of a file.
        recording.0 = format!("  REC {}", end_of(path, over, canvas.theme.glyphs.ellipsis));
    }
    let width = columns(&marker) + 1;
    let room = line.width.saturating_sub(width);
    whole_pieces(canvas, paint::first(line, room), pieces);
    canvas.pieces(paint::after(line, room), &marker);
}

/// A name that is at least `over` columns shorter; empty when little would be left of it.
fn end_of(name: &str, over: u16, mark: &str) -> String {
    let room = usize::from(paint::width(name).saturating_sub(over));
    if room < REC_LETTERS {
        return String::new();
    }
    let letters = name.chars().count();
    let end: String = name.chars().skip((letters + 1).saturating_sub(room)).collect();
    format!("{mark}{end}")
}

/// As many as fit: a cut number would be a wrong one.
fn whole_pieces(canvas: &mut Canvas<'_>, line: Rect, pieces: &[Piece]) {
    let mut used = 0;
    for piece in pieces {
        if paint::width(&piece.0) > line.width - used {
            break;
        }
        used += canvas.pieces(paint::after(line, used), std::slice::from_ref(piece));
    }
}

fn times(head: &Head) -> String {
    match (head.elapsed_s, head.total_s) {
        (Some(elapsed), Some(total)) => {
            // The time in which a run is judged is no part of it.
            format!("{} / {}", format::clock(elapsed.min(total)), format::clock(total))
        },
        (Some(elapsed), None) => format::clock(elapsed),
        (None, Some(total)) => format!("--:-- / {}", format::clock(total)),
        (None, None) => "--:--".to_owned(),
    }
}

fn percent(head: &Head) -> Option<u64> {
    let (elapsed, total) = (head.elapsed_s?, head.total_s?);
    (total > 0).then(|| (elapsed.min(total)).saturating_mul(100) / total)
}

fn progress(canvas: &Canvas<'_>, head: &Head) -> Vec<Piece> {
    let Some(percent) = percent(head) else { return Vec::new() };
    let glyphs = canvas.theme.glyphs;
    let done = percent * PROGRESS_COLUMNS / 100;
    let bar: String = (0..PROGRESS_COLUMNS)
        .map(|column| match column {
            _ if column < done => glyphs.progress_done,
            _ if column == done => glyphs.progress_head,
            _ => glyphs.progress_left,
        })
        .collect();
    vec![
        canvas.piece(" [", Role::Dim),
        canvas.piece(bar, Role::Ok),
        canvas.piece(format!("] {percent}%"), Role::Dim),
    ]
}

fn dropped(canvas: &Canvas<'_>, head: &Head) -> Vec<Piece> {
    let Some(most) = &head.dropped_most else {
        return vec![canvas.piece("  drop 0", Role::Dim)];
    };
    let count = canvas.piece(format!("  drop {}", format::count(head.dropped)), Role::Warn);
    vec![count, canvas.piece(format!(" ({most})"), Role::Warn)]
}

fn marker(canvas: &Canvas<'_>, app: &App, snapshot: &Snapshot) -> Vec<Piece> {
    let glyphs = canvas.theme.glyphs;
    let axis = &snapshot.axis;
    let mut pieces = Vec::new();
    if let Some(path) = &app.recording {
        pieces.push(canvas.piece(format!("  REC {path}"), Role::Error));
    }
    if let Some(verdict) = snapshot.head.verdict.filter(|verdict| *verdict != Verdict::Waiting) {
        let (word, role) = verdicts::word(verdict);
        pieces.push(canvas.piece(format!("  {word}"), role));
    }
    let has_data = axis.newest_s.is_some();
    let past = has_data && axis.cursor_s != axis.newest_s.unwrap_or_default();
    if past {
        let clock = format::clock(axis.cursor_clock_s);
        pieces.push(canvas.piece(format!("  {} {clock}", glyphs.past), Role::Warn));
    }
    if let Some(playback) = &app.playback {
        let speed = format::plain(playback.speed);
        let (text, role) = if playback.playing {
            (format!("{} {speed}x", glyphs.replay), Role::Ok)
        } else {
            (format!("{} REPLAY {speed}x", glyphs.paused), Role::Warn)
        };
        pieces.push(canvas.piece(format!("  {text}"), role));
        return pieces;
    }
    if has_data && axis.paused {
        pieces.push(canvas.piece(format!("  {} PAUSED", glyphs.paused), Role::Warn));
    }
    if let Some(rate) = app.slowed {
        pieces.push(canvas.piece(format!("  slow terminal {rate}/s"), Role::Warn));
    }
    let (text, role) = match &snapshot.link {
        Link::Connected if axis.silent_s > 0 => {
            (format!("{} SILENT {}s", glyphs.lost, axis.silent_s), Role::Error)
        },
        Link::Connected if axis.live && has_data => (format!("{} LIVE", glyphs.live), Role::Ok),
        Link::Connected if has_data => return pieces,
        Link::Connected => (format!("{} WAITING", glyphs.live), Role::Warn),
        Link::Connecting => (format!("{} CONNECTING", glyphs.lost), Role::Warn),
        Link::Lost { retry_ms, .. } => {
            (format!("{} RETRY {}s", glyphs.lost, retry_ms.div_ceil(1_000)), Role::Error)
        },
        Link::Ended => (format!("{} ENDED", glyphs.ended), Role::Dim),
    };
    pieces.push(canvas.piece(format!("  {text}"), role));
    pieces
}

/// The screens, the open one in brackets; phase and time scale at the right end.
fn tabs(canvas: &mut Canvas<'_>, app: &App, snapshot: &Snapshot, line: Rect, wide: bool) {
    let axis = &snapshot.axis;
    let phase = snapshot.head.phase.map_or("", |phase| phase.as_str());
    let right = match axis.newest_s {
        None => "no data yet ".to_owned(),
        Some(_) if wide => format!("{phase}  {} s/column ", axis.column_s),
        Some(_) => format!("{phase} {}s/col ", axis.column_s),
    };
    let mut used = 0;
    for screen in Screen::ALL {
        let open = screen == app.screen;
        let Some(number) = screen.number() else {
            if open {
                let name = canvas.piece(format!("[{}]", screen.title()), Role::Title);
                used += canvas.pieces(paint::after(line, used), &[name]);
            }
            continue;
        };
        let name = if wide { screen.title() } else { screen.short() };
        let (text, role) = if open {
            (format!("[{number} {name}]"), Role::Title)
        } else {
            (format!(" {number} {name} "), Role::Dim)
        };
        let area = paint::first(paint::after(line, used), paint::width(&text));
        canvas.hit(area, Hit::Tab(screen));
        used += canvas.text(area, &text, role);
    }
    canvas.right(paint::after(line, used + 1), &right, Role::Dim);
}

/// What became of the source of the frames, if that is to be said.
pub(super) fn source(snapshot: &Snapshot) -> Option<(String, Role)> {
    match &snapshot.link {
        Link::Lost { reason, .. } => Some((reason.clone(), Role::Error)),
        Link::Ended => Some((words::over(snapshot.head.verdict)?, Role::Text)),
        Link::Connecting | Link::Connected => None,
    }
}

/// The source comes first, what is wrong before how the load is doing.
fn note(canvas: &mut Canvas<'_>, app: &App, snapshot: &Snapshot, line: Rect) {
    // What is replayed has ended long ago.
    let source = source(snapshot).filter(|_| app.playback.is_none());
    let used = source.map_or(0, |(text, role)| canvas.text(line, &format!(" {text} "), role));
    let line = paint::after(line, used);
    if snapshot.insights.is_empty() {
        if used == 0 && snapshot.axis.newest_s.is_some() && snapshot.has_load() {
            let pieces = load_pieces(canvas, snapshot);
            whole_pieces(canvas, line, &pieces);
        }
        return;
    }
    insights(canvas, app, snapshot, line);
}

/// Whole sentences, as many as fit, and where the others are.
pub(super) fn insights(canvas: &mut Canvas<'_>, app: &App, snapshot: &Snapshot, line: Rect) {
    let all = &snapshot.insights;
    let action = Action::GotoOwnLog;
    let key = app.keymap.first_key(Place::Screen(app.screen), action);
    let key = key.map_or_else(|| format!(":{}", action.row().name), |key| format!("key {key}"));
    let more = |shown: usize| match all.len() - shown {
        0 => String::new(),
        rest => format!("  {rest} more, {key}"),
    };
    let text = |shown: usize| format!(" ! {}", all[..shown].join("; "));
    let fits = |shown: &usize| paint::width(&(text(*shown) + &more(*shown))) <= line.width;
    let (text, more) = match (1..=all.len()).rev().find(fits) {
        Some(shown) => (text(shown), more(shown)),
        // Even the first one is cut.
        None if all.len() == 1 => (text(1), format!("  whole: {key}")),
        None => (text(1), more(1)),
    };
    let room = line.width.saturating_sub(paint::width(&more));
    let used = canvas.text(paint::first(line, room), &text, Role::Warn);
    canvas.text(paint::after(line, used), &more, Role::Dim);
}

fn load_pieces(canvas: &Canvas<'_>, snapshot: &Snapshot) -> Vec<Piece> {
    let load = &snapshot.load;
    let failed = if load.failed_per_s > 0.0 { Role::Error } else { Role::Dim };
    let late = format::milliseconds(load.lateness_ms[1]);
    let mut pieces = vec![
        canvas.piece(format!(" load {:>5}/s", format::rate(load.offered_per_s)), Role::Text),
        canvas.piece(format!("  done {:>5}/s", format::rate(load.completed_per_s)), Role::Text),
        canvas.piece(format!("  failed {:>5}/s", format::rate(load.failed_per_s)), failed),
        canvas.piece(format!("  late p99 {late:>5} ms"), Role::Dim),
    ];
    match load.validity {
        Some(Validity::Valid) => pieces.push(canvas.piece("  load valid", Role::Dim)),
        // Numbers of a generator that could not keep up prove nothing: said before them.
        Some(Validity::Suspect) => pieces.insert(0, canvas.piece("  load SUSPECT", Role::Warn)),
        Some(Validity::Invalid) => pieces.insert(0, canvas.piece("  load INVALID", Role::Error)),
        None => {},
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::end_of;

    #[test]
    fn the_name_of_a_recording_gives_way_to_losses_and_insights() {
        let name = "shakedown-1800000000.rec";
        assert_eq!(end_of(name, 8, "~"), "~-1800000000.rec");
        assert_eq!(end_of(name, 30, "~"), "");
    }
}
