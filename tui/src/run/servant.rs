//! Does what leaves the screen and takes time: recordings, files, changes of faults.
//!
//! It runs beside the feed, so nothing that it waits for holds up the keys. What came of an order
//! is said over the line of keys.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use telemetry::clock::Clock;
use tokio::sync::{mpsc, watch};

use super::Setup;
use crate::app::{Control, Msg, Toast};
use crate::ask::Asker;
use crate::control::Controller;
use crate::recorded::{RecordStatus, Recorder, Tap};

/// What the user interface wants done.
#[derive(Debug)]
pub(super) enum Task {
    /// Start a recording, or stop the one that is made.
    Record,
    /// Write a file of this name.
    Write {
        name: String,
        text: String,
    },
    Control(Control),
}

pub(super) struct Servant {
    asker: Arc<dyn Asker>,
    clock: Clock,
    controller: Option<Arc<dyn Controller>>,
    /// Where the keeper sends frames to.
    tap: watch::Sender<Option<Tap>>,
    replies: mpsc::Sender<Msg>,
    recorder: Option<Recorder>,
}

impl Servant {
    pub(super) fn new(
        asker: Arc<dyn Asker>,
        setup: &Setup,
        tap: watch::Sender<Option<Tap>>,
        replies: mpsc::Sender<Msg>,
    ) -> Self {
        let (clock, controller) = (setup.clock.clone(), setup.controller.clone());
        Self { asker, clock, controller, tap, replies, recorder: None }
    }

    /// Until nobody gives orders any more; then what is being recorded is finished. Gives what
    /// came of it, which no screen is there to say.
    pub(super) async fn serve(
        mut self,
        mut tasks: mpsc::Receiver<Task>,
        record: Option<PathBuf>,
    ) -> Option<Toast> {
        if let Some(path) = record {
            self.record(path).await;
        }
        while let Some(task) = self.next(&mut tasks).await {
            match task {
                Task::Record if self.recorder.is_some() => {
                    if let Some(said) = self.stop().await {
                        self.reply(Msg::Said(said)).await;
                    }
                },
                Task::Record => {
                    let path = format!("shakedown-{}.rec", self.clock.unix_ms() / 1_000);
                    self.record(PathBuf::from(path)).await;
                },
                Task::Control(control) => self.control(control).await,
                Task::Write { name, text } => self.write(Path::new(&name), text).await,
            }
        }
        self.stop().await
    }

    /// The next task. A recording that fails meanwhile is said at once.
    async fn next(&mut self, tasks: &mut mpsc::Receiver<Task>) -> Option<Task> {
        loop {
            let Some(recorder) = &self.recorder else { return tasks.recv().await };
            let mut status = recorder.status();
            tokio::select! {
                task = tasks.recv() => return task,
                reason = failure(&mut status) => {
                    self.recorder = None;
                    self.tap.send_replace(None);
                    self.reply(Msg::Recording(None)).await;
                    let reason = reason.unwrap_or_else(|| "it broke".to_owned());
                    self.reply(Msg::Said(Toast::bad(format!("the recording: {reason}")))).await;
                },
            }
        }
    }

    async fn record(&mut self, path: PathBuf) {
        let name = path.display().to_string();
        let recorder = Recorder::start(path, Arc::clone(&self.asker), self.clock.clone());
        self.tap.send_replace(Some(recorder.tap()));
        self.recorder = Some(recorder);
        self.reply(Msg::Recording(Some(name))).await;
    }

    async fn stop(&mut self) -> Option<Toast> {
        let recorder = self.recorder.take()?;
        self.tap.send_replace(None);
        let status = recorder.stop().await;
        self.reply(Msg::Recording(None)).await;
        Some(outcome(&status))
    }

    /// One change after the other, so that their outcomes come in the order of the keys.
    async fn control(&self, control: Control) {
        let outcome = match &self.controller {
            Some(controller) => controller.control(control).await,
            None => Err(crate::control::NOT_ALLOWED.to_owned()),
        };
        self.reply(Msg::Said(match outcome {
            Ok(text) => Toast::good(text),
            Err(text) => Toast::bad(text),
        }))
        .await;
    }

    /// Never over a file that is there.
    async fn write(&self, path: &Path, text: String) {
        let name = path.display().to_string();
        let path = path.to_owned();
        let written = tokio::task::spawn_blocking(move || {
            use std::io::Write as _;
            let mut file = std::fs::File::create_new(path)?;
            file.write_all(text.as_bytes())
        });
        let toast = match written.await {
            Ok(Ok(())) => Toast::good(format!("wrote {name}")),
            Ok(Err(error)) => Toast::bad(format!("cannot write {name}: {error}")),
            Err(broken) => Toast::bad(format!("cannot write {name}: {broken}")),
        };
        self.reply(Msg::Said(toast)).await;
    }

    /// A screen that is gone needs no word.
    async fn reply(&self, msg: Msg) {
        let _gone = self.replies.send(msg).await;
    }
}

/// Why nothing is recorded any more; `None` when the recorder is gone.
async fn failure(status: &mut watch::Receiver<RecordStatus>) -> Option<String> {
    let failed = status.wait_for(|status| status.error.is_some()).await;
    failed.ok().and_then(|status| status.error.clone())
}

fn outcome(status: &RecordStatus) -> Toast {
    if let Some(error) = &status.error {
        return Toast::bad(format!("the recording: {error}"));
    }
    let (traces, lines) = (status.left_out.traces, status.left_out.lines);
    let left_out = match traces + lines + status.lost_frames {
        0 => String::new(),
        _ => format!("; left out: {traces} traces, {lines} lines, {} frames", status.lost_frames),
    };
    let path = status.path.display();
    Toast::good(format!(
        "recorded {} s with {} traces and {} lines to {path}{left_out}",
        status.seconds, status.traces, status.lines
    ))
}
