//! Sends a recording with the distances of its time, or faster.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use telemetry::clock::Clock;
use telemetry::otlp::answer::Reason;
use telemetry::otlp::{Courier, Delivery, Pace, Settings, Signal, compress, request};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{Recording, ReplayError, Request};
use crate::export::json;

const AGENT: &str = concat!("shakedown-replay/", env!("CARGO_PKG_VERSION"));
const PACE: Pace = Pace {
    first: Duration::from_millis(500),
    max: Duration::from_secs(10),
    asked_max: Duration::from_mins(1),
};
/// How long one request is tried.
const TRY_FOR: Duration = Duration::from_mins(1);
/// Of the receiver's time in one request.
const SLICE: Duration = Duration::from_millis(100);
/// Of the recording's time in one request when there is no pace.
const SLICE_UNPACED: Duration = Duration::from_mins(1);
/// Requests read ahead.
const AHEAD: usize = 4;

/// How many times faster than it happened.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Speed {
    Times(f64),
    /// As fast as the receiver takes it.
    Max,
}

/// No speed of a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a number from 0.01 to 10000, or \"max\"")]
pub struct NoSpeed;

impl FromStr for Speed {
    type Err = NoSpeed;

    fn from_str(text: &str) -> Result<Self, NoSpeed> {
        match text.parse() {
            _ if text == "max" => Ok(Self::Max),
            Ok(times) if (0.01..=10_000.0).contains(&times) => Ok(Self::Times(times)),
            _ => Err(NoSpeed),
        }
    }
}

/// What is to be sent where.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplayPlan {
    /// URL and settings, as for the export of a collector.
    pub backend: String,
    /// The `OTEL_EXPORTER_OTLP_*` variables.
    pub env: BTreeMap<String, String>,
    pub speed: Speed,
    /// Moves all times, so that the first item happens now.
    pub shift_to_now: bool,
}

/// Items so far, by signal in the order of [`Signal::ALL`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReplayTotals {
    pub taken: [u64; 3],
    /// Refused by the receiver, one by one or with their request.
    pub refused: [u64; 3],
    /// Of the recording, up to the last request.
    pub last_unix_ns: u64,
}

/// Sends everything; `progress` is told after each request. Ends early when the receiver takes
/// nothing for a minute.
pub async fn send(
    recording: Recording,
    plan: &ReplayPlan,
    clock: &Clock,
    progress: impl FnMut(&ReplayTotals),
) -> Result<ReplayTotals, ReplayError> {
    let settings = Settings::parse(&plan.backend, &plan.env, AGENT)?;
    send_to(settings, recording, plan, clock, progress).await
}

pub(super) async fn send_to(
    settings: Settings,
    recording: Recording,
    plan: &ReplayPlan,
    clock: &Clock,
    mut progress: impl FnMut(&ReplayTotals),
) -> Result<ReplayTotals, ReplayError> {
    let first_unix_ns = recording.summary().first_unix_ns;
    let shift_ns = if plan.shift_to_now {
        clock.unix_ns().cast_signed() - first_unix_ns.cast_signed()
    } else {
        0
    };
    let slice = match plan.speed {
        Speed::Times(times) => SLICE.mul_f64(times),
        Speed::Max => SLICE_UNPACED,
    };
    let (ahead, mut requests) = mpsc::channel(AHEAD);
    let reading = tokio::task::spawn_blocking(move || {
        let slice_ns = u64::try_from(slice.as_nanos()).unwrap_or(u64::MAX);
        recording.requests(slice_ns, shift_ns, |request| ahead.blocking_send(request).is_ok())
    });
    let mut sender = Sender {
        settings,
        courier: Courier::new(clock.clone(), PACE),
        totals: ReplayTotals::default(),
    };
    let began = clock.now();
    while let Some(request) = requests.recv().await {
        if let Speed::Times(times) = plan.speed {
            let since_ns = request.unix_ns.saturating_sub(first_unix_ns);
            tokio::time::sleep_until(began + Duration::from_nanos(since_ns).div_f64(times)).await;
        }
        sender.send(request).await?;
        progress(&sender.totals);
    }
    reading.await.expect("reading never panics, and the runtime outlives it")?;
    Ok(sender.totals)
}

struct Sender {
    settings: Settings,
    courier: Courier,
    totals: ReplayTotals,
}

impl Sender {
    async fn send(&mut self, replayed: Request) -> Result<(), ReplayError> {
        let target = self.settings.target(replayed.signal);
        let message = match target.protocol {
            telemetry::otlp::Protocol::HttpJson => {
                json::from_protobuf(replayed.signal, &replayed.bytes).into()
            },
            _ => Bytes::from(replayed.bytes),
        };
        let message = match target.compression {
            Some(compression) => compress(compression, &[message]),
            None => message,
        };
        let began = Instant::now();
        let again = |_: &Reason, pause| began.elapsed() + pause < TRY_FOR;
        let delivery = self.courier.deliver(target, &request(target, [message]), again).await;
        let at = Signal::ALL.iter().position(|signal| *signal == replayed.signal).unwrap_or(0);
        self.totals.last_unix_ns = self.totals.last_unix_ns.max(replayed.unix_ns);
        let refused = match delivery {
            Delivery::Taken { rejected, message } => {
                if rejected > 0 {
                    tracing::warn!(rejected, message, "the receiver took only a part");
                }
                rejected.min(replayed.items)
            },
            Delivery::Refused(reason) => {
                let (signal, items) = (replayed.signal.as_str(), replayed.items);
                tracing::warn!(signal, items, %reason, "the receiver refused a request");
                replayed.items
            },
            Delivery::GivenUp(reason) => {
                let backend = self.settings.name().to_owned();
                let reason = reason.to_string();
                return Err(ReplayError::Unreachable { backend, waited: began.elapsed(), reason });
            },
        };
        self.totals.refused[at] += refused;
        self.totals.taken[at] += replayed.items - refused;
        Ok(())
    }
}
