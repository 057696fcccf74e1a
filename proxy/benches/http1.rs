//! How long the codec takes per head and per chunk: the best of several rounds, because on a
//! machine that does other things only the best is about the code.

use std::hint::black_box;

use proxy::bench::http1::{Case, cases};
use telemetry::clock::Clock;

const ROUNDS: u32 = 20;
const RUNS_PER_ROUND: u32 = 50_000;

#[expect(clippy::print_stdout, reason = "a benchmark prints its numbers")]
fn main() {
    let clock = Clock::system();
    for mut case in cases() {
        let best = (0..ROUNDS).map(|_| round_ns(&clock, &mut case)).fold(f64::MAX, f64::min);
        println!("{:<50} {best:>8.1} ns", case.name);
    }
}

/// Nanoseconds per run.
fn round_ns(clock: &Clock, case: &mut Case) -> f64 {
    let start = clock.now();
    for _ in 0..RUNS_PER_ROUND {
        black_box((case.run)());
    }
    start.elapsed().as_nanos() as f64 / f64::from(RUNS_PER_ROUND)
}
