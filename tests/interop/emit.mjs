// Sends one span, one counter and one log record in one encoding of OTLP, with an unmodified SDK,
// and prints the trace id. Usage: node emit.mjs grpc|proto|json http://HOST:PORT
import { context, trace } from "@opentelemetry/api";
import { SeverityNumber } from "@opentelemetry/api-logs";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BasicTracerProvider, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { LoggerProvider, SimpleLogRecordProcessor } from "@opentelemetry/sdk-logs";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";

const [encoding, base] = process.argv.slice(2);
const flavour = { grpc: "grpc", proto: "proto", json: "http" }[encoding];
const url = (signal) => (encoding === "grpc" ? base : `${base}/v1/${signal}`);

const { OTLPTraceExporter } = await import(`@opentelemetry/exporter-trace-otlp-${flavour}`);
const { OTLPMetricExporter } = await import(`@opentelemetry/exporter-metrics-otlp-${flavour}`);
const { OTLPLogExporter } = await import(`@opentelemetry/exporter-logs-otlp-${flavour}`);

const resource = resourceFromAttributes({ "service.name": `node-${encoding}` });
const tracers = new BasicTracerProvider({
  resource,
  spanProcessors: [new SimpleSpanProcessor(new OTLPTraceExporter({ url: url("traces") }))],
});
const meters = new MeterProvider({
  resource,
  readers: [
    new PeriodicExportingMetricReader({
      exporter: new OTLPMetricExporter({ url: url("metrics") }),
      exportIntervalMillis: 60_000,
    }),
  ],
});
const loggers = new LoggerProvider({
  resource,
  processors: [new SimpleLogRecordProcessor({ exporter: new OTLPLogExporter({ url: url("logs") }) })],
});

const span = tracers.getTracer("interop").startSpan(`hello ${encoding}`, {
  attributes: { "shakedown.correlation_id": `interop-${encoding}`, "list.of.numbers": [1, 2, 3] },
});
meters.getMeter("interop").createCounter(`interop.${encoding}.sent`).add(7, { encoding });
loggers.getLogger("interop").emit({
  severityNumber: SeverityNumber.WARN,
  severityText: "WARN",
  body: `written in ${encoding}`,
  context: trace.setSpan(context.active(), span),
});
span.end();

await tracers.forceFlush();
await meters.forceFlush();
await loggers.forceFlush();
await Promise.all([tracers.shutdown(), meters.shutdown(), loggers.shutdown()]);
console.log(span.spanContext().traceId);
