//! A target that tells what a load looked like from its side, for the measurements of
//! `docs/benchmarks.md`.
//!
//! `witness --port PORT --rate PER_S [--stall-at-s S --stall-ms MS]` answers every request with a
//! few bytes and, when its input ends, prints one JSON line: how many came, how fast, how far each
//! was from an even schedule, and the gaps between them, in microseconds. With a stall it does
//! nothing at all for a while, counted from the first request, as a process does that is stopped.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\nhello, world\n";
const END_OF_HEAD: &[u8] = b"\r\n\r\n";

#[derive(Debug, Default)]
struct Arguments {
    port: u16,
    rate_per_s: f64,
    stall_at: Option<Duration>,
    stall: Duration,
}

impl Arguments {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut arguments = Self::default();
        while let Some(name) = words.next() {
            let value = words.next().ok_or_else(|| format!("{name} needs a value"))?;
            let wrong = || format!("{name} {value}: not a number");
            let number: f64 = value.parse().map_err(|_no_number| wrong())?;
            match name.as_str() {
                "--port" => arguments.port = number as u16,
                "--rate" => arguments.rate_per_s = number,
                "--stall-at-s" => arguments.stall_at = Some(Duration::from_secs_f64(number)),
                "--stall-ms" => arguments.stall = Duration::from_secs_f64(number / 1_000.0),
                _ => return Err(format!("unknown argument {name}")),
            }
        }
        Ok(arguments)
    }
}

/// When requests came.
type Seen = Arc<Mutex<Vec<Instant>>>;

#[expect(clippy::disallowed_methods, reason = "a process that is stopped serves nobody")]
async fn serve(mut socket: TcpStream, seen: Seen, arguments: Arc<Arguments>) {
    let mut buffer = vec![0; 16 * 1_024];
    while let Ok(length @ 1..) = socket.read(&mut buffer).await {
        let now = Instant::now();
        // Requests without a body come in one piece over a loopback.
        let requests = buffer[..length].windows(4).filter(|four| *four == END_OF_HEAD).count();
        let first = {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.extend(std::iter::repeat_n(now, requests));
            seen.first().copied().unwrap_or(now)
        };
        if let Some(from) = arguments.stall_at.map(|at| first + at)
            && now >= from
            && now < from + arguments.stall
        {
            // The only thread sleeps, so nobody is served.
            std::thread::sleep(from + arguments.stall - now);
        }
        if socket.write_all(&ANSWER.repeat(requests)).await.is_err() {
            return;
        }
    }
}

/// Microseconds after the even schedule that fits best, and between arrivals.
fn account(seen: &[Instant], rate_per_s: f64) -> serde_json::Value {
    let (Some(first), Some(last)) = (seen.first(), seen.last()) else { return json!({"count": 0}) };
    let us = |at: &Instant| (*at - *first).as_secs_f64() * 1e6;
    let late = seen.iter().enumerate().map(|(at, when)| us(when) - at as f64 * 1e6 / rate_per_s);
    let mut late: Vec<f64> = late.collect();
    late.sort_unstable_by(f64::total_cmp);
    // Nobody knows when the schedule began: the earliest hundredth was on time.
    let on_time = at_share(&late, 0.01);
    let mut gaps: Vec<f64> = seen.windows(2).map(|two| us(&two[1]) - us(&two[0])).collect();
    gaps.sort_unstable_by(f64::total_cmp);
    json!({
        "count": seen.len(),
        "rate_per_s": (seen.len() - 1) as f64 / (*last - *first).as_secs_f64(),
        "late_p50_us": at_share(&late, 0.5) - on_time,
        "late_p90_us": at_share(&late, 0.9) - on_time,
        "late_p95_us": at_share(&late, 0.95) - on_time,
        "late_p99_us": at_share(&late, 0.99) - on_time,
        "late_max_us": at_share(&late, 1.0) - on_time,
        "gap_p50_us": at_share(&gaps, 0.5),
        "gap_p99_us": at_share(&gaps, 0.99),
    })
}

fn at_share(sorted: &[f64], share: f64) -> f64 {
    let at = (sorted.len() as f64 * share) as usize;
    sorted.get(at.min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}

async fn watch(arguments: Arguments) -> std::io::Result<()> {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], arguments.port))).await?;
    let (seen, arguments) = (Seen::default(), Arc::new(arguments));
    let accepting = async {
        loop {
            let (socket, _) = listener.accept().await?;
            socket.set_nodelay(true)?;
            tokio::spawn(serve(socket, Arc::clone(&seen), Arc::clone(&arguments)));
        }
    };
    let mut rest = Vec::new();
    let mut input = tokio::io::stdin();
    tokio::select! {
        failed = accepting => return failed,
        ended = input.read_to_end(&mut rest) => drop(ended?),
    }
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
    seen.sort_unstable();
    let line = format!("{}\n", account(&seen, arguments.rate_per_s));
    tokio::io::stdout().write_all(line.as_bytes()).await
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse(std::env::args().skip(1))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(watch(arguments))?)
}
