//! Who is asked: a collector over HTTP, or a run file.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use collector::RunFolder;
use model::fault::Token;
use model::plan::ApiError;
use serde_json::Value;
use telemetry::client::Client;
use telemetry::uri::encoded;

use super::QueryError;
use crate::cli::SourceArguments;
use crate::collector::place;

/// A scan of a large file that is not sealed takes some time.
const CALL_TIMEOUT: Duration = Duration::from_mins(1);
const API_DEFAULT: &str = "http://127.0.0.1:4319";

#[derive(Debug)]
pub(super) enum Source {
    Api { url: String, address: SocketAddr, token: Option<Token>, run: Option<String> },
    File(PathBuf),
}

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) body: Value,
    /// Cursor of the next page.
    pub(super) next: Option<String>,
    pub(super) uri: String,
}

impl Source {
    /// A path that is there is read; another name is the id of a run, which the collector is asked
    /// for when one is named, and else the folder of runs.
    pub(super) fn of(arguments: &SourceArguments) -> Result<Self, QueryError> {
        match (&arguments.api, &arguments.run) {
            (None, Some(run)) => run_file(run).map(Self::File),
            (api, run) => {
                let url = api.as_deref().unwrap_or(API_DEFAULT);
                let token = arguments.token_file.as_deref().map(crate::control::token);
                Ok(Self::Api {
                    url: url.to_owned(),
                    address: crate::fault::address("--api", url)?,
                    token: token.transpose().map_err(QueryError::Token)?,
                    run: run.clone(),
                })
            },
        }
    }

    /// Answers a `GET` of the API.
    pub(super) async fn ask(&self, uri: &str) -> Result<Answer, QueryError> {
        match self {
            Self::File(path) => {
                let collector::Answer { body, next } = collector::ask_file(path, uri)?;
                Ok(Answer { body, next, uri: uri.to_owned() })
            },
            Self::Api { url, address, token, run } => {
                let asked = match run {
                    Some(run) => {
                        let separator = if uri.contains('?') { '&' } else { '?' };
                        format!("{uri}{separator}run={}", encoded(run))
                    },
                    None => uri.to_owned(),
                };
                call((url, *address), token.as_ref(), asked).await
            },
        }
    }
}

/// The run file of a path: itself, the one in it, or the newest of the runs in it. What is no path
/// is the id of a run of the usual folder.
pub(crate) fn run_file(run: &str) -> Result<PathBuf, QueryError> {
    let path = Path::new(run);
    if path.is_file() {
        return Ok(path.to_owned());
    }
    let own = path.join("run.db");
    if own.is_file() {
        return Ok(own);
    }
    if path.exists() {
        return Ok(RunFolder::open(path)?.find("latest")?.path);
    }
    if run.contains(['/', '.']) {
        return Err(QueryError::Run(format!("there is no {run}")));
    }
    let folder = place::runs(None)?;
    if !folder.is_dir() {
        let text = format!("there is no {run}, and no folder of runs at {}", folder.display());
        return Err(QueryError::Run(text));
    }
    Ok(RunFolder::open(&folder)?.find(run)?.path)
}

async fn call(
    (url, address): (&str, SocketAddr),
    token: Option<&Token>,
    uri: String,
) -> Result<Answer, QueryError> {
    let mut request = http::Request::get(&uri);
    if let Some(token) = token {
        let shown = format!("Bearer {}", token.expose());
        request = request.header(http::header::AUTHORIZATION, shown);
    }
    let request = request.body(Bytes::new()).expect("what was typed is encoded in the URI");
    let response = Client::new()
        .send(address, request, CALL_TIMEOUT)
        .await
        .map_err(|source| QueryError::Unreachable { url: url.to_owned(), source })?;
    let status = response.status().as_u16();
    if status >= 300 {
        let told: Option<ApiError> = serde_json::from_slice(response.body()).ok();
        let error = told.map_or_else(
            || format!("{url} answers with status {status}; is it a collector?"),
            |told| told.error,
        );
        return Err(QueryError::Refused { status, error });
    }
    let link = response.headers().get(http::header::LINK).and_then(|link| link.to_str().ok());
    let next = link.and_then(cursor_of);
    let body = serde_json::from_slice(response.body())
        .map_err(|source| QueryError::Answer { uri: uri.clone(), source })?;
    Ok(Answer { body, next, uri })
}

/// The cursor in a link to the next page.
fn cursor_of(link: &str) -> Option<String> {
    let (target, _) = link.strip_prefix('<')?.split_once('>')?;
    let (_, cursor) = target.rsplit_once("cursor=")?;
    Some(cursor.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_is_taken_from_the_link() {
        let link = "</v1/traces?limit=2&cursor=5-01>; rel=\"next\"";
        assert_eq!(cursor_of(link).as_deref(), Some("5-01"));
        assert_eq!(cursor_of("nonsense"), None);
    }
}
