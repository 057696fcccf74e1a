//! Every target over its seeds, over seeds with damage, and over what comes by chance.

#[path = "../../../tests/shared/fuzzing.rs"]
mod fuzzing;

use proptest::prelude::*;

use super::*;
use fuzzing::{Targets, damage};

const ALL: Targets = Targets { home: env!("CARGO_MANIFEST_DIR"), list: TARGETS };

#[test]
fn every_target_has_its_file_and_every_file_its_target() {
    ALL.have_their_files();
}

#[test]
fn every_seed_passes_its_target() {
    ALL.pass_their_seeds();
}

proptest! {
    #[test]
    fn every_target_bears_seeds_with_damage(damage in damage()) {
        ALL.bear_damage(&damage);
    }

    #[test]
    fn every_target_bears_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        ALL.bear(&bytes);
    }

    /// Bytes that matter to parsers, so that they get further than the first line.
    #[test]
    fn every_target_bears_a_soup_of_what_matters(
        bytes in "(GET|HTTP/1\\.[01]|/|200|host|content-length|transfer-encoding|chunked|[0-9a-f]\
                  |:|;|,| |\t|\r\n|\r|\n|\\x00|é){0,40}",
    ) {
        ALL.bear(bytes.as_bytes());
    }
}
