use std::collections::BTreeMap;

use bytes::Bytes;
use tokio::time::Instant;

use super::super::misbehave::{Act, Receiver};
use super::super::{Protocol, Settings, Signal, request};
use super::*;

const PROTOCOLS: [(Protocol, &str); 3] = [
    (Protocol::Grpc, "grpc"),
    (Protocol::HttpProtobuf, "http/protobuf"),
    (Protocol::HttpJson, "http/json"),
];
const PACE: Pace = Pace {
    first: Duration::from_millis(100),
    max: Duration::from_secs(5),
    asked_max: Duration::from_mins(5),
};

/// Sends one message through a script; how it ended, how often it was tried, how long it took.
async fn send(protocol: usize, script: Vec<Act>) -> (Delivery, usize, Duration) {
    let (protocol, name) = PROTOCOLS[protocol];
    let receiver = Receiver::new(protocol, script);
    let text = format!("http://receiver protocol={name} timeout=5000");
    let settings = Settings::parse(&text, &BTreeMap::new(), "tester/1").unwrap();
    let settings = settings.over(&receiver.dial());
    let target = settings.target(Signal::Traces);
    let request = request(target, [Bytes::from_static(b"{}")]);
    let mut courier = Courier::new(Clock::system(), PACE);
    let (began, mut tries) = (Instant::now(), 1);
    let delivery = courier
        .deliver(target, &request, |_, _| {
            tries += 1;
            tries <= 3
        })
        .await;
    (delivery, tries, began.elapsed())
}

fn taken(rejected: u64, message: &str) -> Delivery {
    Delivery::Taken { rejected, message: message.to_owned() }
}

#[tokio::test(start_paused = true)]
async fn ex4_only_what_may_pass_is_tried_again() {
    let status = |code| Act::Status { code, retry_after: None };
    for protocol in 0..3 {
        for code in 1..=16 {
            let again = [1, 4, 10, 11, 14, 15].contains(&code);
            let (delivery, tries, _) = send(protocol, vec![status(code)]).await;
            let expected = if again { (true, 2) } else { (false, 1) };
            assert_eq!((delivery == taken(0, ""), tries), expected, "{protocol} {code}");
        }
        for code in [400, 401, 404, 408, 413, 429, 500, 501, 502, 503, 504] {
            let again = [429, 502, 503, 504].contains(&code);
            let (delivery, tries, _) = send(protocol, vec![Act::Http(code)]).await;
            let expected = if again { (true, 2) } else { (false, 1) };
            assert_eq!((delivery == taken(0, ""), tries), expected, "{protocol} {code}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn ex5_the_pause_that_a_receiver_asks_for_is_made_and_later_ones_grow_from_it() {
    let pause = Duration::from_secs(7);
    let asks = || Act::Status { code: 14, retry_after: Some(pause) };
    for protocol in 0..3 {
        let (delivery, _, took) = send(protocol, vec![asks()]).await;
        assert_eq!((delivery, took), (taken(0, ""), pause), "{protocol}");
    }
    let exhausted = Act::Status { code: 8, retry_after: Some(pause) };
    assert_eq!(send(0, vec![exhausted]).await.2, pause);
    let (_, _, took) = send(1, vec![asks(), Act::Http(503)]).await;
    // The second pause is the longest one, spread by a fifth.
    assert!(took >= pause + Duration::from_secs(4) && took <= pause + Duration::from_secs(6));
    let date = Act::RetryAfter(429, "Fri, 31 Dec 1999 23:59:59 GMT".to_owned());
    let (delivery, tries, took) = send(1, vec![date]).await;
    assert_eq!((delivery, tries), (taken(0, ""), 2));
    assert!(took <= Duration::from_millis(120), "a date that is over asks for nothing");
}

#[tokio::test(start_paused = true)]
async fn ex6_a_connection_that_fails_or_ends_without_an_answer_is_tried_again() {
    let slow = |seconds| Act::Slow(Duration::from_secs(seconds));
    for act in [Act::Refuse, Act::Reset, Act::Garbage, Act::Never, Act::BreakOff, slow(6)] {
        for protocol in 0..3 {
            let (delivery, tries, _) = send(protocol, vec![act.clone()]).await;
            assert_eq!((delivery, tries), (taken(0, ""), 2), "{protocol} {act:?}");
        }
    }
    assert_eq!(send(0, vec![slow(4)]).await, (taken(0, ""), 1, Duration::from_secs(4)));
}

#[tokio::test(start_paused = true)]
async fn ex7_a_partial_success_is_told_and_never_sent_again() {
    for protocol in 0..3 {
        let (delivery, tries, _) = send(protocol, vec![Act::Partial(2)]).await;
        assert_eq!((delivery, tries), (taken(2, "too many"), 1), "{protocol}");
    }
}

#[tokio::test(start_paused = true)]
async fn ex8_an_answer_of_more_than_four_mebibytes_is_final() {
    let limit = 4 * 1024 * 1024;
    for protocol in 0..3 {
        let (delivery, tries, _) = send(protocol, vec![Act::Oversized(limit + 1)]).await;
        let Delivery::Refused(reason) = delivery else { panic!("{protocol}: {delivery:?}") };
        assert_eq!((&*reason.label, tries), ("the answer is too large", 1));
    }
    let (delivery, ..) = send(1, vec![Act::Oversized(limit)]).await;
    assert!(matches!(delivery, Delivery::Taken { .. }), "{delivery:?}");
}

#[tokio::test(start_paused = true)]
async fn a_delivery_is_given_up_when_its_owner_says_so() {
    let (delivery, tries, _) = send(1, vec![Act::Http(503); 9]).await;
    assert!(matches!(delivery, Delivery::GivenUp(reason) if reason.label == "HTTP 503"));
    assert_eq!(tries, 4);
}

#[tokio::test(start_paused = true)]
async fn ex9_one_connection_serves_many_requests() {
    for (protocol, name) in PROTOCOLS {
        let receiver = Receiver::new(protocol, vec![Act::Http(400), Act::Partial(1)]);
        let text = format!("http://receiver protocol={name}");
        let settings = Settings::parse(&text, &BTreeMap::new(), "tester/1").unwrap();
        let settings = settings.over(&receiver.dial());
        let target = settings.target(Signal::Logs);
        let mut courier = Courier::new(Clock::system(), PACE);
        for _ in 0..100 {
            let request = request(target, [Bytes::from_static(b"x")]);
            courier.deliver(target, &request, |_, _| false).await;
        }
        assert_eq!((receiver.seen().len(), receiver.connections()), (100, 1), "{name}");
    }
}
