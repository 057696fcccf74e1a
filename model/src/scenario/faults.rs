//! What the faults of a scenario may be: they act on the edges of the sample shop, which all carry
//! HTTP, and within the run.

use std::collections::BTreeMap;

use super::language;
use crate::edge::Edge;
use crate::fault::KINDS;
use crate::plan::Protocol;
use crate::reading::faults::{Faults, Rules, later, read as read_faults};
use crate::reading::outside::Nowhere;
use crate::reading::reader::{Table, not_yet, shorten};
use crate::reading::schedule::Horizon;
use crate::shop;

/// `limit_ms` is the longest that a run may take.
pub(super) fn read(root: &mut Table<'_>, edges: &[Edge], limit_ms: u64) -> Faults {
    let edges: BTreeMap<Edge, Option<Protocol>> =
        edges.iter().map(|edge| (edge.clone(), Some(Protocol::Http))).collect();
    let rules = Rules {
        edges: &edges,
        // A scenario tells its whole story itself, so that the copy in the run folder does, too.
        outside: &Nowhere,
        horizon: Horizon::Run { limit_ms },
        file: "a scenario",
        later_keys: &language::FAULT_KEYS,
        refused_kind,
        refused_target,
    };
    read_faults(root, &rules)
}

fn refused_kind(kind: &str) -> Option<String> {
    if kind == "caller" {
        return Some(
            "faults that callers ask for need a secret, and a scenario holds none; they belong \
             into the file of a gateway that stands alone"
                .to_owned(),
        );
    }
    if KINDS.iter().any(|row| row.name == kind && !row.http) {
        let kind = shorten(kind);
        return Some(format!(
            "a fault of kind \"{kind}\" acts on TCP edges, and every edge of the shop carries HTTP"
        ));
    }
    language::FAULT_KINDS.contains(&kind).then(|| later("the fault kind", kind))
}

fn refused_target(name: &str) -> Option<String> {
    let service = shop::SERVICES.contains(&name) || name.starts_with("any service");
    service.then(|| not_yet(&format!("a fault on the service \"{}\"", shorten(name))))
}
