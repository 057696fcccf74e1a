//! Nanoseconds that each limit costs one request, and the line of the access log.
//!
//! `cargo bench -p proxy --bench limit`. Every case runs in several rounds, of which the fastest is
//! shown: what is slower was disturbed. The time is read once per thousand steps, so that reading
//! it is not what is measured.

use std::hint::black_box;
use std::time::Duration;

use proxy::bench::limit::Case;
use proxy::bench::{access, limit};
use tokio::time::Instant;

const ROUNDS: u32 = 20;
const STEPS: u64 = 200_000;
const STEPS_PER_READING: u64 = 1_000;

fn main() {
    let cases = limit::cases(Instant::now()).into_iter().chain(access::cases());
    for Case { name, mut step } in cases {
        let fastest = (0..ROUNDS).map(|_| round(&mut step)).min().unwrap_or_default();
        let ns = fastest.as_nanos() as f64 / STEPS as f64;
        print(&format!("{name:<40} {ns:>8.1} ns"));
    }
}

fn round(step: &mut dyn FnMut(u64, Instant) -> bool) -> Duration {
    let began = Instant::now();
    for reading in 0..STEPS / STEPS_PER_READING {
        let now = Instant::now();
        for number in 0..STEPS_PER_READING {
            black_box(step(black_box(reading * STEPS_PER_READING + number), now));
        }
    }
    began.elapsed()
}

#[expect(clippy::print_stdout, reason = "the numbers are what this program is for")]
fn print(line: &str) {
    println!("{line}");
}
