//! Nanoseconds of the breaker for each call: `cargo bench -p proxy --bench breaker`.
//!
//! The budget is 150 ns for each of the two, uncontended.

use proxy::bench::breaker::{Case, nanoseconds};

const CALLS: u32 = 5_000_000;
const ROUNDS: usize = 5;

#[expect(clippy::print_stdout, reason = "this is what a benchmark is for")]
fn main() {
    let plain = Case { name: "100 calls", window_ms: None, shadows: 0, open: false };
    println!("{:<24} {:>12} {:>12}", "window", "acquire ns", "record ns");
    for case in [
        plain,
        Case { name: "10 s", window_ms: Some(10_000), ..plain },
        Case { name: "60 s", window_ms: Some(60_000), ..plain },
        Case { name: "100 calls, 4 shadows", shadows: 4, ..plain },
        Case { name: "10 s, 4 shadows", window_ms: Some(10_000), shadows: 4, ..plain },
        Case { name: "open (rejections)", open: true, ..plain },
    ] {
        // The best of some rounds: everything else that runs here only adds.
        let rounds = (0..ROUNDS).map(|_| nanoseconds(case, CALLS));
        let (acquire, record) = rounds
            .reduce(|best, round| (best.0.min(round.0), best.1.min(round.1)))
            .unwrap_or_default();
        println!("{:<24} {acquire:>12.1} {record:>12.1}", case.name);
    }
}
