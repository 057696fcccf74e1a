use model::feeder::{Feeder, RowOrder};
use model::flow::ClientPolicy;
use model::load::{LoadModel, LoadPlan, RateStep, Weighted};
use proptest::prelude::*;

use super::hash::hash_of;
use super::*;

fn load(spacing: Spacing, rate: Vec<RateStep>) -> Load {
    Load {
        name: "shoppers".into(),
        flows: vec![Weighted { flow: "checkout".into(), weight: 1 }],
        client: ClientPolicy::default(),
        rate,
        spacing,
        model: LoadModel::Open,
        recorded_ns: Vec::new(),
        users: 50,
        levels: Vec::new(),
        think: None,
        timeout_ms: 1_000,
    }
}

fn constant(per_s: f64) -> Vec<RateStep> {
    vec![RateStep::ramp(per_s, per_s, None)]
}

fn ramp() -> Vec<RateStep> {
    vec![RateStep::ramp(0.0, 200.0, Some(3_000)), RateStep::ramp(200.0, 50.0, Some(2_000))]
}

fn all(load: &Load, end_ms: u64) -> Vec<Arrival> {
    Arrivals::new(42, load, end_ms, Shard::WHOLE).collect()
}

/// The union of the shards, in the order of the indices.
fn union(load: &Load, end_ms: u64, of: u64) -> Vec<Arrival> {
    let mut union: Vec<Arrival> =
        (0..of).flat_map(|own| Arrivals::new(42, load, end_ms, Shard { own, of })).collect();
    union.sort_by_key(|arrival| arrival.index);
    union
}

#[test]
fn constant_spacing_puts_exactly_the_rate_into_every_second() {
    let arrivals = all(&load(Spacing::Constant, constant(100.0)), 5_000);
    for second in 0..5 {
        let inside = arrivals.iter().filter(|arrival| arrival.at_ns / 1_000_000_000 == second);
        assert_eq!(inside.count(), 100, "second {second}");
    }
    assert_eq!(arrivals[0].at_ns, 5_000_000);
    assert_eq!(arrivals[1].at_ns - arrivals[0].at_ns, 10_000_000);
}

#[test]
fn a_ramp_offers_what_its_integral_promises_in_every_window() {
    let ramping = load(Spacing::Constant, ramp());
    let curve = RateCurve::new(&ramping.rate, 8_000);
    let arrivals = all(&ramping, 8_000);
    for window in 0..80_u64 {
        let (from_ns, to_ns) = (window * 100_000_000, (window + 1) * 100_000_000);
        let inside = arrivals.iter().filter(|a| (from_ns..to_ns).contains(&a.at_ns)).count();
        let expected =
            curve.arrivals_until(to_ns as f64 / 1e9) - curve.arrivals_until(from_ns as f64 / 1e9);
        assert!((inside as f64 - expected).abs() <= 1.0, "{window}: {inside}, not {expected}");
    }
}

#[test]
fn poisson_gaps_are_exponential() {
    let arrivals = all(&load(Spacing::Poisson, constant(1_000.0)), 20_000);
    // 20,000 expected with standard deviation 141; five of them either side.
    assert!((19_293..=20_707).contains(&arrivals.len()), "{}", arrivals.len());
    let gaps: Vec<f64> =
        arrivals.windows(2).map(|pair| (pair[1].at_ns - pair[0].at_ns) as f64 / 1e6).collect();
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
    assert!((0.96..1.04).contains(&mean), "mean {mean} ms");
    // An exponential distribution has a coefficient of variation of 1.
    assert!((0.95..1.05).contains(&(variance.sqrt() / mean)), "deviation {}", variance.sqrt());
    let above = gaps.iter().filter(|gap| **gap > 2.0).count() as f64 / gaps.len() as f64;
    assert!((above - (-2.0_f64).exp()).abs() < 0.013, "{above} of the gaps are above two means");
}

#[test]
fn poisson_arrivals_follow_a_ramp() {
    let arrivals = all(&load(Spacing::Poisson, ramp()), 8_000);
    let inside = |from_s: u64, to_s: u64| {
        let window = from_s * 1_000_000_000..to_s * 1_000_000_000;
        arrivals.iter().filter(|arrival| window.contains(&arrival.at_ns)).count() as f64
    };
    // Expected 33.3, 166.7, 250 and 150, each within five standard deviations.
    for (from_s, to_s, expected) in [(0, 1, 33.3), (2, 3, 166.7), (3, 5, 250.0), (5, 8, 150.0)] {
        let deviation = (inside(from_s, to_s) - expected) / f64::sqrt(expected);
        assert!(deviation.abs() < 5.0, "{from_s}..{to_s} s: {}", inside(from_s, to_s));
    }
}

