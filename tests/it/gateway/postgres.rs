//! PostgreSQL behind an edge that passes bytes.
//!
//! The server runs in a folder of its own and as another user, because it refuses to run as root.
//! On a machine without it these tests stay ignored; `.ci/run` installs it and runs them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::time::Instant;

use super::process::{Gateway, Said, alone, soon};
use super::server::{Server, free_port};

/// Nobody in particular.
const USER: u32 = 65_534;
/// 5,000 rows of 1,000 bytes and a line end.
const MANY: &str = "select repeat('x', 1000) from generate_series(1, 5000)";
const MANY_BYTES: usize = 5_000 * 1_001;

struct Postgres {
    server: Server,
    _folder: TempDir,
}

/// The folder of the server's programs.
fn programs() -> PathBuf {
    let output = Command::new("pg_config").arg("--bindir").output();
    let named = output.ok().and_then(|output| String::from_utf8(output.stdout).ok());
    let named = named.map(|text| PathBuf::from(text.trim())).into_iter();
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let installed = installed.filter_map(Result::ok).map(|entry| entry.path().join("bin"));
    let mut folders = named.chain(installed);
    folders.find(|folder| folder.join("initdb").exists()).expect("PostgreSQL is installed")
}

/// A program of the server, as a user whom it accepts.
fn server_program(name: &str, folder: &Path) -> Command {
    let path = programs().join(name);
    let mut command = if rustix::process::getuid().is_root() {
        let mut command = Command::new("setpriv");
        let user = [format!("--reuid={USER}"), format!("--regid={USER}")];
        command.args(user).arg("--clear-groups").arg(path);
        command
    } else {
        Command::new(path)
    };
    command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null());
    command
}

impl Postgres {
    fn start() -> Self {
        let folder = TempDir::new().unwrap();
        if rustix::process::getuid().is_root() {
            std::os::unix::fs::chown(folder.path(), Some(USER), Some(USER)).unwrap();
        }
        let data = folder.path().join("data");
        let made = server_program("initdb", folder.path())
            .args(["--auth=trust", "--username=postgres", "--no-sync", "--locale=C", "-D"])
            .arg(&data)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let address = free_port();
        let mut command = server_program("postgres", folder.path());
        command.arg("-D").arg(&data).arg("-k").arg(folder.path());
        command.args(["-h", "127.0.0.1", "-p", &address.port().to_string(), "-F"]);
        command.stderr(Stdio::piped());
        let server = Server::start(
            (command, address),
            Signal::QUIT,
            |child| child.stderr.take().unwrap(),
            "ready to accept connections",
        );
        Self { server, _folder: folder }
    }
}

fn psql(gateway: &Gateway) -> tokio::process::Command {
    let mut command = tokio::process::Command::new("psql");
    let address = gateway.address();
    let place = format!(
        "host={} port={} user=postgres dbname=postgres sslmode=disable gssencmode=disable",
        address.ip(),
        address.port()
    );
    command.args(["--no-psqlrc", "--tuples-only", "--no-align", "--dbname", &place]);
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// One query over a connection of its own.
async fn query(gateway: &Gateway, sql: &str) -> Said {
    let output = psql(gateway).args(["--command", sql]).output();
    let output = soon("the query ends", output).await.unwrap();
    Said {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A session that stays open.
struct Session {
    _child: tokio::process::Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Session {
    fn open(gateway: &Gateway) -> Self {
        let mut command = psql(gateway);
        command.arg("--quiet").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { _child: child, input, output }
    }

    /// One line in, one line out, and how long that took.
    async fn ask(&mut self, sql: &str) -> (String, Duration) {
        let asked = Instant::now();
        self.input.write_all(format!("{sql};\n").as_bytes()).await.unwrap();
        let line = soon("the session answers", self.output.next_line()).await.unwrap();
        (line.expect("the session is open"), asked.elapsed())
    }
}

async fn arm(gateway: &Gateway, name: &str, kind: &str, set: &str) {
    let words = ["arm", name, "--on", "client -> upstream", "--kind", kind, "--set", set];
    gateway.fault_done(&[&words[..], &["--for", "5m"]].concat()).await;
}

#[test]
#[ignore = "needs PostgreSQL"]
fn postgres_sessions_feel_a_latency_while_it_is_armed() {
    alone(async {
        let postgres = Postgres::start();
        let gateway = Gateway::before(postgres.server.address, &["--tcp"]).await;
        let mut session = Session::open(&gateway);
        assert_eq!(session.ask("select 6 * 7").await.0, "42");
        arm(&gateway, "slow", "latency", "add=500ms").await;
        let (answer, took) = session.ask("select 7 * 7").await;
        assert_eq!(answer, "49");
        assert!(took >= Duration::from_millis(500), "{took:?}");
        let asked = Instant::now();
        assert_eq!(query(&gateway, "select 1").await.stdout, "1\n");
        assert!(asked.elapsed() >= Duration::from_millis(500), "{:?}", asked.elapsed());
        gateway.fault_done(&["disarm", "slow"]).await;
        // The same connection has lived through all of it.
        assert_eq!(session.ask("select 8 * 8").await.0, "64");
    });
}

#[test]
#[ignore = "needs PostgreSQL"]
fn postgres_loses_a_connection_in_the_middle_of_a_result_and_takes_another() {
    alone(async {
        let postgres = Postgres::start();
        let gateway = Gateway::before(postgres.server.address, &["--tcp"]).await;
        let whole = query(&gateway, MANY).await;
        assert_eq!((whole.code, whole.stdout.len()), (Some(0), MANY_BYTES), "{}", whole.stderr);
        arm(&gateway, "cut", "reset", "after=1MiB").await;
        let cut = query(&gateway, MANY).await;
        assert_eq!(cut.code, Some(2), "{}", cut.stderr);
        let lost = ["Connection reset by peer", "connection to server was lost", "unexpectedly"];
        assert!(lost.iter().any(|words| cut.stderr.contains(words)), "{}", cut.stderr);
        // Less than its bytes pass, so it is not touched.
        assert_eq!(query(&gateway, "select 1").await.stdout, "1\n");
        gateway.fault_done(&["disarm", "cut"]).await;
        let whole = query(&gateway, MANY).await;
        assert_eq!((whole.code, whole.stdout.len()), (Some(0), MANY_BYTES), "{}", whole.stderr);
    });
}

#[test]
#[ignore = "needs PostgreSQL"]
fn postgres_sends_a_large_result_as_slowly_as_the_bandwidth_says() {
    alone(async {
        let postgres = Postgres::start();
        let gateway = Gateway::before(postgres.server.address, &["--tcp"]).await;
        arm(&gateway, "narrow", "bandwidth", "rate=2MB/s").await;
        let asked = Instant::now();
        let whole = query(&gateway, MANY).await;
        assert_eq!((whole.code, whole.stdout.len()), (Some(0), MANY_BYTES), "{}", whole.stderr);
        // 5 MB at 2 MB/s, less what may pass at once at the start.
        assert!(asked.elapsed() >= Duration::from_secs(2), "{:?}", asked.elapsed());
    });
}
