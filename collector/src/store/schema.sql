-- The file of one run. Plain columns, so that `sqlite3 run.db` answers questions without us.
-- Times are nanoseconds since the Unix epoch, ids are blobs (the views show them in hex).
-- There are no foreign keys: parts of a trace arrive in any order, and partial ones matter most.

CREATE TABLE run (
    run_id TEXT NOT NULL,
    schema_version INTEGER NOT NULL,
    title TEXT NOT NULL DEFAULT '',
    seed TEXT NOT NULL DEFAULT '',
    head TEXT NOT NULL DEFAULT '{}',
    started_ns INTEGER NOT NULL,
    sealed_ns INTEGER,
    clean INTEGER NOT NULL DEFAULT 0,
    spans INTEGER, logs INTEGER, points INTEGER,
    late INTEGER, rejected INTEGER, dropped INTEGER,
    losses TEXT NOT NULL DEFAULT '[]'
);
CREATE TABLE resource (
    resource_id INTEGER PRIMARY KEY,
    service TEXT NOT NULL,
    instance TEXT NOT NULL,
    attributes TEXT NOT NULL
);
CREATE TABLE span (
    trace_id BLOB NOT NULL,
    span_id BLOB NOT NULL,
    parent_id BLOB,
    resource_id INTEGER NOT NULL,
    scope TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    start_ns INTEGER NOT NULL,
    end_ns INTEGER NOT NULL,
    status INTEGER NOT NULL,
    status_message TEXT NOT NULL,
    error INTEGER NOT NULL,
    edge TEXT,
    blame TEXT,
    fault TEXT,
    attempt INTEGER,
    control INTEGER,
    http_method TEXT,
    http_route TEXT,
    http_status INTEGER,
    correlation_id TEXT,
    flags INTEGER NOT NULL,
    trace_state TEXT NOT NULL,
    attributes TEXT NOT NULL,
    links TEXT NOT NULL
);
-- Adjusted counts of sampled traces: how many traces each stands for. Those that are not here stand
-- for themselves.
CREATE TABLE trace_weight (
    trace_id BLOB PRIMARY KEY,
    weight REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE span_event (
    trace_id BLOB NOT NULL,
    span_id BLOB NOT NULL,
    unix_ns INTEGER NOT NULL,
    name TEXT NOT NULL,
    attributes TEXT NOT NULL
);
CREATE TABLE log (
    unix_ns INTEGER NOT NULL,
    observed_ns INTEGER NOT NULL,
    resource_id INTEGER NOT NULL,
    scope TEXT NOT NULL,
    severity INTEGER NOT NULL,
    severity_text TEXT NOT NULL,
    body TEXT NOT NULL,
    event TEXT NOT NULL,
    trace_id BLOB,
    span_id BLOB,
    correlation_id TEXT,
    flags INTEGER NOT NULL,
    attributes TEXT NOT NULL
);
CREATE TABLE metric (
    metric_id INTEGER PRIMARY KEY,
    resource_id INTEGER NOT NULL,
    scope TEXT NOT NULL,
    name TEXT NOT NULL,
    unit TEXT NOT NULL,
    description TEXT NOT NULL,
    kind TEXT NOT NULL,
    temporality INTEGER NOT NULL,
    monotonic INTEGER NOT NULL
);
CREATE TABLE point (
    metric_id INTEGER NOT NULL,
    start_ns INTEGER NOT NULL,
    unix_ns INTEGER NOT NULL,
    flags INTEGER NOT NULL,
    attributes TEXT NOT NULL,
    value,
    count INTEGER,
    sum REAL,
    min REAL,
    max REAL,
    detail TEXT NOT NULL,
    exemplars TEXT NOT NULL
);
CREATE TABLE fault_hit (
    unix_ns INTEGER NOT NULL,
    fault TEXT NOT NULL,
    kind TEXT NOT NULL,
    placement TEXT NOT NULL,
    outcome TEXT NOT NULL,
    skip_reason TEXT NOT NULL,
    edge TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    correlation_id TEXT,
    occurrence INTEGER,
    attempt INTEGER,
    draw REAL,
    planned_us INTEGER,
    achieved_us INTEGER,
    epoch INTEGER,
    trace_id BLOB,
    span_id BLOB
);
CREATE TABLE fault_transition (
    unix_ns INTEGER NOT NULL,
    fault TEXT NOT NULL,
    state TEXT NOT NULL,
    cause TEXT NOT NULL
);
CREATE TABLE breaker_transition (
    unix_ns INTEGER NOT NULL,
    edge TEXT NOT NULL,
    from_state TEXT NOT NULL,
    to_state TEXT NOT NULL,
    reason TEXT NOT NULL,
    open_ms INTEGER,
    trace_id BLOB,
    span_id BLOB
);
CREATE TABLE load_interval (
    run_id TEXT NOT NULL,
    worker INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    unix_s INTEGER NOT NULL,
    interval TEXT NOT NULL,
    PRIMARY KEY (run_id, worker, sequence)
) WITHOUT ROWID;
CREATE TABLE load_done (
    worker INTEGER PRIMARY KEY,
    done TEXT NOT NULL
);
CREATE TABLE frame (
    seq INTEGER PRIMARY KEY,
    unix_s INTEGER NOT NULL,
    frame TEXT NOT NULL
);

-- Requests of an edge in a second (step_s 1) or a minute (step_s 60), counted before any span is
-- left out. Durations are nanoseconds; `histogram` is packed and can be merged (model::hist).
-- Seconds are written as they end and once more at the seal, with what came late; minutes are built
-- at the seal.
CREATE TABLE edge_rollup (
    step_s INTEGER NOT NULL,
    unix_s INTEGER NOT NULL,
    edge TEXT NOT NULL,
    requests INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    sum_ns INTEGER NOT NULL,
    p50_ns INTEGER,
    p90_ns INTEGER,
    p99_ns INTEGER,
    max_ns INTEGER,
    blames TEXT NOT NULL,
    histogram BLOB NOT NULL,
    PRIMARY KEY (step_s, unix_s, edge)
) WITHOUT ROWID;
-- Spans of an operation of a service in a minute; the operation is the route where there is one,
-- else the name of the span.
CREATE TABLE op_rollup (
    step_s INTEGER NOT NULL,
    unix_s INTEGER NOT NULL,
    service TEXT NOT NULL,
    operation TEXT NOT NULL,
    kind TEXT NOT NULL,
    spans INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    sum_ns INTEGER NOT NULL,
    p50_ns INTEGER,
    p90_ns INTEGER,
    p99_ns INTEGER,
    max_ns INTEGER,
    histogram BLOB NOT NULL,
    PRIMARY KEY (step_s, unix_s, service, operation, kind)
) WITHOUT ROWID;

-- These are built at the seal from the rows above.
CREATE TABLE trace (
    trace_id BLOB PRIMARY KEY,
    correlation_id TEXT,
    start_ns INTEGER NOT NULL,
    duration_ns INTEGER NOT NULL,
    spans INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    faults TEXT,
    services TEXT NOT NULL,
    root_service TEXT,
    root_name TEXT
) WITHOUT ROWID;
CREATE TABLE span_link (
    trace_id BLOB NOT NULL,
    span_id BLOB NOT NULL,
    linked_trace_id BLOB,
    linked_span_id BLOB,
    attributes TEXT NOT NULL
);
CREATE TABLE exemplar (
    metric_id INTEGER NOT NULL,
    unix_ns INTEGER NOT NULL,
    value,
    trace_id BLOB,
    span_id BLOB,
    attributes TEXT NOT NULL
);
-- While the run is live the table of traces is empty, and the spans are asked.
CREATE VIEW v_traces AS
SELECT lower(hex(trace_id)) AS trace_id,
       correlation_id,
       start_ns,
       round(duration_ns / 1e6, 3) AS duration_ms,
       spans,
       errors,
       faults,
       services,
       root_service,
       root_name
FROM trace
UNION ALL
SELECT lower(hex(s.trace_id)),
       max(s.correlation_id),
       min(s.start_ns),
       round((max(s.end_ns) - min(s.start_ns)) / 1e6, 3),
       count(*),
       sum(s.error),
       group_concat(DISTINCT s.fault),
       group_concat(DISTINCT r.service),
       max(CASE WHEN s.parent_id IS NULL THEN r.service END),
       max(CASE WHEN s.parent_id IS NULL THEN s.name END)
FROM span s JOIN resource r USING (resource_id)
WHERE NOT EXISTS (SELECT 1 FROM trace)
GROUP BY s.trace_id;

CREATE VIEW v_red_1s AS
SELECT unix_s,
       datetime(unix_s, 'unixepoch') AS utc,
       edge,
       requests,
       errors,
       attempts,
       round(sum_ns / 1e6 / nullif(requests, 0), 3) AS mean_ms,
       round(p50_ns / 1e6, 3) AS p50_ms,
       round(p99_ns / 1e6, 3) AS p99_ms,
       round(max_ns / 1e6, 3) AS max_ms
FROM edge_rollup
WHERE step_s = 1;

-- One row per fault and edge: what it touched, and how the touched requests went on that edge
-- compared with the others.
CREATE VIEW v_fault_impact AS
WITH touched AS (
    SELECT DISTINCT fault, edge, trace_id FROM fault_hit WHERE outcome = 'hit'
), request AS (
    SELECT edge, trace_id, end_ns - start_ns AS duration_ns, blame
    FROM span WHERE kind = 'server' AND edge IS NOT NULL
), decided AS (
    SELECT fault, edge, sum(outcome = 'hit') AS hits, sum(outcome = 'skipped') AS skipped
    FROM fault_hit GROUP BY fault, edge
)
SELECT d.fault, d.edge, d.hits, d.skipped,
       sum(t.trace_id IS NOT NULL) AS requests_touched,
       sum(t.trace_id IS NOT NULL AND r.blame IS NOT NULL) AS requests_failed,
       round(avg(CASE WHEN t.trace_id IS NOT NULL THEN r.duration_ns END) / 1e6, 3)
           AS touched_mean_ms,
       round(avg(CASE WHEN t.trace_id IS NULL THEN r.duration_ns END) / 1e6, 3)
           AS untouched_mean_ms
FROM decided d
LEFT JOIN request r ON r.edge = d.edge
LEFT JOIN touched t ON t.fault = d.fault AND t.edge = d.edge AND t.trace_id = r.trace_id
GROUP BY d.fault, d.edge;
