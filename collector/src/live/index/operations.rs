//! Counts of operations over what is at hand.

use std::borrow::Cow;

use super::Index;
use crate::query::{OperationCounts, OperationQuery, OperationRow, operation_rows};
use crate::record::kind;

impl Index {
    pub(crate) fn operations(&self, query: &OperationQuery) -> Vec<OperationRow> {
        let mut counts = OperationCounts::new();
        let from_ns = query.from_unix_ms.unwrap_or(0).saturating_mul(1_000_000);
        let to_ns = query.to_unix_ms.unwrap_or(u64::MAX).saturating_mul(1_000_000);
        for span in self.kept().filter(|span| (from_ns..to_ns).contains(&span.end_unix_ns)) {
            let (service, kind) = (&span.origin().resource.service, kind::name(span.kind));
            let other = |wanted: &Option<String>, found: &str| {
                wanted.as_ref().is_some_and(|wanted| wanted != found)
            };
            if other(&query.service, service) || other(&query.kind, kind) {
                continue;
            }
            let operation =
                span.http_route().map_or_else(|| span.name().to_owned(), Cow::into_owned);
            let (errors, durations) =
                counts.entry((service.clone(), operation, kind.to_owned())).or_default();
            *errors += u64::from(span.is_error());
            durations.record_ns(span.duration_ns(), 1);
        }
        operation_rows(counts)
    }
}
