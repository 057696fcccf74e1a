//! Lines for pipes and logs, as `run --plain` prints them.

use std::sync::Arc;
use std::time::Duration;

use model::frame::Frame;
use tokio::time::Instant;
use tui::kept;

use crate::run::view::print_line;

/// What happened in the second, and the second.
pub(super) fn print(frame: &Frame) {
    for line in tui::plain::events(frame) {
        print_line(&line);
    }
    print_line(&tui::plain::line(frame));
}

/// One frame after the other, so many seconds of them in a second; without a speed at once.
pub(super) async fn play(frames: &[Arc<kept::Frame>], speed: Option<f64>) {
    let (begun, first_s) = (Instant::now(), frames.first().map_or(0, |frame| frame.unix_s));
    for frame in frames {
        if let Some(speed) = speed {
            let after = wait(frame.unix_s.saturating_sub(first_s), speed);
            tokio::time::sleep_until(begun + after).await;
        }
        print(&frame.told());
    }
}

/// How long so many seconds of a run take.
fn wait(seconds: u64, speed: f64) -> Duration {
    Duration::from_secs(seconds).div_f64(speed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_replay_come_as_fast_as_the_speed_says() {
        for (seconds, speed, expected_ms) in [(0, 1.0, 0), (4, 1.0, 4_000), (4, 8.0, 500)] {
            assert_eq!(wait(seconds, speed), Duration::from_millis(expected_ms));
        }
    }
}
