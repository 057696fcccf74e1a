//! What makes a plan impossible to run, each with its place in the plan.

use std::collections::BTreeSet;

use http::{HeaderName, Method};
use model::distribution::Distribution;
use model::flow::{Flow, Step};
use model::limits::{RATE_PER_S_MAX, RUN_MAX};
use model::load::{Load, LoadModel, LoadPlan, WEIGHT_MAX, Weighted};
use model::template::Hole;

use crate::error::LoadError;

type Checked = Result<(), LoadError>;

fn refuse(place: impl Into<String>, problem: impl Into<String>) -> LoadError {
    LoadError::Plan { place: place.into(), problem: problem.into() }
}

fn demand(holds: bool, place: &str, problem: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(refuse(place, problem())) }
}

pub(super) fn plan(plan: &LoadPlan) -> Checked {
    demand(plan.worker < plan.workers, "worker", || {
        format!("worker {} of {} does not exist; workers count from 0", plan.worker, plan.workers)
    })?;
    demand(plan.connections_max > 0, "connections_max", || "must be at least 1".into())?;
    demand(plan.threads > 0, "threads", || "must be at least 1".into())?;
    demand(!plan.targets.is_empty(), "targets", || "names no target".into())?;
    let end_ms = plan.timeline.end_ms;
    demand(u128::from(end_ms) <= RUN_MAX.as_millis(), "timeline.end_ms", || {
        format!("{end_ms} ms is longer than the longest run, {} s", RUN_MAX.as_secs())
    })?;
    let mut names = BTreeSet::new();
    for (at, load) in plan.loads.iter().enumerate() {
        let place = format!("loads[{at}]");
        // Arrivals are drawn by the name: two loads of one name would be the same arrivals.
        demand(names.insert(&load.name), &format!("{place}.name"), || {
            format!("another load is named {:?} too", load.name)
        })?;
        check_load(plan, load, &place)?;
    }
    check_models(plan)?;
    let mut names = BTreeSet::new();
    for (at, flow) in plan.flows.iter().enumerate() {
        demand(names.insert(&flow.name), &format!("flows[{at}].name"), || {
            format!("another flow is named {:?} too", flow.name)
        })?;
        check_flow(plan, flow, &format!("flows[{at}]"))?;
    }
    Ok(())
}

/// Percentiles of a run are about all its loads, so those who wait for answers and arrivals that do
/// not are never in one plan.
fn check_models(plan: &LoadPlan) -> Checked {
    let Some(first) = plan.loads.first() else { return Ok(()) };
    match plan.loads.iter().position(|load| load.model != first.model) {
        None => Ok(()),
        Some(at) => Err(refuse(
            format!("loads[{at}].model"),
            "loads can only be run with their like: durations of different models must not be \
             mixed",
        )),
    }
}

fn check_load(plan: &LoadPlan, load: &Load, place: &str) -> Checked {
    demand(!load.flows.is_empty(), &format!("{place}.flows"), || "has no flow".into())?;
    for (at, Weighted { flow, weight }) in load.flows.iter().enumerate() {
        let place = format!("{place}.flows[{at}]");
        demand(plan.flows.iter().any(|known| known.name == *flow), &place, || {
            format!("there is no flow {flow:?}")
        })?;
        demand((1..=WEIGHT_MAX).contains(weight), &place, || {
            format!("a weight is from 1 to {WEIGHT_MAX}, not {weight}")
        })?;
    }
    demand(load.users > 0, &format!("{place}.users"), || "must be at least 1".into())?;
    demand(load.timeout_ms > 0, &format!("{place}.timeout_ms"), || "must be at least 1".into())?;
    check_arrivals(load, place)?;
    for (at, step) in load.rate.iter().enumerate() {
        let place = format!("{place}.rate[{at}]");
        for rate in [step.from_per_s, step.to_per_s] {
            demand((0.0..=RATE_PER_S_MAX).contains(&rate), &place, || {
                format!("{rate} arrivals per second is not between 0 and {RATE_PER_S_MAX}")
            })?;
        }
        demand(step.for_ms.is_some() || at + 1 == load.rate.len(), &place, || {
            "only the last step may last until load ends".into()
        })?;
        if let Some(wave) = step.wave {
            let lowest = step.from_per_s.min(step.to_per_s);
            demand(wave.period_ms > 0, &place, || "a wave needs a period".into())?;
            demand((0.0..=lowest).contains(&wave.amplitude_per_s), &place, || {
                format!("an amplitude of {} is not between 0 and {lowest}", wave.amplitude_per_s)
            })?;
        }
    }
    Ok(())
}

