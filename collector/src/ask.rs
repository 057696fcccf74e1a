//! The questions of the API, asked of a run file without a collector.

use std::path::Path;

use axum::extract::Query;
use axum::http::Uri;
use model::id::{CorrelationId, IdError, TraceId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::analysis::gather::{self, Limit};
use crate::analysis::path::critical_path;
use crate::api::asked::with_hint;
use crate::query::{EdgeQuery, EventQuery, Graph, LogQuery, OperationQuery, TraceQuery, Window};
use crate::store::StoreError;
use crate::store::read::Reader;

/// What the API would have answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub body: Value,
    /// The cursor of the next page.
    pub next: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum AskError {
    #[error("{0}")]
    Wrong(String),
    #[error("no span of trace {0} is in the file")]
    NoTrace(TraceId),
    #[error("nothing with correlation id {0} is in the file")]
    NoRequest(CorrelationId),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Answers a `GET` of the API, like `/v1/traces?error=true`, from a run file.
pub fn ask_file(file: &Path, uri: &str) -> Result<Answer, AskError> {
    let reader = Reader::new(Some(file));
    let uri: Uri = uri.parse().map_err(|_not_a_path| AskError::Wrong(format!("{uri}: no path")))?;
    if let Some(id) = uri.path().strip_prefix("/v1/traces/") {
        return trace(&reader, id);
    }
    if let Some(id) = uri.path().strip_prefix("/v1/correlation/") {
        return request(&reader, id);
    }
    match uri.path() {
        "/v1/traces" => {
            let query: TraceQuery = query(&uri)?;
            let lines = reader.traces(&query)?;
            page(&lines, query.next(&lines))
        },
        "/v1/logs" => {
            let query: LogQuery = query(&uri)?;
            let lines = reader.logs(&query)?;
            page(&lines, query.next(&lines))
        },
        "/v1/edges" => {
            let query: EdgeQuery = query(&uri)?;
            let window = window(&reader, &query)?;
            whole(query.rows(window, reader.edges(&query, window)?))
        },
        "/v1/graph" => {
            let query: EdgeQuery = query(&uri)?;
            let window = window(&reader, &query)?;
            whole(Graph::of(&query, window, reader.edges(&query, window)?))
        },
        "/v1/operations" => whole(reader.operations(&query::<OperationQuery>(&uri)?)?),
        "/v1/events" => whole(reader.events(&query::<EventQuery>(&uri)?)?),
        "/v1/faults" => whole(reader.faults()?),
        "/v1/breakers" => whole(reader.breakers()?),
        "/v1/analysis/blame" => whole(gather::blame_of(&reader, &query(&uri)?)?),
        "/v1/analysis/faults" => whole(gather::faults_of(&reader, limit(&uri)?)?),
        "/v1/analysis/retries" => whole(gather::retries_of(&reader, limit(&uri)?)?),
        "/v1/analysis/completeness" => whole(gather::completeness_of(&reader, limit(&uri)?)?),
        other => Err(AskError::Wrong(format!("a run file answers no {other}"))),
    }
}

/// A trace, or its critical path.
fn trace(reader: &Reader, rest: &str) -> Result<Answer, AskError> {
    let (id, wants_path) = match rest.strip_suffix("/critical-path") {
        Some(id) => (id, true),
        None => (rest, false),
    };
    let wrong = |error: IdError| AskError::Wrong(error.to_string());
    let id: TraceId = id.to_ascii_lowercase().parse().map_err(wrong)?;
    let trace = reader.trace(id)?.ok_or(AskError::NoTrace(id))?;
    if wants_path {
        return whole(critical_path(&trace).ok_or(AskError::NoTrace(id))?);
    }
    whole(trace)
}

fn request(reader: &Reader, encoded: &str) -> Result<Answer, AskError> {
    #[derive(Deserialize)]
    struct Asked {
        id: CorrelationId,
    }
    // Read as a parameter, the id is decoded like one.
    let asked: Result<Uri, _> = format!("/?id={encoded}").parse();
    let asked = asked.map_err(|_not_a_uri| AskError::Wrong(format!("{encoded}: no id")))?;
    let Asked { id } = query(&asked)?;
    whole(gather::request_of(reader, id.clone())?.ok_or(AskError::NoRequest(id))?)
}

fn limit(uri: &Uri) -> Result<Option<usize>, AskError> {
    Ok(query::<Limit>(uri)?.limit)
}

fn query<T: DeserializeOwned>(uri: &Uri) -> Result<T, AskError> {
    let Query(query) =
        Query::try_from_uri(uri).map_err(|error| AskError::Wrong(with_hint(&error.body_text())))?;
    Ok(query)
}

fn window(reader: &Reader, query: &EdgeQuery) -> Result<Window, StoreError> {
    Ok(query.within(reader.window()?.unwrap_or(Window { from_s: 0, to_s: 0 })))
}

fn whole(answer: impl Serialize) -> Result<Answer, AskError> {
    page(answer, None::<String>)
}

fn page(answer: impl Serialize, next: Option<impl ToString>) -> Result<Answer, AskError> {
    let body = serde_json::to_value(answer)
        .map_err(|error| AskError::Wrong(format!("the answer has no JSON form: {error}")))?;
    Ok(Answer { body, next: next.map(|cursor| cursor.to_string()) })
}
