//! The dashboard on a real pseudo-terminal: it comes up, and every way of ending gives the
//! terminal back.
//!
//! Each test starts this test binary again as the program in the terminal.

use std::io::{Read as _, Write as _};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use model::frame::{Frame, RunHead, Verdict, VerdictFrame};
use model::phase::Phase;
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use telemetry::clock::Clock;
use tokio::signal::unix::SignalKind;
use tokio::sync::watch;
use tui::Setup;
use tui::config::Config;
use tui::feed::{Feed, FeedEvent, Fixture};
use tui::theme::Surroundings;

/// What the program in the terminal does.
const ROLE: &str = "SHAKEDOWN_TEST_TERMINAL";
/// Nothing here takes longer unless it is broken.
const PATIENCE: Duration = Duration::from_secs(30);

struct InTerminal {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn std::io::Write + Send>,
    output: Receiver<Vec<u8>>,
    screen: vt100::Parser,
}

impl InTerminal {
    fn start(role: &str) -> Self {
        let size = PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 };
        let pty = native_pty_system().openpty(size).expect("a pseudo-terminal");
        let program = std::env::current_exe().expect("the path of this test");
        let mut command = CommandBuilder::new(program);
        command.args(["program", "--exact", "--ignored", "--nocapture"]);
        command.env(ROLE, role);
        command.env("TERM", "xterm-256color");
        command.env("LC_ALL", "C.UTF-8");
        command.env("RUST_BACKTRACE", "0");
        let child = pty.slave.spawn_command(command).expect("this test starts again");
        drop(pty.slave);
        let mut reader = pty.master.try_clone_reader().expect("the terminal can be read");
        let (sender, output) = sync_channel(64);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                if sender.send(bytes[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        let keys = pty.master.take_writer().expect("the terminal takes keys");
        let screen = vt100::Parser::new(24, 80, 0);
        Self { child, master: pty.master, keys, output, screen }
    }

    fn pid(&self) -> Pid {
        let id = self.child.process_id().and_then(|id| i32::try_from(id).ok());
        id.and_then(Pid::from_raw).expect("the program has a process id")
    }

    fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("the program is there");
    }

    fn until_stopped(&self) {
        let stopped = waitid(WaitId::Pid(self.pid()), WaitIdOptions::STOPPED);
        assert!(stopped.is_ok_and(|status| status.is_some()), "the program stops");
    }

    /// Reads output until the screen is as wanted.
    fn until(&mut self, what: &str, wanted: impl Fn(&vt100::Screen) -> bool) {
        while !wanted(self.screen.screen()) {
            match self.output.recv_timeout(PATIENCE) {
                Ok(bytes) => self.screen.process(&bytes),
                Err(error) => panic!("{what}: {error}\n{}", self.screen.screen().contents()),
            }
        }
    }

    fn until_drawn(&mut self) {
        self.until("the dashboard is drawn", |screen| {
            screen.alternate_screen() && screen.contents().contains("a run in a terminal")
        });
    }

    /// The program has ended and the terminal is as before; what stands on it.
    fn end(mut self) -> String {
        while let Ok(bytes) = self.output.recv_timeout(PATIENCE) {
            self.screen.process(&bytes);
        }
        let status = self.child.wait().expect("the program was started");
        let screen = self.screen.screen();
        assert!(!screen.alternate_screen(), "{status}: {}", screen.contents());
        assert!(!screen.hide_cursor(), "{status}: {}", screen.contents());
        screen.contents()
    }
}

#[test]
fn the_user_quits_and_the_terminal_is_as_before() {
    let mut terminal = InTerminal::start("show");
    terminal.until_drawn();
    terminal.keys.write_all(b"?").unwrap();
    terminal.until("help is shown", |screen| screen.contents().contains("esc closes"));
    terminal.keys.write_all(b"q").unwrap();
    let screen = terminal.end();
    assert!(screen.contains("ended: Closed"), "{screen}");
}

#[test]
fn keys_typed_ahead_are_for_the_screen_that_they_turned_to() {
    let mut terminal = InTerminal::start("show");
    terminal.until_drawn();
    terminal.keys.write_all(b"6jj").unwrap();
    terminal.until("the third expectation is selected", |screen| {
        let contents = screen.contents();
        contents.lines().any(|line| line.contains("> pass    during p99 < 3s"))
    });
    terminal.keys.write_all(b"q").unwrap();
    assert!(terminal.end().contains("ended: Closed"));
}

#[test]
fn a_mouse_report_at_column_0_neither_ends_the_dashboard_nor_takes_its_keys() {
    let mut terminal = InTerminal::start("show");
    terminal.until_drawn();
    let reports = ["\x1b[<0;0;0M", "\x1b[<0;0;5m", "\x1b[<64;7;0M", "\x1b[M   ", "\x1b[32;0;0M"];
    for (report, (key, shown)) in
        reports.iter().zip([("?", "esc closes"), ("\x1b", "q close")].iter().cycle())
    {
        terminal.keys.write_all(report.as_bytes()).unwrap();
        terminal.keys.write_all(key.as_bytes()).unwrap();
        terminal.until(report, |screen| screen.contents().contains(shown));
    }
    terminal.keys.write_all(b"q").unwrap();
    assert!(terminal.end().contains("ended: Closed"));
}

