"""Sends a small trace with correlated logs and every kind of metric in one encoding of OTLP, packed with
gzip, by an unmodified SDK, and prints the trace id. Usage: python emit.py grpc|proto|json http://HOST:PORT"""

import importlib
import logging
import os
import sys

from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode, format_trace_id, use_span

encoding, base = sys.argv[1:]
package = {
    "grpc": "opentelemetry.exporter.otlp.proto.grpc",
    "proto": "opentelemetry.exporter.otlp.proto.http",
    "json": "opentelemetry.exporter.otlp.json.http",
}[encoding]


# As users set it.
os.environ |= {"OTEL_EXPORTER_OTLP_ENDPOINT": base, "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"}


def exporter(module, name):
    """The exporter of one signal."""
    return getattr(importlib.import_module(f"{package}.{module}"), name)()


resource = Resource.create({"service.name": f"python-{encoding}"})
tracers = TracerProvider(resource=resource)
tracers.add_span_processor(SimpleSpanProcessor(exporter("trace_exporter", "OTLPSpanExporter")))
meters = MeterProvider(
    [PeriodicExportingMetricReader(exporter("metric_exporter", "OTLPMetricExporter"))],
    resource=resource,
    views=[View(instrument_name="interop.size", aggregation=ExponentialBucketHistogramAggregation())],
)
loggers = LoggerProvider(resource=resource)
loggers.add_log_record_processor(SimpleLogRecordProcessor(exporter("_log_exporter", "OTLPLogExporter")))
log = logging.getLogger("interop")
log.addHandler(LoggingHandler(logger_provider=loggers))

tracer, meter = tracers.get_tracer("interop"), meters.get_meter("interop")
checkout = tracer.start_span("checkout", kind=SpanKind.SERVER)
with use_span(checkout, end_on_exit=True):
    attributes = {"list.of.numbers": [1, 2, 3], "x-request-id": "interop-1"}
    with tracer.start_as_current_span("charge", kind=SpanKind.CLIENT, attributes=attributes) as charge:
        charge.add_event("retrying", {"attempt": 2})
        charge.set_status(Status(StatusCode.ERROR, "card refused"))
        meter.create_counter("interop.requests").add(7, {"encoding": encoding})
        meter.create_up_down_counter("interop.active").add(-3)
        meter.create_gauge("interop.temperature").set(36.6)
        duration = meter.create_histogram("interop.duration", explicit_bucket_boundaries_advisory=[0.5, 1])
        size = meter.create_histogram("interop.size")
        for value in [0.25, 0.75, 4]:
            duration.record(value)
        for value in [0, 1, 2, 4, 1000]:
            size.record(value)
        log.warning("written in %s", encoding, extra={"request_id": "interop-1"})

for provider in (tracers, meters, loggers):
    provider.shutdown()
print(format_trace_id(checkout.get_span_context().trace_id))
