-- Runs when a run is sealed: while it is live, writing must not pay for any of this. Everything can
-- be run again, after a crash in the middle of it, too.

-- Before the index by trace: grouping by sorting once is faster than by looking rows up.
INSERT OR REPLACE INTO trace
SELECT s.trace_id,
       max(s.correlation_id),
       min(s.start_ns),
       max(max(s.end_ns) - min(s.start_ns), 0),
       count(*),
       sum(s.error),
       group_concat(DISTINCT s.fault),
       group_concat(DISTINCT r.service),
       max(CASE WHEN s.parent_id IS NULL THEN r.service END),
       max(CASE WHEN s.parent_id IS NULL THEN s.name END)
FROM span s JOIN resource r USING (resource_id)
GROUP BY s.trace_id;

DELETE FROM span_link;
INSERT INTO span_link
SELECT s.trace_id, s.span_id,
       unhex(l.value ->> 'trace_id'), unhex(l.value ->> 'span_id'), l.value -> 'attributes'
FROM span s, json_each(s.links) l
WHERE s.links <> '';

DELETE FROM exemplar;
INSERT INTO exemplar
SELECT p.metric_id, e.value ->> 'unix_ns', e.value ->> 'value',
       unhex(nullif(e.value ->> 'trace_id', '')), unhex(nullif(e.value ->> 'span_id', '')),
       e.value -> 'attributes'
FROM point p, json_each(p.exemplars) e
WHERE p.exemplars <> '';

CREATE INDEX IF NOT EXISTS span_by_trace ON span (trace_id);
CREATE INDEX IF NOT EXISTS span_by_correlation ON span (correlation_id)
    WHERE correlation_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS span_by_edge ON span (edge, start_ns) WHERE edge IS NOT NULL;
CREATE INDEX IF NOT EXISTS span_by_fault ON span (fault) WHERE fault IS NOT NULL;
CREATE INDEX IF NOT EXISTS span_by_name ON span (name);
CREATE INDEX IF NOT EXISTS span_event_by_trace ON span_event (trace_id);
CREATE INDEX IF NOT EXISTS span_link_by_target ON span_link (linked_trace_id);
CREATE INDEX IF NOT EXISTS trace_by_start ON trace (start_ns);
CREATE INDEX IF NOT EXISTS trace_by_duration ON trace (duration_ns);
CREATE INDEX IF NOT EXISTS trace_failed ON trace (start_ns) WHERE errors > 0;
CREATE INDEX IF NOT EXISTS log_by_trace ON log (trace_id) WHERE trace_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS log_by_correlation ON log (correlation_id)
    WHERE correlation_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS log_by_time ON log (unix_ns);
CREATE INDEX IF NOT EXISTS point_by_metric ON point (metric_id, unix_ns);
CREATE INDEX IF NOT EXISTS exemplar_by_trace ON exemplar (trace_id) WHERE trace_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS fault_hit_by_fault ON fault_hit (fault, edge);
CREATE INDEX IF NOT EXISTS fault_hit_by_trace ON fault_hit (trace_id);
PRAGMA analysis_limit = 400;
ANALYZE;
PRAGMA optimize;
