//! Two flags are a gateway; signals end it in order, or at once.

use rustix::process::Signal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::origin::Origin;
use super::process::{Caller, Gateway, alone, soon, status};
use crate::support::ANY_PORT;

#[test]
fn two_flags_are_a_gateway_that_says_where_it_listens() {
    alone(async {
        let origin = Origin::start("shop").await;
        let mut gateway = Gateway::before(origin.address, &[]).await;
        let mut caller = Caller::to(gateway.address()).await;
        for _ in 0..2 {
            let answer = caller.get("/any/path?q=1").await;
            assert_eq!((answer.status, answer.body.as_slice()), (200, b"shop".as_slice()));
        }
        gateway.send(Signal::INT);
        assert_eq!(gateway.ended().await, Some(0));
    });
}

#[test]
fn a_signal_lets_the_request_in_flight_finish_first() {
    alone(async {
        let origin = Origin::start("shop").await;
        let mut gateway = Gateway::before(origin.address, &[]).await;
        let mut caller = Caller::to(gateway.address()).await;
        caller.ask("/held", "").await;
        origin.asked().await;
        gateway.send(Signal::TERM);
        gateway.read_until("finishing requests in flight").await;
        origin.allow();
        let head = caller.head().await;
        assert_eq!(status(&head), 200, "{head}");
        let mut rest = String::new();
        let mut stream = caller.into_stream();
        soon("the connection ends", stream.read_to_string(&mut rest)).await.unwrap();
        assert_eq!(rest, "shop");
        assert_eq!(gateway.ended().await, Some(0));
        assert!(TcpStream::connect(gateway.address()).await.is_err(), "it still listens");
    });
}

#[test]
fn a_second_signal_does_not_wait() {
    alone(async {
        let origin = Origin::start("shop").await;
        let mut gateway = Gateway::before(origin.address, &[]).await;
        let mut caller = Caller::to(gateway.address()).await;
        caller.ask("/held", "").await;
        origin.asked().await;
        gateway.send(Signal::TERM);
        gateway.read_until("a second signal ends at once").await;
        gateway.send(Signal::TERM);
        assert_eq!(gateway.ended().await, Some(130));
    });
}

#[test]
fn bytes_pass_both_ways_and_the_end_of_one_way_leaves_the_other_open() {
    alone(async {
        // Answers only when it has read everything.
        let listener = TcpListener::bind(ANY_PORT).await.unwrap();
        let upstream = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut all = Vec::new();
            socket.read_to_end(&mut all).await.unwrap();
            all.reverse();
            socket.write_all(&all).await.unwrap();
        });
        let mut gateway = Gateway::before(upstream, &["--tcp"]).await;
        let mut socket = TcpStream::connect(gateway.address()).await.unwrap();
        socket.write_all(b"\0any \xffbytes").await.unwrap();
        socket.shutdown().await.unwrap();
        let mut all = Vec::new();
        soon("the answer comes", socket.read_to_end(&mut all)).await.unwrap();
        assert_eq!(all, b"setyb\xff yna\0");
        gateway.send(Signal::TERM);
        assert_eq!(gateway.ended().await, Some(0));
    });
}

#[test]
fn a_port_that_is_taken_is_an_environment_fault_and_is_named() {
    alone(async {
        let taken = TcpListener::bind(ANY_PORT).await.unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let mut command = tokio::process::Command::from(crate::support::program());
        command.args(["proxy", "--upstream", "1", "--admin", "0", "--listen", &address]);
        let output = soon("it ends", command.kill_on_drop(true).output()).await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(5), "{said}");
        assert!(said.contains(&address), "{said}");
    });
}
