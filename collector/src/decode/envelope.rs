//! What the three export requests share: resources hold scopes, scopes hold items.

use std::sync::Arc;

use super::any::AttributeWriter;
use super::{Flaw, owned};
use crate::record::{Origin, Resource};
use crate::wire::{Fields, Value, WireError};

/// Calls `each` for every item of a request, with its origin or with the reason why the origin is
/// invalid, which spoils every item below it.
pub(super) fn walk(
    request: &[u8],
    mut each: impl FnMut(Result<&Origin, &'static str>, &[u8]) -> Result<(), WireError>,
) -> Result<(), WireError> {
    for field in Fields::of(request) {
        if let (1, Value::Bytes(entry)) = field? {
            walk_resource(entry, &mut each)?;
        }
    }
    Ok(())
}

fn walk_resource(
    entry: &[u8],
    each: &mut impl FnMut(Result<&Origin, &'static str>, &[u8]) -> Result<(), WireError>,
) -> Result<(), WireError> {
    // Fields may come in any order, and repeated messages add up.
    let resource = split(resource_of(entry))?.map(Arc::new);
    for field in Fields::of(entry) {
        if let (2, Value::Bytes(entry)) = field? {
            let scope = split(scope_of(entry))?;
            let origin = match (&resource, scope) {
                (Ok(resource), Ok(scope)) => Ok(Origin { resource: Arc::clone(resource), scope }),
                (Err(reason), _) => Err(*reason),
                (_, Err(reason)) => Err(reason),
            };
            for field in Fields::of(entry) {
                if let (2, Value::Bytes(item)) = field? {
                    each(origin.as_ref().map_err(|reason| *reason), item)?;
                }
            }
        }
    }
    Ok(())
}

/// Tells what spoils the items from what spoils the request.
fn split<T>(result: Result<T, Flaw>) -> Result<Result<T, &'static str>, WireError> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(Flaw::Item(reason)) => Ok(Err(reason)),
        Err(Flaw::Wire(error)) => Err(error),
    }
}

fn resource_of(entry: &[u8]) -> Result<Resource, Flaw> {
    let mut attributes = AttributeWriter::default();
    for field in Fields::of(entry) {
        if let (1, Value::Bytes(resource)) = field? {
            for field in Fields::of(resource) {
                if let (1, Value::Bytes(attribute)) = field? {
                    attributes.add(attribute)?;
                }
            }
        }
    }
    let (attributes, known) = attributes.finish();
    Ok(Resource {
        service: known.service.unwrap_or_else(|| "unknown_service".to_owned()),
        instance: known.instance.unwrap_or_default(),
        attributes,
    })
}

fn scope_of(entry: &[u8]) -> Result<Arc<str>, Flaw> {
    let mut name = String::new();
    for field in Fields::of(entry) {
        if let (1, Value::Bytes(scope)) = field? {
            for field in Fields::of(scope) {
                if let (1, Value::Bytes(bytes)) = field? {
                    name = owned(bytes)?;
                }
            }
        }
    }
    Ok(name.into())
}
