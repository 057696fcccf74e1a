//! What the dashboard costs with thirty edges and an hour of history, beside its budgets: memory
//! of the store, a snapshot and a drawn frame of every screen, and the bytes of a frame.
//!
//! Times are those that the thread was on a processor, so that a busy machine does not make them
//! longer.

#[path = "shared/answers.rs"]
mod answers;
#[path = "shared/busy.rs"]
mod busy;
#[path = "shared/counting.rs"]
mod counting;
#[path = "shared/resident.rs"]
mod resident;

use std::sync::Arc;

use counting::{SCREENS, app, pressed, terminal};
use model::frame::Frame;
use resident::resident_bytes;
use rustix::time::{ClockId, clock_gettime};
use tui::app::App;
use tui::glyphs;
use tui::screen::{Cursor, DetailView, Snapshot, ViewQuery, Zoom};
use tui::store::answers::Answers;
use tui::store::{Store, query};
use tui::theme::{Depth, Theme};
use tui::view::view;

const HISTORY_S: u64 = 3_600;
/// Seconds that are played for the steady frames.
const STEADY_S: u64 = 60;
/// Seconds that are played for one screen at one zoom: over the end of a column of a minute.
const PLAYED_S: u64 = 70;
/// Columns that the cursor is moved by.
const MOVED: u64 = 30;
/// Seconds whose frame comes once more, each in another column.
const LATE: u64 = 30;
const DRAWN: u32 = 30;
const ZOOMS_S: [u64; 4] = [1, 3, 10, 60];
/// Screens that show more when a key was pressed.
const MORE: [(&str, char, &str); 2] = [("patterns", '4', "p"), ("context", '4', "c")];

/// Microseconds of this thread on a processor.
fn busy_us() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

fn timed_us(work: impl FnOnce()) -> f64 {
    let began = busy_us();
    work();
    busy_us() - began
}

/// Middle and greatest, in milliseconds.
fn spread(mut times_us: Vec<f64>) -> String {
    times_us.sort_by(f64::total_cmp);
    let most = times_us.last().copied().unwrap_or(0.0);
    format!("{:.2} {:.2}", times_us[times_us.len() / 2] / 1e3, most / 1e3)
}

#[expect(clippy::print_stdout, reason = "a benchmark reports to whoever started it")]
fn main() {
    let frame = |at| Arc::new(busy::second(at));
    // Whatever the first frames need beside themselves is not counted.
    let mut store = filled(&[frame(0)]);
    let before = resident_bytes();
    let mut taken = Vec::new();
    for at in 1..HISTORY_S {
        let frame = frame(at);
        taken.push(timed_us(|| {
            store.insert(frame);
        }));
    }
    let grown = resident_bytes().saturating_sub(before);
    println!(
        "{} edges for {HISTORY_S} s: {:.1} MB, ms to take a frame (middle, most): {}",
        busy::EDGES,
        grown as f64 / 1e6,
        spread(taken)
    );
    let before = resident_bytes();
    let frames = |seconds: std::ops::Range<u64>| seconds.map(frame).collect::<Vec<_>>();
    let coming = frames(HISTORY_S..HISTORY_S + PLAYED_S);
    look_everywhere(&mut store, &coming);
    let grown = resident_bytes().saturating_sub(before);
    println!("{:.1} MB more after {PLAYED_S} s of all screens at all zooms", grown as f64 / 1e6);
    drop(store);
    let frames = frames(0..HISTORY_S + PLAYED_S);
    snapshots(&frames);
    let mut store = filled(&frames[..HISTORY_S as usize]);
    let theme = Theme::new(Depth::Indexed256, &glyphs::UTF8);
    drawn(&store, &theme);
    steady(&mut store, &Answers::default(), &theme);
}

fn filled(frames: &[Arc<Frame>]) -> Store {
    let mut store = Store::default();
    for frame in frames {
        store.insert(Arc::clone(frame));
    }
    store
}

/// Everything that can be remembered is.
fn look_everywhere(store: &mut Store, coming: &[Arc<Frame>]) {
    let answers = Answers::default();
    for frame in coming {
        store.insert(Arc::clone(frame));
        for (screen, zoom) in SCREENS.into_iter().flat_map(|it| ZOOMS_S.map(|zoom| (it.1, zoom))) {
            let query = app(screen, Zoom::Fixed(zoom)).query();
            std::hint::black_box(query::build(store, &answers, &query));
        }
    }
}

