//! Mistakes and what is said about them. `@BASE` stands for the shortest scenario.

use super::*;
use crate::reading::cases;

#[test]
fn every_mistake_is_found_at_its_place_and_says_what_would_be_right() {
    cases::check(include_str!("findings.txt"), |text| {
        findings(&text.replace("@BASE", LOAD.trim_end()))
    });
}
