//! Filling the holes of a template, each in the way of the place where the text stands.
//!
//! Within one step a hole always has the same value: the key header and the body may speak of the
//! same `${uuid}`, the path and the body of the same `${any:sku}`. Another step draws again, and so
//! does another turn of the same step.

pub(crate) mod uri;

use std::borrow::Cow;
use std::collections::BTreeMap;

use model::decision::indexed;
use model::template::{Hole, Segment, Template};

use crate::identity::Identity;
use crate::plan::Resolved;

/// What the holes of one step are filled with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fill<'a> {
    pub(crate) plan: &'a Resolved,
    pub(crate) identity: &'a Identity,
    /// What draws differ by: the step and its turn.
    pub(crate) draw: u64,
    pub(crate) saved: &'a BTreeMap<String, String>,
}

impl Fill<'_> {
    /// As it is: for headers and keys.
    pub(crate) fn plain<'t>(&self, template: &'t Template) -> Option<Cow<'t, str>> {
        self.filled(template, String::push_str)
    }

    /// What may not stand where it would is percent-encoded.
    pub(crate) fn path<'t>(&self, template: &'t Template) -> Option<Cow<'t, str>> {
        let path = self.filled(template, uri::add)?;
        Some(if path.starts_with('/') { path } else { format!("/{path}").into() })
    }

    /// JSON: inside quotes a value is escaped; outside it is put in as the JSON that it is.
    pub(crate) fn json<'t>(&self, template: &'t Template) -> Option<Cow<'t, str>> {
        self.filled(template, |text, value| {
            if ends_inside_quotes(text) {
                escaped(text, value);
            } else {
                text.push_str(value);
            }
        })
    }

    /// `None` when the step that would have saved a value was left out. Without a hole nothing is
    /// copied.
    fn filled<'t>(
        &self,
        template: &'t Template,
        put: impl Fn(&mut String, &str),
    ) -> Option<Cow<'t, str>> {
        if let Some(literal) = template.literal() {
            return Some(literal.into());
        }
        let mut text = String::new();
        for segment in &template.segments {
            match segment {
                Segment::Literal(literal) => text.push_str(literal),
                Segment::Hole(hole) => put(&mut text, &self.value(hole)?),
            }
        }
        Some(text.into())
    }

    fn value(&self, hole: &Hole) -> Option<Cow<'_, str>> {
        let (key, draw) = (self.identity.draw_key(), self.draw);
        Some(match hole {
            Hole::Sequence => self.identity.index.to_string().into(),
            Hole::Uuid => uuid(key, draw).into(),
            Hole::User => self.identity.correlation_id.user_key().into(),
            Hole::Any(list) => {
                let list_of = self.plan.data.get(list);
                let list_of = list_of.expect("the plan's check has found every list");
                let at = indexed(key, list, draw).index(list_of.len());
                list_of[at].as_str().into()
            },
            Hole::Setup(name) => {
                let value = self.plan.setup.get(name);
                value.expect("the plan's check has found every value").as_str().into()
            },
            Hole::Column { feeder, column } => {
                let Identity { load, index, .. } = *self.identity;
                let value = self.plan.rows.value(feeder, column, (load, index));
                value.expect("the plan's check has found every column").into()
            },
            Hole::Saved(name) => self.saved.get(name)?.as_str().into(),
        })
    }
}

fn uuid(key: u64, draw: u64) -> String {
    let high = indexed(key, "uuid high", draw).bits();
    let low = indexed(key, "uuid low", draw).bits();
    let version = (high & !0xf000) | 0x4000;
    let variant = (low & !(0b11 << 62)) | (0b10 << 62);
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        version >> 32,
        (version >> 16) & 0xffff,
        version & 0xffff,
        variant >> 48,
        variant & 0xffff_ffff_ffff
    )
}

fn escaped(text: &mut String, value: &str) {
    let quoted = serde_json::Value::from(value).to_string();
    text.push_str(quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(""));
}

