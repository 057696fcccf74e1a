use proptest::prelude::*;

use super::*;

fn line(unix_ns: u64, body: &str) -> LogLine {
    LogLine {
        unix_ns,
        service: String::new(),
        severity: String::new(),
        body: body.to_owned(),
        event: String::new(),
        trace_id: None,
        span_id: None,
        correlation_id: None,
        attributes: std::collections::BTreeMap::new(),
    }
}

proptest! {
    #[test]
    fn pages_of_logs_show_every_line_once_whatever_lines_have_the_same_time(
        mut times in prop::collection::vec(0_u64..6, 0..40),
        limit in 1_usize..7,
    ) {
        times.sort_unstable();
        let all: Vec<LogLine> =
            times.iter().enumerate().map(|(index, at)| line(*at, &index.to_string())).collect();
        let mut query = LogQuery { limit: Some(limit), ..LogQuery::default() };
        let mut shown = Vec::new();
        for _ in 0..=all.len() {
            let up_to = query.cursor.map_or(u64::MAX, |cursor| cursor.unix_ns);
            let found: Vec<LogLine> =
                all.iter().filter(|line| line.unix_ns <= up_to).cloned().collect();
            let newest = found.len().saturating_sub(query.lookup());
            let page = query.page(found[newest..].to_vec());
            shown.splice(0..0, page.iter().cloned());
            match query.next(&page) {
                Some(cursor) => query.cursor = Some(cursor.to_string().parse().unwrap()),
                None => break,
            }
        }
        prop_assert_eq!(shown, all);
    }
}

#[test]
fn a_cursor_is_read_back_and_other_texts_are_refused() {
    let cursor: TraceCursor = "17-01010101010101010101010101010101".parse().unwrap();
    assert_eq!(cursor.to_string().parse(), Ok(cursor));
    for text in ["", "17", "17-", "-1-01010101010101010101010101010101", "17-xyz"] {
        assert!(text.parse::<TraceCursor>().is_err(), "{text}");
    }
    for text in ["", "5", "5-x", "5-99999999999"] {
        assert!(text.parse::<LogCursor>().is_err(), "{text}");
    }
}

#[test]
fn a_severity_is_a_name_or_a_number() {
    for (text, number) in [("warn", 13), ("ERROR", 17), ("10", 10)] {
        assert_eq!(parse_severity(text), Ok(number));
    }
    assert!(parse_severity("loud").unwrap_err().contains("expected trace, debug"));
}
