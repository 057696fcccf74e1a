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

    /// Bytes that matter to parsers of text.
    #[test]
    fn every_target_bears_a_soup_of_what_matters(
        bytes in "(\\{|\\}|\\[|\\]|:|,|\"|\\\\|\"resourceSpans\"|\"scopeSpans\"|\"spans\"|\"resourceLogs\"\
                  |\"scopeLogs\"|\"logRecords\"|\"traceId\"|\"level\"|\"time\"|null|1|-|e9|\r|\n|é){0,40}",
    ) {
        ALL.bear(bytes.as_bytes());
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
        ALL.bear(&message);
    }
}