fn check_arrivals(load: &Load, place: &str) -> Checked {
    let recorded = &load.recorded_ns;
    demand(recorded.is_sorted(), &format!("{place}.recorded_ns"), || "is not in order".into())?;
    let needs_rate = load.model == LoadModel::Open && recorded.is_empty();
    demand(!(needs_rate && load.rate.is_empty()), &format!("{place}.rate"), || {
        "has no step".into()
    })?;
    check_users(load, place)
}

fn check_users(load: &Load, place: &str) -> Checked {
    let closed = load.model == LoadModel::Closed;
    let paced = !load.rate.is_empty() || !load.recorded_ns.is_empty();
    demand(!(closed && paced), &format!("{place}.rate"), || {
        "users of the closed model have no rate".into()
    })?;
    let own = !load.levels.is_empty() || load.think.is_some();
    demand(closed || !own, &format!("{place}.model"), || {
        "only users of the closed model come, go and think".into()
    })?;
    for (at, step) in load.levels.iter().enumerate() {
        let place = format!("{place}.levels[{at}]");
        demand(step.from.max(step.to) <= load.users, &place, || {
            format!("there are no more than {} users", load.users)
        })?;
        demand(step.for_ms.is_some() || at + 1 == load.levels.len(), &place, || {
            "only the last step may last until load ends".into()
        })?;
    }
    let problem = load.think.as_ref().and_then(Distribution::problem);
    demand(problem.is_none(), &format!("{place}.think"), || problem.unwrap_or_default().into())
}

fn check_flow(plan: &LoadPlan, flow: &Flow, place: &str) -> Checked {
    demand(!flow.steps.is_empty(), &format!("{place}.steps"), || "has no step".into())?;
    let mut saved = BTreeSet::new();
    for (at, step) in flow.steps.iter().enumerate() {
        let place = format!("{place}.steps[{at}]");
        check_step(plan, step, &place)?;
        for template in step.templates() {
            for hole in template.holes() {
                check_hole(plan, hole, &saved, &place)?;
            }
        }
        saved.extend(step.save.keys().map(String::as_str));
        let promised = step.acknowledges.as_deref();
        demand(
            promised.is_none_or(|name| saved.contains(name)),
            &format!("{place}.acknowledges"),
            || format!("nothing saves {:?} up to this step", promised.unwrap_or_default()),
        )?;
    }
    Ok(())
}

fn check_step(plan: &LoadPlan, step: &Step, place: &str) -> Checked {
    demand(step.target < plan.targets.len(), &format!("{place}.target"), || {
        format!("there is no target {}", step.target)
    })?;
    demand(step.method.parse::<Method>().is_ok(), &format!("{place}.method"), || {
        format!("{:?} is no HTTP method", step.method)
    })?;
    for name in step.headers.keys() {
        demand(name.parse::<HeaderName>().is_ok(), &format!("{place}.headers"), || {
            format!("{name:?} is no header name")
        })?;
    }
    demand(step.timeout_ms != Some(0), &format!("{place}.timeout_ms"), || {
        "must be at least 1".into()
    })
}

fn check_hole(plan: &LoadPlan, hole: &Hole, saved: &BTreeSet<&str>, place: &str) -> Checked {
    match hole {
        Hole::Sequence | Hole::Uuid | Hole::User => Ok(()),
        Hole::Any(list) => {
            demand(plan.data.get(list).is_some_and(|list| !list.is_empty()), place, || {
                format!("the list {list:?} is absent or empty")
            })
        },
        Hole::Setup(name) => demand(plan.setup.contains_key(name), place, || {
            format!("the set-up of the run has saved no {name:?}")
        }),
        Hole::Column { feeder, column } => {
            let known = plan.feeders.iter().find(|known| known.name == *feeder);
            demand(known.is_some_and(|known| known.column(column).is_some()), place, || {
                format!("there is no feeder {feeder:?} with a column {column:?}")
            })
        },
        Hole::Saved(name) => demand(saved.contains(name.as_str()), place, || {
            format!("no earlier step saves {name:?}")
        }),
    }
}

