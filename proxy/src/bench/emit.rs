//! What a request costs in telemetry: its two spans, its metrics.

use std::sync::Arc;
use std::time::Duration;

use model::edge::Edge;
use model::names::attribute;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use telemetry::clock::Clock;

use crate::emit::metrics::EdgeMetrics;
use crate::emit::{Attr, Emitter, Hub, Kind, Shard, SpanIds, SpanRecord};

/// A worker's place for spans and the metrics of one edge, without a receiver: whatever is full is
/// taken away at once.
#[derive(Debug)]
pub struct Bench {
    hub: Arc<Hub>,
    shard: Shard,
    metrics: Arc<EdgeMetrics>,
    clock: Clock,
    ids: (SpanIds, SpanIds),
}

impl Bench {
    pub fn new(clock: Clock) -> Self {
        let hub = Hub::new(true, clock.clone());
        let loggers = SdkLoggerProvider::builder().build();
        let emitter = Emitter::over(&loggers, Arc::clone(&hub), 1, clock.clone());
        let metrics = emitter.metrics().edge(&Edge::new("orders", "payments"));
        let shard = emitter.new_shard();
        let server = shard.ids(None);
        Self { shard, metrics, hub, clock, ids: (server, server.below()) }
    }

    /// The ids of a request and of its attempt, the header for the callee, and both spans with
    /// what they usually say.
    pub fn spans(&self, header: &mut Vec<u8>) {
        let began = self.clock.now();
        let server = self.shard.ids(None);
        let client = server.below();
        header.clear();
        client.write_traceparent(header);
        let now = self.clock.now();
        let times = (self.clock.unix_ns_of(began), self.clock.unix_ns_of(now));
        self.pair(server, client, times);
    }

    /// Only the two spans, at a time of their own.
    pub fn pair_of(&self, number: u32) {
        let start_unix_ns = 1_800_000_000_000_000_000 + u64::from(number) * 1_000;
        self.pair(self.ids.0, self.ids.1, (start_unix_ns, start_unix_ns + 900));
    }

    fn pair(&self, server: SpanIds, client: SpanIds, times: (u64, u64)) {
        let (edge, path, correlation_id) =
            ("orders -> payments", "/charges/5a1f", "u00000f-000083");
        let of_client = [
            Attr::Text(attribute::EDGE, edge),
            Attr::Int(attribute::ATTEMPT, 0),
            Attr::Text(attribute::HTTP_METHOD, "GET"),
            Attr::Text(attribute::URL_PATH, path),
            Attr::Text(attribute::CORRELATION_ID, correlation_id),
            Attr::Absent,
            Attr::status(Some(200)),
            Attr::Absent,
            Attr::Absent,
            Attr::Absent,
        ];
        let of_server = [
            Attr::Text(attribute::HTTP_METHOD, "GET"),
            Attr::Text(attribute::URL_PATH, path),
            Attr::Text(attribute::EDGE, edge),
            Attr::Text(attribute::CORRELATION_ID, correlation_id),
            Attr::Int(attribute::EPOCH, 7),
            Attr::Bool(attribute::CONTROL, false),
            Attr::status(Some(200)),
            Attr::Absent,
            Attr::Absent,
            Attr::Absent,
        ];
        for (ids, kind, attributes) in
            [(client, Kind::Client, &of_client), (server, Kind::Server, &of_server)]
        {
            self.shard.span(&SpanRecord {
                ids,
                name: "GET",
                kind,
                start_unix_ns: times.0,
                end_unix_ns: times.1,
                attributes,
                error: None,
                tracestate: None,
                remote_parent: false,
            });
        }
    }

    /// Takes everything that waits, as the export task would; returns its bytes.
    pub fn drain(&self) -> usize {
        let mut bytes = 0;
        self.hub.drain(|chunk| bytes += chunk.len());
        bytes
    }

    /// What is counted for one request.
    pub fn count(&self, took: Duration) {
        self.metrics.request_ended(0, Some(200), None, took);
    }
}
