//! The growing text of a document.

use std::fmt::{self, Write as _};

#[derive(Debug, Default)]
pub(super) struct Markup {
    text: String,
}

impl Markup {
    pub(super) fn put(&mut self, text: fmt::Arguments<'_>) {
        self.text.write_fmt(text).expect("writing to a String does not fail");
    }

    /// Takes what is already markup.
    pub(super) fn raw(&mut self, markup: &str) {
        self.text.push_str(markup);
    }

    pub(super) fn finish(self) -> String {
        self.text
    }
}

/// Appends formatted markup; names and values from outside go through `esc`.
macro_rules! put {
    ($markup:expr, $($format:tt)+) => {
        $markup.put(format_args!($($format)+))
    };
}

pub(super) use put;
