//! The steps of one flow, in order, because a step may use what earlier ones saved.

use super::step::StepReader;
use super::{Sources, step};
use crate::distribution::Distribution;
use crate::flow::{ClientPolicy, Step};
use crate::reading::reader::Value;

/// What a flow says for all of its steps.
#[derive(Debug)]
pub(super) struct Defaults {
    pub(super) think: Option<Distribution>,
    pub(super) timeout_ms: Option<u64>,
    pub(super) client: ClientPolicy,
}

pub(super) fn read(value: &Value<'_>, sources: &Sources, defaults: &Defaults) -> Vec<Step> {
    let tables = value.tables(step::TABLE);
    if value.is_list() && tables.is_empty() {
        value.wrong("a flow needs at least one step");
    }
    let mut reader = StepReader::new(sources, defaults);
    tables.into_iter().filter_map(|table| reader.read(table)).collect()
}
