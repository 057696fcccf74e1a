//! `shakedown query`: asks a running collector over its API, or the file of a run directly. Both
//! answer the same questions in the same form; what differs is only who is asked.

mod filters;
mod list;
mod recorded;
mod runs;
mod screen;
mod source;
mod table;
mod waterfall;

use std::path::Path;

use collector::analysis::text;
use collector::{AskError, EdgeRow, RunFolder, RunsError, StoreError};
use serde_json::Value;
use telemetry::client::ClientError;
use telemetry::clock::Clock;

use crate::cli::{EdgeArguments, QueryArguments, Question};
use crate::collector::{place, recovered_line};
use crate::fault::RemoteError;
use crate::result::ExitCode;
use crate::run::view::print_line;
use screen::Screen;
pub(crate) use source::run_file;
use source::{Answer, Source};

#[derive(Debug, thiserror::Error)]
pub(crate) enum QueryError {
    #[error("cannot start a runtime")]
    Runtime(#[source] std::io::Error),
    #[error(transparent)]
    Remote(#[from] RemoteError),
    #[error("--token-file: {0}")]
    Token(String),
    #[error(
        "no collector answers at {url}; start one with `shakedown collector`, or read a file with \
         --run"
    )]
    Unreachable { url: String, source: ClientError },
    #[error("{error}")]
    Refused { status: u16, error: String },
    #[error("the answer to {uri} is not understood")]
    Answer { uri: String, source: serde_json::Error },
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error(transparent)]
    Runs(#[from] RunsError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Place(#[from] place::NoPlace),
    #[error("{0}")]
    Run(String),
    #[error("{0}")]
    NoRun(String),
    #[error(transparent)]
    NothingRecorded(#[from] recorded::Nothing),
}

impl QueryError {
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Remote(error) => error.exit_code(),
            Self::Refused { status: 404, .. }
            | Self::NothingRecorded(_)
            | Self::NoRun(_)
            | Self::Ask(AskError::NoTrace(_) | AskError::NoRequest(_))
            | Self::Runs(RunsError::Unknown { .. } | RunsError::Empty { .. }) => ExitCode::Failed,
            Self::Token(_)
            | Self::Refused { status: 400 | 401, .. }
            | Self::Ask(AskError::Wrong(_))
            | Self::Runs(RunsError::Several { .. })
            | Self::Run(_) => ExitCode::ScenarioInvalid,
            _ => ExitCode::HarnessFault,
        }
    }
}

pub fn command(arguments: &QueryArguments) -> ExitCode {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let outcome = builder
        .enable_all()
        .build()
        .map_err(QueryError::Runtime)
        .and_then(|runtime| runtime.block_on(act(arguments)));
    match outcome {
        Ok(()) => ExitCode::Pass,
        Err(error) => {
            crate::complain(&error);
            error.exit_code()
        },
    }
}

async fn act(arguments: &QueryArguments) -> Result<(), QueryError> {
    if let Some(path) = &arguments.seal {
        return seal(path);
    }
    let Some(question) = &arguments.question else { return Ok(()) };
    let json = arguments.source.json;
    if let Question::Runs { data, pin, unpin } = question
        && arguments.source.api.is_none()
    {
        let named = arguments.source.run.as_deref().map(Path::new).filter(|path| path.is_dir());
        let places = runs::Places::of(data.as_deref().or(named))?;
        for (run, pinned) in [(pin, true), (unpin, false)] {
            if let Some(run) = run {
                let run = places.pin(run, pinned)?;
                let done = if pinned { "pinned" } else { "no longer pinned" };
                crate::say(&format!("{} is {done}", run.run_id));
            }
        }
        let runs = serde_json::to_value(places.list()?);
        let body = runs.expect("lists of runs have text keys");
        return show(question, Answer { body, next: None, uri: String::new() }, json);
    }
    let source = Source::of(&arguments.source)?;
    let answer = source.ask(&filters::uri(question, &Clock::system())).await?;
    show(question, answer, json)
}

fn show(question: &Question, answer: Answer, json: bool) -> Result<(), QueryError> {
    if json {
        print_line(&answer.body.to_string());
        return Ok(());
    }
    let screen = Screen::of_stdout();
    let not_understood = |source| QueryError::Answer { uri: answer.uri.clone(), source };
    if let Question::Edges(EdgeArguments { recorded: true, .. }) = question {
        let rows: Vec<EdgeRow> = serde_json::from_value(answer.body).map_err(not_understood)?;
        print_line(&recorded::file(rows)?);
        return Ok(());
    }
    let text = page(question, answer.body, &screen).map_err(not_understood)?;
    text.lines().for_each(print_line);
    if let Some(cursor) = &answer.next {
        crate::say(&format!("there may be more: add --cursor {cursor}"));
    }
    Ok(())
}

fn page(question: &Question, body: Value, screen: &Screen) -> serde_json::Result<String> {
    use serde_json::from_value as read;
    Ok(match question {
        Question::Traces(_) => list::traces(&read::<Vec<_>>(body)?, screen),
        Question::Trace { .. } => waterfall::page(&read(body)?, screen),
        Question::Path { .. } => text::critical_path(&read(body)?),
        Question::Request { .. } => text::request(&read(body)?),
        Question::Impact(_) => text::faults(&read(body)?),
        Question::Blame(_) => text::blame(&read(body)?),
        Question::Retries(_) => text::retries(&read(body)?),
        Question::Completeness(_) => text::completeness(&read(body)?),
        Question::Logs(_) => list::logs(&read::<Vec<_>>(body)?, screen),
        Question::Edges(_) => list::edges(&read::<Vec<_>>(body)?, screen),
        Question::Graph { .. } => list::graph(&read(body)?, screen),
        Question::Operations { .. } => list::operations(&read::<Vec<_>>(body)?, screen),
        Question::Faults => list::faults(&read::<Vec<_>>(body)?, screen),
        Question::Breakers => list::breakers(&read::<Vec<_>>(body)?, screen),
        Question::Events { .. } => list::events(&read::<Vec<_>>(body)?, screen),
        Question::Runs { .. } => list::runs(&read::<Vec<_>>(body)?, screen),
    })
}

/// Seals one file, or what is left unsealed in a folder.
fn seal(path: &Path) -> Result<(), QueryError> {
    if path.is_dir() {
        let recovered = RunFolder::open(path)?.recover()?;
        if recovered.is_empty() {
            crate::say("every run of the folder is sealed");
        }
        for run in recovered {
            crate::say(&recovered_line(&run?));
        }
        return Ok(());
    }
    match collector::recover(path)? {
        Some(run) => crate::say(&recovered_line(&run)),
        None => crate::say(&format!("{} is sealed", path.display())),
    }
    Ok(())
}
