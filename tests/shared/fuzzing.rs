//! What the fuzz targets of all crates have in common: each has its file, its line in the manifest
//! and its seeds, and bears them whole and damaged. Included by the tests of each crate, because a
//! target's body belongs to the crate whose parser it is about.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prop_compose;
use proptest::sample::Index;

/// The body of a target.
type Body = fn(&[u8]);

/// The targets of a crate.
pub(super) struct Targets {
    /// Folder of the crate.
    pub(super) home: &'static str,
    /// Name and body.
    pub(super) list: &'static [(&'static str, Body)],
}

impl Targets {
    fn folder(&self) -> PathBuf {
        Path::new(self.home).join("fuzz")
    }

    fn seeds(&self, target: &str) -> Vec<Vec<u8>> {
        let folder = self.folder().join("seeds").join(target);
        let entries =
            fs::read_dir(&folder).unwrap_or_else(|_| panic!("{} is missing", folder.display()));
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        assert!(!paths.is_empty(), "{} is empty", folder.display());
        paths.iter().map(|path| fs::read(path).unwrap()).collect()
    }

    pub(super) fn have_their_files(&self) {
        let mut files: Vec<String> = fs::read_dir(self.folder().join("fuzz_targets"))
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
            .collect();
        files.sort();
        let mut names: Vec<&str> = self.list.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        assert_eq!(files, names);
        let manifest = fs::read_to_string(self.folder().join("Cargo.toml")).unwrap();
        for name in names {
            assert!(
                manifest.contains(&format!("name = \"{name}\"")),
                "{name} is not in Cargo.toml"
            );
            let source = self.folder().join(format!("fuzz_targets/{name}.rs"));
            let source = fs::read_to_string(source).unwrap();
            assert!(source.contains(&format!("::{name}(")), "{name}.rs runs another target");
        }
    }

    pub(super) fn pass_their_seeds(&self) {
        for (name, run) in self.list {
            self.seeds(name).iter().for_each(|seed| run(seed));
        }
    }

    /// Each runs over one of its seeds with this damage.
    pub(super) fn bear_damage(&self, damage: &Damage) {
        for (name, run) in self.list {
            let mut bytes = damage.pick.get(&self.seeds(name)).clone();
            for place in &damage.places {
                place.damage(&mut bytes);
            }
            run(&bytes);
        }
    }

    pub(super) fn bear(&self, bytes: &[u8]) {
        for (_, run) in self.list {
            run(bytes);
        }
    }
}

/// What is done to a seed.
#[derive(Debug)]
pub(super) struct Damage {
    pick: Index,
    places: Vec<Place>,
}

#[derive(Debug)]
struct Place {
    at: Index,
    byte: u8,
    how: u8,
}

impl Place {
    fn damage(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let at = self.at.index(bytes.len());
        match self.how {
            0 => bytes[at] = self.byte,
            1 => bytes.insert(at, self.byte),
            2 => drop(bytes.remove(at)),
            _ => bytes.truncate(at),
        }
    }
}

prop_compose! {
    fn place()(
        at in proptest::prelude::any::<Index>(),
        byte in proptest::prelude::any::<u8>(),
        how in 0..4_u8,
    ) -> Place {
        Place { at, byte, how }
    }
}

prop_compose! {
    pub(super) fn damage()(
        pick in proptest::prelude::any::<Index>(),
        places in proptest::collection::vec(place(), 1..4),
    ) -> Damage {
        Damage { pick, places }
    }
}
