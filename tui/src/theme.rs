//! Colours by role, and the decision how many of them a terminal gets.
//!
//! The colours are indexed, not true colour: frames stay small, and terminals show them alike.
//! They were chosen so that the states stay apart for people who see red and green alike. In
//! mono nothing ever sets a colour: bold, dim, underlined and reversed do the work.

use ratatui::style::{Color, Modifier, Style};

use crate::glyphs::{self, Glyphs};

/// What a piece of the screen is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Text,
    Dim,
    Border,
    Title,
    Header,
    Select,
    Ok,
    Warn,
    Error,
    Fault,
    /// p50, p90, p99, p99.9.
    Series(usize),
    /// From few to many: 0 to [`HEAT_STEPS`] - 1.
    Heat(usize),
}

/// Steps of the heat ramp.
pub const HEAT_STEPS: usize = 9;

/// How many colours there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    Mono,
    Ansi16,
    Indexed256,
}

/// What the user wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ColorChoice {
    /// As `NO_COLOR` and the kind of terminal say.
    #[default]
    Auto,
    Always,
    Never,
}

/// The variables that decide about colours and signs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    pub no_color: String,
    pub term: String,
    pub colorterm: String,
    /// The first of `LC_ALL`, `LC_CTYPE` and `LANG` that is set.
    pub locale: String,
}

impl Surroundings {
    pub fn read() -> Self {
        let variable = |name: &str| std::env::var(name).unwrap_or_default();
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .map(variable)
            .find(|value| !value.is_empty())
            .unwrap_or_default();
        Self {
            no_color: variable("NO_COLOR"),
            term: variable("TERM"),
            colorterm: variable("COLORTERM"),
            locale,
        }
    }
}

/// Colours and signs of one terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    pub depth: Depth,
    pub glyphs: &'static Glyphs,
}

impl Theme {
    pub const fn new(depth: Depth, glyphs: &'static Glyphs) -> Self {
        Self { depth, glyphs }
    }

    pub fn choose(color: ColorChoice, ascii: Option<bool>, around: &Surroundings) -> Self {
        let glyphs = Glyphs::choose(ascii, &around.locale);
        Self { depth: depth(color, around), glyphs }
    }

    /// Two values in one cell need a colour each, and the half block.
    pub fn half_blocks(&self) -> bool {
        self.depth == Depth::Indexed256 && !self.glyphs.ascii
    }

    /// Lines of dots are told apart by colour only.
    pub fn dotted_lines(&self) -> bool {
        self.depth != Depth::Mono && !self.glyphs.ascii
    }

    pub fn style(&self, role: Role) -> Style {
        match self.depth {
            Depth::Mono => mono(role),
            Depth::Ansi16 => ansi16(role),
            Depth::Indexed256 => indexed(role),
        }
    }
}

impl Default for Theme {
    fn default() -> Self {
        Self::new(Depth::Indexed256, &glyphs::UTF8)
    }
}

fn depth(color: ColorChoice, around: &Surroundings) -> Depth {
    let many = around.term.contains("256color") || !around.colorterm.is_empty();
    let most = if many { Depth::Indexed256 } else { Depth::Ansi16 };
    match color {
        ColorChoice::Never => Depth::Mono,
        ColorChoice::Always => most,
        ColorChoice::Auto if !around.no_color.is_empty() => Depth::Mono,
        ColorChoice::Auto if around.term == "dumb" => Depth::Mono,
        ColorChoice::Auto => most,
    }
}

fn mono(role: Role) -> Style {
    let style = Style::new();
    match role {
        Role::Error => style.add_modifier(Modifier::BOLD),
        Role::Select => style.add_modifier(Modifier::REVERSED),
        Role::Header => style.add_modifier(Modifier::UNDERLINED),
        Role::Title => style.add_modifier(Modifier::BOLD),
        Role::Dim => style.add_modifier(Modifier::DIM),
        _ => style,
    }
}

