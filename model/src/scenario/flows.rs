//! `[data]` and `[[flow]]`: what users do, and the lists that their requests are filled from.

use std::collections::BTreeMap;

use super::language;
use crate::flow::{Flow, Step};
use crate::reading::names;
use crate::reading::nearest::hint;
use crate::reading::reader::{Table, Value, shorten};
use crate::shop;
use crate::template::{Hole, Segment, Template};

const METHODS: [(&str, &str); 4] =
    [("get", "GET"), ("post", "POST"), ("put", "PUT"), ("delete", "DELETE")];

/// Lists by name; the shop gives `sku` when the file does not.
pub(super) type Data = BTreeMap<String, Vec<String>>;

pub(super) fn read_data(root: &mut Table<'_>) -> Data {
    let mut data = Data::from([("sku".to_owned(), shop::skus())]);
    let Some(table) = root.get("data").and_then(|value| value.table("[data]")) else {
        return data;
    };
    for (name, span, value) in table.named() {
        if format!("${{any:{name}}}").parse::<Template>().is_err() {
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
    data
}

/// The flows of the file, then those of the shop that the file does not define itself.
pub(super) fn read_flows(root: &mut Table<'_>, data: &Data) -> Vec<Flow> {
    let mut flows = Vec::new();
    let mut seen = Vec::new();
    for mut table in root.tables("flow") {
        let name_value = table.require("name");
        let name = name_value.as_ref().and_then(|value| {
            let name = names::read(value, "/(),>")?;
            names::unique(value, &name, &mut seen).then_some(name)
        });
        let steps = table.require("steps").map(|value| read_steps(&value, data));
        table.finish(&[]);
        if let (Some(name), Some(steps)) = (name, steps) {
            flows.push(Flow { name, steps });
        }
    }
    let defined: Vec<String> = flows.iter().map(|flow| flow.name.clone()).collect();
    flows.extend(shop::flows().into_iter().filter(|flow| !defined.contains(&flow.name)));
    flows
}

fn read_steps(value: &Value<'_>, data: &Data) -> Vec<Step> {
    let tables = value.tables("a step of [[flow]]");
    if value.is_list() && tables.is_empty() {
        value.wrong("a flow needs at least one step");
    }
    let mut reader = StepReader { data, saved: Vec::new(), seen: Vec::new() };
    tables.into_iter().filter_map(|table| reader.read(table)).collect()
}

/// Reads the steps of one flow in order, because a step may use what earlier ones saved.
struct StepReader<'d> {
    data: &'d Data,
    saved: Vec<String>,
    seen: Vec<String>,
}

impl StepReader<'_> {
    fn read(&mut self, mut table: Table<'_>) -> Option<Step> {
        let request = self.read_request(&mut table);
        let name = self.read_name(&mut table, request.as_ref());
        let headers = table.get("headers").map(|value| self.read_headers(&value));
        let body = table.get("body").and_then(|value| self.template(&value));
        let key = table.get("key").and_then(|value| self.template(&value));
        let save = table.get("save").map(|value| read_save(&value)).unwrap_or_default();
        self.saved.extend(save.keys().cloned());
        let acknowledges = table.get("acknowledges").and_then(|value| self.saved_name(&value));
        let status = table.get("status").map(|value| read_status(&value)).unwrap_or_default();
        let timeout_ms = table.get("timeout").and_then(|value| value.time_ms());
        table.finish(&language::STEP_KEYS);
        let (method, path) = request?;
        Some(Step {
            name: name?,
            target: 0,
            method: method.to_owned(),
            path,
            headers: headers.unwrap_or_default(),
            body,
            key,
            save,
            status,
            acknowledges,
            timeout_ms,
        })
    }

    /// A step without a name is called by its request, like `POST /orders`.
    fn read_name(
        &mut self,
        table: &mut Table<'_>,
        request: Option<&(&'static str, Template)>,
    ) -> Option<String> {
        if let Some(value) = table.get("name") {
            let name = names::read(&value, ",")?;
            names::unique(&value, &name, &mut self.seen);
            return Some(name);
        }
        let name = request.map(|(method, path)| format!("{method} {path}"))?;
        if self.seen.contains(&name) {
            table.wrong(format!("the step \"{name}\" is there twice; give it a `name`"));
        }
        self.seen.push(name.clone());
        Some(name)
    }

    /// Exactly one of `get`, `post`, `put`, `delete`.
    fn read_request(&self, table: &mut Table<'_>) -> Option<(&'static str, Template)> {
        let mut requests = Vec::new();
        for (key, method) in METHODS {
            requests.extend(table.get(key).map(|value| (method, value)));
        }
        if requests.len() != 1 {
            table.wrong("a step needs exactly one of get, post, put, delete, like get = \"/path\"");
            return None;
        }
        let (method, value) = requests.remove(0);
        let path = self.template(&value)?;
        check_route(&value, &path).then_some((method, path))
    }

    fn read_headers(&self, value: &Value<'_>) -> BTreeMap<String, Template> {
        let Some(table) = value.table("headers of a step") else { return BTreeMap::new() };
        let mut headers = BTreeMap::new();
        for (name, span, value) in table.named() {
            let token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            if name.is_empty() || !name.bytes().all(token) {
                let message = format!("\"{}\" is no name of a header", shorten(name));
                table.report.add(span, message);
            }
            if let Some(template) = self.template(&value) {
                headers.insert(name.to_owned(), template);
            }
        }
        headers
    }

    /// A template whose holes can all be filled when this step runs.
    fn template(&self, value: &Value<'_>) -> Option<Template> {
        let template = value.parsed("a string", str::parse::<Template>)?;
        for hole in template.holes() {
            match hole {
                Hole::Saved(name) if !self.saved.contains(name) => {
                    let saved = self.saved.iter().map(String::as_str);
                    let own = ["seq", "uuid", "user"];
                    let hint = hint(name, saved.chain(own));
                    value.wrong(format!(
                        "`${{{name}}}`: no earlier step of this flow saves \"{name}\"{hint}"
                    ));
                },
                Hole::Any(list) if !self.data.contains_key(list) => {
                    let hint = hint(list, self.data.keys().map(String::as_str));
                    value.wrong(format!("`${{any:{list}}}`: [data] has no list \"{list}\"{hint}"));
                },
                _ => {},
            }
        }
        Some(template)
    }

    fn saved_name(&self, value: &Value<'_>) -> Option<String> {
        let name = value.text("a saved name")?;
        if !self.saved.iter().any(|saved| saved == name) {
            let hint = hint(name, self.saved.iter().map(String::as_str));
            value.wrong(format!("no step of this flow saves \"{}\" so far{hint}", shorten(name)));
            return None;
        }
        Some(name.to_owned())
    }
}

/// The public listener routes by path; a path without a route would only ever answer 404.
fn check_route(value: &Value<'_>, path: &Template) -> bool {
    let Some(Segment::Literal(start)) = path.segments.first() else {
        value.wrong("the path of a step begins with its route, like \"/orders\", not with a hole");
        return false;
    };
    let routes = shop::routes();
    let leads = |prefix: &str| {
        start
            .strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
    };
    if routes.iter().any(|route| leads(&route.prefix)) {
        return true;
    }
    let known: Vec<&str> = routes.iter().map(|route| route.prefix.as_str()).collect();
    value.wrong(format!(
        "no route of the gateway leads to \"{}\"; known: {}",
        shorten(start),
        known.join(", ")
    ));
    false
}

fn read_save(value: &Value<'_>) -> BTreeMap<String, String> {
    let Some(table) = value.table("save of a step") else { return BTreeMap::new() };
    let mut save = BTreeMap::new();
    for (name, span, value) in table.named() {
        let usable = matches!(
            format!("${{{name}}}")
                .parse::<Template>()
                .as_ref()
                .map(|read| read.segments.as_slice()),
            Ok([Segment::Hole(Hole::Saved(_))])
        );
        if !usable {
            table.report.add(span, format!("\"{}\" is no name for a saved value", shorten(name)));
        }
        // A wrong pointer still saves its name, so that only the pointer is reported.
        let pointer = value.parsed("a JSON pointer like \"/id\"", check_pointer);
        save.insert(name.to_owned(), pointer.unwrap_or_default());
    }
    save
}

/// RFC 6901: empty, or `/` before every part, with `~0` and `~1` as the only escapes.
fn check_pointer(text: &str) -> Result<String, String> {
    let escapes_hold = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    if (text.is_empty() || text.starts_with('/')) && escapes_hold {
        return Ok(text.to_owned());
    }
    let fixed = text.strip_prefix('$').unwrap_or(text).replace('.', "/");
    let near = if fixed.starts_with('/') && escapes_hold {
        format!("; did you mean \"{}\"?", shorten(&fixed))
    } else {
        String::new()
    };
    Err(format!(
        "a JSON pointer is written \"/id\" or \"/lines/0/sku\", got \"{}\"{near}",
        shorten(text)
    ))
}

fn read_status(value: &Value<'_>) -> Vec<u16> {
    let statuses = value.items();
    statuses.iter().filter_map(|item| item.integer(100..=599)).map(|status| status as u16).collect()
}
