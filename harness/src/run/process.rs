//! One child process of a run: started, heard until it is ready, watched, ended.
//!
//! Children get a process group of their own, so that Ctrl-C in the terminal reaches only the
//! runner, which ends them in order. Their output goes to the run folder and to the collector
//! ([`super::output`]); the last lines of standard error are kept to explain an early death.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use collector::{CollectorHandle, LineSource};
use rustix::process::{Pid, Signal, kill_process};
use serde::de::DeserializeOwned;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use super::folder::{FolderError, RunFolder};
use super::output::follow;

/// How long a part may take until it is ready. Far above the two seconds that the shop needs, so
/// that a loaded machine is not a fault of the harness.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// How long a part may take to send its last telemetry and end.
const END_WITHIN: Duration = Duration::from_secs(8);
/// How long its streams may stay open when it has ended.
const LAST_WORDS_WITHIN: Duration = Duration::from_millis(200);
/// Lines of standard error kept for the message about a death.
const TAIL_LINES: usize = 5;
/// Longest part of each.
const TAIL_CHARS: usize = 500;

#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    #[error("cannot find the program itself")]
    Program(#[source] std::io::Error),
    #[error("cannot start {name}")]
    Spawn { name: String, source: std::io::Error },
    #[error("{name} ended with {status} before it was ready{}", tail_text(tail))]
    DiedAtStart { name: String, status: String, tail: Vec<String> },
    #[error("{name} was not ready within {} s", within.as_secs())]
    NotReady { name: String, within: Duration },
    #[error("{name} said where it listens in a way that is not understood: {source}")]
    Ready { name: String, source: serde_json::Error },
    #[error("{name} ended with {status} in the middle of the run{}", tail_text(tail))]
    Died { name: String, status: String, tail: Vec<String> },
    #[error("cannot give orders to {name}")]
    Orders { name: String, source: std::io::Error },
    #[error(transparent)]
    Folder(#[from] FolderError),
}

fn tail_text(tail: &[String]) -> String {
    if tail.is_empty() { String::new() } else { format!(": {}", tail.join(" | ")) }
}

/// What to start.
#[derive(Debug)]
pub struct Spec {
    /// Of its log file and in messages.
    pub name: String,
    /// The name of its log records.
    pub service: String,
    /// `None` for this program itself.
    pub program: Option<PathBuf>,
    pub arguments: Vec<String>,
    pub environment: Vec<(String, String)>,
    /// Group of its own; not for the guardian, which leaves the session altogether.
    pub own_group: bool,
    /// What it logs to standard output goes out by OTLP, too, and would be there twice. Standard
    /// error is what no telemetry has, such as the words of a panic.
    pub logs_by_otlp: bool,
}

/// A running child.
#[derive(Debug)]
pub struct Process {
    pub name: String,
    pub pid: i32,
    stdin: Option<ChildStdin>,
    exit: watch::Receiver<Option<ExitStatus>>,
    /// Its id may belong to another process from then on.
    reaped: Arc<AtomicBool>,
    tail: Arc<Mutex<VecDeque<String>>>,
}

/// A child that has been started and has not said yet where it listens.
#[derive(Debug)]
pub struct Starting<T> {
    ready: oneshot::Receiver<Result<T, serde_json::Error>>,
}

impl Process {
    /// Starts a part. What it writes becomes log records of `collector`. The process is there at
    /// once, so that it can be watched and ended whatever happens next; [`Self::ready`] waits until
    /// it serves.
    pub fn spawn<T>(
        spec: Spec,
        folder: &RunFolder,
        collector: &CollectorHandle,
    ) -> Result<(Self, Starting<T>), ProcessError>
    where
        T: DeserializeOwned + Send + 'static,
    {
        let log = Arc::new(Mutex::new(folder.open_log(&spec.name)?));
        let mut child = command(&spec)?
            .spawn()
            .map_err(|source| ProcessError::Spawn { name: spec.name.clone(), source })?;
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).unwrap_or_default();
        let (ready_sender, ready) = oneshot::channel();
        let tail = Arc::new(Mutex::new(VecDeque::new()));
        let source = LineSource { service: spec.service, instance: format!("{}-{pid}", spec.name) };
        let mut streams = JoinSet::new();
        if let Some(stdout) = child.stdout.take() {
            let lines = (!spec.logs_by_otlp).then(|| collector.lines(source.clone()));
            streams.spawn(follow(stdout, Arc::clone(&log), lines, hear(ready_sender)));
        }
        if let Some(stderr) = child.stderr.take() {
            let lines = Some(collector.lines(source));
            streams.spawn(follow(stderr, log, lines, keep_tail(Arc::clone(&tail))));
        }
        let (exit_sender, exit) = watch::channel(None);
        let stdin = child.stdin.take();
        let reaped = Arc::new(AtomicBool::new(false));
        tokio::spawn(reap(child, streams, Arc::clone(&reaped), exit_sender));
        Ok((Self { name: spec.name, pid, stdin, exit, reaped, tail }, Starting { ready }))
    }

    /// Waits for the ready line.
    pub async fn ready<T>(&self, starting: Starting<T>) -> Result<T, ProcessError> {
        let name = self.name.clone();
        match tokio::time::timeout(READY_WITHIN, starting.ready).await {
            Ok(Ok(Ok(payload))) => Ok(payload),
            Ok(Ok(Err(source))) => Err(ProcessError::Ready { name, source }),
            Ok(Err(_output_closed)) => {
                let status = status_text(self.ended().await);
                Err(ProcessError::DiedAtStart { name, status, tail: self.last_lines() })
            },
            Err(_elapsed) => Err(ProcessError::NotReady { name, within: READY_WITHIN }),
        }
    }

    /// Waits until the process has ended.
    pub async fn ended(&self) -> Option<ExitStatus> {
        let mut exit = self.exit.clone();
        exit.wait_for(Option::is_some).await.ok().and_then(|status| *status)
    }

    pub fn has_ended(&self) -> bool {
        self.exit.borrow().is_some()
    }

    /// The error for an end that nobody asked for.
    pub async fn death(&self) -> ProcessError {
        let status = status_text(self.ended().await);
        ProcessError::Died { name: self.name.clone(), status, tail: self.last_lines() }
    }

    fn last_lines(&self) -> Vec<String> {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Writes one line to its standard input.
    pub async fn order(&mut self, line: &str) -> Result<(), ProcessError> {
        let Some(stdin) = &mut self.stdin else { return Ok(()) };
        let text = format!("{line}\n");
        let written = async {
            stdin.write_all(text.as_bytes()).await?;
            stdin.flush().await
        };
        written.await.map_err(|source| ProcessError::Orders { name: self.name.clone(), source })
    }

    /// Asks it to end and waits; kills it when it does not. True when it ended by itself.
    pub async fn end(&mut self) -> bool {
        self.stdin = None;
        self.signal(Signal::TERM);
        if tokio::time::timeout(END_WITHIN, self.ended()).await.is_ok() {
            return true;
        }
        self.signal(Signal::KILL);
        self.ended().await;
        false
    }

    fn signal(&self, signal: Signal) {
        let reaped = self.reaped.load(Ordering::SeqCst);
        if let (false, Some(pid)) = (reaped, Pid::from_raw(self.pid)) {
            let _ended_just_now = kill_process(pid, signal);
        }
    }
}

fn command(spec: &Spec) -> Result<Command, ProcessError> {
    let program = match &spec.program {
        Some(program) => program.clone(),
        None => std::env::current_exe().map_err(ProcessError::Program)?,
    };
    let mut command = Command::new(program);
    // Settings for the user's backend, secrets among them, are not for the parts, which send to the
    // run's collector only; and a quieter log would take spans and correlation ids with it.
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_not_for_parts(name)) {
        command.env_remove(name);
    }
    command
        .args(&spec.arguments)
        .envs(spec.environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    if spec.own_group {
        command.process_group(0);
    }
    Ok(command)
}

fn is_not_for_parts(name: &std::ffi::OsStr) -> bool {
    name.to_str().is_some_and(|name| name.starts_with("OTEL_") || name == "RUST_LOG")
}

fn status_text(status: Option<ExitStatus>) -> String {
    status.map_or_else(|| "an unknown status".to_owned(), |status| status.to_string())
}

/// The first ready line goes to whoever waits for it; every other line is a log line.
fn hear<T: DeserializeOwned>(
    ready: oneshot::Sender<Result<T, serde_json::Error>>,
) -> impl FnMut(&str) -> bool {
    let mut ready = Some(ready);
    move |line| {
        let payload = telemetry::ready::parse(line);
        let is_log = payload.is_none();
        if let Some(payload) = payload
            && let Some(ready) = ready.take()
        {
            let _nobody_waits = ready.send(payload);
        }
        is_log
    }
}

fn keep_tail(tail: Arc<Mutex<VecDeque<String>>>) -> impl FnMut(&str) -> bool {
    move |line| {
        let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.push_back(line.chars().take(TAIL_CHARS).collect());
        if tail.len() > TAIL_LINES {
            tail.pop_front();
        }
        true
    }
}

/// Waits for the end; what it wrote is read to its end first, so that the last words are there.
async fn reap(
    mut child: Child,
    mut streams: JoinSet<()>,
    reaped: Arc<AtomicBool>,
    exit: watch::Sender<Option<ExitStatus>>,
) {
    let status = child.wait().await.ok();
    reaped.store(true, Ordering::SeqCst);
    let words = async { while streams.join_next().await.is_some() {} };
    // A grandchild may hold a stream open; its words are not worth waiting for.
    let held_open = tokio::time::timeout(LAST_WORDS_WITHIN, words).await.is_err();
    if held_open {
        streams.detach_all();
    }
    exit.send_replace(status);
}
