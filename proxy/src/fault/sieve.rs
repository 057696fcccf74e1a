//! The faults of one place, with a mark for each that tells most of those that do not match from
//! one look at two words.
//!
//! A hundred rules that are about other methods or paths lie in a few cache lines that way, instead
//! of in a hundred places of memory. The mark only rules out; whoever passes it is asked in full.

use std::sync::Arc;

use model::fault::Match;

use super::Fault;

#[derive(Debug, Default)]
pub(crate) struct Place {
    faults: Vec<Arc<Fault>>,
    marks: Vec<Mark>,
}

/// What a request must look like to be worth a closer look.
#[derive(Debug, Clone, Copy)]
struct Mark {
    /// First bytes of the method; 0 is any.
    method: u64,
    /// First bytes of the path, as far as `path_mask` covers them.
    path: u64,
    path_mask: u64,
}

impl Place {
    pub(super) fn push(&mut self, fault: Arc<Fault>) {
        self.marks.push(Mark::of(&fault.spec.matching));
        self.faults.push(fault);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }

    /// In the order of the plan.
    pub(crate) fn all(&self) -> &[Arc<Fault>] {
        &self.faults
    }

    /// Those that may match a request with this method and path, in the order of the plan.
    pub(crate) fn candidates(&self, method: &str, path: &str) -> impl Iterator<Item = &Arc<Fault>> {
        let (method, path) = (word(method), word(path));
        let marked = self.faults.iter().zip(&self.marks);
        marked.filter(move |(_, mark)| mark.admits(method, path)).map(|(fault, _)| fault)
    }
}

impl Mark {
    fn of(matching: &Match) -> Self {
        let (path, path_mask) = match matching.path.as_deref() {
            None => (0, 0),
            Some(pattern) => match pattern.strip_suffix('*') {
                Some(prefix) => (word(prefix), first_bytes(prefix.len())),
                // A shorter path ends within the word, and what follows must be nothing.
                None => (word(pattern), u64::MAX),
            },
        };
        Self { method: matching.method.as_deref().map_or(0, word), path, path_mask }
    }

    fn admits(self, method: u64, path: u64) -> bool {
        (self.method == 0 || self.method == method) && path & self.path_mask == self.path
    }
}

/// The first eight bytes; zeros follow a shorter text.
fn word(text: &str) -> u64 {
    let mut bytes = [0; 8];
    let length = text.len().min(8);
    bytes[..length].copy_from_slice(&text.as_bytes()[..length]);
    u64::from_le_bytes(bytes)
}

fn first_bytes(count: usize) -> u64 {
    match count {
        0 => 0,
        1..=7 => (1 << (8 * count)) - 1,
        _ => u64::MAX,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn admits(method: Option<&str>, path: Option<&str>, asked: (&str, &str)) -> bool {
        let (method, path) = (method.map(str::to_owned), path.map(str::to_owned));
        let mark = Mark::of(&Match { method, path, ..Match::default() });
        mark.admits(word(asked.0), word(asked.1))
    }

    #[test]
    fn a_mark_rules_out_other_methods_and_other_beginnings() {
        for (method, path, asked, expected) in [
            (None, None, ("GET", "/"), true),
            (Some("POST"), None, ("GET", "/"), false),
            (Some("POST"), None, ("POST", "/"), true),
            (None, Some("/a"), ("GET", "/a"), true),
            (None, Some("/a"), ("GET", "/ab"), false),
            (None, Some("/a*"), ("GET", "/ab"), true),
            (None, Some("/a*"), ("GET", "/b"), false),
            (None, Some("/charges/7"), ("GET", "/charges/8"), true),
            (None, Some("/charges/*"), ("GET", "/refunds/1"), false),
        ] {
            assert_eq!(admits(method, path, asked), expected, "{method:?} {path:?} {asked:?}");
        }
    }

    proptest! {
        #[test]
        fn what_matches_is_never_ruled_out(
            path in "/[a-c/]{0,12}",
            cut in 0_usize..13,
            is_prefix: bool,
        ) {
            let pattern = if is_prefix {
                format!("{}*", &path[..cut.min(path.len())])
            } else {
                path.clone()
            };
            prop_assert!(admits(None, Some(&pattern), ("GET", &path)));
        }
    }
}
