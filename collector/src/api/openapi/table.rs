//! Every call of the API, and what is in the answers.

use serde_json::{Value, json};

/// Name, JSON type (with the allowed words after a colon), and meaning.
pub(crate) type Parameter = (&'static str, &'static str, &'static str);

/// One call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) parameters: &'static [Parameter],
    pub(crate) body: Option<&'static str>,
    pub(crate) answer: &'static str,
    /// The answer may have a link to the rest.
    pub(crate) pages: bool,
}

const fn get(
    path: &'static str,
    summary: &'static str,
    parameters: &'static [Parameter],
    answer: &'static str,
) -> Call {
    Call { method: "get", path, summary, parameters, body: None, answer, pages: false }
}

const fn pages(
    path: &'static str,
    summary: &'static str,
    parameters: &'static [Parameter],
    answer: &'static str,
) -> Call {
    Call { pages: true, ..get(path, summary, parameters, answer) }
}

const fn post(path: &'static str, summary: &'static str, body: &'static str) -> Call {
    let (body, answer) = (Some(body), "LoadReply");
    Call { method: "post", path, summary, parameters: &[], body, answer, pages: false }
}

const RUN: Parameter =
    ("run", "string", "id of another run of the folder, a part of it, or latest");
const FROM: Parameter = ("from_unix_ms", "integer", "not before this time");
const TO: Parameter = ("to_unix_ms", "integer", "before this time");
const LIMIT: Parameter = ("limit", "integer", "most lines, 100 unless said, at most 10000");
const CURSOR: Parameter = ("cursor", "string", "from the Link of the answer before");

const TRACES: [Parameter; 15] = [
    ("edge", "string", "requests on this edge, like `orders -> payments`, one line for each"),
    ("service", "string", "a span of this service"),
    ("name", "string", "a span with this name"),
    ("route", "string", "a span with this http.route"),
    ("correlation_id", "string", "a span with this correlation id"),
    ("fault", "string", "a span that this fault hit"),
    ("min_ms", "number", "lasted at least so long"),
    ("max_ms", "number", "lasted at most so long"),
    ("error", "boolean", "with an error, or without"),
    FROM,
    TO,
    ("order", "string: newest slowest", "which come first"),
    CURSOR,
    LIMIT,
    RUN,
];

const LOGS: [Parameter; 10] = [
    ("trace_id", "string", "of this trace"),
    ("correlation_id", "string", "of this correlation id"),
    ("service", "string", "of this service"),
    ("severity_min", "string", "trace, debug, info, warn, error, fatal or a number of OTLP"),
    ("contains", "string", "in the body or the name of the event"),
    FROM,
    TO,
    CURSOR,
    LIMIT,
    RUN,
];

const EDGES: [Parameter; 7] = [
    ("edge", "string", "only this edge"),
    ("service", "string", "only edges from or to this service"),
    FROM,
    TO,
    ("step_s", "integer", "length of a step in seconds; without it, one row for the whole time"),
    RUN,
    ("quantiles", "boolean", "with a table of quantiles, as a latency fault replays it"),
];

/// All calls of the collector.
pub(crate) const CALLS: [&[Call]; 2] = [&ANSWERS, &ANALYSES];

const ANSWERS: [Call; 21] = [
    get(
        "/v1/live",
        "One frame a second as server-sent events, resumed by sequence number",
        &[("from", "integer", "sequence number of the first frame")],
        "stream",
    ),
    get(
        "/v1/frames",
        "Frames as they stand now, late data included",
        &[
            ("from", "integer", "sequence number of the first frame"),
            ("limit", "integer", "most frames, at most 3600"),
            RUN,
        ],
        "[Frame]",
    ),
    pages("/v1/traces", "Traces, the newest or the slowest first", &TRACES, "[TraceLine]"),
    get("/v1/traces/{trace_id}", "One trace with its spans and logs", &[RUN], "Trace"),
    pages("/v1/logs", "The newest logs, in order of time", &LOGS, "[LogLine]"),
    get("/v1/edges", "Rate, errors and durations of edges", &EDGES, "[EdgeRow]"),
    get("/v1/graph", "Services and the calls between them", &EDGES, "Graph"),
    get(
        "/v1/operations",
        "Spans by service, operation and kind; of a running run, those at hand",
        &[
            ("service", "string", "only of this service"),
            ("kind", "string: server client internal producer consumer", "only of this kind"),
            FROM,
            TO,
            RUN,
        ],
        "[OperationRow]",
    ),
    get("/v1/faults", "Faults: what they did and when they were armed", &[RUN], "[FaultRow]"),
    get("/v1/breakers", "Changes of breakers, by time", &[RUN], "[BreakerChange]"),
    get(
        "/v1/events",
        "What happened, by time",
        &[
            ("kind", "string: breaker fault phase verdict process warning", "only of this kind"),
            ("subject", "string", "only about this edge, fault, phase or service"),
            FROM,
            TO,
            LIMIT,
            RUN,
        ],
        "[Event]",
    ),
    get(
        "/v1/routes",
        "Rate, errors and durations of the routes of services",
        &[("service", "string", "only of this service"), FROM, TO, RUN],
        "[OperationRow]",
    ),
    get("/v1/runs", "The runs of the folder, the newest first", &[], "[RunEntry]"),
    post("/v1/load/intervals", "Reports an interval of a load worker", "object"),
    post("/v1/load/done", "Reports the end of a load worker", "object"),
    get("/v1/load/clock", "The collector's clock, for workers on other machines", &[], "object"),
    get(
        "/v1/load/plan",
        "The load plan of a worker; waits until one is offered",
        &[("worker", "integer", "number of the worker, from 0")],
        "object",
    ),
    post("/v1/load/ready", "Says that a load worker is ready; waits for all others", "object"),
    get("/v1/health", "Answers while the collector runs", &[], "text"),
    get("/metrics", "Metrics in the text format of Prometheus", &[], "text"),
    get("/openapi.json", "This page", &[], "object"),
];

