// Sends a small trace with correlated logs and every kind of metric in one encoding of OTLP, packed with
// gzip, by an unmodified SDK, and prints the trace id. Usage: node emit.mjs grpc|proto|json http://HOST:PORT
import { context, trace, SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { SeverityNumber } from "@opentelemetry/api-logs";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BasicTracerProvider, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { LoggerProvider, SimpleLogRecordProcessor } from "@opentelemetry/sdk-logs";
import { AggregationType, MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";

const [encoding, base] = process.argv.slice(2);
const flavour = { grpc: "grpc", proto: "proto", json: "http" }[encoding];
const to = (signal) => ({ url: encoding === "grpc" ? base : `${base}/v1/${signal}`, compression: "gzip" });

const { OTLPTraceExporter } = await import(`@opentelemetry/exporter-trace-otlp-${flavour}`);
const { OTLPMetricExporter } = await import(`@opentelemetry/exporter-metrics-otlp-${flavour}`);
const { OTLPLogExporter } = await import(`@opentelemetry/exporter-logs-otlp-${flavour}`);

const resource = resourceFromAttributes({ "service.name": `node-${encoding}` });
const tracers = new BasicTracerProvider({
  resource,
  spanProcessors: [new SimpleSpanProcessor(new OTLPTraceExporter(to("traces")))],
});
const meters = new MeterProvider({
  resource,
  views: [{ instrumentName: "interop.size", aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } }],
  readers: [
    new PeriodicExportingMetricReader({
      exporter: new OTLPMetricExporter(to("metrics")),
      exportIntervalMillis: 60_000,
    }),
  ],
});
const loggers = new LoggerProvider({
  resource,
  processors: [new SimpleLogRecordProcessor({ exporter: new OTLPLogExporter(to("logs")) })],
});

const tracer = tracers.getTracer("interop");
const checkout = tracer.startSpan("checkout", { kind: SpanKind.SERVER });
const charge = tracer.startSpan(
  "charge",
  { kind: SpanKind.CLIENT, attributes: { "list.of.numbers": [1, 2, 3], "x-request-id": "interop-1" } },
  trace.setSpan(context.active(), checkout),
);
charge.addEvent("retrying", { attempt: 2 });
charge.setStatus({ code: SpanStatusCode.ERROR, message: "card refused" });

const meter = meters.getMeter("interop");
meter.createCounter("interop.requests").add(7, { encoding });
meter.createUpDownCounter("interop.active").add(-3);
meter.createGauge("interop.temperature").record(36.6);
const duration = meter.createHistogram("interop.duration", { advice: { explicitBucketBoundaries: [0.5, 1] } });
const size = meter.createHistogram("interop.size");
for (const value of [0.25, 0.75, 4]) duration.record(value);
for (const value of [0, 1, 2, 4, 1000]) size.record(value);

loggers.getLogger("interop").emit({
  severityNumber: SeverityNumber.WARN,
  severityText: "WARN",
  body: `written in ${encoding}`,
  attributes: { request_id: "interop-1" },
  context: trace.setSpan(context.active(), charge),
});
charge.end();
checkout.end();

await Promise.all([tracers.shutdown(), meters.shutdown(), loggers.shutdown()]);
console.log(checkout.spanContext().traceId);
