use proptest::prelude::*;

use super::*;

/// Sun, 06 Nov 1994 08:49:37 GMT.
const EXAMPLE_MS: u64 = 784_111_777_000;

fn after(ms: u64) -> Advice {
    Advice::After(Duration::from_millis(ms))
}

#[test]
fn a_retry_after_is_seconds_or_a_date_or_nothing() {
    for (text, expected) in [
        ("0", after(0)),
        ("120", after(120_000)),
        (" 7\t", after(7_000)),
        ("99999999999999999999999", Advice::After(Duration::from_secs(u64::MAX))),
        ("Sun, 06 Nov 1994 08:49:37 GMT", after(1_500)),
        ("Sun, 06 Nov 1994 08:49:36 GMT", after(500)),
        ("Sun, 06 Nov 1994 08:49:35 GMT", after(0)),
        ("", Advice::Nothing),
        ("-1", Advice::Nothing),
        ("1.5", Advice::Nothing),
        ("+5", Advice::Nothing),
        ("soon", Advice::Nothing),
        ("Sunday, 06-Nov-94 08:49:37 GMT", Advice::Nothing),
    ] {
        assert_eq!(Advice::of_retry_after(text, EXAMPLE_MS - 1_500), expected, "{text:?}");
    }
}

#[test]
fn a_pushback_that_is_negative_or_no_number_says_stop() {
    for (text, expected) in [
        ("0", after(0)),
        ("250", after(250)),
        (" 250 ", after(250)),
        ("-1", Advice::Stop),
        ("-0", Advice::Stop),
        ("+5", Advice::Stop),
        ("", Advice::Stop),
        ("5ms", Advice::Stop),
        ("nope", Advice::Stop),
    ] {
        assert_eq!(Advice::of_pushback(text), expected, "{text:?}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_panic(text in ".{0,40}") {
        fuzz_advice(text.as_bytes());
    }

    #[test]
    fn any_number_of_seconds_is_read_as_itself(seconds in 0_u64..=u64::MAX / 1_000) {
        let read = Advice::of_retry_after(&seconds.to_string(), EXAMPLE_MS);
        prop_assert_eq!(read, Advice::After(Duration::from_secs(seconds)));
    }
}
