//! The colours of each theme, and how a colour is written.

use ratatui::style::Color;

use super::Depth;
use super::role::{HEAT_STEPS, Role};

/// On a dark ground.
pub(super) fn dark(role: Role) -> Option<Color> {
    let index = match role {
        Role::Ok => 80,
        Role::Warn | Role::LogWarn => 226,
        Role::Error | Role::LogError => 167,
        Role::Fault => 135,
        Role::Dim | Role::LogDebug => 244,
        Role::Border => 240,
        Role::Focus => 117,
        Role::Header => 250,
        Role::Series(step) => pick(&[32, 117, 215, 230], step),
        Role::Heat(step) => pick(&[233, 53, 89, 125, 167, 209, 215, 222, 230], step),
        Role::Text | Role::Select | Role::Title | Role::LogInfo => return None,
    };
    Some(Color::Indexed(index))
}

/// On a white ground. The heat ramp is that of the dark theme, turned round.
pub(super) fn light(role: Role) -> Option<Color> {
    let index = match role {
        Role::Ok => 23,
        Role::Warn | Role::LogWarn => 94,
        Role::Error | Role::LogError => 52,
        Role::Fault => 93,
        Role::Dim | Role::LogDebug => 242,
        Role::Border => 247,
        Role::Focus => 25,
        Role::Header => 238,
        Role::Series(step) => pick(&[33, 17, 137, 52], step),
        Role::Heat(step) => pick(&[230, 222, 215, 209, 167, 125, 89, 53, 233], step),
        Role::Text | Role::Select | Role::Title | Role::LogInfo => return None,
    };
    Some(Color::Indexed(index))
}

/// The sixteen that every terminal has, and that people redefine.
pub(super) fn sixteen(role: Role, light: bool) -> Option<Color> {
    // Bright on dark; what is bright cannot be read on white.
    let status = |bright, plain| Some(if light { plain } else { bright });
    match role {
        Role::Ok => status(Color::LightCyan, Color::Cyan),
        Role::Warn | Role::LogWarn => status(Color::LightYellow, Color::Yellow),
        Role::Error | Role::LogError => status(Color::LightRed, Color::Red),
        Role::Fault => status(Color::LightMagenta, Color::Magenta),
        Role::Dim | Role::Border | Role::LogDebug => Some(Color::DarkGray),
        Role::Focus => status(Color::LightBlue, Color::Blue),
        Role::Header => status(Color::Gray, Color::DarkGray),
        Role::Series(step) if light => {
            Some(pick(&[Color::Blue, Color::Cyan, Color::Red, Color::Black], step))
        },
        Role::Series(step) => Some(pick(
            &[Color::LightBlue, Color::LightCyan, Color::LightYellow, Color::White],
            step,
        )),
        Role::Heat(step) => {
            let last = if light { Color::Black } else { Color::White };
            let ramp = [Color::Blue, Color::Magenta, Color::LightRed, Color::Yellow, last];
            Some(pick(&ramp, step * ramp.len() / HEAT_STEPS))
        },
        Role::Text | Role::Select | Role::Title | Role::LogInfo => None,
    }
}

fn pick<T: Copy>(ramp: &[T], index: usize) -> T {
    ramp[index.min(ramp.len() - 1)]
}

/// Colours by role; none is as the theme has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colors([Option<Color>; Role::COUNT]);

impl Default for Colors {
    fn default() -> Self {
        Self::NONE
    }
}

impl Colors {
    pub const NONE: Self = Self([None; Role::COUNT]);

    pub fn set(&mut self, role: Role, color: Color) {
        self.0[role.index()] = Some(color);
    }

    /// What this terminal can show of it.
    pub(super) fn get(&self, role: Role, depth: Depth) -> Option<Color> {
        let color = self.0[role.index()]?;
        match depth {
            Depth::Mono => None,
            Depth::Ansi16 if matches!(color, Color::Indexed(_)) => None,
            Depth::Ansi16 | Depth::Indexed256 => Some(color),
        }
    }
}

/// The sixteen by their numbers.
pub const COLOR_NAMES: [(&str, Color); 16] = [
    ("black", Color::Black),
    ("red", Color::Red),
    ("green", Color::Green),
    ("yellow", Color::Yellow),
    ("blue", Color::Blue),
    ("magenta", Color::Magenta),
    ("cyan", Color::Cyan),
    ("gray", Color::Gray),
    ("dark-gray", Color::DarkGray),
    ("bright-red", Color::LightRed),
    ("bright-green", Color::LightGreen),
    ("bright-yellow", Color::LightYellow),
    ("bright-blue", Color::LightBlue),
    ("bright-magenta", Color::LightMagenta),
    ("bright-cyan", Color::LightCyan),
    ("white", Color::White),
];

pub fn color_named(name: &str) -> Option<Color> {
    COLOR_NAMES.iter().find(|(known, _)| *known == name).map(|(_, color)| *color)
}

/// One of the 256; the first sixteen are those with names.
pub fn color_numbered(number: u8) -> Color {
    COLOR_NAMES.get(usize::from(number)).map_or(Color::Indexed(number), |(_, color)| *color)
}

/// As the configuration has it: a number, or a name in quotes.
pub fn color_text(color: Color) -> String {
    match color {
        Color::Indexed(number) => number.to_string(),
        named => {
            let known = COLOR_NAMES.iter().find(|(_, color)| *color == named);
            known.map_or_else(|| format!("{named:?}"), |(name, _)| format!("\"{name}\""))
        },
    }
}
