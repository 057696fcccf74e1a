use std::net::SocketAddr;

use model::policy::BalancePolicy;
use model::policy::balance::HealthPolicy;
use proptest::prelude::*;

use super::super::ewma::Ewma;
use super::*;

const MS: u64 = 1_000_000;

fn endpoint(port: u16) -> Arc<Endpoint> {
    let address = SocketAddr::from(([10, 0, 0, 1], port));
    Arc::new(Endpoint::new(address, Ewma::new(Duration::from_secs(1), 0)))
}

fn book(count: u16, policy: &OutlierPolicy) -> Book {
    let records = (0..count).map(|port| Record::new(endpoint(port))).collect();
    let mut book =
        Book { records, outlier: None, health: None, round_ns: None, events: Events::default() };
    book.adopt(Some(policy), 0);
    book
}

fn detect(book: &mut Book, place: usize, at_ms: u64) {
    let endpoint = Arc::clone(&book.records[place].endpoint);
    book.detected(&endpoint, Detector::Consecutive5xx, at_ms * MS);
}

fn ejected(book: &Book) -> Vec<usize> {
    (0..book.records.len()).filter(|place| book.records[*place].ejected.is_some()).collect()
}

#[test]
fn an_ejection_lasts_its_base_time_times_the_ejections_in_a_row_up_to_the_maximum() {
    let policy = OutlierPolicy::default();
    let mut times = 0;
    let lasts: Vec<u64> = (0..13)
        .map(|_| {
            times = next_times(times, &policy);
            ejection_time(times, &policy).as_secs()
        })
        .collect();
    assert_eq!(lasts, [30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 300, 300, 300]);
    assert_eq!(times, 11, "a long row of ejections is forgiven in a bounded time");
    let odd = OutlierPolicy { max_ejection_time_ms: 1, ..policy };
    assert_eq!(ejection_time(7, &odd).as_secs(), 30, "the maximum is never below the base");
}

#[test]
fn the_jitter_stays_inside_its_maximum_and_uses_all_of_it() {
    let policy = OutlierPolicy { max_ejection_time_jitter_ms: 3, ..OutlierPolicy::default() };
    let mut seen = [0; 4];
    for number in 0..400 {
        seen[jitter(7, number, &policy).as_millis() as usize] += 1;
    }
    assert!(seen.iter().all(|count| *count > 60), "{seen:?}");
    assert_eq!(jitter(7, 0, &OutlierPolicy::default()), Duration::ZERO);
}

#[test]
fn one_may_always_be_ejected_and_then_the_share_decides() {
    for (endpoints, percent, expected) in [
        (1, 10, 1),
        (5, 0, 1),
        (5, 10, 1),
        (10, 10, 1),
        (19, 10, 1),
        (20, 10, 2),
        (4, 50, 2),
        (5, 50, 2),
        (3, 100, 3),
    ] {
        let policy = OutlierPolicy {
            max_ejection: Share::from_ppm(percent * 10_000),
            ..OutlierPolicy::default()
        };
        let mut book = book(endpoints, &policy);
        for place in 0..usize::from(endpoints) {
            detect(&mut book, place, 1);
        }
        assert_eq!(ejected(&book).len(), expected, "{endpoints} at {percent}%");
        let spared: u64 = book.records.iter().map(|record| record.spared).sum();
        assert_eq!(spared as usize, usize::from(endpoints) - expected);
    }
}

