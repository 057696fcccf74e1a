//! Waiting with a precision well below a millisecond.
//!
//! Tokio's own timers tick once a millisecond, so a delay of 10 ms ends up to 2 ms late and one of
//! 200 us is no delay of 200 us at all. A fault that says how long it holds something back has to
//! mean it. [`Timer::precise`] therefore waits on one timer of the kernel (a timerfd) per thread
//! that serves, armed for the earliest of all waits. What the kernel takes to wake an idle core is
//! learned and led against (`floor`). What remains on an idle core, as `benches/timer.rs` measures
//! it: half of all waits end within 10 us of their time and 99 of 100 within 60 us. Another task
//! that keeps the thread busy delays a wait by as long as it runs.
//!
//! [`Timer::coarse`] waits by tokio. It is for paused time in tests, and for runtimes that belong
//! to somebody else.

mod alarm;
mod floor;
mod waits;

pub(crate) use alarm::Alarm;
pub(crate) use waits::Timer;

#[cfg(test)]
mod tests;
