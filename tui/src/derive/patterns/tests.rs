use proptest::prelude::*;

use super::*;

fn line(at: u64, severity: &str, body: &str) -> LogLine {
    LogLine {
        unix_ns: at,
        service: format!("s{}", at % 7),
        severity: severity.to_owned(),
        body: body.to_owned(),
        event: String::new(),
        trace_id: None,
        span_id: None,
        correlation_id: None,
        attributes: BTreeMap::new(),
    }
}

#[test]
fn what_changes_from_line_to_line_becomes_a_placeholder() {
    for (text, masked) in [
        ("charge failed: 503; retry in 50 ms", "charge failed: <n>; retry in <n> ms"),
        ("took 12.5ms, 30% of 1.2s.", "took <n>ms, <n>% of <n>s."),
        ("order=83114 user=\"Ann B\" ok", "order=<n> user=<s> ok"),
        ("trace 9c1e44d0a7f2b8135f60c1aa20d94e77", "trace <id>"),
        ("id 7f3c9b2a-0d1e-4f5a-8b6c-1234567890ab done", "id <id> done"),
        ("req-000083114 sent", "<id> sent"),
        ("from 10.0.0.1:8080 at -3", "from <n>:<n> at <n>"),
        ("at 0xdeadbeef", "at <id>"),
        ("don't mask words like http2 or v1", "don't mask words like http2 or v1"),
        ("an open \" mark", "an open \" mark"),
        ("支付 12 '支'", "支付 <n> <s>"),
        ("", ""),
    ] {
        assert_eq!(mask::masked(text), masked, "{text}");
    }
}

#[test]
fn lines_that_say_the_same_are_one_pattern() {
    let lines = [
        line(5, "INFO", "reserve ok sku=A-17 qty=1"),
        line(3, "WARN", "charge failed: 503; retry in 50 ms"),
        line(8, "ERROR", "charge failed: 502; retry in 100 ms"),
        line(9, "INFO", "charge failed: 500; retry in 7 ms"),
    ];
    let patterns = Patterns::of(&lines);
    assert_eq!(patterns.len(), 2);
    assert_eq!(
        patterns[0],
        Pattern {
            template: "charge failed: <n>; retry in <n> ms".to_owned(),
            count: 3,
            share: 0.75,
            worst: Severity::Error,
            first_unix_ns: 3,
            last_unix_ns: 9,
            example: "charge failed: 502; retry in 100 ms".to_owned(),
            services: ["s1", "s2", "s3"].map(str::to_owned).to_vec(),
        }
    );
}

#[test]
fn words_that_differ_become_anything_and_other_sentences_stay_apart() {
    let lines = [
        line(1, "INFO", "user ann paid with card today"),
        line(2, "INFO", "user bob paid with cash today"),
        line(3, "INFO", "user carl was refused at all"),
    ];
    let templates: Vec<String> =
        Patterns::of(&lines).into_iter().map(|pattern| pattern.template).collect();
    assert_eq!(templates, ["user <*> paid with <*> today", "user carl was refused at all"]);
}

#[test]
fn a_line_without_a_body_is_its_event_and_empty_lines_are_one_pattern() {
    let mut event = line(1, "INFO", "");
    event.event = "shakedown.fault.decision".to_owned();
    let patterns = Patterns::of(&[event, line(2, "", ""), line(3, "", "")]);
    let told: Vec<(&str, u64)> =
        patterns.iter().map(|pattern| (pattern.template.as_str(), pattern.count)).collect();
    assert_eq!(told, [("", 2), ("shakedown.fault.decision", 1)]);
}

#[test]
fn what_finds_no_room_is_counted_and_not_lost() {
    let letters = |at: u32| -> String {
        (0..4).map(|place| char::from(b'a' + (at / 26_u32.pow(place) % 26) as u8)).collect()
    };
    let lines: Vec<LogLine> =
        (0..5_000).map(|at| line(1, "INFO", &format!("{} x", letters(at)))).collect();
    let patterns = Patterns::of(&lines);
    assert_eq!(patterns.len(), PATTERNS_MAX + 1);
    let last = patterns.last().unwrap();
    assert_eq!((last.template.as_str(), last.count), (Patterns::OTHERS, 4_600));
}

proptest! {
    #[test]
    fn any_lines_are_counted_once_each(
        bodies in prop::collection::vec(prop_oneof!["\\PC{0,30}", "[a-c \"'`0-9.-]{0,30}", ".{0,9}"], 0..60),
    ) {
        let lines: Vec<LogLine> = bodies.iter().map(|body| line(7, "WARN", body)).collect();
        let patterns = Patterns::of(&lines);
        let counted: u64 = patterns.iter().map(|pattern| pattern.count).sum();
        prop_assert_eq!(counted, lines.len() as u64);
        let shares: f64 = patterns.iter().map(|pattern| pattern.share).sum();
        prop_assert!(lines.is_empty() || (shares - 1.0).abs() < 1e-9);
        prop_assert!(patterns.iter().all(|pattern| !pattern.template.chars().any(char::is_control)));
    }
}
