//! Batches of spans on their way out.
//!
//! A batch leaves half a second after its first journey, or earlier when it is full. An endpoint
//! that is away or busy is asked again a few times; then the batch is given up and counted.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message as _;
use telemetry::client::Client;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::{Encoder, JourneySpans, SpanCounts};
use crate::error::LoadError;

const BATCH_WAIT: Duration = Duration::from_millis(500);
const BATCH_JOURNEYS: usize = 512;
const ATTEMPTS: u32 = 4;
/// Doubles with every attempt.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// The port that OTLP/HTTP has when an endpoint does not say.
const PORT: u16 = 4318;

/// Sends journeys until the engines' end of the queue is closed and the queue is empty.
#[derive(Debug)]
pub(crate) struct Exporter {
    to: SocketAddr,
    path: String,
    client: Client,
    encoder: Encoder,
    counts: SpanCounts,
}

impl Exporter {
    /// `endpoint` is the base of an OTLP/HTTP endpoint.
    pub(crate) async fn new(
        endpoint: &str,
        encoder: Encoder,
        counts: SpanCounts,
    ) -> Result<Self, LoadError> {
        let wrong = || LoadError::Endpoint { endpoint: endpoint.to_owned() };
        let uri: Uri = endpoint.parse().map_err(|_no_uri| wrong())?;
        let authority = uri.authority().filter(|_| uri.scheme_str() == Some("http"));
        let host = authority.ok_or_else(wrong)?.host().trim_matches(['[', ']']);
        let port = uri.port_u16().unwrap_or(PORT);
        let resolve = |source| LoadError::Resolve { endpoint: endpoint.to_owned(), source };
        let mut addresses = tokio::net::lookup_host((host, port)).await.map_err(resolve)?;
        let to = addresses.next().ok_or_else(wrong)?;
        let path = format!("{}/v1/traces", uri.path().trim_end_matches('/'));
        Ok(Self { to, path, client: Client::new(), encoder, counts })
    }

    pub(crate) async fn run(self, mut queue: mpsc::Receiver<JourneySpans>) {
        let mut batch = Vec::with_capacity(BATCH_JOURNEYS);
        while let Some(first) = queue.recv().await {
            batch.push(first);
            let until = Instant::now() + BATCH_WAIT;
            while batch.len() < BATCH_JOURNEYS {
                let Ok(Some(next)) = timeout_at(until, queue.recv()).await else { break };
                batch.push(next);
            }
            self.send(&batch).await;
            batch.clear();
        }
    }

    async fn send(&self, batch: &[JourneySpans]) {
        let count = batch.iter().map(JourneySpans::span_count).sum();
        let body = Bytes::from(self.encoder.message(batch).encode_to_vec());
        let mut pause = FIRST_PAUSE;
        for attempt in 1..=ATTEMPTS {
            match self.client.send(self.to, self.request(body.clone()), ANSWER_TIMEOUT).await {
                Ok(answer) if answer.status().is_success() => {
                    let rejected = rejected(&answer).min(count);
                    self.counts.deliver_spans(count - rejected);
                    self.counts.drop_spans(rejected);
                    return;
                },
                Ok(answer) if !may_pass(answer.status()) => {
                    tracing::warn!(status = answer.status().as_u16(), "spans were refused");
                    break;
                },
                Ok(_busy) => {},
                Err(error) => tracing::debug!(%error, attempt, "spans could not be sent"),
            }
            if attempt < ATTEMPTS {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
        }
        self.counts.drop_spans(count);
    }

    fn request(&self, body: Bytes) -> Request<Bytes> {
        let request = Request::post(self.path.as_str())
            .header(http::header::CONTENT_TYPE, "application/x-protobuf");
        request.body(body).expect("the path comes from a parsed URI")
    }
}

/// The statuses after which OTLP wants another attempt.
fn may_pass(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502 | 503 | 504)
}

/// Spans of an accepted message that the endpoint refused all the same.
fn rejected(answer: &Response<Bytes>) -> u64 {
    let decoded = ExportTraceServiceResponse::decode(answer.body().clone()).ok();
    let partial = decoded.and_then(|answer| answer.partial_success);
    partial.map_or(0, |partial| u64::try_from(partial.rejected_spans).unwrap_or(0))
}
