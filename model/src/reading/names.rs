//! Names that a scenario chooses: they travel in headers, label columns, and stand in expectations.

use super::reader::{Value, shorten};

/// Longest name in characters: it must fit a line of the dashboard.
const LENGTH_MAX: usize = 60;

/// Reads a name and makes sure that it can be written wherever names appear. `forbidden` are
/// characters that would be read as something else there.
pub(crate) fn read(value: &Value<'_>, forbidden: &str) -> Option<String> {
    let name = value.text("a name")?;
    let visible = name.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if name.is_empty() || name.trim() != name || name.len() > LENGTH_MAX || !visible {
        value.wrong(format!(
            "a name is 1 to {LENGTH_MAX} visible ASCII characters without spaces at its ends, \
             got \"{}\"",
            shorten(name)
        ));
        return None;
    }
    if let Some(character) = name.chars().find(|character| forbidden.contains(*character)) {
        value.wrong(format!("the name \"{name}\" must not hold `{character}`"));
        return None;
    }
    Some(name.to_owned())
}

/// Names must be unique among their kind; reports the second one.
pub(crate) fn unique(value: &Value<'_>, name: &str, seen: &mut Vec<String>) -> bool {
    if seen.iter().any(|other| other == name) {
        value.wrong(format!("the name \"{name}\" is used twice; {} must be unique", value.name));
        return false;
    }
    seen.push(name.to_owned());
    true
}
