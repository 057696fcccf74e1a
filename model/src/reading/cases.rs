//! Mistakes and what is said about them, word by word, as text files hold them: a file, a line of
//! dashes, and every finding in it as `line:column: message`.

/// Compares the findings of every case with what is expected.
#[track_caller]
pub(crate) fn check(cases: &str, findings: impl Fn(&str) -> Vec<String>) {
    let mut actual = Vec::new();
    for case in cases.trim_end().split("\n====\n") {
        let (text, _) = case.split_once("\n----").expect("every case has a line of dashes");
        let found = findings(text);
        assert!(!found.is_empty(), "accepted:\n{text}");
        actual.push(format!("{text}\n----\n{}", found.join("\n")));
    }
    let actual = actual.join("\n====\n");
    // Shown when the test fails, so that a change of many messages can be read as one difference.
    println!("{actual}");
    for (line, (actual, expected)) in actual.lines().zip(cases.lines()).enumerate() {
        assert_eq!(actual, expected, "line {} of the cases", line + 1);
    }
    assert_eq!(actual.lines().count(), cases.lines().count());
}
