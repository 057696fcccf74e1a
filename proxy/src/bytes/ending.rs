//! How a connection ends: in order, so that nothing that was sent is lost, or by a reset.

use std::io;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{Shutdown, shutdown};
use socket2::SockRef;
use tokio::io::{AsyncReadExt as _, sink};
use tokio::net::TcpStream;

use crate::timer::Timer;

/// A peer that neither reads nor closes keeps a connection for no longer than this.
const LINGER_MAX: Duration = Duration::from_secs(2);
/// What a peer still sends is read and thrown away up to this.
const LINGER_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// How often to look whether everything has left.
const LOOK: Duration = Duration::from_millis(1);

/// The socket is closed with RST instead of FIN. Whatever it has not sent yet is lost.
pub(super) fn reset(socket: TcpStream) {
    if let Err(error) = SockRef::from(&socket).set_linger(Some(Duration::ZERO)) {
        tracing::debug!(%error, "a connection ends in order instead of by reset");
    }
}

/// The same when everything that was written has left: the peer gets exactly that much.
pub(super) async fn reset_behind_the_bytes(socket: TcpStream, timer: &Timer) {
    let left = async {
        while !has_sent_all(&socket) {
            timer.sleep(LOOK).await;
        }
    };
    // A peer that does not read gets the reset without the rest.
    let _in_time = tokio::time::timeout(LINGER_MAX, left).await;
    reset(socket);
}

/// With this mark the kernel calls a socket writable when nothing waits to be sent.
fn has_sent_all(socket: &TcpStream) -> bool {
    let marked = SockRef::from(socket).set_tcp_notsent_lowat(1);
    let mut ends = [PollFd::new(socket, PollFlags::OUT)];
    let looked = poll(&mut ends, Some(&Timespec::default()));
    // What cannot be asked is not waited for.
    marked.is_err() || looked != Ok(0)
}

/// Tells both sides the end and reads what they still send until they end, too: closing a socket
/// with unread bytes would reset it and destroy what the peer has not read yet.
pub(super) async fn close_in_order(one: TcpStream, other: TcpStream) {
    let both = async { tokio::join!(linger(one), linger(other)) };
    let _in_time = tokio::time::timeout(LINGER_MAX, both).await;
}

async fn linger(socket: TcpStream) -> io::Result<()> {
    shutdown(&socket, Shutdown::Write)?;
    tokio::io::copy(&mut socket.take(LINGER_BYTES_MAX), &mut sink()).await?;
    Ok(())
}
