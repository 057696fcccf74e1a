//! The control API as an OpenAPI page, for programs that make clients.
//!
//! One table names every call; a test holds it against the router, so a call cannot be forgotten.

use axum::Json;
use serde_json::{Value, json};

/// One call: method, path, what it does, body, answer.
pub(crate) type Call =
    (&'static str, &'static str, &'static str, Option<&'static str>, &'static str);

pub(crate) const CALLS: [Call; 15] = [
    ("get", "/v1/plan", "The plan that is in force", None, "Plan"),
    ("put", "/v1/plan", "Replaces the plan as a whole", Some("Plan"), "Applied"),
    (
        "post",
        "/v1/lease",
        "Lets the plan's faults act for a while",
        Some("LeaseRequest"),
        "LeaseReply",
    ),
    ("delete", "/v1/lease", "Disarms every fault of the plan at once", None, "LeaseReply"),
    ("get", "/v1/state", "Counters and states of everything", None, "ProxyState"),
    ("get", "/v1/faults", "Every fault and where it came from", None, "ArmedFault"),
    ("post", "/v1/faults", "Arms one fault for a limited time", Some("ArmRequest"), "Applied"),
    ("delete", "/v1/faults", "Disarms every fault that was armed by hand", None, "Applied"),
    ("delete", "/v1/faults/{name}", "Disarms one fault that was armed by hand", None, "Applied"),
    ("get", "/v1/changes", "What each epoch changed, the newest first", None, "Change"),
    ("post", "/v1/rollback", "Puts an earlier epoch in force again", Some("Rollback"), "Applied"),
    (
        "post",
        "/v1/breakers",
        "Forces, frees or resets a breaker",
        Some("BreakerOrder"),
        "BreakerStatus",
    ),
    ("get", "/metrics", "Metrics in the text format of Prometheus", None, "text"),
    ("get", "/openapi.json", "This page", None, "object"),
    ("get", "/health", "Answers while the proxy runs", None, "text"),
];

/// Calls whose answer is a list.
const LISTS: [&str; 2] = ["/v1/faults", "/v1/changes"];

pub(super) async fn page() -> Json<Value> {
    Json(document())
}

fn document() -> Value {
    let mut paths = serde_json::Map::new();
    for (method, path, summary, body, answer) in CALLS {
        let list = method == "get" && LISTS.contains(&path);
        let mut call = json!({
            "summary": summary,
            "responses": {
                "200": { "description": summary, "content": content(answer, list) },
                "default": { "description": "Nothing changed", "content": content("ApiError", false) },
            },
        });
        if let Some(body) = body {
            call["requestBody"] = json!({ "required": true, "content": content(body, false) });
        }
        if path.contains("{name}") {
            call["parameters"] = json!([
                { "name": "name", "in": "path", "required": true, "schema": { "type": "string" } },
            ]);
        }
        let entry = paths.entry(path.to_owned()).or_insert_with(|| json!({}));
        entry[method] = call;
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Shakedown proxy: control API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Plans, leases, faults and breakers of a running proxy. \
                            From other machines `Authorization: Bearer` is needed.",
        },
        "paths": paths,
        "components": { "schemas": schemas() },
    })
}

fn content(name: &str, list: bool) -> Value {
    match name {
        "text" => json!({ "text/plain": { "schema": { "type": "string" } } }),
        "object" => json!({ "application/json": { "schema": { "type": "object" } } }),
        name => {
            let one = json!({ "$ref": format!("#/components/schemas/{name}") });
            let schema = if list { json!({ "type": "array", "items": one }) } else { one };
            json!({ "application/json": { "schema": schema } })
        },
    }
}

/// The fields that a caller writes or reads first; deeper parts are objects, explained in the
/// guide.
fn schemas() -> Value {
    let integer = || json!({ "type": "integer", "minimum": 0 });
    let maybe_integer = || json!({ "type": ["integer", "null"], "minimum": 0 });
    let text = || json!({ "type": "string" });
    let object = |fields: Value| json!({ "type": "object", "properties": fields });
    let list = || json!({ "type": "array", "items": { "type": "object" } });
    json!({
        "Plan": object(json!({
            "epoch": integer(), "seed": integer(), "zero_unix_ms": maybe_integer(),
            "control": integer(), "edges": list(), "routes": list(), "faults": list(),
            "held": { "type": "boolean" },
        })),
        "Applied": object(json!({ "epoch": integer() })),
        "LeaseRequest": object(json!({ "holder": text(), "lease_ms": integer() })),
        "LeaseReply": object(json!({
            "epoch": integer(), "left_ms": integer(), "lapsed": { "type": "boolean" },
        })),
        "ProxyState": object(json!({
            "epoch": integer(), "lease": { "type": "object" }, "edges": list(),
            "faults": list(), "dropped": list(),
        })),
        "ArmRequest": object(json!({ "fault": { "type": "object" }, "for_ms": integer() })),
        "ArmedFault": object(json!({
            "fault": { "type": "object" }, "source": text(), "left_ms": maybe_integer(),
            "status": { "type": "object" },
        })),
        "Change": object(json!({
            "epoch": integer(), "at_unix_ms": integer(), "by": text(),
            "what": { "type": "array", "items": text() },
        })),
        "Rollback": object(json!({ "to_epoch": integer() })),
        "BreakerOrder": object(json!({ "edge": text(), "state": text() })),
        "BreakerStatus": object(json!({ "state": text(), "reason": text() })),
        "ApiError": object(json!({ "error": text(), "field": text() })),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_that_is_referred_to_is_explained() {
        let page = document();
        for (_, _, _, body, answer) in CALLS {
            for name in
                body.into_iter().chain([answer]).filter(|name| !["text", "object"].contains(name))
            {
                assert!(page["components"]["schemas"][name].is_object(), "{name}");
            }
        }
        assert_eq!(
            page["paths"]["/v1/faults"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
                ["type"],
            "array"
        );
    }
}
