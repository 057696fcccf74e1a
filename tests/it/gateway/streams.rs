//! Answers that do not end, and bytes both ways.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::origin::Origin;
use super::process::{Caller, Gateway, alone, field, soon, status};

fn event(number: u64) -> Vec<u8> {
    format!("data: {number}\n\n").into_bytes()
}

#[test]
fn an_event_is_passed_on_before_the_next_one_comes() {
    alone(async {
        let origin = Origin::start("shop").await;
        let gateway = Gateway::before(origin.address, &[]).await;
        let mut caller = Caller::to(gateway.address()).await;
        caller.ask("/events", "").await;
        let head = caller.head().await;
        assert_eq!(field(&head, "content-type"), Some("text/event-stream"), "{head}");
        // The origin sends the next one only when this one has come.
        for number in 0..50 {
            origin.allow();
            assert_eq!(caller.chunk().await, Some(event(number)));
        }
    });
}

#[test]
fn a_stream_is_cut_after_whole_events_and_the_ones_before_go_on() {
    alone(async {
        let origin = Origin::start("shop").await;
        let gateway = Gateway::before(origin.address, &[]).await;
        let mut before = Caller::to(gateway.address()).await;
        before.ask("/ticks", "").await;
        before.head().await;
        let mut number = 0;
        while number < 5 {
            assert_eq!(before.chunk().await, Some(event(number)));
            number += 1;
        }
        let words = "arm|cut|--on|client -> upstream|--kind|cut-events|--set|after=3 events";
        let words: Vec<&str> = words.split('|').chain(["--for", "5m"]).collect();
        gateway.fault_done(&words).await;

        let mut caller = Caller::to(gateway.address()).await;
        caller.ask("/ticks", "").await;
        assert_eq!(status(&caller.head().await), 200);
        let mut all = Vec::new();
        let mut stream = caller.into_stream();
        // How it ends is up to the gateway; that it ends, and where, is not.
        let _reset = soon("the stream is cut", stream.read_to_end(&mut all)).await;
        let text = String::from_utf8(all).unwrap();
        let events: Vec<&str> = text.lines().filter(|line| line.starts_with("data: ")).collect();
        assert_eq!(events, ["data: 0", "data: 1", "data: 2"], "{text:?}");

        for number in number..number + 5 {
            assert_eq!(before.chunk().await, Some(event(number)));
        }
    });
}

#[test]
fn after_an_upgrade_bytes_pass_both_ways() {
    alone(async {
        let origin = Origin::start("shop").await;
        let gateway = Gateway::before(origin.address, &[]).await;
        let mut caller = Caller::to(gateway.address()).await;
        caller.ask("/echo", "connection: upgrade\r\nupgrade: websocket\r\n").await;
        let head = caller.head().await;
        assert_eq!(status(&head), 101, "{head}");
        assert_eq!(field(&head, "upgrade"), Some("websocket"), "{head}");
        let mut stream = caller.into_stream();
        for frame in [b"\x81\x05hello".as_slice(), b"\0\xff\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"] {
            stream.write_all(frame).await.unwrap();
            let mut back = vec![0; frame.len()];
            soon("the bytes come back", stream.read_exact(&mut back)).await.unwrap();
            assert_eq!(back, frame);
        }
        stream.shutdown().await.unwrap();
        let mut rest = Vec::new();
        soon("the other way ends, too", stream.read_to_end(&mut rest)).await.unwrap();
        assert!(rest.is_empty(), "{rest:?}");
    });
}
