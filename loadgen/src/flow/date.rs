//! Dates in headers, by the tolerant rules that RFC 6265 §5.1.1 has for cookies: servers write them
//! in many ways, and those of RFC 9110 §5.6.7 are among these.

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Seconds since the Unix epoch; `None` when it is no date.
pub(crate) fn parse(text: &str) -> Option<i64> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    let delimiter = |character: char| !character.is_ascii_alphanumeric() && character != ':';
    for token in text.split(delimiter).filter(|token| !token.is_empty()) {
        let number: Option<i64> = token.parse().ok();
        if time.is_none() && token.contains(':') {
            time = Some(time_of(token)?);
        } else if day.is_none() && number.is_some() && token.len() <= 2 {
            day = number;
        } else if month.is_none() && number.is_none() {
            let lower = token.get(..3).unwrap_or_default().to_ascii_lowercase();
            month = (1..).zip(MONTHS).find(|(_, name)| *name == lower).map(|(number, _)| number);
        } else if year.is_none() && (token.len() == 2 || token.len() == 4) {
            year = number.map(|year| match year {
                70..=99 => year + 1_900,
                0..=69 => year + 2_000,
                year => year,
            });
        }
    }
    let (day, month, year) = (day?, month?, year.filter(|year| *year >= 1_601)?);
    (1..=31).contains(&day).then(|| days(year, month, day) * 86_400 + time.unwrap_or(0))
}

fn time_of(token: &str) -> Option<i64> {
    let mut parts = token.split(':').map(|part| part.parse::<i64>().ok());
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    let fits = (0..24).contains(&hours) && (0..60).contains(&minutes) && (0..60).contains(&seconds);
    fits.then_some(hours * 3_600 + minutes * 60 + seconds)
}

/// Days since 1970-01-01 of a Gregorian date (Howard Hinnant, `days_from_civil`).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_writing_a_date_is_understood() {
        for text in [
            "Wed, 09 Jun 2021 10:18:14 GMT",
            "Wednesday, 09-Jun-21 10:18:14 GMT",
            "Wed Jun  9 10:18:14 2021",
            "09 june 2021 10:18:14",
        ] {
            assert_eq!(parse(text), Some(1_623_233_894), "{text}");
        }
        assert_eq!(parse("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(parse("29 Feb 2024 00:00:00"), Some(1_709_164_800));
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in ["", "soon", "Wed, 09 Jun", "99 Jun 2021 10:18:14", "09 Jun 2021 25:00:00"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
