//! The table of roles as text, in the form in which the configuration takes it.

use std::fmt::Write as _;

use super::palette::color_text;
use super::{Depth, Role, Theme};

/// What `--print-theme` says: every role with its colour, to be copied into the configuration.
pub fn print_theme(theme: &Theme) -> String {
    let colors = match theme.depth {
        Depth::Mono => "no colours",
        Depth::Ansi16 => "16 colours",
        Depth::Indexed256 => "256 colours",
    };
    let signs = if theme.glyphs.ascii { "ASCII" } else { "UTF-8" };
    let mut text =
        format!("# {colors}, signs in {signs}\ntheme = \"{}\"\n\n[colors]\n", theme.name().name());
    for role in Role::all() {
        let style = theme.style(role);
        let name = role.name();
        let key = if name.contains('.') { format!("\"{name}\"") } else { name };
        let line = match style.fg {
            Some(color) => format!("{key} = {}", color_text(color)),
            None => format!("# {key} is as the terminal has it"),
        };
        let modifiers = style.add_modifier;
        let words = if modifiers.is_empty() {
            String::new()
        } else {
            format!("  # {}", format!("{modifiers:?}").to_ascii_lowercase())
        };
        let _ = writeln!(text, "{line}{words}");
    }
    text
}