/// Milliseconds of snapshots: the first one of a screen, those after a second has come, after the
/// cursor was moved, with another edge selected, and after a second has come once more.
#[expect(clippy::print_stdout, reason = "a benchmark reports to whoever started it")]
fn snapshots(frames: &[Arc<Frame>]) {
    println!(
        "{:<10} {:>6} {:>7} {:>17} {:>17} {:>17} {:>17}",
        "snapshot", "zoom s", "first", "next: middle most", "moved", "another", "late"
    );
    let screens = SCREENS.map(|(name, screen)| (name, screen, ""));
    for (name, screen, keys) in screens.into_iter().chain(MORE) {
        for zoom in ZOOMS_S {
            let app = app(screen, Zoom::Fixed(zoom));
            println!("{name:<10} {zoom:>6} {}", snapshots_of(frames, app, keys, zoom));
        }
    }
}

fn snapshots_of(frames: &[Arc<Frame>], mut app: App, keys: &str, zoom: u64) -> String {
    let (history, coming) = frames.split_at(HISTORY_S as usize);
    let mut store = filled(history);
    let mut answers = Answers::default();
    let mut build = |store: &Store, query: &ViewQuery| {
        answers::ask(store, &mut answers, query);
        let mut snapshot = Snapshot::default();
        let took = timed_us(|| snapshot = query::build(store, &answers, query));
        (took, snapshot)
    };
    if !keys.is_empty() {
        let (_, snapshot) = build(&store, &app.query());
        pressed(&mut app, keys, &snapshot);
    }
    let query = app.query();
    let (first, snapshot) = build(&store, &query);
    if let DetailView::Logs(view) = &snapshot.detail {
        assert_eq!(view.patterns.is_empty(), keys != "p", "patterns are shown when asked for");
        assert_eq!(view.context.is_some(), keys == "c", "the context is shown when asked for");
    }
    let next = coming.iter().map(|frame| {
        store.insert(Arc::clone(frame));
        build(&store, &query).0
    });
    let next: Vec<f64> = next.collect();
    let newest_s = busy::START_S + HISTORY_S + PLAYED_S - 1;
    let moved = (1..=MOVED).map(|back| {
        let cursor = Cursor::At(newest_s - back * zoom);
        build(&store, &ViewQuery { cursor, ..query.clone() }).0
    });
    let moved: Vec<f64> = moved.collect();
    let another = snapshot.rows.iter().map(|row| {
        app.selected = Some(row.subject.clone());
        build(&store, &app.query()).0
    });
    let another: Vec<f64> = another.collect();
    let late = (1..=LATE).map(|nth| {
        store.insert(Arc::clone(&frames[(HISTORY_S - nth * zoom) as usize]));
        build(&store, &query).0
    });
    let late: Vec<f64> = late.collect();
    format!(
        "{:>7.2} {:>17} {:>17} {:>17} {:>17}",
        first / 1e3,
        spread(next),
        spread(moved),
        spread(another),
        spread(late)
    )
}

/// Milliseconds to draw a whole screen.
#[expect(clippy::print_stdout, reason = "a benchmark reports to whoever started it")]
fn drawn(store: &Store, theme: &Theme) {
    println!("{:<10} view, diff, write: middle most", "drawn ms");
    for (name, key) in SCREENS {
        let app = app(key, Zoom::Auto);
        let mut answers = Answers::default();
        answers::ask(store, &mut answers, &app.query());
        let snapshot = query::build(store, &answers, &app.query());
        let draw = || {
            timed_us(|| {
                // On an empty terminal every cell is written, the worst that can be.
                let (mut terminal, _) = terminal();
                terminal
                    .draw(|frame| {
                        view(&app, &snapshot, theme, frame);
                    })
                    .expect("room in memory");
            })
        };
        println!("{name:<10} {}", spread((0..DRAWN).map(|_| draw()).collect()));
    }
}

/// Bytes of each frame while a second comes after the other.
#[expect(clippy::print_stdout, reason = "a benchmark reports to whoever started it")]
fn steady(store: &mut Store, answers: &Answers, theme: &Theme) {
    let mut screens: Vec<_> = SCREENS
        .iter()
        .map(|(name, key)| (*name, app(*key, Zoom::Auto), terminal(), Vec::new()))
        .collect();
    for at in HISTORY_S..HISTORY_S + STEADY_S {
        store.insert(Arc::new(busy::second(at)));
        for (_, app, (terminal, counting), sizes) in &mut screens {
            let snapshot = query::build(store, answers, &app.query());
            counting.reset();
            terminal
                .draw(|frame| {
                    view(app, &snapshot, theme, frame);
                })
                .expect("room in memory");
            sizes.push(counting.bytes());
        }
    }
    println!("{:<10} {:>10} {:>10} {:>10}", "screen", "first", "middle", "most");
    for (name, _, _, mut sizes) in screens {
        let first = sizes.remove(0);
        sizes.sort_unstable();
        println!(
            "{name:<10} {first:>10} {:>10} {:>10}",
            sizes[sizes.len() / 2],
            sizes[sizes.len() - 1]
        );
    }
}
