use model::distribution::{Distribution, Quantile};
use model::fault::{
    Direction, Flapping, KINDS, Match, Per, Placement, REGIME_STEPS_MAX, Regime, Token, When,
};

use super::*;

fn delay_us(value_us: u64) -> Distribution {
    Distribution::Fixed { value_us }
}

fn text_pair(name: &str, value: &str) -> Vec<(String, String)> {
    vec![(name.to_owned(), value.to_owned())]
}

fn token(text: &str) -> Token {
    Token::new(text)
}

/// A sound fault of each kind.
fn sound() -> Vec<FaultKind> {
    let delay = || delay_us(1_000);
    let (after_bytes, share) = (0, Share::from_ppm(10_000));
    vec![
        FaultKind::Latency { delay: delay() },
        FaultKind::Errors { status: 503, body: Some("no".into()), headers: text_pair("a", "b") },
        FaultKind::Blackhole,
        FaultKind::Reset { after_bytes },
        FaultKind::LostReply,
        FaultKind::Duplicate,
        FaultKind::Truncate { after_bytes },
        FaultKind::Corrupt { bytes: 1 },
        FaultKind::SlowDrip { bytes: 1, pause_us: 1 },
        FaultKind::WrongLength { by: -1 },
        FaultKind::BrokenChunk { after_bytes },
        FaultKind::Headers { set: text_pair("x-a", ""), remove: vec!["x-b".into()] },
        FaultKind::CutEvents { after_events: 0 },
        FaultKind::Caller { token: token("s3cret"), delay_max_ms: 1 },
        FaultKind::Bandwidth { bytes_per_s: 1, shared: true },
        FaultKind::Refuse,
        FaultKind::SlowAccept { delay: delay() },
        FaultKind::SlowClose { delay: delay() },
        FaultKind::Slicer { bytes: 1, variation: 0, pause_us: 0 },
        FaultKind::LimitData { bytes: 1 },
        FaultKind::LimitTime { after_ms: 1 },
        FaultKind::HalfOpen,
        FaultKind::Loss { rate: share, correlation: Share::ZERO, timeout_us: 1 },
    ]
}

fn with(fault: FaultSpec) -> Plan {
    Plan { faults: vec![fault], ..plan() }
}

#[test]
fn each_kind_acts_on_the_protocols_and_at_the_places_of_its_row_and_nowhere_else() {
    assert_eq!(sound().len(), KINDS.len());
    for effect in sound() {
        let row = effect.row();
        for (protocol, edge) in [(Protocol::Http, edge()), (Protocol::Tcp, tcp())] {
            for placement in Placement::ALL {
                let on_bytes = matches!(placement, Placement::Connect | Placement::Body);
                let acts = match protocol {
                    Protocol::Http => row.http,
                    Protocol::Tcp => row.tcp && on_bytes,
                };
                let placed = row.placement == placement || row.may.contains(&placement);
                let edges = vec![edge.clone()];
                let plan = with(FaultSpec { edges, placement, ..fault(effect.clone()) });
                assert_eq!(wrong(&plan).is_none(), acts && placed, "{row:?} {placement:?} {edge}");
            }
        }
    }
}

#[test]
fn parameters_out_of_their_ranges_are_named() {
    let long = Distribution::Exponential { mean_us: 600_000_001 };
    let row = |share, value_us| Quantile { share, value_us };
    let table = vec![row(0.1, 2), row(0.9, 1)];
    let errors = |status, body: Option<&str>, headers| FaultKind::Errors {
        status,
        body: body.map(str::to_owned),
        headers,
    };
    let headers = |set, remove: &[&str]| FaultKind::Headers {
        set,
        remove: remove.iter().map(|name| (*name).to_owned()).collect(),
    };
    let caller = |text: &str, delay_max_ms| FaultKind::Caller { token: token(text), delay_max_ms };
    let slicer = |bytes, variation, pause_us| FaultKind::Slicer { bytes, variation, pause_us };
    let loss = |rate_ppm, correlation, timeout_us| FaultKind::Loss {
        rate: Share::from_ppm(rate_ppm),
        correlation,
        timeout_us,
    };
    let drip = |bytes, pause_us| FaultKind::SlowDrip { bytes, pause_us };
    for (field, effect) in [
        ("delay", FaultKind::Latency { delay: long }),
        ("delay", FaultKind::Latency { delay: Distribution::Uniform { min_us: 2, max_us: 1 } }),
        ("delay", FaultKind::SlowAccept { delay: Distribution::Quantiles { table } }),
        ("delay", FaultKind::SlowClose { delay: delay_us(u64::MAX) }),
        ("status", errors(199, None, vec![])),
        ("status", errors(600, None, vec![])),
        ("body", errors(204, Some("no"), vec![])),
        ("headers[0][0]", errors(503, None, text_pair("a b", "c"))),
        ("headers[0][0]", errors(503, None, text_pair("Content-Length", "7"))),
        ("headers[0][1]", errors(503, None, text_pair("a", "b\r\nc: d"))),
        ("headers", errors(503, None, vec![("a".into(), "b".into()); 101])),
        ("bytes", FaultKind::Corrupt { bytes: 0 }),
        ("bytes", drip(0, 1)),
        ("pause_us", drip(1, 0)),
        ("pause_us", drip(1, 600_000_001)),
        ("by", FaultKind::WrongLength { by: 0 }),
        ("", headers(vec![], &[])),
        ("set[0][0]", headers(text_pair("", "b"), &[])),
        ("set[0][1]", headers(text_pair("a", "\u{1}"), &[])),
        ("remove[1]", headers(vec![], &["a", "transfer-encoding"])),
        ("token", caller("", 1)),
        ("token", caller("***", 1)),
        ("token", caller("two words", 1)),
        ("delay_max_ms", caller("t", 0)),
        ("delay_max_ms", caller("t", 600_001)),
        ("bytes_per_s", FaultKind::Bandwidth { bytes_per_s: 0, shared: false }),
        ("bytes", slicer(0, 0, 0)),
        ("variation", slicer(5, 5, 0)),
        ("pause_us", slicer(5, 0, u64::MAX)),
        ("after_ms", FaultKind::LimitTime { after_ms: 0 }),
        ("rate", loss(0, Share::ZERO, 1)),
        ("correlation", loss(1, over(), 1)),
        ("timeout_us", loss(1, Share::ZERO, 0)),
    ] {
        let edge = if effect.row().http { edge() } else { tcp() };
        let plan = with(FaultSpec { edges: vec![edge], ..fault(effect.clone()) });
        let expected = if field.is_empty() { String::new() } else { format!(".{field}") };
        assert_eq!(wrong(&plan), Some(format!("faults[0].effect{expected}")), "{effect:?}");
    }
}

