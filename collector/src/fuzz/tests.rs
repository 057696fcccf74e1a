use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = folder().join("seeds").join(target);
    let entries =
        fs::read_dir(&folder).unwrap_or_else(|_| panic!("{} is missing", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} is empty", folder.display());
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

#[test]
fn every_target_has_its_file_and_every_file_its_target() {
    let mut files: Vec<String> = fs::read_dir(folder().join("fuzz_targets"))
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    files.sort();
    let mut names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    assert_eq!(files, names);
    let manifest = fs::read_to_string(folder().join("Cargo.toml")).unwrap();
    for name in names {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} is not in Cargo.toml");
        let source = folder().join(format!("fuzz_targets/{name}.rs"));
        let source = fs::read_to_string(source).unwrap();
        assert!(source.contains(&format!("::{name}(")), "{name}.rs runs another target");
    }
}

#[test]
fn every_seed_passes_its_target() {
    for (name, run) in TARGETS {
        for seed in seeds(name) {
            run(&seed);
        }
    }
}

proptest! {
    #[test]
    fn every_target_bears_seeds_with_damage(
        pick in any::<prop::sample::Index>(),
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 1..4),
    ) {
        for (name, run) in TARGETS {
            let seeds = seeds(name);
            let mut bytes = pick.get(&seeds).clone();
            for (place, byte, how) in &places {
                damage(&mut bytes, *place, *byte, *how);
            }
            run(&bytes);
        }
    }

    #[test]
    fn every_target_bears_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for (_, run) in TARGETS {
            run(&bytes);
        }
    }

    /// Bytes that matter to parsers of text.
    #[test]
    fn every_target_bears_a_soup_of_what_matters(
        bytes in "(\\{|\\}|\\[|\\]|:|,|\"|\\\\|\"resourceSpans\"|\"scopeSpans\"|\"spans\"|\"resourceLogs\"\
                  |\"scopeLogs\"|\"logRecords\"|\"traceId\"|\"level\"|\"time\"|null|1|-|e9|\r|\n|é){0,40}",
    ) {
        for (_, run) in TARGETS {
            run(bytes.as_bytes());
        }
    }

    /// Messages inside messages, as deep as protobuf of a request is.
    #[test]
    fn every_target_bears_fields_in_fields(
        fields in prop::collection::vec((1_u8..16, prop::collection::vec(any::<u8>(), 0..20)), 0..9),
        depth in 0_usize..5,
    ) {
        let field = |number: u8, content: &[u8]| {
            let mut bytes = Vec::new();
            crate::wire::put_bytes(u32::from(number), content, &mut bytes);
            bytes
        };
        let mut message: Vec<u8> = fields.iter().flat_map(|(number, it)| field(*number, it)).collect();
        for level in 0..depth {
            message = field(if level + 1 == depth { 1 } else { 2 }, &message);
        }
        for (_, run) in TARGETS {
            run(&message);
        }
    }
}

fn damage(bytes: &mut Vec<u8>, place: prop::sample::Index, byte: u8, how: u8) {
    if bytes.is_empty() {
        return;
    }
    let place = place.index(bytes.len());
    match how {
        0 => bytes[place] = byte,
        1 => bytes.insert(place, byte),
        2 => drop(bytes.remove(place)),
        _ => bytes.truncate(place),
    }
}
