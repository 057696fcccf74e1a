//! What changed between two plans, in lines for people.

use std::collections::BTreeMap;

use model::plan::{Plan, Route};

/// `+` is new, `-` is gone, `~` has changed, with the fields that differ.
pub(super) fn lines(before: &Plan, after: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    let edges = |plan: &Plan| {
        let named = plan.edges.iter().map(|edge| (edge.edge.to_string(), json(edge)));
        named.collect::<BTreeMap<_, _>>()
    };
    compare("edge", &edges(before), &edges(after), &mut lines);
    let routes =
        |plan: &Plan| plan.routes.iter().map(|route| (route_name(route), json(route))).collect();
    compare("route", &routes(before), &routes(after), &mut lines);
    let faults =
        |plan: &Plan| plan.faults.iter().map(|fault| (fault.name.clone(), json(fault))).collect();
    compare("fault", &faults(before), &faults(after), &mut lines);
    let rest = |plan: &Plan| {
        let bare =
            Plan { edges: Vec::new(), routes: Vec::new(), faults: Vec::new(), ..plan.clone() };
        json(&Plan { epoch: 0, ..bare })
    };
    let changed = fields(&rest(before), &rest(after), "");
    lines.extend(changed.into_iter().map(|field| format!("~ {field}")));
    lines
}

fn route_name(route: &Route) -> String {
    let conditions = [route.method.as_deref(), route.host.as_deref()];
    let before: Vec<&str> = conditions.into_iter().flatten().collect();
    let place = format!("{}{}", before.join(" "), route.prefix);
    format!("{} to {}", place.trim(), route.edge)
}

fn json(value: &impl serde::Serialize) -> serde_json::Value {
    serde_json::to_value(value).expect("plans are made of maps with text keys")
}

type Named = BTreeMap<String, serde_json::Value>;

fn compare(what: &str, before: &Named, after: &Named, lines: &mut Vec<String>) {
    for (name, old) in before {
        match after.get(name) {
            None => lines.push(format!("- {what} {name}")),
            Some(new) if new != old => {
                lines.push(format!("~ {what} {name}: {}", fields(old, new, "").join(", ")));
            },
            Some(_same) => {},
        }
    }
    let fresh = after.keys().filter(|name| !before.contains_key(*name));
    lines.extend(fresh.map(|name| format!("+ {what} {name}")));
}

/// Dotted names of the fields that differ.
fn fields(old: &serde_json::Value, new: &serde_json::Value, at: &str) -> Vec<String> {
    use serde_json::Value::{Null, Object};
    match (old, new) {
        (Object(old), Object(new)) => {
            let mut keys: Vec<&String> = old.keys().chain(new.keys()).collect();
            keys.sort_unstable();
            keys.dedup();
            let below = |key: &&String| {
                let name = if at.is_empty() { (*key).clone() } else { format!("{at}.{key}") };
                let side = |map: &serde_json::Map<_, _>| map.get(*key).cloned().unwrap_or(Null);
                fields(&side(old), &side(new), &name)
            };
            keys.iter().flat_map(below).collect()
        },
        (old, new) if old == new => Vec::new(),
        _ => vec![at.to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use model::edge::Edge;
    use model::fault::{FaultKind, FaultSpec};
    use model::plan::EdgePlan;
    use model::policy::EdgePolicy;

    use super::*;

    #[test]
    fn a_change_is_told_by_name_and_field() {
        let edge = Edge::new("a", "b");
        let plan = |timeout_ms, fault: &str| Plan {
            edges: vec![EdgePlan {
                edge: edge.clone(),
                endpoints: Vec::new(),
                policy: EdgePolicy { timeout_ms, ..EdgePolicy::default() },
            }],
            faults: vec![FaultSpec::new(fault, vec![edge.clone()], FaultKind::Blackhole)],
            ..Plan::empty()
        };
        let mut after = plan(Some(5), "new");
        after.seed = 9;
        after.routes = vec![Route::to("/x", edge.clone())];
        assert_eq!(
            lines(&plan(None, "old"), &after),
            [
                "~ edge a -> b: policy.timeout_ms",
                "+ route /x to a -> b",
                "- fault old",
                "+ fault new",
                "~ seed",
            ]
        );
        assert!(lines(&after, &after).is_empty());
    }
}
