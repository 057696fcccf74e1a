//! Who is asked: a collector over HTTP, or a run file.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use collector::{RunEntry, RunFolder, RunsError};
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
/// is the id of a run of the usual folders.
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
        let meant = crate::written::did_you_mean(path);
        return Err(QueryError::Run(format!("there is no {run}{meant}")));
    }
    run_of(run, &place::all()?)
}

/// A run of these folders by its id, by a part of it, or the newest of all as `latest`.
fn run_of(run: &str, places: &[PathBuf]) -> Result<PathBuf, QueryError> {
    let mut found: Vec<RunEntry> = Vec::new();
    let mut hints: Vec<String> = Vec::new();
    for place in places.iter().filter(|place| place.is_dir()) {
        match RunFolder::open(place)?.find(run) {
            Ok(entry) => found.push(entry),
            Err(RunsError::Unknown { hint, .. }) => hints.push(hint),
            Err(RunsError::Empty { .. }) => {},
            Err(error) => return Err(error.into()),
        }
    }
    let is_sure = |entry: &RunEntry| run == "latest" || entry.run_id == run;
    let part_of = found.iter().filter(|entry| !is_sure(entry)).count();
    if part_of > 1 && part_of == found.len() {
        let fits: Vec<String> = found.iter().map(|it| it.path.display().to_string()).collect();
        let text = format!("\"{run}\" fits several runs: {}", fits.join(", "));
        return Err(QueryError::Run(text));
    }
    let newest = found.into_iter().max_by_key(|it| (is_sure(it), it.started_unix_ns));
    newest.map(|entry| entry.path).ok_or_else(|| {
        let told: Vec<String> = places.iter().map(|place| told(place)).collect();
        let what = if run == "latest" { "run".to_owned() } else { format!("run \"{run}\"") };
        let hint = hints.into_iter().find(|hint| !hint.is_empty()).unwrap_or_default();
        QueryError::NoRun(format!("there is no {what} in {}{hint}", told.join(" and none in ")))
    })
}

fn told(place: &Path) -> String {
    let gone = if place.is_dir() { "" } else { " (which is not there)" };
    format!("{}{gone}", place.display())
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
    use collector::CollectorConfig;
    use telemetry::clock::Clock;

    use super::*;

    /// A run of no second.
    async fn run(folder: &Path, id: &str) -> PathBuf {
        std::fs::create_dir_all(folder.join(id)).unwrap();
        let file = folder.join(id).join("run.db");
        let config = CollectorConfig::on_loopback(id, Some(file.clone()));
        let mut collector = collector::start(config, Clock::system()).await.unwrap();
        collector.seal().await.unwrap();
        collector.shutdown();
        collector.done().await;
        file
    }

    #[tokio::test]
    async fn a_run_of_the_folder_of_runs_here_is_found_beside_those_of_the_state_folder() {
        let place = tempfile::tempdir().unwrap();
        let places = ["runs", "state", "nowhere"].map(|name| place.path().join(name));
        let here = run(&places[0], "20261126-slow-5caa").await;
        let there = run(&places[1], "run-20261126-7f3c").await;
        let newest = run(&places[0], "20261127-slow-6aaa").await;
        for (asked, found) in
            [("latest", &newest), ("20261126-slow-5caa", &here), ("5caa", &here), ("7f3c", &there)]
        {
            assert_eq!(&run_of(asked, &places).unwrap(), found, "{asked}");
        }
        let missing = run_of("7f3d", &places).unwrap_err();
        assert_eq!(missing.exit_code(), crate::result::ExitCode::Failed);
        let told = missing.to_string();
        for place in &places {
            assert!(told.contains(&place.display().to_string()), "{told}");
        }
        assert!(told.contains("nowhere (which is not there)"), "{told}");
    }

    #[test]
    fn the_cursor_is_taken_from_the_link() {
        let link = "</v1/traces?limit=2&cursor=5-01>; rel=\"next\"";
        assert_eq!(cursor_of(link).as_deref(), Some("5-01"));
        assert_eq!(cursor_of("nonsense"), None);
    }
}
