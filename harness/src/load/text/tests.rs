use super::*;

#[test]
fn a_percentile_shows_what_is_not_known_of_it() {
    let percentile = |ms, at_most_ms| shown(Some(Percentile { percent: 99.0, ms, at_most_ms }));
    assert_eq!(percentile(1.234, Some(1.234)), "1.23ms");
    assert_eq!(percentile(0.25, Some(12.0)), "250us..12.0ms");
    assert_eq!(percentile(1_500.0, None), ">1.50s");
    assert_eq!(shown(None), "--");
}
