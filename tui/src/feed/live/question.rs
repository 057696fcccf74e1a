//! Questions in the words of the collector's API, and its answers.

use std::sync::Arc;

use model::answer::CallRow;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use telemetry::uri::Uri;

use crate::ask::{Answer, AskError, LogsQuestion, Question, TracesQuestion};

/// The `GET` that asks the question.
pub(super) fn uri(question: &Question) -> String {
    match question {
        Question::Traces(asked) => traces(asked),
        Question::Trace(id) => format!("/v1/traces/{id}"),
        Question::Logs(asked) => logs(asked),
        Question::Calls => "/v1/graph".to_owned(),
    }
}

fn traces(asked: &TracesQuestion) -> String {
    let mut uri = Uri::of("/v1/traces");
    uri.add("edge", asked.edge.as_ref());
    uri.add("service", asked.service.as_ref());
    uri.add("name", asked.name.as_ref());
    uri.add("route", asked.route.as_ref());
    uri.add("correlation_id", asked.correlation_id.as_ref());
    uri.add("fault", asked.fault.as_ref());
    uri.add("min_ms", asked.min_ms);
    uri.add("max_ms", asked.max_ms);
    uri.add("error", asked.error);
    uri.add("from_unix_ms", asked.from_unix_ms);
    uri.add("to_unix_ms", asked.to_unix_ms);
    uri.add("order", asked.slowest.then_some("slowest"));
    uri.add("limit", Some(asked.limit));
    uri.into_text()
}

fn logs(asked: &LogsQuestion) -> String {
    let mut uri = Uri::of("/v1/logs");
    uri.add("trace_id", asked.trace_id);
    uri.add("correlation_id", asked.correlation_id.as_ref());
    uri.add("service", asked.service.as_ref());
    uri.add("severity_min", asked.severity_min);
    uri.add("contains", asked.contains.as_ref());
    uri.add("from_unix_ms", asked.from_unix_ms);
    uri.add("to_unix_ms", asked.to_unix_ms);
    uri.add("limit", Some(asked.limit));
    uri.into_text()
}

/// Of a graph the dashboard reads only this.
#[derive(Deserialize)]
struct Graph {
    calls: Vec<CallRow>,
}

/// The answer in a body.
pub(super) fn answer(question: &Question, body: &[u8]) -> Result<Answer, AskError> {
    let uri = uri(question);
    let path = uri.split('?').next().unwrap_or_default();
    match question {
        Question::Traces(_) => read(path, body).map(Answer::Traces),
        Question::Trace(_) => read(path, body).map(|trace| Answer::Trace(Some(Arc::new(trace)))),
        Question::Logs(_) => read(path, body).map(Answer::Logs),
        Question::Calls => read(path, body).map(|graph: Graph| Answer::Calls(graph.calls)),
    }
}

pub(super) fn read<T: DeserializeOwned>(path: &str, body: &[u8]) -> Result<T, AskError> {
    serde_json::from_slice(body).map_err(|error| {
        AskError(format!("the answer to GET {path} is not understood; is it a collector? {error}"))
    })
}

#[cfg(test)]
mod tests {
    use model::edge::Edge;

    use super::*;

    #[test]
    fn a_question_is_asked_in_the_words_of_the_api() {
        let traces = TracesQuestion {
            edge: Some(Edge::new("orders", "payments")),
            name: Some("a&b = c%".to_owned()),
            min_ms: Some(0.5),
            error: Some(false),
            from_unix_ms: Some(1),
            slowest: true,
            limit: 7,
            ..TracesQuestion::default()
        };
        assert_eq!(
            uri(&Question::Traces(traces)),
            "/v1/traces?edge=orders%20-%3E%20payments&name=a%26b%20%3D%20c%25&min_ms=0.5\
             &error=false&from_unix_ms=1&order=slowest&limit=7"
        );
        let logs = LogsQuestion {
            correlation_id: Some("u000001-000002".parse().unwrap()),
            severity_min: Some(13),
            contains: Some("ü".to_owned()),
            to_unix_ms: Some(9),
            limit: 3,
            ..LogsQuestion::default()
        };
        assert_eq!(
            uri(&Question::Logs(logs)),
            "/v1/logs?correlation_id=u000001-000002&severity_min=13&contains=%C3%BC&to_unix_ms=9\
             &limit=3"
        );
        assert_eq!(uri(&Question::Calls), "/v1/graph");
    }

    #[test]
    fn a_body_that_is_no_answer_is_an_error_with_the_path() {
        let question = Question::Traces(TracesQuestion::default());
        let error = answer(&question, b"<html>").unwrap_err().0;
        assert!(error.starts_with("the answer to GET /v1/traces is not understood"), "{error}");
        let graph = br#"{"nodes":[],"edges":[],"calls":[]}"#;
        assert_eq!(answer(&Question::Calls, graph), Ok(Answer::Calls(Vec::new())));
    }
}
