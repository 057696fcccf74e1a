//! `[data]`: lists for `${any:list}`.

use super::Data;
use crate::reading::reader::Table;
use crate::template::is_name;

pub(super) fn read(root: &mut Table<'_>, data: &mut Data) {
    let Some(table) = root.get("data").and_then(|value| value.table("[data]")) else { return };
    for (name, span, value) in table.named() {
        if !is_name(name) {
            let message = format!("a list is named by letters, digits, - and _; got \"{name}\"");
            table.report.add(span, message);
        }
        if !value.is_list() {
            value.wrong(format!("{} must be a list of strings", value.name));
            continue;
        }
        let entries = value.items();
        let texts: Vec<String> =
            entries.iter().filter_map(|entry| entry.text("a string").map(str::to_owned)).collect();
        if entries.is_empty() {
            value.wrong(format!("{} must not be empty", value.name));
        }
        data.insert(name.to_owned(), texts);
    }
}
