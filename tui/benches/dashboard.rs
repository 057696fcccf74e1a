//! What the dashboard costs with thirty edges and an hour of history, beside its budgets: memory
//! of the store, a snapshot and a drawn frame of every screen, and the bytes of a frame.

#[path = "shared/busy.rs"]
mod busy;
#[path = "shared/counting.rs"]
mod counting;
#[path = "shared/resident.rs"]
mod resident;

use std::sync::Arc;

use counting::{SCREENS, app, terminal};
use resident::resident_bytes;
use telemetry::clock::Clock;
use tui::glyphs;
use tui::screen::Zoom;
use tui::store::answers::Answers;
use tui::store::{Store, query};
use tui::theme::{Depth, Theme};
use tui::view::view;

const HISTORY_S: u64 = 3_600;
/// Seconds that are played for the steady frames.
const STEADY_S: u64 = 60;
const ROUNDS: u32 = 30;

/// Microseconds of the best round, and of the middle one.
fn timed(clock: &Clock, mut work: impl FnMut()) -> (f64, f64) {
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let began = clock.now();
            work();
            began.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    (rounds[0], rounds[rounds.len() / 2])
}

#[expect(clippy::print_stdout, reason = "a benchmark reports to whoever started it")]
fn main() {
    let clock = Clock::system();
    let theme = Theme::new(Depth::Indexed256, &glyphs::UTF8);
    let answers = Answers::default();
    let mut store = Store::default();
    // Whatever the first frames need beside themselves is not counted.
    store.insert(Arc::new(busy::second(0)));
    let before = resident_bytes();
    let mut taken = 0.0;
    for at in 1..HISTORY_S {
        let frame = Arc::new(busy::second(at));
        let began = clock.now();
        store.insert(frame);
        taken += began.elapsed().as_secs_f64();
    }
    let grown = resident_bytes().saturating_sub(before);
    println!(
        "{} edges for {HISTORY_S} s: {:.1} MB, {:.1} us to take a frame",
        busy::EDGES,
        grown as f64 / 1e6,
        taken * 1e6 / HISTORY_S as f64
    );

    println!("{:<10} {:>28} {:>28}", "screen", "snapshot us (by zoom)", "view, diff, write us");
    let zooms = [1, 3, 10, 60];
    for (name, key) in SCREENS {
        let times: Vec<String> = zooms
            .iter()
            .map(|zoom| {
                let query = app(key, Zoom::Fixed(*zoom)).query();
                let (_, middle) = timed(&clock, || {
                    std::hint::black_box(query::build(&store, &answers, &query));
                });
                format!("{middle:.0}")
            })
            .collect();
        let app = app(key, Zoom::Auto);
        let snapshot = query::build(&store, &answers, &app.query());
        let (_, draw) = timed(&clock, || {
            // On an empty terminal every cell is written, the worst that can be.
            let (mut terminal, _) = terminal();
            terminal
                .draw(|frame| {
                    view(&app, &snapshot, &theme, frame);
                })
                .expect("room in memory");
        });
        println!("{name:<10} {:>28} {draw:>28.0}", times.join(" / "));
    }
    steady(&mut store, &answers, &theme);
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
