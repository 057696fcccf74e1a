//! The signs on the screen, in UTF-8 and in ASCII.
//!
//! A sign carries the meaning; colour only repeats it. Both sets have the same width, so a layout
//! does not depend on the set.

use model::policy::BreakerState;

/// Lines of a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Box {
    pub horizontal: &'static str,
    pub vertical: &'static str,
    pub top_left: &'static str,
    pub top_right: &'static str,
    pub bottom_left: &'static str,
    pub bottom_right: &'static str,
}

/// One set of signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Glyphs {
    pub ascii: bool,
    pub border: Box,
    pub breaker_closed: &'static str,
    pub breaker_open: &'static str,
    pub breaker_half_open: &'static str,
    pub breaker_forced: &'static str,
    pub breaker_disabled: &'static str,
    pub fault_done: &'static str,
    pub fault_active: &'static str,
    pub fault_planned: &'static str,
    /// p50, p90, p99, p99.9 where lines cannot be told apart by colour.
    pub series: [&'static str; 4],
    /// From few to many; empty is a space.
    pub heat: &'static [&'static str],
    /// Heights of a bar, from low to full.
    pub bars: &'static [&'static str],
    /// Bars of a waterfall: ok, error, fault, rejected, wait.
    pub span: [&'static str; 5],
    pub gap: &'static str,
    pub cursor: &'static str,
    pub cursor_line: &'static str,
    pub selected: &'static str,
    pub ellipsis: &'static str,
    pub progress_done: &'static str,
    pub progress_head: &'static str,
    pub progress_left: &'static str,
    pub live: &'static str,
    pub paused: &'static str,
    pub past: &'static str,
    pub replay: &'static str,
    pub lost: &'static str,
    pub ended: &'static str,
}

pub const UTF8: Glyphs = Glyphs {
    ascii: false,
    border: Box {
        horizontal: "─",
        vertical: "│",
        top_left: "┌",
        top_right: "┐",
        bottom_left: "└",
        bottom_right: "┘",
    },
    breaker_closed: "─",
    breaker_open: "█",
    breaker_half_open: "▚",
    breaker_forced: "▓",
    breaker_disabled: "┄",
    fault_done: "━",
    fault_active: "█",
    fault_planned: "┄",
    series: [".", "o", "x", "^"],
    heat: &["·", "░", "▒", "▓", "█"],
    bars: &["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
    span: ["█", "▒", "▞", "▓", "┄"],
    gap: "┊",
    cursor: "^",
    cursor_line: "│",
    selected: ">",
    ellipsis: "…",
    progress_done: "━",
    progress_head: "╸",
    progress_left: " ",
    live: "●",
    paused: "‖",
    past: "◀",
    replay: "▶",
    lost: "○",
    ended: "■",
};

pub const ASCII: Glyphs = Glyphs {
    ascii: true,
    border: Box {
        horizontal: "-",
        vertical: "|",
        top_left: "+",
        top_right: "+",
        bottom_left: "+",
        bottom_right: "+",
    },
    breaker_closed: "-",
    breaker_open: "#",
    breaker_half_open: "/",
    breaker_forced: "!",
    breaker_disabled: ".",
    fault_done: "=",
    fault_active: "#",
    fault_planned: ".",
    series: [".", "o", "x", "^"],
    heat: &[".", ":", "-", "=", "+", "*", "#", "%", "@"],
    bars: &["_", ".", ":", "-", "=", "+", "*", "#"],
    span: ["=", "!", "%", "#", "."],
    gap: ":",
    cursor: "^",
    cursor_line: "|",
    selected: ">",
    ellipsis: "~",
    progress_done: "=",
    progress_head: ">",
    progress_left: " ",
    live: "*",
    paused: "=",
    past: "<",
    replay: ">",
    lost: "o",
    ended: "#",
};

impl Glyphs {
    /// The set for a terminal: as asked, else by the locale, in the order in which the C library
    /// reads its variables.
    pub fn choose(ascii: Option<bool>, locale: &str) -> &'static Self {
        let upper = locale.to_ascii_uppercase();
        let ascii = ascii.unwrap_or(!(upper.contains("UTF-8") || upper.contains("UTF8")));
        if ascii { &ASCII } else { &UTF8 }
    }

    pub fn breaker(&self, state: BreakerState) -> &'static str {
        match state {
            BreakerState::Closed => self.breaker_closed,
            BreakerState::Open => self.breaker_open,
            BreakerState::HalfOpen => self.breaker_half_open,
            BreakerState::ForcedOpen => self.breaker_forced,
            BreakerState::Disabled | BreakerState::MetricsOnly => self.breaker_disabled,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locale_decides_unless_a_set_is_asked_for() {
        assert!(!Glyphs::choose(None, "en_GB.UTF-8").ascii);
        assert!(!Glyphs::choose(None, "C.utf8").ascii);
        assert!(Glyphs::choose(None, "C").ascii);
        assert!(Glyphs::choose(None, "").ascii);
        assert!(Glyphs::choose(Some(true), "C.UTF-8").ascii);
        assert!(!Glyphs::choose(Some(false), "C").ascii);
    }

    #[test]
    fn the_ascii_set_is_ascii() {
        assert!(format!("{ASCII:?}").is_ascii());
    }
}
