//! The API as an OpenAPI page, for programs that make clients.
//!
//! One table names every call with its parameters; tests hold it against the router and against
//! what each question accepts, so nothing can be forgotten.

use axum::Json;
use serde_json::{Map, Value, json};

mod table;

pub(super) use table::{CALLS, Call, Parameter};

pub(super) async fn page() -> Json<Value> {
    Json(document())
}

fn document() -> Value {
    let mut paths = Map::new();
    for call in CALLS.iter().copied().flatten() {
        let entry = paths.entry(call.path.to_owned()).or_insert_with(|| json!({}));
        entry[call.method] = described(call);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Shakedown collector: query API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Traces, logs, counts and events of runs. Where a token is set, \
                            `Authorization: Bearer` is needed. A list that goes on has the link \
                            to the rest in its `Link` header.",
        },
        "paths": paths,
        "components": { "schemas": table::schemas() },
    })
}

fn described(call: &Call) -> Value {
    let mut page = json!({
        "summary": call.summary,
        "responses": {
            "200": { "description": call.summary, "content": content(call.answer) },
            "default": { "description": "What is wrong", "content": content("ApiError") },
        },
    });
    if call.pages {
        page["responses"]["200"]["headers"] = json!({ "Link": {
            "description": "`<path>; rel=\"next\"`, while there may be more",
            "schema": { "type": "string" },
        } });
    }
    if let Some(body) = call.body {
        page["requestBody"] = json!({ "required": true, "content": content(body) });
    }
    let mut parameters: Vec<Value> = call.parameters.iter().map(parameter).collect();
    if call.path.contains("{correlation_id}") {
        parameters.push(json!({
            "name": "correlation_id", "in": "path", "required": true,
            "schema": { "type": "string" },
        }));
    }
    if call.path.contains("{trace_id}") {
        parameters.push(json!({
            "name": "trace_id", "in": "path", "required": true,
            "schema": { "type": "string", "pattern": "^[0-9a-f]{32}$" },
        }));
    }
    if !parameters.is_empty() {
        page["parameters"] = parameters.into();
    }
    page
}

fn parameter((name, kind, text): &Parameter) -> Value {
    let schema = match kind.split_once(": ") {
        Some((kind, values)) => {
            json!({ "type": kind, "enum": values.split(' ').collect::<Vec<_>>() })
        },
        None => json!({ "type": kind }),
    };
    json!({ "name": name, "in": "query", "description": text, "schema": schema })
}

/// `[Name]` is a list of them.
fn content(name: &str) -> Value {
    let of = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let schema = match name {
        "text" => return json!({ "text/plain": { "schema": { "type": "string" } } }),
        "stream" => return json!({ "text/event-stream": { "schema": { "type": "string" } } }),
        "object" => json!({ "type": "object" }),
        name => match name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
            Some(one) => json!({ "type": "array", "items": of(one) }),
            None => of(name),
        },
    };
    json!({ "application/json": { "schema": schema } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_that_is_referred_to_is_explained() {
        let page = document();
        for call in CALLS.iter().copied().flatten() {
            for name in call.body.into_iter().chain([call.answer]) {
                let name = name.trim_matches(['[', ']']);
                let known = ["text", "stream", "object"].contains(&name)
                    || page["components"]["schemas"].get(name).is_some();
                assert!(known, "{name}");
            }
        }
    }
}