const TRACES_READ: Parameter = ("limit", "integer", "traces that are read");

/// What the telemetry means; with `Accept: text/plain` as text for a terminal.
const ANALYSES: [Call; 6] = [
    get("/v1/traces/{trace_id}/critical-path", "What a trace waited for", &[RUN], "object"),
    get(
        "/v1/analysis/blame",
        "Where the time of many traces went",
        &[
            ("edge", "string", "only traces with a request on this edge"),
            ("phase", "string", "only of this phase of the run"),
            ("quantile", "number", "only traces as slow as this part of them, like 0.99"),
            TRACES_READ,
            RUN,
        ],
        "object",
    ),
    get("/v1/analysis/faults", "What each fault did to users", &[TRACES_READ, RUN], "object"),
    get("/v1/analysis/retries", "What retries cost and gained", &[TRACES_READ, RUN], "object"),
    get(
        "/v1/analysis/completeness",
        "What of the telemetry is missing",
        &[TRACES_READ, RUN],
        "object",
    ),
    get("/v1/correlation/{correlation_id}", "One request over all its traces", &[RUN], "object"),
];

/// The fields that a caller reads first; deeper parts are objects, explained in the guide.
pub(super) fn schemas() -> Value {
    let integer = || json!({ "type": "integer", "minimum": 0 });
    let number = || json!({ "type": ["number", "null"] });
    let text = || json!({ "type": "string" });
    let maybe_text = || json!({ "type": ["string", "null"] });
    let flag = || json!({ "type": "boolean" });
    let list = || json!({ "type": "array", "items": { "type": "object" } });
    let texts = || json!({ "type": "array", "items": { "type": "string" } });
    let object = |fields: Value| json!({ "type": "object", "properties": fields });
    json!({
        "ApiError": object(json!({ "error": text(), "field": maybe_text() })),
        "Frame": object(json!({
            "seq": integer(), "unix_s": integer(), "run": { "type": "object" }, "edges": list(),
            "breakers": list(), "faults": list(), "load": { "type": "object" }, "events": list(),
            "verdicts": list(), "dropped": list(),
        })),
        "TraceLine": object(json!({
            "trace_id": text(), "correlation_id": maybe_text(), "start_unix_ns": integer(),
            "duration_ns": integer(), "error": flag(), "fault": maybe_text(),
            "service": maybe_text(), "name": maybe_text(), "spans": integer(), "errors": integer(),
        })),
        "Trace": object(json!({ "trace_id": text(), "spans": list(), "logs": list() })),
        "LogLine": object(json!({
            "unix_ns": integer(), "service": text(), "severity": text(), "body": text(),
            "event": text(), "trace_id": maybe_text(), "span_id": maybe_text(),
            "correlation_id": maybe_text(), "attributes": { "type": "object" },
        })),
        "EdgeRow": object(json!({
            "edge": text(), "unix_s": integer(), "seconds": integer(), "requests": integer(),
            "errors": integer(), "blames": { "type": "object" }, "attempts": integer(),
            "rate_per_s": number(), "error_ratio": number(), "mean_ms": number(),
            "p50_ms": number(), "p90_ms": number(), "p99_ms": number(), "max_ms": number(),
            "quantiles": list(),
        })),
        "Graph": object(json!({ "nodes": list(), "edges": list(), "calls": list() })),
        "OperationRow": object(json!({
            "service": text(), "operation": text(), "kind": text(), "spans": integer(),
            "errors": integer(), "mean_ms": number(), "p50_ms": number(), "p90_ms": number(),
            "p99_ms": number(), "max_ms": number(),
        })),
        "FaultRow": object(json!({
            "fault": text(), "hits": integer(), "skipped": integer(), "edges": texts(),
            "transitions": list(),
        })),
        "BreakerChange": object(json!({
            "unix_ns": integer(), "edge": text(), "from": text(), "to": text(), "reason": text(),
            "open_ms": { "type": ["integer", "null"] }, "trace_id": maybe_text(),
        })),
        "Event": object(json!({
            "unix_ms": integer(), "kind": text(), "subject": text(), "text": text(),
            "trace_id": maybe_text(),
        })),
        "RunEntry": object(json!({
            "run_id": text(), "path": text(), "title": text(), "started_unix_ns": integer(),
            "sealed_unix_ns": { "type": ["integer", "null"] }, "clean": flag(), "live": flag(),
            "pinned": flag(), "bytes": integer(), "spans": { "type": ["integer", "null"] },
            "logs": { "type": ["integer", "null"] }, "points": { "type": ["integer", "null"] },
            "dropped": { "type": ["integer", "null"] }, "error": maybe_text(),
        })),
        "LoadReply": { "type": ["object", "string"] },
        "object": { "type": "object" },
    })
}
