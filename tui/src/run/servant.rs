//! Does what leaves the screen and takes time: recordings, files, changes of faults.
//!
//! It runs beside the feed, so nothing that it waits for holds up the keys. What came of an order
//! is said over the line of keys.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
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
    /// Write a file of this name, or the next one that is free.
    Write(Export),
    Control(Control),
}

/// A file to be written.
#[derive(Debug)]
pub(super) struct Export {
    pub(super) name: String,
    /// The end of the name, without the dot: numbers stand before it.
    pub(super) extension: &'static str,
    pub(super) text: String,
}

/// Names that are tried for one file.
const NAMES_MAX: u32 = 1_000;

impl Export {
    /// `name.csv`, `name-2.csv`, `name-3.csv`.
    fn names(&self) -> impl Iterator<Item = String> {
        let end = format!(".{}", self.extension);
        let stem = self.name.strip_suffix(&end).unwrap_or(&self.name);
        let further = (2..=NAMES_MAX).map(move |number| format!("{stem}-{number}{end}"));
        std::iter::once(self.name.clone()).chain(further)
    }

    /// Makes a file in this folder, never over one that is there; gives its name.
    fn write(&self, folder: &Path) -> Result<String, String> {
        for name in self.names() {
            match File::create_new(folder.join(&name)) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {},
                made => {
                    let written = made.and_then(|mut file| file.write_all(self.text.as_bytes()));
                    return match written {
                        Ok(()) => Ok(name),
                        Err(error) => Err(format!("cannot write {name}: {error}")),
                    };
                },
            }
        }
        Err(format!("cannot write {}: {NAMES_MAX} files of that name are there", self.name))
    }
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
                Task::Write(export) => self.write(export).await,
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

    /// Into the folder in which this process was started.
    async fn write(&self, export: Export) {
        let name = export.name.clone();
        let written = tokio::task::spawn_blocking(move || export.write(Path::new("")));
        let toast = match written.await {
            Ok(Ok(name)) => Toast::good(format!("wrote {name}")),
            Ok(Err(text)) => Toast::bad(text),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_export_at_the_same_moment_is_not_refused_and_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (name, extension) = ("shakedown-traces-5caa-00m40s.otlp.json", "otlp.json");
        let written = ["one", "two", "three"].map(|text| {
            let (name, text) = (name.to_owned(), text.to_owned());
            Export { name, extension, text }.write(folder.path()).unwrap()
        });
        let stem = "shakedown-traces-5caa-00m40s";
        let names = ["", "-2", "-3"].map(|number| format!("{stem}{number}.otlp.json"));
        assert_eq!(written, names);
        let texts = names.map(|name| std::fs::read_to_string(folder.path().join(name)).unwrap());
        assert_eq!(texts, ["one", "two", "three"]);
    }

    #[test]
    fn a_folder_that_is_not_there_is_said_at_once() {
        let export = Export { name: "a.csv".to_owned(), extension: "csv", text: String::new() };
        let error = export.write(Path::new("/nowhere")).unwrap_err();
        assert!(error.starts_with("cannot write a.csv: "), "{error}");
    }
}