fn ansi16(role: Role) -> Style {
    let style = Style::new();
    match role {
        Role::Ok => style.fg(Color::LightCyan),
        Role::Warn => style.fg(Color::Yellow),
        Role::Error => style.fg(Color::LightRed),
        Role::Fault => style.fg(Color::LightMagenta),
        Role::Dim | Role::Border => style.fg(Color::DarkGray),
        Role::Title => style.add_modifier(Modifier::BOLD),
        Role::Header => style.fg(Color::Gray).add_modifier(Modifier::UNDERLINED),
        Role::Series(index) => style
            .fg(*pick(&[Color::LightBlue, Color::LightCyan, Color::Yellow, Color::White], index)),
        Role::Heat(step) => style.fg(*pick(
            &[Color::Blue, Color::Magenta, Color::LightRed, Color::Yellow, Color::White],
            step * 5 / HEAT_STEPS,
        )),
        Role::Text | Role::Select => mono(role),
    }
}

fn indexed(role: Role) -> Style {
    let color = match role {
        Role::Ok => 80,
        Role::Warn => 226,
        Role::Error => 167,
        Role::Fault => 135,
        Role::Dim => 244,
        Role::Border => 240,
        Role::Header => 250,
        Role::Series(index) => *pick(&[32, 117, 215, 230], index),
        Role::Heat(step) => *pick(&[233, 53, 89, 125, 167, 209, 215, 222, 230], step),
        Role::Text | Role::Select | Role::Title => return mono(role),
    };
    let style = Style::new().fg(Color::Indexed(color));
    if role == Role::Header { style.add_modifier(Modifier::UNDERLINED) } else { style }
}

fn pick<T>(ramp: &[T], index: usize) -> &T {
    ramp.get(index).unwrap_or(&ramp[ramp.len() - 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_roles() -> Vec<Role> {
        let mut roles = vec![
            Role::Text,
            Role::Dim,
            Role::Border,
            Role::Title,
            Role::Header,
            Role::Select,
            Role::Ok,
            Role::Warn,
            Role::Error,
            Role::Fault,
        ];
        roles.extend((0..6).map(Role::Series));
        roles.extend((0..12).map(Role::Heat));
        roles
    }

    #[test]
    fn mono_never_sets_a_colour() {
        let theme = Theme::new(Depth::Mono, &glyphs::UTF8);
        for role in all_roles() {
            let style = theme.style(role);
            assert_eq!((style.fg, style.bg, style.underline_color), (None, None, None), "{role:?}");
        }
    }

    #[test]
    fn every_role_has_a_style_at_every_depth() {
        for depth in [Depth::Ansi16, Depth::Indexed256] {
            let theme = Theme::new(depth, &glyphs::UTF8);
            for role in all_roles() {
                let plain = matches!(role, Role::Text);
                assert_eq!(theme.style(role) == Style::new(), plain, "{depth:?} {role:?}");
            }
        }
    }

    #[test]
    fn the_wish_comes_first_then_no_color_then_the_terminal() {
        let around = |no_color: &str, term: &str, colorterm: &str| Surroundings {
            no_color: no_color.to_owned(),
            term: term.to_owned(),
            colorterm: colorterm.to_owned(),
            locale: "C.UTF-8".to_owned(),
        };
        for (color, no_color, term, colorterm, expected) in [
            (ColorChoice::Auto, "", "xterm-256color", "", Depth::Indexed256),
            (ColorChoice::Auto, "", "xterm", "truecolor", Depth::Indexed256),
            (ColorChoice::Auto, "", "linux", "", Depth::Ansi16),
            (ColorChoice::Auto, "", "dumb", "", Depth::Mono),
            (ColorChoice::Auto, "1", "xterm-256color", "", Depth::Mono),
            (ColorChoice::Always, "1", "xterm-256color", "", Depth::Indexed256),
            (ColorChoice::Never, "", "xterm-256color", "truecolor", Depth::Mono),
        ] {
            let theme = Theme::choose(color, None, &around(no_color, term, colorterm));
            assert_eq!(theme.depth, expected, "{color:?} {no_color:?} {term} {colorterm}");
        }
    }
}
