use proptest::prelude::*;

use super::*;

#[test]
fn known_dates_are_read() {
    for (text, unix_s) in [
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Tue, 29 Feb 2000 23:59:59 GMT", 951_868_799),
        ("Tue, 19 Jan 2038 03:14:08 GMT", 1 << 31),
        ("Sat, 31 Dec 2016 23:59:60 GMT", 1_483_228_800),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 253_402_300_799),
    ] {
        assert_eq!(imf_fixdate(text), Some(unix_s), "{text}");
    }
}

#[test]
fn what_is_no_such_date_is_not_read() {
    for text in [
        "",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Sun, 06 Nov 1994  08:49:37 GMT",
        "Sun 06 Nov 1994 08:49:37 GMT",
        "Som, 06 Nov 1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Wed, 29 Feb 1995 08:49:37 GMT",
        "Wed, 29 Feb 2100 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:+7 GMT",
        "Wed, 31 Dec 1969 23:59:59 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    ] {
        assert_eq!(imf_fixdate(text), None, "{text:?}");
    }
}

/// A calendar that counts day by day.
fn naive(unix_s: u64) -> String {
    let (mut days, mut year, mut month) = (unix_s / DAY_S, EPOCH_YEAR, 0);
    let weekday = DAY_NAMES[((days + 3) % 7) as usize];
    let length = |month: usize, year: u64| match month {
        1 if is_leap(year) => 29,
        1 => 28,
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    };
    while days >= length(month, year) {
        days -= length(month, year);
        month += 1;
        if month == 12 {
            (month, year) = (0, year + 1);
        }
    }
    let (hour, minute, second) = (unix_s / 3_600 % 24, unix_s / 60 % 60, unix_s % 60);
    let (day, month) = (days + 1, MONTH_NAMES[month]);
    format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
}

proptest! {
    #[test]
    fn every_second_of_four_hundred_years_is_read_as_itself(unix_s in 0_u64..12_622_780_800) {
        prop_assert_eq!(imf_fixdate(&naive(unix_s)), Some(unix_s));
    }

    #[test]
    fn one_changed_letter_never_panics(unix_s: u32, at in 0_usize..29, letter in any::<char>()) {
        let mut letters: Vec<char> = naive(u64::from(unix_s)).chars().collect();
        letters[at] = letter;
        let text: String = letters.into_iter().collect();
        let _read = imf_fixdate(&text);
    }
}
