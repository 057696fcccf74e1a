//! What faults and breakers did to each span.

use std::collections::BTreeMap;

use model::frame::{LogLine, Span};
use model::names::{attribute, event};
use model::trace::{LedgerEntry, Tree, attribute_text};

use super::row::is_rejected;
use super::{BarKind, WaterfallRow};
use crate::derive::words;

/// By node.
#[derive(Debug)]
pub(super) struct Marks {
    /// Fault and the delay that it added.
    hits: BTreeMap<usize, Vec<(String, Option<u64>)>>,
    transitions: BTreeMap<usize, Vec<String>>,
}

impl Marks {
    pub(super) fn of(tree: &Tree<'_>, ledger: &[LedgerEntry], logs: &[LogLine]) -> Self {
        let mut hits: BTreeMap<usize, Vec<(String, Option<u64>)>> = BTreeMap::new();
        for entry in ledger.iter().filter(|entry| entry.hit) {
            if let Some(at) = entry.span_id.and_then(|id| tree.find(id)) {
                hits.entry(at).or_default().push((entry.fault.clone(), entry.achieved_ns));
            }
        }
        let mut transitions: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        for line in logs.iter().filter(|line| line.event == event::BREAKER_TRANSITION) {
            if let Some(at) = line.span_id.and_then(|id| tree.find(id)) {
                transitions.entry(at).or_default().push(words::safe(&line.body));
            }
        }
        Self { hits, transitions }
    }

    pub(super) fn put(&self, at: usize, span: &Span, row: &mut WaterfallRow) {
        row.fault = self.faults(at, span);
        row.breaker = self.breaker(at, span);
        // Callers are told of faults below them; those did not act on the caller's own span.
        let acted_here =
            self.hits.contains_key(&at) || span.attributes.contains_key(attribute::EDGE);
        row.bar = match () {
            () if is_rejected(span) => BarKind::Rejected,
            () if row.fault.is_some() && acted_here => BarKind::Fault,
            () if span.error => BarKind::Error,
            () => BarKind::Ok,
        };
    }

    /// The ledger says more than the attribute, but may have been lost or not come yet.
    fn faults(&self, at: usize, span: &Span) -> Option<String> {
        let told = self.hits.get(&at).map_or(&[][..], Vec::as_slice);
        let delayed = |(fault, delay): &(String, Option<u64>)| match delay {
            Some(ns) => format!("{} +{}", words::safe(fault), words::duration(*ns)),
            None => words::safe(fault),
        };
        let named = attribute_text(span, attribute::FAULT).unwrap_or_default();
        let names = named.split(',').map(str::trim).filter(|name| !name.is_empty());
        let untold = names.filter(|name| told.iter().all(|(fault, _)| fault != name));
        let all: Vec<String> = told.iter().map(delayed).chain(untold.map(words::safe)).collect();
        (!all.is_empty()).then(|| all.join(", "))
    }

    fn breaker(&self, at: usize, span: &Span) -> Option<String> {
        let refused = is_rejected(span).then(|| match span.status_message.as_str() {
            "" => "rejected without being sent".to_owned(),
            message => words::safe(message),
        });
        let did = self.transitions.get(&at).into_iter().flatten().cloned();
        let all: Vec<String> = refused.into_iter().chain(did).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }
}
