//! Names of headers, attributes, events and metrics, so that both ends of a wire agree.
//!
//! Standard names are OpenTelemetry semantic conventions 1.44; ours stand under `shakedown.`.

/// Headers.
pub mod header {
    pub const TRACEPARENT: &str = "traceparent";
    pub const TRACESTATE: &str = "tracestate";
    pub const BAGGAGE: &str = "baggage";
    pub const CORRELATION_ID: &str = "x-correlation-id";
    /// Accepted instead of the correlation id, and kept.
    pub const REQUEST_ID: &str = "x-request-id";
    /// On responses: comma-separated names of the faults that hit this request anywhere below.
    pub const FAULT: &str = "x-shakedown-fault";
    /// On responses made by the gateway itself: who is to blame.
    pub const BLAME: &str = "x-shakedown-blame";
    /// On requests: milliseconds left until the caller gives up.
    pub const DEADLINE_MS: &str = "x-shakedown-deadline-ms";
    pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
}

/// Attributes of spans, log records and metric points.
pub mod attribute {
    pub const SERVICE_NAME: &str = "service.name";
    pub const SERVICE_INSTANCE_ID: &str = "service.instance.id";
    pub const HTTP_METHOD: &str = "http.request.method";
    pub const HTTP_STATUS: &str = "http.response.status_code";
    pub const HTTP_ROUTE: &str = "http.route";
    pub const HTTP_RESEND_COUNT: &str = "http.request.resend_count";
    pub const URL_PATH: &str = "url.path";
    /// `address:port` of the endpoint that an attempt went to.
    pub const PEER: &str = "network.peer.address";
    pub const ERROR_TYPE: &str = "error.type";
    pub const SYNTHETIC: &str = "user_agent.synthetic.type";

