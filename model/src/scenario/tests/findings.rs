//! Mistakes and what is said about them, word by word.
//!
//! `findings.txt` holds the cases: a scenario, a line of dashes, and every finding in it as
//! `line:column: message`. `@BASE` stands for the shortest scenario.

use super::*;

const CASES: &str = include_str!("findings.txt");

#[test]
fn every_mistake_is_found_at_its_place_and_says_what_would_be_right() {
    let mut actual = Vec::new();
    for case in CASES.split("\n====\n") {
        let (text, _) = case.split_once("\n----\n").expect("every case has a line of dashes");
        let found = findings(&text.replace("@BASE", LOAD.trim_end()));
        assert!(!found.is_empty(), "accepted:\n{text}");
        actual.push(format!("{text}\n----\n{}", found.join("\n")));
    }
    let actual = actual.join("\n====\n");
    for (line, (actual, expected)) in actual.lines().zip(CASES.lines()).enumerate() {
        assert_eq!(actual, expected, "line {} of findings.txt", line + 1);
    }
    assert_eq!(actual.lines().count(), CASES.lines().count());
}