#[test]
fn the_hash_of_a_plan_stands_for_everything_that_workers_must_do_alike() {
    let plan = crate::testing::plan("127.0.0.1:1".parse().unwrap());
    let hash = plan_hash(&plan);
    let hash_after = |change: &dyn Fn(&mut LoadPlan)| {
        let mut other = plan.clone();
        change(&mut other);
        plan_hash(&other)
    };
    let alike: [&dyn Fn(&mut LoadPlan); 5] = [
        &|_| (),
        &|plan| (plan.worker, plan.workers) = (2, 3),
        &|plan| plan.run_id = "another".into(),
        &|plan| plan.threads += 1,
        &|plan| plan.setup = [("token".into(), "abc".into())].into(),
    ];
    for (number, change) in alike.iter().enumerate() {
        assert_eq!(hash, hash_after(change), "{number}");
    }
    let rows = |value: &str| Feeder {
        name: "users".into(),
        columns: vec!["name".into()],
        rows: vec![vec![value.into()]],
        order: RowOrder::default(),
    };
    let others: [&dyn Fn(&mut LoadPlan); 8] = [
        &|plan| plan.seed += 1,
        &|plan| plan.loads[0].users += 1,
        &|plan| plan.loads[0].rate[0].to_per_s += 1.0,
        &|plan| plan.loads[0].model = LoadModel::Closed,
        &|plan| plan.flows[0].steps[0].body = Some("{}".parse().unwrap()),
        &|plan| plan.data = [("sku".into(), vec!["1".into()])].into(),
        &|plan| plan.feeders = vec![rows("anna")],
        &|plan| plan.feeders = vec![rows("bert")],
    ];
    let mut seen = vec![hash];
    for (number, change) in others.iter().enumerate() {
        let other = hash_after(change);
        assert!(!seen.contains(&other), "{number}");
        seen.push(other);
    }
}

#[test]
fn recorded_arrivals_come_as_they_were_and_are_shared_out_like_others() {
    let recorded_ns = vec![0, 5, 5, 1_000_000, 999_000_000, 1_500_000_000];
    let load = Load { recorded_ns: recorded_ns.clone(), ..load(Spacing::Poisson, Vec::new()) };
    let whole = all(&load, 1_000);
    let at_ns: Vec<u64> = whole.iter().map(|arrival| arrival.at_ns).collect();
    assert_eq!(at_ns, recorded_ns[..5], "what lies behind the end of load does not come");
    assert_eq!(union(&load, 1_000, 3), whole);
}

#[test]
fn a_load_without_a_schedule_has_no_arrivals() {
    for model in [LoadModel::Max, LoadModel::Closed] {
        let load = Load { model, ..load(Spacing::Constant, constant(100.0)) };
        assert_eq!(all(&load, 1_000), []);
    }
}

#[test]
fn arrivals_never_change_between_versions() {
    let poisson = load(Spacing::Poisson, constant(100.0));
    let hash = hash_of(0, 42, &poisson, all(&poisson, 10_000).into_iter());
    assert_eq!(hash, PINNED, "{hash}");
}
const PINNED: u64 = 14_586_236_298_477_407_819;

proptest! {
    #[test]
    fn the_union_of_the_shards_is_the_plan_whatever_their_number(
        poisson in any::<bool>(),
        from_per_s in 0.0..300.0_f64,
        to_per_s in 0.0..300.0_f64,
        end_ms in 1..4_000_u64,
    ) {
        let spacing = if poisson { Spacing::Poisson } else { Spacing::Constant };
        let load = load(spacing, vec![RateStep::ramp(from_per_s, to_per_s, None)]);
        let whole = all(&load, end_ms);
        for of in 1..=3 {
            prop_assert_eq!(&union(&load, end_ms, of), &whole);
        }
        prop_assert!(whole.windows(2).all(|pair| pair[0].at_ns <= pair[1].at_ns));
        prop_assert!(whole.iter().enumerate().all(|(at, arrival)| arrival.index == at as u64));
        prop_assert!(whole.iter().all(|arrival| arrival.at_ns < end_ms * 1_000_000));
        let users = whole.iter().map(|arrival| user_of(42, "shoppers", 50, arrival.index));
        prop_assert!(users.into_iter().all(|user| user < 50));
    }
}
