-- Built when the run is sealed: while it is live, writing must not pay for them.
CREATE INDEX IF NOT EXISTS span_by_trace ON span (trace_id);
CREATE INDEX IF NOT EXISTS span_by_correlation ON span (correlation_id);
CREATE INDEX IF NOT EXISTS span_by_edge ON span (edge, end_ns);
CREATE INDEX IF NOT EXISTS span_event_by_trace ON span_event (trace_id);
CREATE INDEX IF NOT EXISTS log_by_trace ON log (trace_id);
CREATE INDEX IF NOT EXISTS log_by_correlation ON log (correlation_id);
CREATE INDEX IF NOT EXISTS log_by_time ON log (unix_ns);
CREATE INDEX IF NOT EXISTS point_by_metric ON point (metric_id, unix_ns);
CREATE INDEX IF NOT EXISTS fault_hit_by_fault ON fault_hit (fault, edge);
PRAGMA optimize;
