//! How late waits end: `cargo bench -p proxy --bench timer`. One line for each length and kind of
//! timer, in microseconds.

#![expect(clippy::print_stdout, reason = "its result is what it prints")]
#![expect(dead_code, reason = "it uses a part of the module")]

use std::time::Duration;

use tokio::time::Instant;

#[path = "../src/timer"]
mod timer {
    mod alarm;
    mod floor;
    pub(crate) mod waits;
}

use timer::waits::Timer;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime can be built").block_on(measure());
}

async fn measure() {
    let precise = Timer::precise().expect("a timerfd can be made");
    for (name, timer) in [("precise", precise), ("coarse", Timer::coarse())] {
        for us in [100, 500, 5_000, 10_000] {
            let length = Duration::from_micros(us);
            let turns = 2_000_000 / us.max(1_000);
            let mut late = Vec::with_capacity(turns as usize);
            for _ in 0..turns {
                let deadline = Instant::now() + length;
                timer.sleep_until(deadline).await;
                late.push(deadline.elapsed().as_nanos() as f64 / 1_000.0);
            }
            late.sort_by(f64::total_cmp);
            let at = |share: f64| late[((late.len() - 1) as f64 * share) as usize];
            println!(
                "{name} {us:>6} us: late p50 {:.1} p90 {:.1} p99 {:.1} max {:.1}",
                at(0.5),
                at(0.9),
                at(0.99),
                at(1.0)
            );
        }
    }
}
