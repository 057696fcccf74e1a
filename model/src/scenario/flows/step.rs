//! One step: its request, what is taken out of the answer, and what must hold of it.

use std::collections::BTreeMap;

use super::steps::Defaults;
use super::{Place, Sources, client, turns};
use crate::flow::header::{self, Fit};
use crate::flow::{Body, Condition, Extract, Step};
use crate::reading::names;
use crate::reading::nearest::hint;
use crate::reading::reader::{Table, Value, shorten};
use crate::shop;
use crate::template::{Hole, SETUP, Segment, Template};

/// What messages call a step.
pub(super) const TABLE: &str = "a step of [[flow]]";

const METHODS: [(&str, &str); 7] = [
    ("get", "GET"),
    ("post", "POST"),
    ("put", "PUT"),
    ("patch", "PATCH"),
    ("delete", "DELETE"),
    ("head", "HEAD"),
    ("options", "OPTIONS"),
];

/// Holes that need no source.
const OWN: [&str; 3] = ["seq", "uuid", "user"];

#[derive(Debug)]
pub(super) struct StepReader<'d> {
    sources: &'d Sources,
    defaults: &'d Defaults,
    saved: Vec<String>,
    seen: Vec<String>,
}

impl<'d> StepReader<'d> {
    pub(super) fn new(sources: &'d Sources, defaults: &'d Defaults) -> Self {
        Self { sources, defaults, saved: Vec::new(), seen: Vec::new() }
    }

