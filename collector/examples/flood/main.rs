//! Sends telemetry to a collector as fast as it takes it, for the measurements of
//! `docs/benchmarks.md`.
//!
//! `flood --to ADDR [--protocol grpc|http] [--signal traces|metrics|logs] [--connections 16]
//! [--batch 512] [--seconds 3] [--rate REQUESTS_PER_S]`
//!
//! Requests are built beforehand; each gets trace ids of its own before it is sent, so that nothing
//! is a repetition. Every connection waits for an answer before it sends again. Prints one line of
//! JSON.

mod call;
mod request;

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use hdrhistogram::Histogram;
use telemetry::clock::Clock;
use tokio::time::Instant;

use call::Connection;
use request::{Signal, Template};

struct Settings {
    to: SocketAddr,
    grpc: bool,
    signal: Signal,
    connections: u64,
    batch: usize,
    length: Duration,
    /// Between two requests of one connection; zero sends without a pause.
    gap: Duration,
}

/// Templates that take turns.
const TEMPLATES: u64 = 16;

type Error = Box<dyn std::error::Error + Send + Sync>;

fn parse(arguments: impl Iterator<Item = String>) -> Result<Settings, Error> {
    let mut to = None;
    let (mut grpc, mut signal, mut connections, mut batch) = (true, Signal::Traces, 16, 512);
    let (mut seconds, mut rate) = (3.0, 0.0_f64);
    let mut arguments = arguments.skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
        match (name.as_str(), value.as_str()) {
            ("--to", address) => to = Some(address.parse()?),
            ("--protocol", "grpc") => grpc = true,
            ("--protocol", "http") => grpc = false,
            ("--signal", "traces") => signal = Signal::Traces,
            ("--signal", "metrics") => signal = Signal::Metrics,
            ("--signal", "logs") => signal = Signal::Logs,
            ("--connections", number) => connections = number.parse()?,
            ("--batch", number) => batch = number.parse()?,
            ("--seconds", number) => seconds = number.parse()?,
            ("--rate", number) => rate = number.parse()?,
            _ => return Err(format!("{name} {value} is not known").into()),
        }
    }
    let gap = if rate > 0.0 {
        Duration::from_secs_f64(connections as f64 / rate)
    } else {
        Duration::ZERO
    };
    let to = to.ok_or("--to is missing")?;
    let length = Duration::from_secs_f64(seconds);
    Ok(Settings { to, grpc, signal, connections, batch, length, gap })
}

/// What one connection has seen.
struct Seen {
    taken: u64,
    refused: u64,
    latency_us: Histogram<u64>,
}

async fn send(
    settings: Arc<Settings>,
    templates: Arc<Vec<Template>>,
    number: u64,
    (clock, until): (Clock, Instant),
) -> Result<Seen, Error> {
    let mut connection = Connection::open(settings.to, settings.grpc, settings.signal).await?;
    let mut seen = Seen { taken: 0, refused: 0, latency_us: Histogram::new(3)? };
    let mut due = clock.now() + settings.gap.mul_f64(number as f64 / settings.connections as f64);
    for round in 0_u64.. {
        if clock.now() >= until {
            break;
        }
        let template = &templates[((number + round) % TEMPLATES) as usize];
        let request = template.with_ids(clock.unix_ns() ^ number << 56);
        let mut since = clock.now();
        if !settings.gap.is_zero() {
            tokio::time::sleep_until(due).await;
            since = due;
            due += settings.gap;
        }
        if connection.call(request).await? {
            seen.taken += 1;
        } else {
            seen.refused += 1;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let us = clock.now().saturating_duration_since(since).as_micros();
        seen.latency_us.saturating_record(u64::try_from(us)?);
    }
    Ok(seen)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Error> {
    let settings = Arc::new(parse(std::env::args())?);
    let clock = Clock::system();
    let now = clock.unix_ns();
    let templates = (0..TEMPLATES)
        .map(|number| Template::build(settings.signal, number, settings.batch, now))
        .collect::<Vec<_>>();
    let (request_bytes, templates) = (templates[0].len(), Arc::new(templates));
    let start = clock.now();
    let tasks: Vec<_> = (0..settings.connections)
        .map(|number| {
            let until = (clock.clone(), start + settings.length);
            tokio::spawn(send(Arc::clone(&settings), Arc::clone(&templates), number, until))
        })
        .collect();
    let mut all = Seen { taken: 0, refused: 0, latency_us: Histogram::new(3)? };
    for task in tasks {
        let seen = task.await??;
        all.taken += seen.taken;
        all.refused += seen.refused;
        all.latency_us.add(&seen.latency_us)?;
    }
    let seconds = clock.now().saturating_duration_since(start).as_secs_f64();
    let line = serde_json::json!({
        "items": all.taken * settings.batch as u64,
        "requests": all.taken,
        "refused": all.refused,
        "seconds": seconds,
        "request_bytes": request_bytes,
        "p50_us": all.latency_us.value_at_quantile(0.5),
        "p99_us": all.latency_us.value_at_quantile(0.99),
        "max_us": all.latency_us.max(),
    });
    writeln!(std::io::stdout(), "{line}")?;
    Ok(ExitCode::SUCCESS)
}
