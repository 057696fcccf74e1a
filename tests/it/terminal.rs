//! The dashboard in a real terminal: it shows the run, and gives the terminal back however it ends.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::support::{machine, scenario};

/// The longest silence of a dashboard that is redrawn every second.
const SILENCE_MAX: Duration = Duration::from_secs(30);

struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    output: Receiver<Vec<u8>>,
    parser: vt100::Parser,
}

impl Terminal {
    fn run(rows: u16, cols: u16, scenario: &Path, out: &TempDir) -> Self {
        let pty = native_pty_system();
        let pair = pty.openpty(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_shakedown-under-test"));
        command.arg("run");
        command.arg(scenario);
        command.args(["--time-scale", "4", "--out"]);
        command.arg(out.path());
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        command.env_remove("NO_COLOR");
        let child = pair.slave.spawn_command(command).unwrap();
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (sender, output) = sync_channel(1_024);
        std::thread::spawn(move || {
            let mut buffer = [0; 16_384];
            while let Ok(bytes @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..bytes].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { child, master: pair.master, output, parser: vt100::Parser::new(rows, cols, 0) }
    }

    fn screen(&self) -> String {
        self.parser.screen().contents()
    }

    /// Reads until the screen has all the words.
    fn read_until(&mut self, words: &[&str]) {
        while !words.iter().all(|word| self.screen().contains(word)) {
            match self.output.recv_timeout(SILENCE_MAX) {
                Ok(bytes) => self.parser.process(&bytes),
                Err(silent) => panic!("{silent}, no {words:?} on the screen:\n{}", self.screen()),
            }
        }
    }

    fn press(&mut self, keys: &[u8]) {
        self.master.take_writer().unwrap().write_all(keys).unwrap();
    }

    /// Waits for the end of the program; returns its exit code.
    fn finish(&mut self) -> u32 {
        let code = self.child.wait().unwrap().exit_code();
        while let Ok(bytes) = self.output.recv_timeout(Duration::from_secs(1)) {
            self.parser.process(&bytes);
        }
        code
    }

    fn assert_given_back(&self) {
        let screen = self.parser.screen();
        assert!(!screen.alternate_screen(), "still on the alternate screen");
        assert!(!screen.hide_cursor(), "the cursor is still hidden");
        assert!(!screen.bracketed_paste(), "bracketed paste is still on");
        assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
    }
}

#[test]
fn ctrl_c_interrupts_the_run_and_gives_the_terminal_back() {
    let _machine = machine();
    let out = TempDir::new().unwrap();
    let mut terminal = Terminal::run(40, 120, &scenario("slow-payments"), &out);
    terminal.read_until(&["LIVE", "orders>payments", "checkout"]);
    assert!(terminal.parser.screen().alternate_screen());
    terminal.press(b"\x03");
    assert_eq!(terminal.finish(), 130, "{}", terminal.screen());
    terminal.assert_given_back();
}

#[test]
fn a_terminated_dashboard_gives_the_small_terminal_back() {
    let _machine = machine();
    let out = TempDir::new().unwrap();
    let mut terminal = Terminal::run(24, 80, &scenario("slow-payments"), &out);
    terminal.read_until(&["LIVE", "orders>payments"]);
    let pid = terminal.child.process_id().unwrap();
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), Signal::TERM).unwrap();
    assert_eq!(terminal.finish(), 130, "{}", terminal.screen());
    terminal.assert_given_back();
}

#[test]
fn closing_the_dashboard_lets_the_run_go_on_in_plain_lines() {
    let _machine = machine();
    let out = TempDir::new().unwrap();
    let mut terminal = Terminal::run(24, 80, &scenario("healthy"), &out);
    terminal.read_until(&["LIVE"]);
    terminal.press(b"q");
    assert_eq!(terminal.finish(), 0, "{}", terminal.screen());
    terminal.assert_given_back();
}
