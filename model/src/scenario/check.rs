//! What can be said of a scenario before it runs: what it will do to whom and when, how many calls
//! it will hit, and whether it can decide what it is meant to decide.
//!
//! Everything here is an estimate from the plan: arrivals as written, no retries, no failures.

use std::fmt::Write as _;

use crate::expect::Check;
use crate::fault::{FaultSpec, When};
use crate::load::LoadModel;
use crate::phase::Phase;
use crate::scenario::Scenario;
use crate::units::{Share, format_duration};

mod gantt;
mod need;
mod traffic;

pub use need::{Undecidable, undecidable};

/// The whole page of `shakedown check`.
pub fn render(scenario: &Scenario) -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    _ = write_head(&mut page, scenario)
        .and_then(|()| page.write_str(&gantt::render(scenario)))
        .and_then(|()| write_faults(&mut page, scenario))
        .and_then(|()| write_expectations(&mut page, scenario))
        .and_then(|()| write_problems(&mut page, scenario));
    page
}

fn write_head(page: &mut String, scenario: &Scenario) -> std::fmt::Result {
    writeln!(page, "{} (seed {})", scenario.title, scenario.seed)?;
    let weaknesses = match scenario.weaknesses.as_slice() {
        [] => "no weakness switched on".to_owned(),
        switched_on => format!("weaknesses: {}", switched_on.join(", ")),
    };
    writeln!(page, "shop, {} edges, {weaknesses}", scenario.policies.len())?;
    for service in &scenario.services {
        writeln!(page, "beside it {}: {}", service.name, service.run.join(" "))?;
    }
    for load in &scenario.loads {
        let (name, users, mix) = (&load.name, load.users, load.mix());
        match load.model {
            LoadModel::Open => {},
            LoadModel::Closed => {
                let most = if load.levels.is_empty() { "" } else { "at most " };
                writeln!(page, "load {name}: {most}{users} users of {mix}, closed model")?;
                continue;
            },
            LoadModel::Max => {
                writeln!(page, "load {name}: {mix} as fast as it goes, max model")?;
                continue;
            },
        }
        let peak = load.rate.iter().map(|step| step.from_per_s.max(step.to_per_s));
        let (timeline, peak) = (scenario.timeline(), peak.fold(0.0, f64::max));
        let arrivals = traffic::arrivals(&load.rate, 0, timeline.end_ms);
        writeln!(page, "load {name}: {arrivals:.0} journeys of {mix}, at most {peak}/s")?;
    }
    for feeder in &scenario.feeders {
        let (name, rows, order) = (&feeder.name, feeder.rows.len(), feeder.order.as_str());
        writeln!(page, "feeder {name}: {rows} rows, {order}: {}", feeder.columns.join(", "))?;
    }
    writeln!(page)
}

fn write_faults(page: &mut String, scenario: &Scenario) -> std::fmt::Result {
    if scenario.faults.is_empty() {
        return writeln!(page, "\nno faults");
    }
    writeln!(page, "\nfaults (times count from the end of `before`)")?;
    for fault in &scenario.faults {
        write_fault(page, scenario, fault)?;
    }
    Ok(())
}

fn write_fault(page: &mut String, scenario: &Scenario, fault: &FaultSpec) -> std::fmt::Result {
    let windows = fault.schedule.len();
    let repeated = if windows > 1 { format!(", in {windows} windows") } else { String::new() };
    writeln!(
        page,
        "  {}: {}, share {}, {}..{}{repeated}",
        fault.name,
        fault.effect,
        fault.shares(),
        time(fault.start_ms()),
        time(fault.end_ms())
    )?;
    let matched = !fault.matching.is_empty();
    let counted = When { ramp_to: None, ..fault.when.clone() } != When::default();
    let exposed = 1.0 - scenario.run.control.as_fraction();
    // A share that changes in a straight line is its middle on average.
    let share = fault.share.as_fraction();
    let share = fault.when.ramp_to.map_or(share, |to| f64::midpoint(share, to.as_fraction()));
    for edge in &fault.edges {
        match traffic::calls_in(scenario, edge, &fault.schedule) {
            Some(calls) => {
                let hits = calls * exposed * share;
                let bound = if matched || counted { "at most " } else { "about " };
                writeln!(page, "    {edge}: about {calls:.0} calls, {bound}{hits:.0} hits")?;
            },
            None => writeln!(page, "    {edge}: calls not known, a flow of the file may use it")?,
        }
    }
    if matched {
        let matching = &fault.matching;
        writeln!(page, "    only {matching}; what share of the calls that is, is not known")?;
    }
    if counted {
        writeln!(page, "    {}", fault.when)?;
    }
    if scenario.run.control != Share::ZERO {
        writeln!(page, "    {} of the users are never touched", scenario.run.control)?;
    }
    Ok(())
}

fn write_expectations(page: &mut String, scenario: &Scenario) -> std::fmt::Result {
    if scenario.expectations.is_empty() {
        return writeln!(page, "\nno expectations: the run cannot pass");
    }
    writeln!(page, "\nexpectations")?;
    for phase in Phase::ALL {
        for expectation in scenario.expectations.iter().filter(|each| each.phase == phase) {
            let kind = if expectation.sometimes { "sometimes " } else { "" };
            let text = format!("{kind}{}", expectation.text);
            let decides = match need::of(scenario, expectation) {
                need::Need::Samples { needed, planned: Some(planned) } if planned >= needed => {
                    format!("needs {needed}, plans {planned}: can decide")
                },
                need::Need::Samples { needed, planned: Some(planned) } => {
                    format!("needs {needed}, plans {planned}: CANNOT DECIDE")
                },
                need::Need::Samples { needed, planned: None } => {
                    format!("needs {needed}, how many there will be is not known")
                },
                need::Need::Event => match expectation.check {
                    Check::Invariant { .. } => "read from the system at the end".to_owned(),
                    _ => "seen when it happens".to_owned(),
                },
            };
            writeln!(page, "  {phase:<6}  {text:<48}  {decides}")?;
        }
    }
    Ok(())
}

fn write_problems(page: &mut String, scenario: &Scenario) -> std::fmt::Result {
    let problems = undecidable(scenario);
    if problems.is_empty() {
        return Ok(());
    }
    writeln!(page, "\ntoo few samples by plan; lengthen the phase or raise the rate")?;
    for problem in problems {
        writeln!(page, "  {problem}")?;
    }
    Ok(())
}

fn time(ms: u64) -> String {
    format_duration(std::time::Duration::from_millis(ms))
}

#[cfg(test)]
mod tests;
