//! What was asked on the command line, as a `GET` of the API.

use std::time::Duration;

use telemetry::clock::Clock;
use telemetry::uri::{Uri, encoded};

use crate::cli::{
    BlameArguments, EdgeArguments, LogArguments, PageArguments, Question, SampleArguments,
    Severity, TimeArguments, TraceArguments,
};

fn add_time(uri: &mut Uri, time: &TimeArguments, clock: &Clock) {
    let last = time.last.map(|last| clock.unix_ms().saturating_sub(last.as_millis() as u64));
    uri.add("from_unix_ms", time.from.or(last));
    uri.add("to_unix_ms", time.to);
}

fn add_page(uri: &mut Uri, page: &PageArguments) {
    uri.add("limit", Some(page.limit));
    uri.add("cursor", page.cursor.as_ref());
}

pub(super) fn uri(question: &Question, clock: &Clock) -> String {
    match question {
        Question::Traces(asked) => traces(asked, clock),
        Question::Trace { id } => format!("/v1/traces/{}", encoded(id)),
        Question::Path { id } => format!("/v1/traces/{}/critical-path", encoded(id)),
        Question::Request { id } => format!("/v1/correlation/{}", encoded(id)),
        Question::Impact(asked) => sampled("/v1/analysis/faults", *asked),
        Question::Retries(asked) => sampled("/v1/analysis/retries", *asked),
        Question::Completeness(asked) => sampled("/v1/analysis/completeness", *asked),
        Question::Blame(asked) => blame(asked),
        Question::Logs(asked) => logs(asked, clock),
        Question::Edges(asked) => edges(asked, clock),
        Question::Graph { time } => timed("/v1/graph", time, clock),
        Question::Events { time } => timed("/v1/events", time, clock),
        Question::Operations { service, time } => {
            let mut uri = Uri::of("/v1/operations");
            uri.add("service", service.as_ref());
            add_time(&mut uri, time, clock);
            uri.into_text()
        },
        Question::Faults => "/v1/faults".to_owned(),
        Question::Breakers => "/v1/breakers".to_owned(),
        Question::Runs { .. } => "/v1/runs".to_owned(),
    }
}

fn timed(path: &str, time: &TimeArguments, clock: &Clock) -> String {
    let mut uri = Uri::of(path);
    add_time(&mut uri, time, clock);
    uri.into_text()
}

fn traces(asked: &TraceArguments, clock: &Clock) -> String {
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let mut uri = Uri::of("/v1/traces");
    uri.add("edge", asked.edge.as_ref());
    uri.add("service", asked.service.as_ref());
    uri.add("name", asked.name.as_ref());
    uri.add("route", asked.route.as_ref());
    uri.add("correlation_id", asked.correlation.as_ref());
    uri.add("fault", asked.fault.as_ref());
    uri.add("min_ms", asked.min.map(ms));
    uri.add("max_ms", asked.max.map(ms));
    uri.add("error", (asked.error || asked.ok).then_some(asked.error));
    uri.add("order", asked.slowest.then_some("slowest"));
    add_time(&mut uri, &asked.time, clock);
    add_page(&mut uri, &asked.page);
    uri.into_text()
}

fn logs(asked: &LogArguments, clock: &Clock) -> String {
    let severity = asked.severity.map(|severity| match severity {
        Severity::Trace => "trace",
        Severity::Debug => "debug",
        Severity::Info => "info",
        Severity::Warn => "warn",
        Severity::Error => "error",
        Severity::Fatal => "fatal",
    });
    let mut uri = Uri::of("/v1/logs");
    uri.add("trace_id", asked.trace.as_ref());
    uri.add("correlation_id", asked.correlation.as_ref());
    uri.add("service", asked.service.as_ref());
    uri.add("severity_min", severity);
    uri.add("contains", asked.contains.as_ref());
    add_time(&mut uri, &asked.time, clock);
    add_page(&mut uri, &asked.page);
    uri.into_text()
}

fn sampled(path: &str, asked: SampleArguments) -> String {
    let mut uri = Uri::of(path);
    uri.add("limit", asked.limit);
    uri.into_text()
}

fn blame(asked: &BlameArguments) -> String {
    let mut uri = Uri::of("/v1/analysis/blame");
    uri.add("edge", asked.edge.as_ref());
    uri.add("phase", asked.phase.as_ref());
    uri.add("quantile", asked.quantile);
    uri.add("limit", asked.sample.limit);
    uri.into_text()
}

fn edges(asked: &EdgeArguments, clock: &Clock) -> String {
    let mut uri = Uri::of("/v1/edges");
    uri.add("edge", asked.edge.as_ref());
    uri.add("service", asked.service.as_ref());
    uri.add("step_s", asked.step.map(|step| step.as_secs().max(1)));
    uri.add("quantiles", asked.recorded.then_some(true));
    add_time(&mut uri, &asked.time, clock);
    uri.into_text()
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::cli::{Command, parse};

    fn asked(line: &str) -> String {
        let words = ["shakedown", "query"].into_iter().chain(line.split(' ')).map(OsString::from);
        let Command::Query(arguments) = parse(words).unwrap().command else { panic!("{line}") };
        uri(&arguments.question.unwrap(), &Clock::system())
    }

    #[test]
    fn every_flag_is_a_parameter_of_the_api() {
        for (line, expected) in [
            ("traces", "/v1/traces?limit=20"),
            (
                "traces --edge a->b --error --slowest --min 1.5s --limit 3 --from 7 --to 9",
                "/v1/traces?edge=a-%3Eb&min_ms=1500&error=true&order=slowest&from_unix_ms=7\
                 &to_unix_ms=9&limit=3",
            ),
            (
                "traces --ok --service a --name b --route /c/{id} --correlation d --fault e",
                "/v1/traces?service=a&name=b&route=%2Fc%2F%7Bid%7D&correlation_id=d&fault=e\
                 &error=false&limit=20",
            ),
            (
                "logs --severity warn --contains a&b --trace 01 --service s --cursor 5-1",
                "/v1/logs?trace_id=01&service=s&severity_min=warn&contains=a%26b&limit=20\
                 &cursor=5-1",
            ),
            ("edges --step 1m --service a", "/v1/edges?service=a&step_s=60"),
            ("edges --edge a->b --recorded", "/v1/edges?edge=a-%3Eb&quantiles=true"),
            ("trace 0a/../b", "/v1/traces/0a%2F..%2Fb"),
            ("path 0a", "/v1/traces/0a/critical-path"),
            ("request u1:2", "/v1/correlation/u1%3A2"),
            ("impact", "/v1/analysis/faults"),
            ("completeness --limit 50", "/v1/analysis/completeness?limit=50"),
            (
                "blame --edge a->b --phase during --quantile 0.99",
                "/v1/analysis/blame?edge=a-%3Eb&phase=during&quantile=0.99",
            ),
        ] {
            assert_eq!(asked(line), expected);
        }
        assert!(asked("events --last 5m").starts_with("/v1/events?from_unix_ms="));
    }
}
