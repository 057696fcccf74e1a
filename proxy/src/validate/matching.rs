//! What a match may ask for.

use model::fault::{Match, Pair};

use super::{Checked, at_most, ensure, text};

/// Most conditions of one kind.
const CONDITIONS_MAX: usize = 32;

pub(super) fn check(field: &str, matching: &Match) -> Checked {
    if let Some(method) = &matching.method {
        text::method(&format!("{field}.method"), method)?;
    }
    if let Some(path) = &matching.path {
        let fits = (path.starts_with('/') || path == "*") && !path.contains(['?', '#']);
        ensure(fits, &format!("{field}.path"), || {
            format!("a path starts with / and has no query, got {path:?}")
        })?;
    }
    if let Some(grpc) = &matching.grpc {
        let parts = grpc.split_once('/').filter(|(service, method)| {
            !service.is_empty() && !method.is_empty() && !method.contains('/')
        });
        ensure(parts.is_some(), &format!("{field}.grpc"), || {
            format!("a gRPC method is package.Service/Method or package.Service/*, got {grpc:?}")
        })?;
    }
    header_pairs(&format!("{field}.headers"), &matching.headers)?;
    named_pairs(&format!("{field}.query"), &matching.query)?;
    named_pairs(&format!("{field}.body"), &matching.body)
}

pub(super) fn header_pairs(field: &str, pairs: &[Pair]) -> Checked {
    at_most(field, pairs.len(), CONDITIONS_MAX)?;
    for (index, pair) in pairs.iter().enumerate() {
        text::field_name(&format!("{field}[{index}].name"), &pair.name)?;
        if let Some(value) = &pair.value {
            text::field_value(&format!("{field}[{index}].value"), value)?;
        }
    }
    Ok(())
}

fn named_pairs(field: &str, pairs: &[Pair]) -> Checked {
    at_most(field, pairs.len(), CONDITIONS_MAX)?;
    for (index, pair) in pairs.iter().enumerate() {
        ensure(!pair.name.is_empty(), &format!("{field}[{index}].name"), || {
            "a name is needed".to_owned()
        })?;
    }
    Ok(())
}
