//! The table of `docs/receive.md` names a test for every line of the checklist.

use std::collections::BTreeMap;
use std::path::Path;

fn files(folder: &Path, into: &mut String) {
    let mut entries: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn every_line_of_the_checklist_names_tests_that_exist() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = String::new();
    files(&package.join("src/receive"), &mut sources);
    let page = std::fs::read_to_string(package.join("../docs/receive.md")).unwrap();
    let lines: BTreeMap<&str, &str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split_once(" | "))
        .filter(|(id, _)| id.ends_with(|last: char| last.is_ascii_digit()))
        .collect();
    let ids = [("SV", 18), ("SH", 12), ("SG", 5), ("J", 10)];
    for id in ids.iter().flat_map(|(name, last)| (1..=*last).map(move |n| format!("{name}{n}"))) {
        let line = lines.get(id.as_str()).unwrap_or_else(|| panic!("{id} has no line"));
        let tests: Vec<&str> =
            line.rsplit(" | ").next().unwrap().split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "{id} has no test");
        for test in tests {
            assert!(sources.contains(&format!("fn {test}(")), "{id}: there is no test {test}");
            let (before, _) = sources.split_once(&format!("fn {test}(")).unwrap();
            let comment = before.rsplit("\n}").next().unwrap();
            assert!(comment.contains(&id), "the test {test} does not name {id}");
        }
    }
}
