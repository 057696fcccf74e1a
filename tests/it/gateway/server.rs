//! A database as a process of its own, which no test leaves behind.

use std::io::{BufRead as _, BufReader, Read};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command};
use std::sync::mpsc::sync_channel;

use rustix::process::{Pid, Signal, kill_process};

use super::process::PATIENCE;
use crate::support::ANY_PORT;

pub(super) struct Server {
    child: Child,
    /// What makes it end at once.
    end: Signal,
    pub(super) address: SocketAddr,
}

impl Server {
    /// Starts it and waits until it says that it is ready, in what `said` takes of it.
    pub(super) fn start<R: Read + Send + 'static>(
        (mut command, address): (Command, SocketAddr),
        end: Signal,
        said: impl FnOnce(&mut Child) -> R,
        ready: &'static str,
    ) -> Self {
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(said(&mut child)).lines();
        let (sender, told) = sync_channel(1);
        // It goes on reading, or the server would block on a full pipe.
        std::thread::spawn(move || {
            let mut seen = Vec::new();
            for line in lines.map_while(Result::ok) {
                if line.contains(ready) {
                    let _over = sender.try_send(Ok(()));
                }
                seen.push(line);
                if seen.len() > 100 {
                    seen.clear();
                }
            }
            let _over = sender.try_send(Err(seen.join("\n")));
        });
        let server = Self { child, end, address };
        told.recv_timeout(PATIENCE).unwrap().unwrap_or_else(|said| panic!("it ended: {said}"));
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let pid = Pid::from_raw(self.child.id().cast_signed()).unwrap();
        let _has_ended = (kill_process(pid, self.end), self.child.wait());
    }
}

/// A port that nothing listens on. It may be taken before it is used, so the server says whether
/// it got it.
pub(crate) fn free_port() -> SocketAddr {
    TcpListener::bind(ANY_PORT).unwrap().local_addr().unwrap()
}
