//! From the text of the file to settings, with every finding.

use std::collections::BTreeMap;

use model::reading;
use model::reading::problem::Problem;
use model::reading::reader::{Report, Table, Value};
use model::units::parse_duration;

use super::{Config, FPS, WINDOW_MAX_S, colors, keys};
use crate::filter::FieldTable;
use crate::filter::fields::TABLES;
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
    if let Some(window_s) = table.get("window").and_then(|value| seconds(&value)) {
        config.window_s = window_s;
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
    if let Some(inner) = table.get("columns").and_then(|value| value.table("[columns]")) {
        config.columns = columns(inner);
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

/// Whole seconds, as `"10s"`.
fn seconds(value: &Value<'_>) -> Option<u64> {
    let duration = value.duration()?;
    let seconds = duration.as_secs();
    if duration.subsec_nanos() != 0 || !(1..=WINDOW_MAX_S).contains(&seconds) {
        value.wrong("`window` must be whole seconds, from \"1s\" to \"1h\"");
        return None;
    }
    Some(seconds)
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

fn columns(mut table: Table<'_>) -> BTreeMap<&'static str, Vec<&'static str>> {
    let mut all = BTreeMap::new();
    for list in TABLES {
        if let Some(value) = table.get(list.name) {
            all.insert(list.name, columns_of(list, &value));
        }
    }
    table.finish(&[]);
    all
}

fn columns_of(list: &'static FieldTable, value: &Value<'_>) -> Vec<&'static str> {
    let known: Vec<&'static str> =
        list.fields.iter().filter(|field| !field.asked).map(|field| field.name).collect();
    let items = value.items();
    if items.is_empty() {
        value.wrong(format!("\"{}\" needs at least one column", list.name));
    }
    let mut columns = Vec::new();
    for item in items {
        let Some(name) = item.one_of("column", known.iter().copied()) else { continue };
        if columns.contains(&name) {
            item.wrong(format!("the column \"{name}\" is listed twice"));
        }
        columns.push(name);
    }
    columns
}
