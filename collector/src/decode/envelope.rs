//! What the three export requests share: resources hold scopes, scopes hold items.

use std::sync::Arc;

use model::names::attribute;

use super::any::{KeyValue, write_entry};
use super::{Flaw, owned};
use crate::record::{Origin, Resource};
use crate::wire::{Fields, Value, WireError};

/// Calls `each` for every item of a request, with the number of its origin or with the reason why
/// the origin is invalid, which spoils every item below it. Returns the origins.
pub(super) fn walk<'a>(
    request: &'a [u8],
    mut each: impl FnMut(Result<u32, &'static str>, &'a [u8]) -> Result<(), WireError>,
) -> Result<Vec<Origin>, WireError> {
    let mut origins = Vec::new();
    for field in Fields::of(request) {
        if let (1, Value::Bytes(entry)) = field? {
            walk_resource(entry, &mut origins, &mut each)?;
        }
    }
    Ok(origins)
}

fn walk_resource<'a>(
    entry: &'a [u8],
    origins: &mut Vec<Origin>,
    each: &mut impl FnMut(Result<u32, &'static str>, &'a [u8]) -> Result<(), WireError>,
) -> Result<(), WireError> {
    // Fields may come in any order, and repeated messages add up.
    let resource = split(resource_of(entry))?.map(Arc::new);
    for field in Fields::of(entry) {
        if let (2, Value::Bytes(entry)) = field? {
            let origin = match (&resource, split(scope_of(entry))?) {
                (Ok(resource), Ok(scope)) => {
                    origins.push(Origin { resource: Arc::clone(resource), scope });
                    Ok((origins.len() - 1) as u32)
                },
                (Err(reason), _) => Err(*reason),
                (_, Err(reason)) => Err(reason),
            };
            for field in Fields::of(entry) {
                if let (2, Value::Bytes(item)) = field? {
                    each(origin, item)?;
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
    let (mut service, mut instance, mut attributes) = (None, None, String::from("{"));
    for field in Fields::of(entry) {
        let (1, Value::Bytes(resource)) = field? else { continue };
        for field in Fields::of(resource) {
            let (1, Value::Bytes(message)) = field? else { continue };
            let KeyValue { key, view, .. } = KeyValue::checked(message)?;
            match key {
                attribute::SERVICE_NAME => service = view.to_text(),
                attribute::SERVICE_INSTANCE_ID => instance = view.to_text(),
                _ => {},
            }
            if attributes.len() > 1 {
                attributes.push(',');
            }
            write_entry(message, &mut attributes);
        }
    }
    attributes.push('}');
    Ok(Resource {
        service: service.map_or_else(|| "unknown_service".to_owned(), Into::into),
        instance: instance.map(Into::into).unwrap_or_default(),
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
