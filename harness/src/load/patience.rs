//! How long what surrounds a load is waited for: a person who has asked for the end gets it.
//!
//! The first signal leaves a second to come to an end in order, the next one nothing.

use std::pin::pin;
use std::time::Duration;

use telemetry::shutdown::Shutdown;

/// How long anything may still take when a person has asked for the end.
pub(super) const ONCE_ASKED: Duration = Duration::from_secs(1);

/// What came of waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waited<T> {
    Over(T),
    /// It took too long.
    Late,
    /// A person wanted to leave at once.
    Left,
}

/// Waits for a task, at most `within` if that is said, and less once somebody asks for the end.
/// `is_asked` says that somebody has already.
pub(super) async fn wait<T>(
    task: impl Future<Output = T>,
    within: Option<Duration>,
    signals: &mut Shutdown,
    is_asked: bool,
) -> Waited<T> {
    let limit = if is_asked { Some(ONCE_ASKED) } else { within };
    wait_for(task, limit, async || signals.requested().await, is_asked).await
}

async fn wait_for<T>(
    task: impl Future<Output = T>,
    limit: Option<Duration>,
    mut requested: impl AsyncFnMut() -> &'static str,
    mut is_asked: bool,
) -> Waited<T> {
    let mut task = pin!(task);
    let mut is_limited = limit.is_some();
    let mut late = pin!(tokio::time::sleep(limit.unwrap_or_default()));
    loop {
        tokio::select! {
            biased;
            output = &mut task => return Waited::Over(output),
            _ = requested() => {
                if is_asked {
                    return Waited::Left;
                }
                is_asked = true;
                is_limited = true;
                late.set(tokio::time::sleep(ONCE_ASKED));
            },
            () = &mut late, if is_limited => return Waited::Late,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use telemetry::clock::Clock;

    use super::*;

    /// Signals after so many milliseconds each.
    async fn waited(
        task: impl Future<Output = ()>,
        limit: Option<u64>,
        signals: &[u64],
        is_asked: bool,
    ) -> (Waited<()>, u64) {
        let clock = Clock::system();
        let start = clock.now();
        let mut due: VecDeque<_> =
            signals.iter().map(|ms| start + Duration::from_millis(*ms)).collect();
        let requested = async || {
            let Some(next) = due.front().copied() else { return std::future::pending().await };
            tokio::time::sleep_until(next).await;
            due.pop_front();
            "SIGINT"
        };
        let limit = limit.map(Duration::from_millis);
        let waited = wait_for(task, limit, requested, is_asked).await;
        (waited, (clock.now() - start).as_millis() as u64)
    }

    #[tokio::test(start_paused = true)]
    async fn what_never_ends_held_a_person_who_had_asked_for_the_end() {
        let never = || std::future::pending::<()>();
        for (limit, signals, is_asked, expected) in [
            (Some(5_000), &[][..], false, (Waited::Late, 5_000)),
            (None, &[3_000], false, (Waited::Late, 4_000)),
            (Some(5_000), &[4_500], false, (Waited::Late, 5_500)),
            (None, &[3_000, 3_200], false, (Waited::Left, 3_200)),
            (Some(1_000), &[], true, (Waited::Late, 1_000)),
            (Some(1_000), &[300], true, (Waited::Left, 300)),
        ] {
            let got = waited(never(), limit, signals, is_asked).await;
            assert_eq!(got, expected, "{limit:?} {signals:?} {is_asked}");
        }
        let short = tokio::time::sleep(Duration::from_millis(700));
        assert_eq!(waited(short, None, &[200], false).await, (Waited::Over(()), 700));
    }
}