#[test]
fn the_enforcing_share_decides_how_many_detections_are_acted_on_and_the_rest_is_counted() {
    let acted = |ppm| {
        let policy = OutlierPolicy {
            enforcing_consecutive_5xx: Share::from_ppm(ppm),
            base_ejection_time_ms: 1,
            max_ejection_time_ms: 1,
            ..OutlierPolicy::default()
        };
        let mut book = book(1, &policy);
        let acted: Vec<bool> = (0..1_000)
            .map(|number| {
                detect(&mut book, 0, number * 2);
                let acted = book.records[0].ejected.is_some();
                book.advance((number * 2 + 1) * MS);
                acted
            })
            .collect();
        let count = acted.iter().filter(|acted| **acted).count() as u64;
        assert_eq!((book.records[0].ejections, book.records[0].spared), (count, 1_000 - count));
        acted
    };
    let count = |ppm| acted(ppm).into_iter().filter(|acted| *acted).count();
    assert_eq!((count(0), count(1_000_000)), (0, 1_000));
    // Mean 300, standard deviation 14.5; five of them either side.
    assert!((228..=372).contains(&count(300_000)));
    assert_eq!(acted(300_000), acted(300_000), "the same detections are acted on in every run");
}

#[test]
fn an_ejected_endpoint_is_not_ejected_again_and_one_that_left_the_list_never() {
    let policy = OutlierPolicy { max_ejection: Share::WHOLE, ..OutlierPolicy::default() };
    let mut book = book(2, &policy);
    detect(&mut book, 0, 1);
    let until = book.records[0].ejected.as_ref().unwrap().until_ns;
    detect(&mut book, 0, 20_000);
    assert_eq!(book.records[0].ejected.as_ref().unwrap().until_ns, until);
    book.detected(&endpoint(1), Detector::Consecutive5xx, 1);
    assert_eq!(ejected(&book), [0], "another endpoint that had the same address");
}

#[test]
fn the_interval_judges_endpoints_by_what_they_did_in_it() {
    let policy = OutlierPolicy::default();
    let mut book = book(5, &policy);
    let learn = |book: &Book, bad_place: usize| {
        for (place, record) in book.records.iter().enumerate() {
            for number in 0..100 {
                let bad = place == bad_place && number % 2 == 0;
                let status = if bad { 500 } else { 200 };
                let cause = super::super::Cause::Upstream { status: Some(status) };
                record.endpoint.tally.learn(cause, &policy);
            }
        }
    };
    learn(&book, 3);
    book.advance(9_999 * MS);
    assert!(ejected(&book).is_empty(), "the interval is not over");
    book.advance(10_000 * MS);
    assert_eq!(ejected(&book), [3]);
    book.advance(20_000 * MS);
    assert_eq!(ejected(&book), [3]);
    // It comes back at 40 s, and is not judged by what ended while it was away.
    learn(&book, 3);
    book.advance(40_000 * MS);
    assert!(ejected(&book).is_empty());
}

#[test]
fn a_round_that_comes_late_does_not_judge_those_who_were_ejected_when_it_was_due() {
    let policy = OutlierPolicy { base_ejection_time_ms: 7_000, ..OutlierPolicy::default() };
    let mut book = book(5, &policy);
    for record in &book.records {
        for _ in 0..100 {
            record.endpoint.tally.learn(super::super::Cause::Success, &policy);
        }
    }
    for _ in 0..100 {
        let cause = super::super::Cause::Upstream { status: Some(500) };
        book.records[0].endpoint.tally.learn(cause, &policy);
    }
    detect(&mut book, 0, 5_000);
    book.advance(15_000 * MS);
    assert!(ejected(&book).is_empty());
    assert_eq!(book.records[0].ejections, 1);
}

/// Events of a row of checks: `+` good, `-` bad; `u`, `h` and `r` for what they change.
fn checks(text: &str, ejected: bool, policy: &BalancePolicy) -> String {
    let outlier = policy.outlier.clone().unwrap_or_default();
    let mut book = book(1, &outlier);
    book.adopt_checks(policy.health.as_ref());
    if ejected {
        detect(&mut book, 0, 0);
    }
    let endpoint = Arc::clone(&book.records[0].endpoint);
    let mut told = String::new();
    for check in text.chars() {
        let result = if check == '+' { Ok(()) } else { Err("status 503".to_owned()) };
        for event in book.checked(&endpoint, result, 1) {
            told.push(match event {
                Event::Unhealthy { .. } => 'u',
                Event::Healthy { .. } => 'h',
                Event::Returned { .. } => 'r',
                Event::Ejected { .. } => 'e',
            });
        }
        told.push('.');
    }
    told
}