#[cfg(test)]
mod tests {
    use model::load::UserStep;

    use super::*;
    use crate::testing;

    type Change = fn(&mut LoadPlan);

    #[test]
    fn each_impossible_plan_is_refused_with_its_place() {
        let change = |change: Change| {
            let mut plan = testing::plan("127.0.0.1:1".parse().unwrap());
            change(&mut plan);
            super::plan(&plan).map_err(|error| error.to_string())
        };
        assert_eq!(change(|_| {}), Ok(()));
        let table: [(Change, &str); 19] = [
            (|plan| plan.worker = 1, "worker: worker 1 of 1"),
            (|plan| plan.connections_max = 0, "connections_max"),
            (|plan| plan.timeline.end_ms = u64::MAX, "timeline.end_ms"),
            (|plan| plan.loads.push(plan.loads[0].clone()), "loads[1].name"),
            (|plan| plan.loads[0].flows[0].flow = "browse".into(), "no flow \"browse\""),
            (|plan| plan.loads[0].flows[0].weight = 0, "loads[0].flows[0]: a weight"),
            (|plan| plan.loads[0].flows.clear(), "loads[0].flows"),
            (|plan| plan.loads[0].users = 0, "loads[0].users"),
            (|plan| plan.loads[0].rate.clear(), "loads[0].rate"),
            (|plan| plan.loads[0].rate[0].to_per_s = f64::NAN, "loads[0].rate[0]: NaN"),
            (|plan| plan.loads[0].model = LoadModel::Closed, "loads[0].rate: users of the closed"),
            (
                |plan| {
                    let users = Load { name: "users".into(), ..plan.loads[0].clone() };
                    plan.loads.push(Load { model: LoadModel::Closed, rate: Vec::new(), ..users });
                },
                "loads[1].model: loads can only be run with their like",
            ),
            (
                |plan| {
                    let think = Distribution::Uniform { min_us: 2, max_us: 1 };
                    plan.loads[0] = Load {
                        model: LoadModel::Closed,
                        rate: Vec::new(),
                        think: Some(think),
                        ..plan.loads[0].clone()
                    };
                },
                "loads[0].think: the lower end",
            ),
            (|plan| plan.flows.push(plan.flows[0].clone()), "flows[1].name"),
            (|plan| plan.flows[0].steps.clear(), "flows[0].steps"),
            (|plan| plan.flows[0].steps[0].method = "GE T".into(), "flows[0].steps[0].method"),
            (
                |plan| plan.flows[0].steps[0].path = "/${order}".parse().unwrap(),
                "flows[0].steps[0]: no earlier step saves \"order\"",
            ),
            (
                |plan| plan.flows[0].steps[0].path = "/${any:town}".parse().unwrap(),
                "the list \"town\"",
            ),
            (
                |plan| plan.flows[0].steps[0].acknowledges = Some("order".into()),
                "flows[0].steps[0].acknowledges",
            ),
        ];
        for (wrong, place) in table {
            let refused = change(wrong).expect_err(place);
            assert!(refused.contains(place), "{refused} does not name {place}");
        }
    }

    #[test]
    fn users_who_come_and_go_are_those_of_a_closed_load_and_never_more_than_it_has() {
        let refused = |model, levels: &[UserStep]| {
            let mut plan = testing::plan("127.0.0.1:1".parse().unwrap());
            let load = &mut plan.loads[0];
            (load.model, load.users, load.levels) = (model, 5, levels.to_vec());
            if model == LoadModel::Closed {
                load.rate.clear();
            }
            super::plan(&plan).err().map(|error| error.to_string())
        };
        let (five, six) = (UserStep::level(5, None), UserStep::level(6, None));
        let steps = [UserStep { from: 0, to: 5, for_ms: Some(10) }, five];
        assert_eq!(refused(LoadModel::Closed, &steps), None);
        for (model, levels, part) in [
            (LoadModel::Open, &[five][..], "loads[0].model: only users of the closed"),
            (LoadModel::Closed, &[six], "loads[0].levels[0]: there are no more than 5"),
            (LoadModel::Closed, &[five, five], "loads[0].levels[0]: only the last step"),
        ] {
            let told = refused(model, levels).expect(part);
            assert!(told.contains(part), "{told}");
        }
    }
}
