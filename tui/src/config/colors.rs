//! `[colors]`: a role, and a number or a name.

use model::reading::reader::{Table, Value};

use crate::theme::{COLOR_NAMES, Colors, Role, color_named, color_numbered};

pub(super) fn read(table: &Table<'_>) -> Colors {
    let mut colors = Colors::NONE;
    under(table, "", &mut colors);
    colors
}

/// `series.1 = 32` is the table `series` to TOML, `"series.1" = 32` is not.
fn under(table: &Table<'_>, prefix: &str, colors: &mut Colors) {
    for (key, span, value) in table.named() {
        let name = format!("{prefix}{key}");
        if prefix.is_empty() && value.is_table() {
            if let Some(inner) = value.table("[colors]") {
                under(&inner, &format!("{name}."), colors);
            }
            continue;
        }
        match Role::named(&name) {
            Some(role) => one(role, &value, colors),
            None => {
                let names: Vec<String> = Role::all().map(Role::name).collect();
                let hint = model::hint(&name, names.iter().map(String::as_str));
                value.at(span).wrong(format!("unknown role \"{name}\" in [colors]{hint}"));
            },
        }
    }
}

fn one(role: Role, value: &Value<'_>, colors: &mut Colors) {
    let color = if value.is_text() {
        let names = COLOR_NAMES.map(|(name, _)| name);
        value.one_of("colour", names).and_then(color_named)
    } else {
        value.integer(0..=255).map(|number| color_numbered(number as u8))
    };
    if let Some(color) = color {
        colors.set(role, color);
    }
}
