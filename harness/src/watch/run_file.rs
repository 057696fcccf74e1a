//! The questions of the dashboard, answered from the file of a run: everything that was collected
//! is there, so nothing is left out.

use std::sync::Arc;

use collector::{LogQuery, RunFile, StoreError, TraceOrder, TraceQuery};
use model::answer::CallRow;
use model::frame::Frame;
use tui::ask::{Answer, AskError, Asker, Asking, LogsQuestion, Question, TracesQuestion};
use tui::recorded::calls_of;

#[derive(Debug)]
pub(super) struct RunFileAsker {
    file: Arc<RunFile>,
    calls: Vec<CallRow>,
}

impl RunFileAsker {
    /// `frames` are those of the file.
    pub(super) fn new(file: RunFile, frames: &[Frame]) -> Self {
        Self { file: Arc::new(file), calls: calls_of(frames.iter()) }
    }
}

impl Asker for RunFileAsker {
    fn ask(&self, question: Question) -> Asking {
        let (file, calls) = (Arc::clone(&self.file), self.calls.clone());
        Box::pin(async move {
            let answering = tokio::task::spawn_blocking(move || answer(&file, calls, question));
            match answering.await {
                Ok(Ok(answer)) => Ok(answer),
                Ok(Err(error)) => Err(AskError(crate::with_causes(&error))),
                Err(error) => Err(AskError(error.to_string())),
            }
        })
    }
}

fn answer(file: &RunFile, calls: Vec<CallRow>, question: Question) -> Result<Answer, StoreError> {
    Ok(match question {
        Question::Traces(asked) => Answer::Traces(file.traces(&traces(asked))?),
        Question::Trace(id) => Answer::Trace(file.trace(id)?.map(Arc::new)),
        Question::Logs(asked) => Answer::Logs(file.logs(&logs(asked))?),
        Question::Calls => Answer::Calls(calls),
    })
}

fn traces(asked: TracesQuestion) -> TraceQuery {
    TraceQuery {
        edge: asked.edge,
        service: asked.service,
        name: asked.name,
        route: asked.route,
        correlation_id: asked.correlation_id,
        fault: asked.fault,
        min_ms: asked.min_ms,
        max_ms: asked.max_ms,
        error: asked.error,
        from_unix_ms: asked.from_unix_ms,
        to_unix_ms: asked.to_unix_ms,
        order: if asked.slowest { TraceOrder::Slowest } else { TraceOrder::Newest },
        cursor: None,
        limit: Some(asked.limit),
    }
}

fn logs(asked: LogsQuestion) -> LogQuery {
    LogQuery {
        trace_id: asked.trace_id,
        correlation_id: asked.correlation_id,
        service: asked.service,
        severity_min: asked.severity_min,
        contains: asked.contains,
        from_unix_ms: asked.from_unix_ms,
        to_unix_ms: asked.to_unix_ms,
        cursor: None,
        limit: Some(asked.limit),
    }
}
