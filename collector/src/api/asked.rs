//! Reading the query part of a question, and which run it is about.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Query};
use axum::http::header::{HeaderValue, LINK};
use axum::http::request::Parts;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Json, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Failure;
use crate::core::Core;
use crate::store::read::Reader;

/// A question with its query part, and the run it names.
pub(super) struct Asked<T> {
    pub(super) core: Arc<Core>,
    pub(super) query: T,
    run: Option<String>,
    uri: Uri,
}

#[derive(Deserialize)]
struct Named {
    run: Option<String>,
}

impl<T: DeserializeOwned> FromRequestParts<Arc<Core>> for Asked<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, core: &Arc<Core>) -> Result<Self, Failure> {
        let wrong = |error: QueryRejection| Failure::bad(with_hint(&error.body_text()));
        let Query(Named { run }) = Query::try_from_uri(&parts.uri).map_err(wrong)?;
        let rest = without(&parts.uri, &["run"]);
        let Query(query) = Query::try_from_uri(&rest).map_err(wrong)?;
        Ok(Self { core: Arc::clone(core), query, run, uri: parts.uri.clone() })
    }
}

/// Without the words about the machinery, and with the nearest right word beside a wrong one: serde
/// lists the right ones.
pub(crate) fn with_hint(text: &str) -> String {
    let text = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(text);
    let Some((_, list)) = text.split_once("expected one of ") else { return text.to_owned() };
    let wrong = text.split('`').nth(1).unwrap_or_default();
    let known: Vec<&str> = list.split('`').skip(1).step_by(2).collect();
    let hint = model::hint(wrong, known);
    if hint.contains("did you mean") { format!("{text}{hint}") } else { text.to_owned() }
}

/// The same question without some of its parameters.
fn without(uri: &Uri, names: &[&str]) -> Uri {
    let Some(query) = uri.query() else { return uri.clone() };
    let kept: Vec<&str> = query
        .split('&')
        .filter(|pair| !names.contains(&pair.split('=').next().unwrap_or_default()))
        .collect();
    let text = format!("{}?{}", uri.path(), kept.join("&"));
    text.parse().unwrap_or_else(|_never| uri.clone())
}

impl<T: Send + 'static> Asked<T> {
    /// Asks the running run, or the file of the named one, beside the runtime's workers.
    pub(super) async fn answer<A: Send + 'static>(
        self,
        live: impl FnOnce(&Core, &T) -> Result<A, Failure> + Send + 'static,
        file: impl FnOnce(&Reader, &T) -> Result<A, Failure> + Send + 'static,
    ) -> Result<(A, Self), Failure> {
        let asking = tokio::task::spawn_blocking(move || {
            let answer = match self.file()? {
                None => live(&self.core, &self.query)?,
                Some(reader) => file(&reader, &self.query)?,
            };
            Ok((answer, self))
        });
        asking.await.map_err(|error| Failure::new(StatusCode::INTERNAL_SERVER_ERROR, error))?
    }

    /// `None` for the running run.
    fn file(&self) -> Result<Option<Reader>, Failure> {
        let Some(run) = &self.run else { return Ok(None) };
        if *run == self.core.live().head().run_id {
            return Ok(None);
        }
        let Some(runs) = &self.core.runs else {
            let text = "this collector has no folder of runs; `run` can only name its own";
            return Err(Failure::new(StatusCode::NOT_FOUND, text));
        };
        let entry = runs.find(run)?;
        if let Some(error) = entry.error {
            return Err(Failure::new(StatusCode::CONFLICT, error));
        }
        Ok(Some(Reader::new(Some(&entry.path))))
    }

    /// An answer with the link to what comes after it, as RFC 8288 has it.
    pub(super) fn page<A: Serialize, C: ToString>(&self, answer: A, next: Option<C>) -> Response {
        let mut response = Json(answer).into_response();
        if let Some(cursor) = next {
            let rest = without(&self.uri, &["cursor"]);
            let query = rest.query().filter(|query| !query.is_empty());
            let separator = query.map_or(String::new(), |query| format!("{query}&"));
            let cursor = cursor.to_string();
            let link = format!("<{}?{separator}cursor={cursor}>; rel=\"next\"", rest.path());
            if let Ok(link) = HeaderValue::from_str(&link) {
                response.headers_mut().insert(LINK, link);
            }
        }
        response
    }
}
