//! Times as people read them, and as names of files have them.

/// Year, month, day and second of the day, by the civil-from-days algorithm of the proleptic
/// Gregorian calendar.
fn civil(unix_s: u64) -> (u64, u64, u64, u64) {
    let (days, second) = (unix_s / 86_400, unix_s % 86_400);
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day, second)
}

/// `YYYYMMDD-hhmmss` in UTC.
pub fn utc_stamp(unix_s: u64) -> String {
    let (year, month, day, second) = civil(unix_s);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}{month:02}{day:02}-{hour:02}{minute:02}{second:02}")
}

/// `YYYY-MM-DD hh:mm:ss.mmm` in UTC.
pub fn utc_time(unix_ms: u64) -> String {
    let (year, month, day, second) = civil(unix_ms / 1_000);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let ms = unix_ms % 1_000;
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{ms:03}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_utc_dates() {
        for (unix_s, stamp) in [
            (0, "19700101-000000"),
            (951_782_400, "20000229-000000"),
            (1_795_225_640, "20261121-014720"),
        ] {
            assert_eq!(utc_stamp(unix_s), stamp);
        }
    }

    #[test]
    fn a_time_has_its_milliseconds() {
        assert_eq!(utc_time(951_782_400_007), "2000-02-29 00:00:00.007");
    }
}
