use model::fault::Window;

use super::*;

fn edge() -> Edge {
    Edge::new("orders", "payments")
}

fn known() -> BTreeSet<Edge> {
    BTreeSet::from([edge()])
}

fn plan() -> Plan {
    Plan {
        epoch: 1,
        seed: 42,
        zero_unix_ms: None,
        control: Share::ZERO,
        edges: vec![EdgePlan {
            edge: edge(),
            endpoints: Vec::new(),
            policy: EdgePolicy {
                timeout_ms: Some(1_000),
                retry: Some(RetryPolicy {
                    attempts: 3,
                    on: vec![RetryOn::Connect, RetryOn::Status(503)],
                    backoff_min_ms: 10,
                    backoff_max_ms: 20,
                    budget: Share::WHOLE,
                    budget_reserve_per_s: 1,
                    retry_after_max_ms: 0,
                }),
                breaker: Some(BreakerPolicy {
                    window_calls: 20,
                    minimum_calls: 10,
                    failure_rate: Share::WHOLE,
                    slow_call_ms: None,
                    slow_rate: Share::WHOLE,
                    open_ms: 1_000,
                    half_open_permits: 3,
                    half_open_deadline_ms: 1_000,
                }),
                ..EdgePolicy::default()
            },
        }],
        routes: vec![Route::to("/", edge())],
        faults: vec![FaultSpec {
            schedule: vec![Window { start_ms: 0, end_ms: 10 }],
            ..FaultSpec::new("lost", vec![edge()], FaultKind::LostReply)
        }],
    }
}

fn retry(plan: &mut Plan) -> &mut RetryPolicy {
    plan.edges[0].policy.retry.as_mut().unwrap()
}

fn breaker(plan: &mut Plan) -> &mut BreakerPolicy {
    plan.edges[0].policy.breaker.as_mut().unwrap()
}

#[test]
fn a_sound_plan_is_accepted() {
    assert_eq!(validate(&plan(), &known()), Ok(()));
}

/// Breaks one thing of a sound plan.
type Damage = Box<dyn Fn(&mut Plan)>;

#[test]
fn everything_that_is_wrong_is_named_with_its_place() {
    let foreign = || Edge::new("orders", "nobody");
    let window = |start_ms, end_ms| Window { start_ms, end_ms };
    let over: Share = serde_json::from_str("1000001").unwrap();
    let cases: Vec<(&str, Damage)> = vec![
        ("control", Box::new(move |plan| plan.control = over)),
        ("edges[0].edge", Box::new(move |plan| plan.edges[0].edge = foreign())),
        ("edges[1].edge", Box::new(|plan| plan.edges.push(plan.edges[0].clone()))),
        ("edges[0].policy.timeout_ms", Box::new(|plan| plan.edges[0].policy.timeout_ms = Some(0))),
        ("edges[0].policy.retry.attempts", Box::new(|plan| retry(plan).attempts = 0)),
        ("edges[0].policy.retry.attempts", Box::new(|plan| retry(plan).attempts = 11)),
        ("edges[0].policy.retry.on[1]", Box::new(|plan| retry(plan).on[1] = RetryOn::Status(99))),
        ("edges[0].policy.retry.backoff_min_ms", Box::new(|plan| retry(plan).backoff_min_ms = 21)),
        ("edges[0].policy.breaker.window_calls", Box::new(|plan| breaker(plan).window_calls = 0)),
        (
            "edges[0].policy.breaker.failure_rate",
            Box::new(|plan| breaker(plan).failure_rate = Share::ZERO),
        ),
        ("routes[0].edge", Box::new(move |plan| plan.routes[0].edge = foreign())),
        ("routes[0].prefix", Box::new(|plan| plan.routes[0].prefix = "orders".into())),
        ("routes[1].prefix", Box::new(|plan| plan.routes.push(plan.routes[0].clone()))),
        ("faults[0].name", Box::new(|plan| plan.faults[0].name = "a,b".into())),
        ("faults[1].name", Box::new(|plan| plan.faults.push(plan.faults[0].clone()))),
        ("faults[0].edges", Box::new(|plan| plan.faults[0].edges.clear())),
        ("faults[0].edges[0]", Box::new(move |plan| plan.faults[0].edges[0] = foreign())),
        ("faults[0].share", Box::new(move |plan| plan.faults[0].share = over)),
        ("faults[0].placement", Box::new(|plan| plan.faults[0].placement = Placement::Attempt)),
        (
            "faults[0].effect.status",
            Box::new(|plan| {
                plan.faults[0].effect =
                    FaultKind::Errors { status: 100, body: None, headers: Vec::new() };
            }),
        ),
        ("faults[0].schedule", Box::new(|plan| plan.faults[0].schedule.clear())),
        (
            "faults[0].schedule[0]",
            Box::new(move |plan| plan.faults[0].schedule[0] = window(10, 10)),
        ),
        (
            "faults[0].schedule[1]",
            Box::new(move |plan| plan.faults[0].schedule.push(window(9, 12))),
        ),
    ];
    for (field, damage) in cases {
        let mut plan = plan();
        damage(&mut plan);
        let found = validate(&plan, &known()).map_err(|invalid| invalid.field);
        assert_eq!(found, Err(field.to_owned()));
    }
}
