//! One binary for all tests that need more than one crate.
#![expect(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

/// Wrong files, wrong arguments, a port in use.
mod bad_input;
/// Programs of the user beside the shop: what they print becomes logs.
mod beside;
/// The collector by itself, and questions to it and to its files.
mod collecting;
/// Signals, a killed runner, and what is left behind.
mod ending;
/// The gateway by itself, in front of services and databases.
mod gateway;
/// The guide of gateway files stays in step with the parser, too.
mod gateway_guide;
/// The guide of the scenario language stays in step with the parser.
mod guide;
/// Who is hit does not depend on concurrency.
mod hits;
/// SDKs of other languages as senders; ignored where they are not installed.
mod interop;
/// Load on any URL, and the forms of its result.
mod loading;
/// Forwarding to a backend; one checkout as one trace.
mod otlp;
/// Collectors of others as backends; ignored where they are not installed.
mod peer;
/// The files in `scenarios/`, with their exit codes.
mod scenarios;
/// The program as a child process.
mod support;
/// The dashboard in a pseudo-terminal.
mod terminal;
/// Dependencies, file lengths and documents stay as the architecture page says.
mod tidy;
/// A load from several workers that meet at the collector.
mod workers;
