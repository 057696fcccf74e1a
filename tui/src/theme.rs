//! Colours by role, and the decision how many of them a terminal gets.
//!
//! The colours are indexed, not true colour: frames stay small, and terminals show them alike.
//! They were chosen so that the states stay apart for people who see red and green alike; a test
//! computes that. In mono nothing ever sets a colour: bold, dim, underlined and reversed do the
//! work.

use ratatui::style::{Modifier, Style};

use crate::glyphs::{self, Glyphs};

mod choice;
mod palette;
mod print;
mod role;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod vision;

pub use choice::{ColorChoice, Surroundings, ThemeName, Wishes};
pub use palette::{COLOR_NAMES, Colors, color_named, color_numbered, color_text};
pub use print::print_theme;
pub use role::{HEAT_STEPS, Role, SERIES};

/// How many colours there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    Mono,
    Ansi16,
    Indexed256,
}

/// Colours and signs of one terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    pub depth: Depth,
    /// For dark text on a light ground.
    pub light: bool,
    pub glyphs: &'static Glyphs,
    /// Colours that a person has chosen.
    pub colors: Colors,
}

impl Theme {
    pub const fn new(depth: Depth, glyphs: &'static Glyphs) -> Self {
        Self { depth, light: false, glyphs, colors: Colors::NONE }
    }

    /// With no wish but these.
    pub fn choose(color: ColorChoice, ascii: Option<bool>, around: &Surroundings) -> Self {
        Self::of(&Wishes { color, ascii, ..Wishes::default() }, around)
    }

    pub fn of(wishes: &Wishes, around: &Surroundings) -> Self {
        Self {
            depth: choice::depth(wishes, around),
            light: choice::light(wishes, around),
            glyphs: Glyphs::choose(wishes.ascii, &around.locale),
            colors: wishes.colors,
        }
    }

    /// Two values in one cell need a colour each, and the half block.
    pub fn half_blocks(&self) -> bool {
        self.depth == Depth::Indexed256 && !self.glyphs.ascii
    }

    /// Lines of dots are told apart by colour only.
    pub fn dotted_lines(&self) -> bool {
        self.depth != Depth::Mono && !self.glyphs.ascii
    }

    pub fn name(&self) -> ThemeName {
        match self.depth {
            Depth::Mono => ThemeName::Mono,
            Depth::Ansi16 => ThemeName::Sixteen,
            Depth::Indexed256 if self.light => ThemeName::Light,
            Depth::Indexed256 => ThemeName::Dark,
        }
    }

    pub fn style(&self, role: Role) -> Style {
        let own = match self.depth {
            Depth::Mono => None,
            Depth::Ansi16 => palette::sixteen(role, self.light),
            Depth::Indexed256 if self.light => palette::light(role),
            Depth::Indexed256 => palette::dark(role),
        };
        let color = self.colors.get(role, self.depth).or(own);
        let style = Style { fg: color, ..Style::new() };
        style.add_modifier(modifiers(role, color.is_some()))
    }
}

impl Default for Theme {
    fn default() -> Self {
        Self::new(Depth::Indexed256, &glyphs::UTF8)
    }
}

/// What a role is beside its colour, and what it is instead of one.
fn modifiers(role: Role, colored: bool) -> Modifier {
    match role {
        Role::Select => Modifier::REVERSED,
        Role::Header => Modifier::UNDERLINED,
        Role::Title | Role::Focus => Modifier::BOLD,
        Role::Error | Role::LogError if !colored => Modifier::BOLD,
        Role::Dim | Role::LogDebug if !colored => Modifier::DIM,
        _ => Modifier::empty(),
    }
}
