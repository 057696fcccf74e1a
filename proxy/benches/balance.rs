//! Nanoseconds for the choice of an endpoint and the end of its attempt, by algorithm.

use std::hint::black_box;

use model::fault::Per;
use model::policy::BalancePolicy;
use model::policy::balance::{Algorithm, OutlierPolicy};
use proxy::bench::balance::Bench;
use telemetry::clock::Clock;

/// Short enough that many rounds are not interrupted by anything else on the machine.
const ATTEMPTS: u32 = 10_000;
const ROUNDS: usize = 400;

#[expect(clippy::print_stdout, reason = "a benchmark reports to whoever started it")]
fn main() {
    let clock = Clock::system();
    println!("{:<14} {:>9} {:>12} {:>14}", "algorithm", "endpoints", "ns", "ns, outliers");
    for (name, algorithm, count) in [
        ("one", Algorithm::RoundRobin, 1),
        ("round-robin", Algorithm::RoundRobin, 8),
        ("least-request", Algorithm::LeastRequest, 8),
        ("peak-ewma", Algorithm::peak_ewma(), 8),
        ("ring-hash", Algorithm::RingHash { by: Per::User }, 8),
    ] {
        let plain = BalancePolicy { algorithm, ..BalancePolicy::default() };
        let watched = BalancePolicy { outlier: Some(OutlierPolicy::default()), ..plain.clone() };
        let (plain, watched) = (best(count, &plain, &clock), best(count, &watched, &clock));
        println!("{name:<14} {count:>9} {plain:>12.1} {watched:>14.1}");
    }
}

/// The best of several rounds: what disturbs a round only ever makes it slower.
fn best(count: u16, policy: &BalancePolicy, clock: &Clock) -> f64 {
    let mut bench = Bench::new(count, policy, clock.now());
    let rounds = (0..ROUNDS).map(|_| {
        let began = clock.now();
        for _ in 0..ATTEMPTS {
            black_box(bench.attempt());
        }
        (clock.now() - began).as_nanos() as f64 / f64::from(ATTEMPTS)
    });
    rounds.fold(f64::INFINITY, f64::min)
}
