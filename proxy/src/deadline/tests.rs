use proptest::prelude::*;

use super::*;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn fields(deadline: Deadline, now: Instant) -> Vec<(&'static str, String)> {
    let mut fields = Vec::new();
    deadline.fields(now, |name, value| fields.push((name, value.to_owned())));
    fields
}

#[test]
fn a_grpc_timeout_is_up_to_eight_digits_and_a_unit() {
    for (text, expected) in [
        ("1H", Some(Duration::from_hours(1))),
        ("2M", Some(Duration::from_mins(2))),
        ("3S", Some(Duration::from_secs(3))),
        ("4m", Some(ms(4))),
        ("5u", Some(Duration::from_micros(5))),
        ("6n", Some(Duration::from_nanos(6))),
        ("0S", Some(Duration::ZERO)),
        ("00000007m", Some(ms(7))),
        (" 7m ", Some(ms(7))),
        ("99999999H", Some(Duration::from_hours(99_999_999))),
        ("123456789n", None),
        ("", None),
        ("S", None),
        ("7", None),
        ("7s", None),
        ("7 S", None),
        ("-7S", None),
        ("+7S", None),
        ("7.5S", None),
        ("7SS", None),
        ("7ü", None),
        ("٧S", None),
    ] {
        assert_eq!(parse_grpc_timeout(text), expected, "{text:?}");
    }
}

#[test]
fn milliseconds_are_digits_and_nothing_else() {
    for (text, expected) in [
        ("0", Some(Duration::ZERO)),
        ("250", Some(ms(250))),
        (" 250\t", Some(ms(250))),
        ("18446744073709551615", Some(ms(u64::MAX))),
        ("18446744073709551616", None),
        ("", None),
        ("+5", None),
        ("-5", None),
        ("2.5", None),
        ("5ms", None),
    ] {
        assert_eq!(parse_ms(text), expected, "{text:?}");
    }
}

#[test]
fn what_is_left_is_written_in_the_finest_unit_that_fits_and_rounded_down() {
    for (left, expected) in [
        (Duration::ZERO, "0n"),
        (Duration::from_nanos(99_999_999), "99999999n"),
        (ms(100), "100000u"),
        (Duration::from_nanos(100_000_999), "100000u"),
        (Duration::from_secs(99), "99000000u"),
        (Duration::from_secs(100), "100000m"),
        (Duration::from_nanos(100_000_999_999), "100000m"),
        (Duration::from_secs(100_000), "100000S"),
        (Duration::from_secs(100_000_000), "1666666M"),
        (Duration::from_mins(100_000_000), "1666666H"),
        (Duration::MAX, "99999999H"),
    ] {
        assert_eq!(write_grpc_timeout(left).as_str(), expected, "{left:?}");
    }
}

#[test]
fn the_nearest_of_all_deadlines_holds() {
    let now = Instant::now();
    for (grpc, told, timeout_ms, expected_ms) in [
        (None, None, None, None),
        (Some("1S"), None, None, Some(1_000)),
        (None, Some("700"), None, Some(700)),
        (None, None, Some(300), Some(300)),
        (Some("1S"), Some("700"), Some(900), Some(700)),
        (Some("500m"), Some("700"), Some(900), Some(500)),
        (Some("1S"), Some("700"), Some(300), Some(300)),
        (Some("soon"), Some("-1"), Some(300), Some(300)),
        (Some("soon"), Some("-1"), None, None),
        (Some("0S"), Some("700"), Some(300), Some(0)),
    ] {
        let deadline = Deadline::read(grpc, told, timeout_ms.map(ms), now);
        let left = deadline.map(|deadline| deadline.left(now));
        assert_eq!(left, expected_ms.map(ms), "{grpc:?} {told:?} {timeout_ms:?}");
    }
}

#[test]
fn the_next_hop_is_told_what_is_left_and_in_grpc_form_only_if_that_came_in() {
    let now = Instant::now();
    let plain = Deadline::read(None, Some("500"), None, now).unwrap();
    assert_eq!(fields(plain, now), [("x-shakedown-deadline-ms", "500".to_owned())]);
    let grpc = Deadline::read(Some("2S"), Some("500"), None, now).unwrap();
    let later = now + Duration::from_micros(100_700);
    assert_eq!(
        fields(grpc, later),
        [("x-shakedown-deadline-ms", "399".to_owned()), ("grpc-timeout", "399300u".to_owned())]
    );
}

#[test]
fn less_than_the_next_hop_could_be_told_is_spent() {
    let now = Instant::now();
    let deadline = Deadline::read(None, Some("10"), None, now).unwrap();
    for (passed_us, spent, told) in [
        (0, false, "10"),
        (9_000, false, "1"),
        (9_001, true, "0"),
        (10_000, true, "0"),
        (99_000, true, "0"),
    ] {
        let later = now + Duration::from_micros(passed_us);
        assert_eq!(deadline.is_spent(later), spent, "{passed_us}");
        assert_eq!(fields(deadline, later)[0].1, told, "{passed_us}");
    }
}

proptest! {
    #[test]
    fn a_written_timeout_reads_back_to_at_most_what_was_left(ns: u64, shift in 0_u32..64) {
        let left = Duration::from_nanos(ns >> shift);
        let read = parse_grpc_timeout(write_grpc_timeout(left).as_str()).unwrap();
        prop_assert!(read <= left);
        // A unit is left when its number has nine digits, so the next has at least six.
        prop_assert!(left.abs_diff(read) <= left / 100_000, "{left:?} became {read:?}");
    }

    #[test]
    fn a_deadline_shrinks_from_hop_to_hop_and_never_grows(
        told_ms in 0_u64..5_000,
        passed_us in prop::collection::vec(0_u64..900_000, 1..12),
    ) {
        let mut now = Instant::now();
        let end = now + ms(told_ms);
        let (mut grpc, mut told) = (format!("{told_ms}m"), told_ms.to_string());
        for passed_us in passed_us {
            let hop = Deadline::read(Some(&grpc), Some(&told), None, now).unwrap();
            prop_assert!(hop.at() <= end.max(now), "it grew beyond the first caller's");
            now += Duration::from_micros(passed_us);
            let fields = fields(hop, now);
            let left = hop.left(now);
            prop_assert!(parse_ms(&fields[0].1).unwrap() <= left);
            prop_assert!(parse_grpc_timeout(&fields[1].1).unwrap() <= left);
            prop_assert_eq!(hop.is_spent(now), fields[0].1 == "0");
            (told, grpc) = (fields[0].1.clone(), fields[1].1.clone());
        }
    }

    #[test]
    fn any_text_is_read_without_a_panic_and_kept(text in "[0-9]{0,22}[HMSmun ]?\n?.{0,20}") {
        fuzz_deadline(text.as_bytes(), Instant::now());
    }
}
