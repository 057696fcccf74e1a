//! The load for other programs while it runs: a page for Prometheus, and metrics by OTLP.
//!
//! Both show running totals, so a second that nobody took is not lost: the next one holds it. The
//! load waits for neither; only at its end are the last metrics waited for, with a bound.

mod metrics;
mod page;

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use bytes::Bytes;
use loadgen::summary::{Book, Decoded, Setting};
use telemetry::clock::Clock;
use telemetry::otlp::settings::FROM_ENVIRONMENT;
use telemetry::otlp::{Courier, Delivery, Pace, Settings, SettingsError, Signal, Target, request};
use telemetry::shutdown::Shutdown;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::patience::{self, Waited};
use super::voice::Voice;
use crate::cli::LoadArguments;

/// How long the last metrics may take.
const FLUSH: Duration = Duration::from_secs(5);
const PACE: Pace = Pace {
    first: Duration::from_millis(200),
    max: Duration::from_secs(5),
    asked_max: Duration::from_secs(30),
};

/// Why nothing is published.
#[derive(Debug, thiserror::Error)]
pub(super) enum PublishError {
    #[error("--prometheus: cannot listen on {address}")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error("--otlp")]
    Otlp(#[from] SettingsError),
}

#[derive(Debug, Default)]
pub(super) struct Publisher {
    page: Option<watch::Sender<String>>,
    metrics: Option<(watch::Sender<Bytes>, JoinHandle<()>)>,
}

impl Publisher {
    pub(super) async fn open(
        arguments: &LoadArguments,
        voice: &Voice,
        clock: &Clock,
    ) -> Result<Self, PublishError> {
        let mut publisher = Self::default();
        if let Some(address) = arguments.prometheus {
            let listen = |source| PublishError::Listen { address, source };
            let listener = TcpListener::bind(address).await.map_err(listen)?;
            let at = listener.local_addr().map_err(listen)?;
            crate::say(&format!("metrics for Prometheus at http://{at}/metrics"));
            let (sender, receiver) = watch::channel(String::new());
            tokio::spawn(serve(listener, receiver));
            publisher.page = Some(sender);
        }
        if let Some(backend) = &arguments.otlp {
            let env = std::env::vars().filter(|(name, _)| name.starts_with("OTEL_")).collect();
            let agent = concat!("shakedown/", env!("CARGO_PKG_VERSION"));
            let text = if backend == FROM_ENVIRONMENT { FROM_ENVIRONMENT } else { backend };
            let target = Settings::parse(text, &env, agent)?.target(Signal::Metrics).clone();
            let (sender, receiver) = watch::channel(Bytes::new());
            let task = tokio::spawn(send(target, receiver, voice.clone(), clock.clone()));
            publisher.metrics = Some((sender, task));
        }
        Ok(publisher)
    }

    /// The load has a start: what is counted begins with nought, so that the first second shows as
    /// an increase.
    pub(super) fn begin(&self, setting: &Setting) {
        if let Some(page) = &self.page {
            page.send_replace(page::written(None, &Book::new(setting.clone())));
        }
    }

    /// A second of the load is in the book.
    pub(super) fn second(&self, report: &Decoded, book: &Book) {
        if let Some(page) = &self.page {
            page.send_replace(page::written(Some(report), book));
        }
        if let Some((metrics, _)) = &self.metrics {
            metrics.send_replace(metrics::message(report, book));
        }
    }

    /// Waits for the last metrics, but not for ever, and hardly for a person who has asked for the
    /// end.
    pub(super) async fn close(self, signals: &mut Shutdown, is_asked: bool) {
        let Some((metrics, mut task)) = self.metrics else { return };
        drop(metrics);
        match patience::wait(&mut task, Some(FLUSH), signals, is_asked).await {
            Waited::Over(_) => return,
            Waited::Late => crate::say("the last metrics could not be sent in time"),
            Waited::Left => crate::say("left at once; the last metrics were not sent"),
        }
        task.abort();
    }
}

async fn serve(listener: TcpListener, page: watch::Receiver<String>) {
    let answer = move || {
        let text = page.borrow().clone();
        async move { ([(CONTENT_TYPE, telemetry::prometheus::CONTENT_TYPE)], text) }
    };
    let routes = Router::new().route("/metrics", get(answer));
    // It serves until the program ends.
    axum::serve(listener, routes).await.ok();
}

/// Sends the latest totals, until there will be no more.
async fn send(target: Target, mut messages: watch::Receiver<Bytes>, voice: Voice, clock: Clock) {
    let mut courier = Courier::new(clock.clone(), PACE);
    let mut failed = false;
    while messages.changed().await.is_ok() {
        let message = messages.borrow_and_update().clone();
        let request = request(&target, [message]);
        // A newer message holds all that this one does.
        let again = |_: &_, _| !messages.has_changed().unwrap_or(true);
        match courier.deliver(&target, &request, again).await {
            Delivery::Taken { .. } => failed = false,
            Delivery::Refused(reason) | Delivery::GivenUp(reason) if !failed => {
                failed = true;
                let (place, words) = (target.authority(), &reason.words);
                let text = format!("--otlp: {place} takes no metrics: {words}");
                voice.say(text, clock.unix_ms());
            },
            Delivery::Refused(_) | Delivery::GivenUp(_) => {},
        }
    }
}