#[test]
fn checks_turn_an_endpoint_after_so_many_in_a_row() {
    let outlier = |uneject| {
        Some(OutlierPolicy {
            successful_active_check_unejects: uneject,
            ..OutlierPolicy::default()
        })
    };
    let policy = |uneject| BalancePolicy {
        health: Some(HealthPolicy {
            unhealthy_after: 3,
            healthy_after: 2,
            ..HealthPolicy::default()
        }),
        outlier: outlier(uneject),
        ..BalancePolicy::default()
    };
    for (text, was_ejected, uneject, expected) in [
        ("---", false, true, "..u."),
        ("--+--", false, true, "....."),
        ("-----", false, true, "..u..."),
        ("---+-+", false, true, "..u...."),
        ("---++", false, true, "..u..h."),
        ("++---", false, true, "....u."),
        ("+", true, true, "r."),
        ("+", true, false, "."),
        // Good checks of an unhealthy endpoint end nothing until it is healthy.
        ("---++", true, true, "..u..hr."),
    ] {
        assert_eq!(checks(text, was_ejected, &policy(uneject)), expected, "{text}");
    }
}

#[test]
fn events_that_nobody_fetches_are_bounded_and_their_loss_is_counted() {
    let mut events = Events::default();
    for port in 0..EVENTS_MAX as u16 + 3 {
        events.push(Event::Returned { address: endpoint(port).address });
    }
    assert_eq!((events.waiting.len(), events.lost), (EVENTS_MAX, 3));
    assert_eq!(events.waiting[0], Event::Returned { address: endpoint(3).address });
}

/// The rules of ejections, millisecond by millisecond.
#[derive(Debug, Default)]
struct Naive {
    until_ms: Option<u64>,
    returned_ms: u64,
    times: u64,
}

const INTERVAL_MS: u64 = 10;
const BASE_MS: u64 = 7;
const MAX_MS: u64 = 45;

impl Naive {
    fn pass(&mut self, at_ms: u64) {
        if self.until_ms.is_some_and(|until_ms| until_ms <= at_ms) {
            self.until_ms = None;
            self.returned_ms = at_ms;
        }
        let is_end = at_ms.is_multiple_of(INTERVAL_MS);
        if is_end && self.until_ms.is_none() && at_ms - self.returned_ms >= INTERVAL_MS {
            self.times = self.times.saturating_sub(1);
        }
    }

    fn detect(&mut self, at_ms: u64) {
        if self.until_ms.is_none() {
            if self.times * BASE_MS < MAX_MS + BASE_MS {
                self.times += 1;
            }
            self.until_ms = Some(at_ms + (BASE_MS * self.times).min(MAX_MS));
        }
    }
}

proptest! {
    #[test]
    fn doing_what_is_due_late_gives_what_doing_it_on_time_gives(
        steps in prop::collection::vec((0_u64..80, any::<bool>()), 1..60),
    ) {
        let policy = OutlierPolicy {
            interval_ms: INTERVAL_MS,
            base_ejection_time_ms: BASE_MS,
            max_ejection_time_ms: MAX_MS,
            ..OutlierPolicy::default()
        };
        let mut book = book(1, &policy);
        let (mut naive, mut now_ms) = (Naive::default(), 0);
        for (gap_ms, detects) in steps {
            for at_ms in now_ms + 1..=now_ms + gap_ms {
                naive.pass(at_ms);
            }
            now_ms += gap_ms;
            book.advance(now_ms * MS);
            if detects {
                naive.detect(now_ms);
                detect(&mut book, 0, now_ms);
            }
            let record = &book.records[0];
            let until_ms = record.ejected.as_ref().map(|ejection| ejection.until_ns / MS);
            prop_assert_eq!(until_ms, naive.until_ms, "at {} ms", now_ms);
            prop_assert_eq!(u64::from(record.times), naive.times, "at {} ms", now_ms);
        }
    }
}