    pub(super) fn read(&mut self, mut table: Table<'_>) -> Option<Step> {
        let when = self.conditions_before(&mut table, "when");
        let unless = self.conditions_before(&mut table, "unless");
        let request = self.read_request(&mut table);
        let name = self.read_name(&mut table, request.as_ref());
        let body = table.get("body").and_then(|value| self.template(&value)).map(Body::Text);
        let headers = table.get("headers").map(|value| self.read_headers(&value, body.as_ref()));
        let key = table.get("key").and_then(|value| self.template(&value));
        let save = table.get("save").map(|value| read_save(&value)).unwrap_or_default();
        self.saved.extend(save.keys().cloned());
        let acknowledges = table.get("acknowledges").and_then(|value| self.saved_name(&value));
        let status = table.get("status").map(|value| read_status(&value)).unwrap_or_default();
        let check = self.conditions(&mut table, "check").unwrap_or_default();
        let until = self.conditions(&mut table, "until");
        let asked = until.is_some();
        let turns = turns::read(&mut table, until.unwrap_or_default(), asked);
        let think = table.get("think").as_ref().and_then(turns::read_think);
        let timeout_ms = table.get("timeout").and_then(|value| value.time_ms());
        let client = client::read(&mut table).over(&self.defaults.client);
        table.finish(&[]);
        let (method, path) = request?;
        Some(Step {
            headers: headers.unwrap_or_default(),
            body,
            key,
            save,
            status,
            check,
            acknowledges,
            when,
            unless,
            turns,
            think: think.or_else(|| self.defaults.think.clone()),
            timeout_ms: timeout_ms.or(self.defaults.timeout_ms),
            client,
            ..Step::new(name?, method, path)
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

    /// Exactly one of the methods.
    fn read_request(&self, table: &mut Table<'_>) -> Option<(&'static str, Template)> {
        let mut requests = Vec::new();
        for (key, method) in METHODS {
            requests.extend(table.get(key).map(|value| (method, value)));
        }
        if requests.len() != 1 {
            let methods = METHODS.map(|(key, _)| key).join(", ");
            table.wrong(format!("a step needs exactly one of {methods}, like get = \"/path\""));
            return None;
        }
        let (method, value) = requests.remove(0);
        let path = self.template(&value)?;
        let fits = match self.sources.place {
            Place::Shop => check_route(&value, &path),
            Place::Anywhere => check_path(&value, &path),
        };
        fits.then_some((method, path))
    }

    fn read_headers(&self, value: &Value<'_>, body: Option<&Body>) -> BTreeMap<String, Template> {
        let Some(table) = value.table("headers of a step") else { return BTreeMap::new() };
        let mut headers = BTreeMap::new();
        for (name, span, value) in table.named() {
            let token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            if name.is_empty() || !name.bytes().all(token) {
                let message = format!("\"{}\" is no name of a header", shorten(name));
                table.report.add(span, message);
            }
            let Some(template) = self.template(&value) else { continue };
            match header::fit(name, &template, body) {
                Fit::Sent => drop(headers.insert(name.to_owned(), template)),
                Fit::Known => {},
                Fit::Refused(why) => value.wrong(format!("header \"{}\": {why}", shorten(name))),
            }
        }
        headers
    }

    /// A template whose holes can all be filled when this step runs.
    fn template(&self, value: &Value<'_>) -> Option<Template> {
        let template = value.parsed("a string", str::parse::<Template>)?;
        self.check_holes(value, &template);
        Some(template)
    }

    fn check_holes(&self, value: &Value<'_>, template: &Template) {
        for hole in template.holes() {
            match hole {
                Hole::Saved(name) if !self.saved.contains(name) => {
                    let hint = hint(name, self.saved.iter().map(String::as_str).chain(OWN));
                    value.wrong(format!(
                        "`${{{name}}}`: no earlier step of this flow saves \"{name}\"{hint}"
                    ));
                },
                Hole::Any(list) if !self.sources.data.contains_key(list) => {
                    let hint = hint(list, self.sources.data.keys().map(String::as_str));
                    value.wrong(format!("`${{any:{list}}}`: [data] has no list \"{list}\"{hint}"));
                },
                Hole::Setup(name) if !self.sources.setup.contains(name) => {
                    let hint = hint(name, self.sources.setup.iter().map(String::as_str));
                    value.wrong(format!(
                        "`${{{SETUP}.{name}}}`: [setup] saves no \"{}\"{hint}",
                        shorten(name)
                    ));
                },
                Hole::Column { feeder, column } => self.check_column(value, feeder, column),
                _ => {},
            }
        }
    }

    fn check_column(&self, value: &Value<'_>, feeder: &str, column: &str) {
        let feeders = &self.sources.feeders;
        let Some(known) = feeders.iter().find(|known| known.name == feeder) else {
            let hint = hint(feeder, feeders.iter().map(|known| known.name.as_str()));
            value.wrong(format!("`${{{feeder}.{column}}}`: no [feeder.{feeder}]{hint}"));
            return;
        };
        // A feeder without columns has a finding of its own.
        if known.column(column).is_none() && !known.columns.is_empty() {
            let hint = hint(column, known.columns.iter().map(String::as_str));
            let column = shorten(column);
            value.wrong(format!(
                "`${{{feeder}.{column}}}`: the feeder \"{feeder}\" has no column \"{column}\"{hint}"
            ));
        }
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

    /// `None` when the key is not there.
    fn conditions(&self, table: &mut Table<'_>, key: &'static str) -> Option<Vec<Condition>> {
        let value = table.get(key)?;
        let items = value.items();
        if items.is_empty() {
            value.wrong(format!("{} must not be empty", value.name));
        }
        let condition = |item: &Value<'_>| {
            let read =
                item.parsed("a condition like \"status == 200\"", str::parse::<Condition>)?;
            read.templates().for_each(|template| self.check_holes(item, template));
            Some(read)
        };
        Some(items.iter().filter_map(condition).collect())
    }

    /// Conditions that are asked before there is an answer.
    fn conditions_before(&self, table: &mut Table<'_>, key: &'static str) -> Vec<Condition> {
        let conditions = self.conditions(table, key).unwrap_or_default();
        for condition in conditions.iter().filter(|condition| condition.is_about_answer()) {
            if let Some(value) = table.get(key) {
                value.wrong(format!(
                    "`{key}` is asked before the request, so it is about values like \
                     \"${{state}} == 'paid'\", not about an answer: \"{}\"",
                    shorten(&condition.to_string())
                ));
            }
        }
        conditions
    }
}

/// A path begins with a slash, or with a hole that holds one.
fn check_path(value: &Value<'_>, path: &Template) -> bool {
    let begins = match path.segments.first() {
        Some(Segment::Literal(start)) => start.starts_with('/'),
        Some(Segment::Hole(_)) => true,
        None => false,
    };
    if !begins {
        value.wrong(format!("a path begins with \"/\", got \"{}\"", shorten(&path.to_string())));
    }
    begins
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

fn read_save(value: &Value<'_>) -> BTreeMap<String, Extract> {
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
        // A wrong place still saves its name, so that only the place is reported.
        let place = value.parsed("a place in the answer like \"/id\"", str::parse::<Extract>);
        save.insert(name.to_owned(), place.unwrap_or(Extract::Body));
    }
    save
}

fn read_status(value: &Value<'_>) -> Vec<u16> {
    let statuses = value.items();
    statuses.iter().filter_map(|item| item.integer(100..=599)).map(|status| status as u16).collect()
}
