//! Rules about the tree itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, MetadataCommand};

use crate::support::root;

/// Longest source file, tests included.
const FILE_LINES_MAX: usize = 500;
const LINE_COLUMNS_MAX: usize = 100;

/// Test code, which may hold wide expected texts and needs no heads.
fn is_test(path: &Path) -> bool {
    path.strip_prefix(root()).unwrap().to_string_lossy().contains("tests")
}

/// Which of our crates each of our crates may use outside its tests.
fn allowed() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let part = ["model", "telemetry"];
    BTreeMap::from([
        ("model", BTreeSet::new()),
        ("telemetry", BTreeSet::from(["model"])),
        ("proxy", part.into()),
        ("collector", part.into()),
        ("loadgen", part.into()),
        ("tui", part.into()),
        ("services", part.into()),
        (
            "harness",
            BTreeSet::from([
                "model",
                "telemetry",
                "proxy",
                "collector",
                "loadgen",
                "tui",
                "services",
            ]),
        ),
        ("tests", BTreeSet::from(["harness"])),
    ])
}

/// Crates that would make the pure crate impure.
const MODEL_MUST_NOT_USE: [&str; 6] = ["tokio", "hyper", "axum", "rand", "tracing", "rusqlite"];

#[test]
fn no_crate_knows_a_crate_that_it_must_not_know() {
    let metadata = MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .other_options(["--offline".to_owned()])
        .exec()
        .unwrap();
    let allowed = allowed();
    for package in &metadata.packages {
        let name = package.name.as_str();
        let may = allowed.get(name).unwrap_or_else(|| panic!("{name} is not in the table"));
        let normal = package.dependencies.iter().filter(|used| used.kind == DependencyKind::Normal);
        for used in normal {
            let used = used.name.as_str();
            let ours = allowed.contains_key(used);
            assert!(!ours || may.contains(used), "{name} must not depend on {used}");
            let impure = name == "model" && MODEL_MUST_NOT_USE.contains(&used);
            assert!(!impure, "model is pure and must not depend on {used}");
        }
    }
}

fn files(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !name.starts_with('.')
                && name != "target"
                && name != "runs"
                && name != "node_modules"
            {
                files(&path, extension, found);
            }
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
}

fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    files(&root(), "rs", &mut found);
    assert!(found.len() > 50, "the sources were not found");
    found
}

#[test]
fn no_source_file_is_longer_than_a_person_reads_at_once() {
    for path in sources() {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= FILE_LINES_MAX, "{} has {lines} lines", path.display());
    }
}

#[test]
fn no_source_line_is_wider_than_the_page() {
    for path in sources() {
        for (number, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            let columns = line.chars().count();
            // Text that must stand on one line, such as an expected screen, is quoted.
            let quoted = line.contains('"') || is_test(&path);
            assert!(
                columns <= LINE_COLUMNS_MAX || quoted,
                "{}:{} has {columns} columns",
                path.display(),
                number + 1
            );
        }
    }
}

#[test]
fn every_module_says_what_it_is_for() {
    for path in sources() {
        let text = fs::read_to_string(&path).unwrap();
        assert!(is_test(&path) || text.starts_with("//!"), "{} has no head", path.display());
    }
}

#[test]
fn every_scenario_is_named_in_the_readme_of_its_folder() {
    let folder = root().join("scenarios");
    let readme = fs::read_to_string(folder.join("README.md")).unwrap();
    let mut scenarios = Vec::new();
    files(&folder, "toml", &mut scenarios);
    assert!(!scenarios.is_empty());
    for path in scenarios {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(readme.contains(&format!("`{name}`")), "scenarios/README.md does not name {name}");
    }
}

#[test]
fn every_decision_is_numbered_once_and_has_its_three_parts() {
    let mut decisions = Vec::new();
    files(&root().join("docs/decisions"), "md", &mut decisions);
    let mut numbers = BTreeSet::new();
    for path in decisions {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(numbers.insert(name[..4].to_owned()), "{name} repeats a number");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with(&format!("# {}: ", &name[..4])), "{name} has another title");
        let parts = ["## Context", "## Choice", "## Consequences"];
        assert!(parts.iter().all(|part| text.contains(part)), "{name} lacks one of {parts:?}");
    }
    assert!(numbers.len() >= 4);
}

#[test]
fn the_documents_show_the_keys_and_exit_codes_that_the_program_has() {
    let dashboard = fs::read_to_string(root().join("docs/dashboard.md")).unwrap();
    assert!(dashboard.contains(&tui::keys::markdown()), "expected\n{}", tui::keys::markdown());
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    for code in harness::result::ExitCode::ALL {
        let row = readme.lines().find(|line| line.starts_with(&format!("| {} |", code.code())));
        assert!(row.is_some(), "README.md does not explain exit code {code}");
    }
}