    /// Resource attribute: the run that this process belongs to.
    pub const RUN_ID: &str = "shakedown.run.id";
    /// String on spans of the load generator: `set-up` or `tear-down`. They belong to no flow.
    pub const LOAD_ONCE: &str = "shakedown.load.once";
    /// String on the span of a journey, unless it is `open`: `closed` or `max`.
    pub const LOAD_MODEL: &str = "shakedown.load.model";
    /// String on every span and log record: the correlation id.
    pub const CORRELATION_ID: &str = "shakedown.correlation_id";
    /// Names by which spans and log records of any services say the correlation id, the best
    /// first.
    pub const CORRELATION_IDS: [&str; 7] = [
        CORRELATION_ID,
        "http.request.header.x-correlation-id",
        "http.request.header.x-request-id",
        "correlation_id",
        "request_id",
        "x-correlation-id",
        "x-request-id",
    ];
    /// Boolean on a log record: it was a line of text that was too long and lost its end.
    pub const LINE_CUT: &str = "shakedown.line.cut";
    /// String: `caller -> callee`. On the gateway's SERVER span of a request (counted in RED) and
    /// on its CLIENT span of an attempt (counted in attempts).
    pub const EDGE: &str = "shakedown.edge";
    /// String: downstream, upstream, internal or injected. Only on failed requests.
    pub const BLAME: &str = "shakedown.blame";
    /// Integer: number of the attempt, from 0.
    pub const ATTEMPT: &str = "shakedown.attempt";
    /// Integer: epoch of the plan that served the request.
    pub const EPOCH: &str = "shakedown.epoch";
    /// Boolean: the user is in the control group.
    pub const CONTROL: &str = "shakedown.control";
    /// String: name of the fault.
    pub const FAULT: &str = "shakedown.fault.name";
    pub const FAULT_KIND: &str = "shakedown.fault.kind";
    pub const FAULT_PLACEMENT: &str = "shakedown.fault.placement";
    /// String: `hit` or `skipped`.
    pub const FAULT_OUTCOME: &str = "shakedown.fault.outcome";
    /// String: why a drawn fault did not act: `control`, `cap`, `lease`, `caller-gone`, `overtaken`
    /// when another fault ended the attempt first, `not-reached` when the place where it acts was
    /// never reached, or `invalid` when a caller asked for something that is no number.
    pub const FAULT_SKIP_REASON: &str = "shakedown.fault.skip_reason";
    /// String: `correlation-id` or `counter`.
    pub const FAULT_SUBJECT_KIND: &str = "shakedown.fault.subject_kind";
    pub const FAULT_SUBJECT: &str = "shakedown.fault.subject";
    /// Integer: how many equal calls of the same user action came before.
    pub const FAULT_OCCURRENCE: &str = "shakedown.fault.occurrence";
    /// Double in [0, 1): the draw that was compared with the share.
    pub const FAULT_DRAW: &str = "shakedown.fault.draw";
    /// Integer, microseconds.
    pub const FAULT_PLANNED_US: &str = "shakedown.fault.planned_us";
    /// Integer, microseconds.
    pub const FAULT_ACHIEVED_US: &str = "shakedown.fault.achieved_us";
    /// String: `planned`, `active` or `done`.
    pub const FAULT_STATE: &str = "shakedown.fault.state";
    /// String: why a fault changed its state: `schedule`, `lease`, `released`, `plan`,
    /// `by hand`.
    pub const FAULT_CAUSE: &str = "shakedown.fault.cause";
    /// String: who armed a fault that changed its state: `plan`, `api` or `toxiproxy`.
    pub const FAULT_SOURCE: &str = "shakedown.fault.source";
    /// String for people: kind and size of a fault that changed its state, `latency fixed 1s`.
    pub const FAULT_EFFECT: &str = "shakedown.fault.effect";
    /// String: share of what a fault that changed its state matches, `25%`.
    pub const FAULT_SHARE: &str = "shakedown.fault.share";
    /// String: its edges, like `client -> orders, orders -> payments`.
    pub const FAULT_EDGES: &str = "shakedown.fault.edges";
    /// Integer, milliseconds: how long one that was armed for a limited time is still armed.
    pub const FAULT_LEFT_MS: &str = "shakedown.fault.left_ms";
    /// Strings: `closed`, `open`, `half-open`, `forced-open`, `disabled`.
    pub const BREAKER_FROM: &str = "shakedown.breaker.from";
    pub const BREAKER_TO: &str = "shakedown.breaker.to";
    /// String for people: `failure rate 12 of 20 calls (limit 50%)`.
    pub const BREAKER_REASON: &str = "shakedown.breaker.reason";
    /// String: `ejected`, `returned`, `unhealthy` or `healthy`.
    pub const ENDPOINT_STATE: &str = "shakedown.endpoint.state";
    /// Integer, milliseconds until probes are let through; only when opening.
    pub const BREAKER_OPEN_MS: &str = "shakedown.breaker.open_ms";
}

/// Event names of log records (OTLP `event_name`).
pub mod event {
    /// One decision of the ledger.
    pub const FAULT_DECISION: &str = "shakedown.fault.decision";
    /// A fault became active or done.
    pub const FAULT_TRANSITION: &str = "shakedown.fault.transition";
    /// An endpoint is left out or used again.
    pub const ENDPOINT_TRANSITION: &str = "shakedown.endpoint.transition";
    /// A breaker changed its state.
    pub const BREAKER_TRANSITION: &str = "shakedown.breaker.transition";
}

/// Metrics.
pub mod metric {
    /// Histogram in seconds, per edge and status.
    pub const SERVER_DURATION: &str = "http.server.request.duration";
    /// Histogram in seconds, per edge, of attempts.
    pub const CLIENT_DURATION: &str = "http.client.request.duration";
    /// Counter of fault decisions, per fault and outcome (`matched`, `hit`, `skipped`).
    pub const FAULT_DECISIONS: &str = "shakedown.fault.decisions";
    /// Gauge, per edge: 0 closed, 1 open, 2 half-open, 3 disabled, 4 forced open.
    pub const BREAKER_STATE: &str = "shakedown.breaker.state";
    /// Counter of things lost at a bound, per queue.
    pub const DROPPED: &str = "shakedown.dropped";
}