fn ends_inside_quotes(json: &str) -> bool {
    let (mut inside, mut skip) = (false, false);
    for byte in json.bytes() {
        match byte {
            _ if skip => skip = false,
            b'\\' => skip = inside,
            b'"' => inside = !inside,
            _ => {},
        }
    }
    inside
}

#[cfg(test)]
mod tests {
    use model::feeder::{Feeder, RowOrder};

    use super::*;
    use crate::arrival::Arrival;

    fn check(draw: u64, look: impl FnOnce(Fill<'_>)) {
        let mut plan = crate::testing::plan("127.0.0.1:1".parse().unwrap());
        plan.setup.insert("token".into(), "t-1".into());
        plan.flows[0].steps[0].body = Some("${users.name}".parse().unwrap());
        let rows = ["ann", "bob", "eve"].map(|name| vec![name.to_owned()]).to_vec();
        let (name, columns) = ("users".into(), vec!["name".into()]);
        plan.feeders.push(Feeder { name, order: RowOrder::Sequential, columns, rows });
        let plan = Resolved::new(&plan).unwrap();
        let identity = Identity::new(&plan, 0, Arrival { index: 83, at_ns: 0 });
        let saved = BTreeMap::from([
            ("order".to_owned(), "o 7/\"x\"".to_owned()),
            ("lines".to_owned(), "[{\"n\":1}]".to_owned()),
        ]);
        look(Fill { plan: &plan, identity: &identity, draw, saved: &saved });
    }

    fn template(text: &str) -> Template {
        text.parse().unwrap()
    }

    #[test]
    fn each_place_gets_the_value_in_its_own_way() {
        check(0, |fill| {
            let order = template("/${order}");
            assert_eq!(fill.plain(&order).unwrap(), "/o 7/\"x\"");
            assert_eq!(fill.path(&order).unwrap(), "/o%207/%22x%22");
            assert_eq!(fill.path(&template("${seq}")).unwrap(), "/83");
            // Row 83 of 3 is row 2.
            assert_eq!(fill.plain(&template("${users.name} ${setup.token}")).unwrap(), "eve t-1");
            let body = template(r#"{"a":"${order}","lines":${lines},"b\"":"${user}"}"#);
            let user = fill.identity.correlation_id.user_key().to_owned();
            let json: serde_json::Value = serde_json::from_str(&fill.json(&body).unwrap()).unwrap();
            let expected = serde_json::json!({"a": "o 7/\"x\"", "lines": [{"n": 1}], "b\"": user});
            assert_eq!(json, expected);
        });
    }

    #[test]
    fn a_hole_has_one_value_in_a_step_and_another_in_the_next() {
        let twice = template("${uuid} ${uuid}");
        let mut uuids = Vec::new();
        for step in [0, 0, 1] {
            check(step, |fill| {
                let text = fill.plain(&twice).unwrap();
                let (one, other) = text.split_once(' ').unwrap();
                assert_eq!(one, other);
                uuids.push(one.to_owned());
            });
        }
        assert_eq!(uuids[0], uuids[1]);
        assert_ne!(uuids[1], uuids[2]);
        assert_eq!((&uuids[0][14..15], uuids[0].len()), ("4", 36));
        assert!("89ab".contains(&uuids[0][19..20]), "{}", uuids[0]);
    }

    #[test]
    fn a_value_that_no_step_has_saved_fills_nothing() {
        check(0, |fill| {
            let gone = template("a${gone}");
            assert_eq!((fill.plain(&gone), fill.path(&gone), fill.json(&gone)), (None, None, None));
        });
    }

    #[test]
    fn an_entry_of_a_list_is_drawn_from_the_seed() {
        let mut drawn = Vec::new();
        for step in 0..32 {
            check(step, |fill| {
                drawn.push(fill.plain(&template("${any:sku}")).unwrap().into_owned());
            });
        }
        assert!(drawn.contains(&"tea".to_owned()) && drawn.contains(&"milk".to_owned()));
    }
}