fn change(change: fn(&mut FaultSpec)) -> Damage {
    Box::new(move |plan| change(&mut plan.faults[0]))
}

#[test]
fn what_is_wrong_with_a_fault_is_named_with_its_place() {
    let window = |start_ms, end_ms| Window { start_ms, end_ms };
    let foreign = || Edge::new("orders", "nobody");
    each_is_named(vec![
        ("faults[0].name", change(|fault| fault.name = "a,b".into())),
        ("faults[0].name", change(|fault| fault.name = "x".repeat(129))),
        ("faults[1].name", Box::new(|plan| plan.faults.push(plan.faults[0].clone()))),
        ("faults[0].edges", change(|fault| fault.edges.clear())),
        ("faults[0].edges[0]", Box::new(move |plan| plan.faults[0].edges[0] = foreign())),
        ("faults[0].edges[1]", change(|fault| fault.edges.push(tcp()))),
        ("faults[0].share", change(|fault| fault.share = over())),
        ("faults[0].placement", change(|fault| fault.placement = Placement::Attempt)),
        (
            "faults[0].placement",
            change(|fault| {
                fault.effect = FaultKind::Reset { after_bytes: 1 };
                fault.placement = Placement::Attempt;
            }),
        ),
        (
            "faults[0].placement",
            change(|fault| {
                *fault = FaultSpec { edges: vec![tcp()], ..super::fault(FaultKind::Blackhole) };
            }),
        ),
        ("faults[0].direction", change(|fault| fault.direction = Direction::Up)),
        (
            "faults[0].direction",
            change(|fault| {
                *fault = super::fault(FaultKind::CutEvents { after_events: 1 });
                fault.direction = Direction::Both;
            }),
        ),
        ("faults[0].schedule", change(|fault| fault.schedule.clear())),
        (
            "faults[0].schedule",
            Box::new(move |plan| plan.faults[0].schedule = vec![window(0, 1); 1_001]),
        ),
        (
            "faults[0].schedule[0]",
            Box::new(move |plan| plan.faults[0].schedule[0] = window(10, 10)),
        ),
        (
            "faults[0].schedule[1]",
            Box::new(move |plan| plan.faults[0].schedule.push(window(9, 12))),
        ),
    ]);
}

fn matching(change: fn(&mut Match)) -> Damage {
    Box::new(move |plan| change(&mut plan.faults[0].matching))
}

#[test]
fn a_match_that_no_request_could_have_is_named_with_its_place() {
    each_is_named(vec![
        ("faults[0].matching.method", matching(|it| it.method = Some("post".into()))),
        ("faults[0].matching.path", matching(|it| it.path = Some("charges".into()))),
        ("faults[0].matching.path", matching(|it| it.path = Some("/charges?dry=1".into()))),
        ("faults[0].matching.grpc", matching(|it| it.grpc = Some("/pay.Charges/Make".into()))),
        ("faults[0].matching.grpc", matching(|it| it.grpc = Some("pay.Charges".into()))),
        ("faults[0].matching.headers[0].name", matching(|it| it.headers = vec![pair("", None)])),
        ("faults[0].matching.query", matching(|it| it.query = vec![pair("a", None); 33])),
        ("faults[0].matching.query[0].name", matching(|it| it.query = vec![pair("", None)])),
        ("faults[0].matching.body[0].name", matching(|it| it.body = vec![pair("", None)])),
        ("faults[0].matching.caller", matching(|it| it.caller = Some("carts".into()))),
        (
            "faults[0].matching",
            change(|fault| {
                *fault = super::fault(FaultKind::Refuse);
                fault.matching.path = Some("/charges".into());
            }),
        ),
        (
            "faults[0].matching",
            change(|fault| {
                *fault = super::fault(FaultKind::LimitData { bytes: 1 });
                fault.edges = vec![tcp()];
                fault.matching.headers = vec![pair("a", None)];
            }),
        ),
    ]);
}

