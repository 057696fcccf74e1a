use model::decision::Purpose;
use model::distribution::Distribution;
use model::fault::Token;
use model::units::Share;
use proptest::prelude::*;

use super::super::caller::{Part, is_allowed, on_body, on_request};
use super::*;

const TOKEN: (&str, &str) = ("x-shakedown-inject-token", "s3cret");
const DELAY_MAX_MS: u64 = 5_000;

fn rule(share_ppm: u32) -> FaultSpec {
    let effect = FaultKind::Caller { token: Token::new("s3cret"), delay_max_ms: DELAY_MAX_MS };
    FaultSpec { share: Share::from_ppm(share_ppm), ..spec("wish", effect) }
}

fn delay(ms: u64) -> FaultKind {
    FaultKind::Latency { delay: Distribution::Fixed { value_us: ms * 1_000 } }
}

fn status(status: u16) -> FaultKind {
    FaultKind::Errors { status, body: None, headers: Vec::new() }
}

fn grpc(status: &str) -> FaultKind {
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let headers = vec![field("content-type", "application/grpc"), field("grpc-status", status)];
    FaultKind::Errors { status: 200, body: None, headers }
}

/// Effects and shares in parts per million of all parts.
fn parts(headers: &[(&'static str, &str)]) -> Vec<(Option<FaultKind>, Option<u32>)> {
    let call = Call::with(headers);
    let [first, second] = on_request(&call, DELAY_MAX_MS);
    let all = [first, second, on_body(&call)];
    let plain = |part: Part| (part.effect, part.share.map(Share::ppm));
    all.into_iter().flatten().map(plain).collect()
}

type Row = (&'static [(&'static str, &'static str)], Vec<(Option<FaultKind>, Option<u32>)>);

#[test]
fn the_headers_say_what_is_injected() {
    let rate = FaultKind::Bandwidth { bytes_per_s: 2_048, shared: false };
    let table: Vec<Row> = vec![
        (&[], vec![]),
        (&[("x-shakedown-inject-delay-ms", "250")], vec![(Some(delay(250)), None)]),
        (&[("x-shakedown-inject-delay-ms", "60000")], vec![(Some(delay(5_000)), None)]),
        (&[("x-shakedown-inject-delay-ms", "0")], vec![]),
        (&[("x-shakedown-inject-status", "503")], vec![(Some(status(503)), None)]),
        (
            &[("x-shakedown-inject-status", "503"), ("x-shakedown-inject-percent", "12.5")],
            vec![(Some(status(503)), Some(125_000))],
        ),
        (
            &[
                ("x-envoy-fault-delay-request", "10"),
                ("x-envoy-fault-delay-request-percentage", "20"),
                ("x-envoy-fault-abort-request", "500"),
                ("x-envoy-fault-abort-request-percentage", "5/10000"),
            ],
            vec![(Some(delay(10)), Some(200_000)), (Some(status(500)), Some(500))],
        ),
        (
            &[
                ("x-envoy-fault-abort-grpc-request", "14"),
                ("x-envoy-fault-abort-request-percentage", "150"),
            ],
            vec![(Some(grpc("14")), Some(1_000_000))],
        ),
        (
            &[("x-envoy-fault-abort-grpc-request", "14"), ("x-envoy-fault-abort-request", "503")],
            vec![(Some(status(503)), None)],
        ),
        (
            &[
                ("x-envoy-fault-throughput-response", "2"),
                ("x-envoy-fault-throughput-response-percentage", "7/1000000"),
            ],
            vec![(Some(rate), Some(7))],
        ),
        (
            &[("x-envoy-fault-delay-request", "10"), ("x-shakedown-inject-delay-ms", "20")],
            vec![(Some(delay(20)), None)],
        ),
    ];
    for (headers, expected) in table {
        assert_eq!(parts(headers), expected, "{headers:?}");
    }
}

#[test]
fn what_cannot_be_read_is_not_injected_with_another_value() {
    let wanted: &[(&str, &str)] = &[("x-shakedown-inject-status", "503")];
    for (name, value) in [
        ("x-shakedown-inject-delay-ms", "-1"),
        ("x-shakedown-inject-delay-ms", " 1"),
        ("x-shakedown-inject-delay-ms", "1s"),
        ("x-shakedown-inject-delay-ms", ""),
        ("x-shakedown-inject-delay-ms", "99999999999999999999"),
        ("x-envoy-fault-delay-request", "0x10"),
        ("x-envoy-fault-throughput-response", "1.5"),
    ] {
        assert_eq!(parts(&[(name, value)]), [(None, None)], "{name}: {value}");
    }
    for value in ["199", "600", "503 ", "+503"] {
        assert_eq!(parts(&[("x-shakedown-inject-status", value)]), [(None, None)], "{value}");
    }
    for value in ["101", "12.34567", "5%", "1e1", ".5", "5.", "", "12.5.5"] {
        let headers = [wanted, &[("x-shakedown-inject-percent", value)]].concat();
        assert_eq!(parts(&headers), [(None, None)], "{value}");
    }
    for value in ["5/1000", "5/", "/100", "5/100/100"] {
        let headers = [wanted, &[("x-envoy-fault-abort-request-percentage", value)]].concat();
        assert_eq!(parts(&headers), [(None, None)], "{value}");
    }
    assert_eq!(parts(&[("x-envoy-fault-abort-grpc-request", "17")]), [(None, None)]);
    assert_eq!(parts(&[wanted, wanted].concat()), [(None, None)], "two lines are no answer");
}

#[test]
fn without_the_right_token_nothing_happens_and_nothing_counts() {
    let court = Court::new(&[rule(1_000_000)]);
    let wish = ("x-shakedown-inject-status", "503");
    for headers in [
        vec![wish],
        vec![wish, ("x-shakedown-inject-token", "guess")],
        vec![wish, ("x-shakedown-inject-token", "")],
        vec![wish, TOKEN, TOKEN],
    ] {
        let call = Call::with(&headers);
        assert!(court.ask(&call, &CorrelationId::of_user(1, 1), 0).is_empty(), "{headers:?}");
        assert!(!is_allowed(&call, &Token::new("s3cret")), "{headers:?}");
    }
    assert_eq!(court.faults[0].memory.read(), (0, 0, 0));
    assert_eq!(court.faults[0].fidelity(), None);
    let asked = court.ask(&Call::with(&[wish, TOKEN]), &CorrelationId::of_user(1, 1), 0);
    assert_eq!(asked[0].effect(), &status(503));
    assert_eq!(court.matched(), 1);
}

#[test]
fn a_caller_is_hit_no_more_often_than_the_rule_allows_and_parts_are_drawn_apart() {
    for (rule_ppm, percent, expected) in
        [(1_000_000, "30", 0.3), (200_000, "30", 0.2), (200_000, "100", 0.2)]
    {
        let court = Court::new(&[rule(rule_ppm)]);
        let call = Call::with(&[
            TOKEN,
            ("x-shakedown-inject-delay-ms", "5"),
            ("x-shakedown-inject-status", "503"),
            ("x-shakedown-inject-percent", percent),
        ]);
        let (mut delays, mut errors, mut both) = (0, 0, 0);
        for user in 0..2_000 {
            let drawn = court.ask(&call, &CorrelationId::of_user(user, 0), 0);
            let has = |effect: &FaultKind| drawn.iter().any(|drawn| drawn.effect() == effect);
            let (delayed, failed) = (has(&delay(5)), has(&status(503)));
            delays += u32::from(delayed);
            errors += u32::from(failed);
            both += u32::from(delayed && failed);
        }
        // 2,000 draws: a standard deviation is at most 21.
        for (count, share) in [(delays, expected), (errors, expected), (both, expected * expected)]
        {
            let mean = 2_000.0 * share;
            assert!((f64::from(count) - mean).abs() < 85.0, "{percent}: {count} {mean}");
        }
        assert_eq!(court.matched(), 4_000, "each part is judged on its own");
    }
}

#[test]
fn a_slow_answer_is_drawn_at_the_body_and_nothing_else_there() {
    let mut court = Court::new(&[rule(1_000_000)]);
    let call = Call::with(&[
        TOKEN,
        ("x-shakedown-inject-status", "503"),
        ("x-envoy-fault-throughput-response", "1"),
    ]);
    let id = CorrelationId::of_user(1, 1);
    for (stage, expected) in [
        (Stage::Request, status(503)),
        (Stage::Body, FaultKind::Bandwidth { bytes_per_s: 1_024, shared: false }),
    ] {
        court.stage = stage;
        let drawn = court.ask(&call, &id, 0);
        assert_eq!(drawn.iter().map(Drawn::effect).collect::<Vec<_>>(), [&expected]);
    }
}

#[test]
fn a_caller_that_writes_nonsense_finds_it_in_the_ledger() {
    let court = Court::new(&[rule(0)]);
    let call = Call::with(&[TOKEN, ("x-shakedown-inject-delay-ms", "soon")]);
    let drawn = court.ask(&call, &CorrelationId::of_user(1, 1), 0).pop().unwrap();
    let page = Arc::<Page>::default();
    let due = Due::new(drawn, Arc::clone(&page) as Arc<dyn Ledger>, "caller-gone");
    let stand = super::super::due::Stand { armed: true, ..Default::default() };
    assert!(due.admit(stand).is_none());
    assert_eq!(page.lines(), [Verdict::Skipped { reason: "invalid" }]);
    assert_eq!(court.faults[0].memory.read(), (1, 0, 1));
}

proptest! {
    #[test]
    fn whatever_a_caller_writes_stays_within_the_rule(
        delay in "[0-9]{0,12}|[ -~]{0,8}",
        status in "[0-9]{0,4}|[ -~]{0,8}",
        percent in "[0-9]{0,3}(\\.[0-9]{0,5})?|[ -~]{0,8}",
        envoy in "[0-9]{0,10}(/[0-9]{0,8})?",
    ) {
        let call = Call::with(&[
            ("x-shakedown-inject-delay-ms", &delay),
            ("x-shakedown-inject-status", &status),
            ("x-shakedown-inject-percent", &percent),
            ("x-envoy-fault-throughput-response", &envoy),
            ("x-envoy-fault-throughput-response-percentage", &envoy),
        ]);
        let [first, second] = on_request(&call, DELAY_MAX_MS);
        for part in [first, second, on_body(&call)].into_iter().flatten() {
            prop_assert!(part.share.is_none_or(|share| share <= Share::WHOLE));
            match part.effect {
                Some(FaultKind::Latency { delay: Distribution::Fixed { value_us } }) => {
                    prop_assert!(value_us > 0 && value_us <= DELAY_MAX_MS * 1_000);
                    prop_assert_eq!(part.purpose, Purpose::Fire);
                },
                Some(FaultKind::Errors { status: injected, .. }) => {
                    prop_assert!((200..=599).contains(&injected));
                    prop_assert_eq!(status.parse::<u16>().ok(), Some(injected));
                },
                Some(FaultKind::Bandwidth { bytes_per_s, .. }) => prop_assert!(bytes_per_s >= 1_024),
                None => {},
                other => prop_assert!(false, "{other:?}"),
            }
        }
    }

    #[test]
    fn every_share_that_can_be_written_is_read_to_the_millionth(ppm in 0_u32..=1_000_000) {
        let percent = format!("{}.{:04}", ppm / 10_000, ppm % 10_000);
        let envoy = format!("{ppm}/1000000");
        for (name, text) in [
            ("x-shakedown-inject-percent", &percent),
            ("x-envoy-fault-abort-request-percentage", &envoy),
        ] {
            let headers = [("x-shakedown-inject-status", "500"), (name, text.as_str())];
            prop_assert_eq!(parts(&headers), [(Some(status(500)), Some(ppm))]);
        }
    }
}
