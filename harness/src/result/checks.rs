//! The checks of a run, each over all judged phases, with the phases in which it failed.

use std::collections::BTreeMap;

use model::load::CheckCount;
use model::phase::Phase;

use super::RunResult;

/// How often one check of one step held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckTotals {
    pub flow: String,
    pub step: String,
    /// As written in the scenario.
    pub check: String,
    pub count: CheckCount,
    /// Phases in which it failed, and how often.
    pub failed_in: Vec<(Phase, u64)>,
}

impl RunResult {
    /// By flow, step and text. Warm-up is left out.
    pub fn checks(&self) -> Vec<CheckTotals> {
        let mut found: BTreeMap<(String, &str, &str), CheckTotals> = BTreeMap::new();
        for step in self.steps.iter().filter(|step| step.phase != Phase::Warmup) {
            for (check, count) in &step.checks {
                let entry = found.entry((step.title(), &step.step, check));
                let totals = entry.or_insert_with(|| CheckTotals {
                    flow: step.title(),
                    step: step.step.clone(),
                    check: check.clone(),
                    count: CheckCount::default(),
                    failed_in: Vec::new(),
                });
                totals.count += *count;
                if count.failed > 0 {
                    totals.failed_in.push((step.phase, count.failed));
                }
            }
        }
        found.into_values().collect()
    }
}
