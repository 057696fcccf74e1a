//! From the text of the file to settings, with every finding.

use model::reading;
use model::reading::problem::Problem;
use model::reading::reader::{Report, Table, Value};
use model::units::parse_duration;

use super::{Config, FPS, colors, keys};
use crate::screen::Zoom;
use crate::theme::{ColorChoice, ThemeName};

pub(super) fn read(text: &str) -> Result<Config, Vec<Problem>> {
    let report = Report::new(text);
    let mut config = Config::default();
    if let Some(document) = reading::document(&report, text, "a settings file") {
        file(Table::root(&report, &document), text, &mut config);
    }
    if report.is_empty() { Ok(config) } else { Err(report.into_found()) }
}

fn file(mut table: Table<'_>, text: &str, config: &mut Config) {
    if let Some(name) = word(&mut table, "color", "choice", ColorChoice::ALL.map(|it| it.0)) {
        let known = ColorChoice::ALL.into_iter().find(|it| it.0 == name);
        config.color = known.map_or(config.color, |it| it.1);
    }
    let theme = word(&mut table, "theme", "theme", ThemeName::ALL.map(ThemeName::name));
    config.theme = theme.and_then(ThemeName::named);
    config.ascii = table.get("ascii").and_then(|value| value.flag());
    config.mouse = table.get("mouse").and_then(|value| value.flag()).unwrap_or(config.mouse);
    if let Some(fps) = table.get("fps").and_then(|value| value.integer(FPS)) {
        config.fps = fps as u8;
    }
    if let Some(zoom) = table.get("zoom").and_then(|value| zoom(&value)) {
        config.zoom = zoom;
    }
    if let Some(inner) = table.get("keys").and_then(|value| value.table("[keys]")) {
        keys::read(inner, text, config);
    }
    if let Some(inner) = table.get("colors").and_then(|value| value.table("[colors]")) {
        config.colors = colors::read(&inner);
    }
    table.finish(&[]);
}

fn word<const N: usize>(
    table: &mut Table<'_>,
    key: &'static str,
    what: &str,
    known: [&'static str; N],
) -> Option<&'static str> {
    table.get(key)?.one_of(what, known)
}

fn zoom(value: &Value<'_>) -> Option<Zoom> {
    let levels = Zoom::LEVELS_S.map(|level| format!("{level}s"));
    let written = value.text("a time per column")?;
    if written == "auto" {
        return Some(Zoom::Auto);
    }
    let seconds = parse_duration(written).ok().filter(|time| time.subsec_nanos() == 0);
    let level =
        Zoom::LEVELS_S.into_iter().find(|level| seconds.is_some_and(|it| it.as_secs() == *level));
    if level.is_none() {
        let levels = levels.join(", ");
        value.wrong(format!("`zoom` is the time per column: auto, {levels}; got \"{written}\""));
    }
    level.map(Zoom::Fixed)
}
