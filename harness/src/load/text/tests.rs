use super::*;

#[test]
fn a_percentile_shows_what_is_not_known_of_it() {
    let percentile = |ms, at_most_ms| shown(Some(Percentile { percent: 99.0, ms, at_most_ms }));
    assert_eq!(percentile(1.234, Some(1.234)), "1.23ms");
    assert_eq!(percentile(0.25, Some(12.0)), "250us..12.0ms");
    assert_eq!(percentile(1_500.0, None), ">1.50s");
    assert_eq!(shown(None), "--");
}

#[test]
fn requests_without_an_answer_were_counted_as_responses() {
    let of = |results: &[(&str, u64)]| {
        let results = results.iter().map(|(kind, count)| ((*kind).to_owned(), *count)).collect();
        let mut text = String::new();
        troubles(&mut text, &results);
        text
    };
    assert_eq!(of(&[("200", 7), ("304", 1), ("load_stopped", 3)]), "");
    assert_eq!(of(&[("200", 7), ("404", 2), ("503", 1)]), "  Non-2xx or 3xx responses: 3\n");
    let errors = "  Socket errors: connect 5, read 6, write 0, timeout 7\n";
    let kinds = [("connection_refused", 5), ("connection_reset", 4), ("answer_not_http", 2)];
    assert_eq!(of(&[&kinds[..], &[("timeout", 7), ("200", 1)]].concat()), errors);
}
