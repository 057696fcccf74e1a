use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn entry() -> Entry<'static> {
    Entry {
        at_unix_ns: 1_795_078_177_250_999_999,
        correlation_id: "u1-7",
        trace_id: TraceId::from_bytes([0xab; 16]),
        edge: Some("orders -> payments"),
        method: "POST",
        path: "/charges",
        status: Some(503),
        blame: Some(Blame::Injected),
        error_type: Some("injected-status"),
        attempts: 2,
        took: Duration::from_micros(12_345),
        bytes_in: 17,
        bytes_out: 0,
        endpoint: Some(([127, 0, 0, 1], 8_080).into()),
        faults: &[],
        epoch: 3,
    }
}

fn written(entry: &Entry<'_>) -> String {
    let mut line = Vec::new();
    entry.write(&mut line);
    String::from_utf8(line).unwrap()
}

fn read(entry: &Entry<'_>) -> Value {
    serde_json::from_str(&written(entry)).unwrap()
}

#[test]
fn a_line_has_all_fields_in_their_order() {
    let faults = ["slow".to_owned(), "lost".to_owned()];
    let line = written(&Entry { faults: &faults, ..entry() });
    let expected = concat!(
        r#"{"time":"2026-11-19T08:49:37.250Z","correlation_id":"u1-7","#,
        r#""trace_id":"abababababababababababababababab","edge":"orders -> payments","#,
        r#""method":"POST","path":"/charges","status":503,"blame":"injected","#,
        r#""error_type":"injected-status","attempts":2,"duration_us":12345,"bytes_in":17,"#,
        r#""bytes_out":0,"endpoint":"127.0.0.1:8080","faults":["slow","lost"],"epoch":3}"#,
        "\n"
    );
    assert_eq!(line, expected);
}

#[test]
fn what_is_not_known_is_null() {
    let empty = Entry {
        trace_id: None,
        edge: None,
        status: None,
        blame: None,
        error_type: None,
        endpoint: None,
        ..entry()
    };
    let read = read(&empty);
    for name in ["trace_id", "edge", "status", "blame", "error_type", "endpoint"] {
        assert_eq!(read[name], Value::Null, "{name}");
    }
    assert_eq!(read["faults"], json!([]));
}

#[test]
fn queries_and_fragments_are_left_out() {
    for path in ["/login?token=secret", "/login#secret", "/login?a#b?c"] {
        assert_eq!(read(&Entry { path, ..entry() })["path"], "/login");
    }
}

#[test]
fn what_moves_a_terminal_or_ends_a_line_is_escaped() {
    let path = "/\u{1b}[2J\n\r\t\0\u{7f}\u{9b}\"\\ü";
    let line = written(&Entry { path, ..entry() });
    let expected = r#""path":"/\u001b[2J\u000a\u000d\u0009\u0000\u007f\u009b\"\\ü""#;
    assert!(line.contains(expected), "{line}");
}

#[test]
fn a_text_that_is_too_long_is_cut_between_two_letters() {
    for path in ["/".repeat(5_000), "ü".repeat(5_000), format!("/{}", "ü".repeat(5_000))] {
        let read = read(&Entry { path: &path, ..entry() });
        let read = read["path"].as_str().unwrap();
        let kept = read.strip_suffix('…').unwrap();
        assert!(path.starts_with(kept));
        assert!((PATH_BYTES_MAX - 1..=PATH_BYTES_MAX).contains(&read.len()), "{}", read.len());
    }
    let whole = "/".repeat(PATH_BYTES_MAX);
    assert_eq!(read(&Entry { path: &whole, ..entry() })["path"], whole);
}

#[test]
fn the_longest_line_keeps_its_bound() {
    let long = "\u{1}".repeat(10_000);
    let faults = vec![long.clone(); 100];
    let line = written(&Entry {
        at_unix_ns: u64::MAX,
        correlation_id: &long,
        edge: Some(&long),
        method: &long,
        path: &long,
        error_type: Some(&long),
        attempts: u32::MAX,
        took: Duration::MAX,
        bytes_in: u64::MAX,
        bytes_out: u64::MAX,
        endpoint: Some(
            "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535".parse().unwrap(),
        ),
        faults: &faults,
        epoch: u64::MAX,
        ..entry()
    });
    assert!(line.len() <= LINE_BYTES_MAX);
    assert!(line.len() > LINE_BYTES_MAX / 2, "the bound is far too wide");
}

#[test]
fn times_are_those_of_the_calendar() {
    for (unix_ms, expected) in [
        (0, "1970-01-01T00:00:00.000Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (951_868_799_999, "2000-02-29T23:59:59.999Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        (1_483_228_799_001, "2016-12-31T23:59:59.001Z"),
    ] {
        let mut line = Vec::new();
        time(&mut line, unix_ms);
        assert_eq!(String::from_utf8(line).unwrap(), expected);
    }
}

#[test]
fn every_day_of_four_hundred_years_follows_the_one_before() {
    let (mut year, mut month, mut day) = (1970, 1, 1);
    for days in 0..146_097 {
        assert_eq!(date(days), (year, month, day));
        let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        let length = [31, 28 + u64::from(leap), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        day += 1;
        if day > length[month as usize - 1] {
            (day, month) = (1, month + 1);
        }
        if month > 12 {
            (month, year) = (1, year + 1);
        }
    }
}

proptest! {
    #[test]
    fn whatever_a_caller_sends_is_one_line_of_json_that_says_the_same(
        id in any::<String>(),
        path in "(?s).{0,80}",
        fault in any::<String>(),
        method in "\\PC{0,10}",
    ) {
        let faults = [fault];
        let entry =
            Entry { correlation_id: &id, path: &path, faults: &faults, method: &method, ..entry() };
        let line = written(&entry);
        prop_assert_eq!(line.find('\n'), Some(line.len() - 1));
        prop_assert!(!line.trim_end().contains(char::is_control));
        let read: Value = serde_json::from_str(&line).unwrap();
        let told = |text: &str| if text.len() > 256 { "…".to_owned() } else { text.to_owned() };
        if id.len() <= 256 {
            prop_assert_eq!(&read["correlation_id"], &told(&id));
        }
        if faults[0].len() <= 256 {
            prop_assert_eq!(&read["faults"], &json!([faults[0]]));
        }
        prop_assert_eq!(&read["path"], without_query(&path));
        prop_assert_eq!(&read["method"], &method);
    }
}