fn when(change: fn(&mut When)) -> Damage {
    Box::new(move |plan| change(&mut plan.faults[0].when))
}

#[test]
fn conditions_that_could_never_hold_are_named_with_their_place() {
    let regime = Regime { step_ms: 1, good_steps: 1, bad_steps: 1 };
    let regime = move |change: fn(&mut Regime)| -> Damage {
        Box::new(move |plan| {
            let mut regime = regime;
            change(&mut regime);
            plan.faults[0].when.regime = Some(regime);
        })
    };
    each_is_named(vec![
        ("faults[0].when.first", when(|when| when.first = Some(0))),
        ("faults[0].when.every", when(|when| when.every = Some(0))),
        ("faults[0].when.max_active", when(|when| when.max_active = Some(0))),
        ("faults[0].when.every", when(|when| (when.first, when.every) = (Some(5), Some(6)))),
        ("faults[0].when.per", when(|when| when.per = Per::User)),
        (
            "faults[0].when.per.name",
            when(|when| (when.first, when.per) = (Some(1), Per::Header("a b".into()))),
        ),
        (
            "faults[0].when.per",
            change(|fault| {
                *fault = super::fault(FaultKind::HalfOpen);
                fault.edges = vec![tcp()];
                (fault.when.first, fault.when.per) = (Some(1), Per::Path);
            }),
        ),
        (
            "faults[0].when.per",
            change(|fault| {
                *fault = super::fault(FaultKind::Refuse);
                (fault.when.first, fault.when.per) = (Some(1), Per::User);
            }),
        ),
        ("faults[0].when.ramp_to", when(|when| when.ramp_to = Some(over()))),
        (
            "faults[0].when.flapping.on_ms",
            when(|when| when.flapping = Some(Flapping { on_ms: 0, off_ms: 1 })),
        ),
        (
            "faults[0].when.flapping.off_ms",
            when(|when| when.flapping = Some(Flapping { on_ms: 1, off_ms: 0 })),
        ),
        ("faults[0].when.regime.step_ms", regime(|regime| regime.step_ms = 0)),
        ("faults[0].when.regime.good_steps", regime(|regime| regime.good_steps = 0)),
        (
            "faults[0].when.regime.bad_steps",
            regime(|regime| regime.bad_steps = REGIME_STEPS_MAX + 1),
        ),
    ]);
}

#[test]
fn conditions_and_matches_that_make_sense_together_are_accepted() {
    let mut spec = fault(FaultKind::Truncate { after_bytes: 0 });
    spec.direction = Direction::Both;
    spec.matching = Match {
        method: Some("POST".into()),
        path: Some("/charges/*".into()),
        headers: vec![pair("X-Tenant", Some("gold-*"))],
        query: vec![pair("dry", None)],
        body: vec![pair("card.country", Some("DE"))],
        grpc: Some("pay.Charges/*".into()),
        caller: Some("orders".into()),
    };
    spec.when = When {
        first: Some(6),
        every: Some(6),
        per: Per::Header("X-Tenant".into()),
        max_active: Some(1),
        ramp_to: Some(Share::ZERO),
        flapping: Some(Flapping { on_ms: 1, off_ms: 1 }),
        regime: Some(Regime { step_ms: 1, good_steps: 1, bad_steps: REGIME_STEPS_MAX }),
    };
    assert_eq!(wrong(&with(spec)), None);
    let both = FaultSpec {
        edges: vec![edge(), tcp()],
        placement: Placement::Body,
        ..fault(FaultKind::Latency { delay: delay_us(1) })
    };
    assert_eq!(wrong(&with(both)), None, "a kind of both protocols acts on edges of both");
}

#[test]
fn a_mistake_is_told_with_what_was_expected() {
    let placed = FaultSpec {
        placement: Placement::Request,
        ..fault(FaultKind::Truncate { after_bytes: 1 })
    };
    let told = validate(&with(placed), &known()).unwrap_err().to_string();
    assert_eq!(told, "faults[0].placement: truncate acts at body, not at request");
    let bytes =
        FaultSpec { edges: vec![tcp()], ..fault(FaultKind::Latency { delay: delay_us(1) }) };
    let told = validate(&with(bytes), &known()).unwrap_err().to_string();
    let expected = "faults[0].placement: orders -> store carries bytes: latency acts at connect or \
                    body there, not at attempt";
    assert_eq!(told, expected);
}
