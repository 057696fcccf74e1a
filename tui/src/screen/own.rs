//! What the dashboard says about itself: what the screen asks for and gets.

use crate::own::{OwnEntry, OwnKind};

/// What is shown.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OwnView {
    /// In order of time.
    pub entries: Vec<OwnEntry>,
    /// How often something of each kind was said.
    pub counts: Vec<(OwnKind, u64)>,
    /// Entries that have made room for newer ones.
    pub forgotten: u64,
}
