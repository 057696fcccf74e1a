//! Nanoseconds for the telemetry of one request. `cargo bench -p proxy --bench emit`.

use std::hint::black_box;
use std::time::Duration;

use proxy::bench::emit::Bench;
use telemetry::clock::Clock;

const ROUNDS: u32 = 9;
const REQUESTS: u32 = 200_000;
/// So many spans fill a few batches, which are then taken away.
const DRAIN_EVERY: u32 = 1_000;

#[expect(clippy::print_stdout, reason = "the result is for whoever started it")]
fn main() {
    let clock = Clock::system();
    let bench = Bench::new(clock.clone());
    let mut header = Vec::with_capacity(64);
    let mut request = |number: u32| {
        bench.spans(black_box(&mut header));
        if number.is_multiple_of(DRAIN_EVERY) {
            black_box(bench.drain());
        }
    };
    println!("ids, header, times, both spans: {:7.1} ns", best(&clock, &mut request));
    let mut pair = |number: u32| {
        bench.pair_of(black_box(number));
        if number.is_multiple_of(DRAIN_EVERY) {
            black_box(bench.drain());
        }
    };
    println!("both spans alone:               {:7.1} ns", best(&clock, &mut pair));
    let mut ended = |number: u32| bench.count(black_box(Duration::from_nanos(u64::from(number))));
    println!("request_ended:                  {:7.1} ns", best(&clock, &mut ended));
}

/// The best of some rounds: everything else is the machine's doing.
fn best(clock: &Clock, work: &mut dyn FnMut(u32)) -> f64 {
    let round = |_| {
        let began = clock.now();
        for number in 0..REQUESTS {
            work(number);
        }
        began.elapsed().as_nanos() as f64 / f64::from(REQUESTS)
    };
    (0..ROUNDS).map(round).fold(f64::INFINITY, f64::min)
}
