//! Starts the real program, as a person would.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use collector::{CollectorConfig, CollectorHandle};
use telemetry::clock::Clock;
use tempfile::TempDir;

pub(crate) const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Whole runs measure time, so two of them never share the machine.
static MACHINE: Mutex<()> = Mutex::new(());

/// Held for as long as a test needs the machine for itself.
pub(crate) fn machine() -> MutexGuard<'static, ()> {
    MACHINE.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

pub(crate) fn scenario(name: &str) -> PathBuf {
    root().join("scenarios").join(format!("{name}.toml"))
}

/// The program under test, with no terminal and its output kept.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shakedown-under-test"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A run that has ended.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// The run folder; empty when none was made.
    pub(crate) folder: PathBuf,
    /// Removed with the value, unless a test fails first.
    out: TempDir,
}

impl Drop for Ended {
    #[expect(clippy::print_stdout, reason = "whoever reads the failure needs the place")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.out.disable_cleanup(true);
            println!("the run is kept in {}", self.folder.display());
        }
    }
}

impl Ended {
    pub(crate) fn result(&self) -> serde_json::Value {
        let text = std::fs::read_to_string(self.folder.join("result.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// Everything that a failing test should show.
    pub(crate) fn account(&self) -> String {
        format!("exit {}\n--- stdout\n{}\n--- stderr\n{}", self.code, self.stdout, self.stderr)
    }
}

/// Runs a scenario to its end in a folder of its own.
pub(crate) fn run(file: &Path, options: &[&str]) -> Ended {
    let out = TempDir::new().unwrap();
    let output =
        program().arg("run").arg(file).arg("--out").arg(out.path()).args(options).output().unwrap();
    ended(output, out)
}

pub(crate) fn ended(output: Output, out: TempDir) -> Ended {
    Ended {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        folder: run_folder(out.path()).unwrap_or_default(),
        out,
    }
}

/// The text without the line breaks and indents that fit it to a page.
pub(crate) fn unwrapped(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A collector of its own, whose database is in `folder`.
pub(crate) async fn collector(run_id: &str, folder: &TempDir, clock: &Clock) -> CollectorHandle {
    collector_to(run_id, folder, clock, Vec::new()).await
}

/// One that sends everything on to these backends.
pub(crate) async fn collector_to(
    run_id: &str,
    folder: &TempDir,
    clock: &Clock,
    export: Vec<String>,
) -> CollectorHandle {
    let database = folder.path().join("run.db");
    let config = CollectorConfig { export, ..CollectorConfig::on_loopback(run_id, Some(database)) };
    collector::start(config, clock.clone()).await.unwrap()
}

/// The only run folder below `out`, once there is one.
pub(crate) fn run_folder(out: &Path) -> Option<PathBuf> {
    std::fs::read_dir(out).ok()?.filter_map(Result::ok).map(|entry| entry.path()).next()
}
