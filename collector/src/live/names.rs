//! Texts that come again and again, as small numbers.

use std::hash::BuildHasher as _;

use hashbrown::{DefaultHashBuilder, HashTable};

/// A bounded set of texts; each has the number of its arrival.
#[derive(Debug)]
pub(super) struct Names {
    texts: Vec<Box<str>>,
    numbers: HashTable<u32>,
    seed: DefaultHashBuilder,
    limit: usize,
}

impl Names {
    pub(super) fn bounded(limit: usize) -> Self {
        Self {
            texts: Vec::new(),
            numbers: HashTable::new(),
            seed: DefaultHashBuilder::default(),
            limit,
        }
    }

    /// The number of a text; `None` when it is new and there is no room for it.
    pub(super) fn number(&mut self, text: &str) -> Option<u32> {
        let Self { texts, numbers, seed, limit } = self;
        let hash = seed.hash_one(text);
        if let Some(number) = numbers.find(hash, |number| *texts[*number as usize] == *text) {
            return Some(*number);
        }
        if texts.len() >= *limit {
            return None;
        }
        let number = texts.len() as u32;
        texts.push(text.into());
        numbers.insert_unique(hash, number, |number| seed.hash_one(&*texts[*number as usize]));
        Some(number)
    }

    pub(super) fn text(&self, number: u32) -> &str {
        &self.texts[number as usize]
    }
}
