//! Which row of a feeder a journey gets.
//!
//! A feeder counts the journeys of the loads that use it. With one such load the journey's number
//! is its own; with several their journeys take turns, so that no two of them get the same row
//! before the feeder is through.

use model::feeder::Feeder;
use model::flow::{Condition, Flow, Step};
use model::load::{Load, LoadPlan};
use model::template::{Hole, Template};

#[derive(Debug)]
pub(crate) struct Rows {
    seed: u64,
    feeders: Vec<Fed>,
}

#[derive(Debug)]
struct Fed {
    feeder: Feeder,
    /// Indices of the loads that use it, rising.
    loads: Vec<usize>,
}

impl Rows {
    pub(super) fn new(plan: &LoadPlan) -> Self {
        let fed = |feeder: &Feeder| {
            let uses = |load: &Load| {
                let walked = |flow: &&Flow| load.flows.iter().any(|each| each.flow == flow.name);
                plan.flows.iter().filter(walked).any(|flow| uses_feeder(flow, &feeder.name))
            };
            let loads = plan.loads.iter().enumerate().filter(|(_, load)| uses(load));
            Fed { feeder: feeder.clone(), loads: loads.map(|(at, _)| at).collect() }
        };
        Self { seed: plan.seed, feeders: plan.feeders.iter().map(fed).collect() }
    }

    /// Field of the row of a journey, which is a load and the number of an arrival in it.
    pub(crate) fn value(
        &self,
        feeder: &str,
        column: &str,
        (load, arrival): (usize, u64),
    ) -> Option<&str> {
        let fed = self.feeders.iter().find(|fed| fed.feeder.name == feeder)?;
        let column = fed.feeder.column(column)?;
        let turn = fed.loads.iter().position(|user| *user == load)?;
        let number = arrival * fed.loads.len() as u64 + turn as u64;
        fed.feeder.row(self.seed, number).get(column).map(String::as_str)
    }
}

fn uses_feeder(flow: &Flow, name: &str) -> bool {
    let of_step = |step: &Step| {
        let conditions = step.conditions().flat_map(Condition::templates);
        let mut holes = step.templates().chain(conditions).flat_map(Template::holes);
        holes.any(|hole| matches!(hole, Hole::Column { feeder, .. } if feeder == name))
    };
    flow.steps.iter().any(of_step)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use model::feeder::RowOrder;

    use super::*;

    #[test]
    fn loads_that_share_a_feeder_take_turns_and_others_do_not_count() {
        let mut plan = crate::testing::plan("127.0.0.1:1".parse().unwrap());
        let mut using = plan.flows[0].clone();
        using.name = "log in".into();
        using.steps[0].path = "/${users.name}".parse().unwrap();
        plan.flows.push(using);
        let other = plan.loads[0].clone();
        for name in ["one", "two"] {
            let mut load = Load { name: name.into(), ..other.clone() };
            load.flows[0].flow = "log in".into();
            plan.loads.push(load);
        }
        let rows = (0..10).map(|row| vec![row.to_string()]).collect();
        let (name, columns) = ("users".into(), vec!["name".into()]);
        plan.feeders.push(Feeder { name, order: RowOrder::Sequential, columns, rows });
        let rows = Rows::new(&plan);
        let row = |load: usize, arrival: u64| rows.value("users", "name", (load, arrival));
        assert_eq!(
            (row(0, 0), row(1, 0), row(2, 0), row(1, 1)),
            (None, Some("0"), Some("1"), Some("2"))
        );
        let all: BTreeSet<_> = (0..5).flat_map(|k| [row(1, k), row(2, k)]).collect();
        assert_eq!(all.len(), 10);
        assert_eq!(row(1, 5), Some("0"));
    }
}