#[test]
fn a_recording_that_ends_with_the_dashboard_says_where_it_is() {
    let mut terminal = InTerminal::start("record");
    terminal.until_drawn();
    terminal.keys.write_all(b"q").unwrap();
    let screen = terminal.end();
    assert!(screen.contains("recorded 1 s with") && screen.contains("kept.rec"), "{screen}");
}

#[test]
fn another_size_is_another_layout() {
    let mut terminal = InTerminal::start("show");
    terminal.until_drawn();
    let size = PtySize { rows: 40, cols: 120, pixel_width: 0, pixel_height: 0 };
    terminal.screen.screen_mut().set_size(40, 120);
    terminal.master.resize(size).unwrap();
    terminal.until("the wide layout", |screen| screen.contents().contains("Heat map"));
    terminal.keys.write_all(&[3]).unwrap();
    assert!(terminal.end().contains("ended: Interrupted"));
}

#[test]
fn sigterm_gives_the_terminal_back() {
    let mut terminal = InTerminal::start("show");
    terminal.until_drawn();
    terminal.signal(Signal::TERM);
    let screen = terminal.end();
    assert!(screen.contains("ended: Stopped"), "{screen}");
}

#[test]
fn a_panic_anywhere_gives_the_terminal_back_before_its_message() {
    let mut terminal = InTerminal::start("panic");
    terminal.until_drawn();
    terminal.signal(Signal::USR1);
    let screen = terminal.end();
    assert!(screen.contains("a part of the process is broken"), "{screen}");
    assert!(screen.contains("failed: the dashboard ended in a panic"), "{screen}");
}

#[test]
fn a_stopped_dashboard_gives_the_terminal_to_the_shell_and_takes_it_again() {
    let mut terminal = InTerminal::start("show");
    terminal.until_drawn();
    terminal.signal(Signal::TSTP);
    terminal.until("the shell has the terminal", |screen| !screen.alternate_screen());
    // Going on before it has stopped would be forgotten.
    terminal.until_stopped();
    terminal.signal(Signal::CONT);
    terminal.until_drawn();
    terminal.keys.write_all(b"q").unwrap();
    assert!(terminal.end().contains("ended: Closed"));
}

#[test]
fn the_last_screen_stays_when_it_is_wanted() {
    let mut terminal = InTerminal::start("show");
    terminal.until_drawn();
    terminal.keys.write_all(b"Q").unwrap();
    let screen = terminal.end();
    assert!(screen.contains("ended: Kept") && screen.contains("? help"), "{screen}");
}

#[test]
fn a_pipe_gets_no_control_code_and_the_reason() {
    let program = std::env::current_exe().expect("the path of this test");
    let output = std::process::Command::new(program)
        .args(["program", "--exact", "--ignored", "--nocapture"])
        .env(ROLE, "show")
        .output()
        .expect("this test starts again");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("failed: the dashboard needs a terminal"), "{text}");
    assert!(!output.stdout.contains(&0x1b), "{text:?}");
}

/// Shows its frames, and breaks when SIGUSR1 comes.
struct Breaks(Fixture, tokio::signal::unix::Signal);

impl Feed for Breaks {
    fn asker(&self) -> std::sync::Arc<dyn tui::ask::Asker> {
        std::sync::Arc::new(tui::feed::NobodyAsked)
    }

    async fn next(&mut self) -> FeedEvent {
        tokio::select! {
            event = self.0.next() => event,
            _ = self.1.recv() => panic!("a part of the process is broken"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the program that the other tests start in a terminal"]
async fn program() {
    let role = std::env::var(ROLE).unwrap_or_default();
    let run = RunHead { title: "a run in a terminal".to_owned(), ..RunHead::default() };
    let verdict = |limit: u32| VerdictFrame {
        phase: Phase::During,
        text: format!("p99 < {limit}s"),
        verdict: Verdict::Pass,
        observed: "1ms".to_owned(),
        detail: String::new(),
        trace_ids: Vec::new(),
    };
    let verdicts = (1..=3).map(verdict).collect();
    let fixture = Fixture::new([Frame { run, verdicts, ..Frame::default() }]);
    let setup = Setup::of(&Config::default(), &Surroundings::read(), Clock::system());
    let folder = tempfile::tempdir().unwrap();
    let record = (role == "record").then(|| folder.path().join("kept.rec"));
    let setup = Setup { suspend: true, record, ..setup };
    let (_stop, stopped) = watch::channel(false);
    let ended = match role.as_str() {
        "panic" => {
            let signal = tokio::signal::unix::signal(SignalKind::user_defined1()).unwrap();
            tui::run_with(Breaks(fixture, signal), setup, stopped).await
        },
        _ => tui::run_with(fixture, setup, stopped).await,
    };
    match ended {
        Ok(quit) => println!("ended: {quit:?}"),
        Err(error) => println!("failed: {error}"),
    }
}
