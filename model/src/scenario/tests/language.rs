//! What the language can say, and what it means.

use super::*;
use crate::expect::{Check, Subject};
use crate::fault::{Flapping, Live, Per, Placement};

#[test]
fn a_scenario_of_one_load_has_defaults_for_everything_else() {
    let scenario = parse(LOAD);
    assert_eq!((scenario.title.as_str(), scenario.seed), ("test.toml", 1));
    assert_eq!(scenario.listen.to_string(), "127.0.0.1:0");
    assert_eq!(scenario.run.before, Duration::from_secs(20));
    assert_eq!(scenario.run.control, Share::ZERO);
    let load = &scenario.loads[0];
    assert_eq!((load.users, load.timeout_ms, load.spacing), (500, 5_000, Spacing::Constant));
    assert_eq!(scenario.flows.len(), 1);
    assert_eq!(scenario.data["sku"], crate::shop::skus());
    assert!(scenario.policies.values().all(|policy| *policy == EdgePolicy::default()));
    assert_eq!(scenario.safety.limit, Duration::from_mins(5));
}

#[test]
fn a_closed_load_has_users_who_think_and_no_rate() {
    let text = r#"
[[load]]
name = "shoppers"
flow = "checkout"
model = "closed"
users = 40
ramp_up = "10s"
think = "uniform 1s..3s"
"#;
    let scenario = parse(text);
    let load = &scenario.loads[0];
    assert_eq!((load.model, load.users), (LoadModel::Closed, 40));
    let ramp = UserStep { from: 0, to: 40, for_ms: Some(10_000) };
    assert_eq!(load.levels, [ramp, UserStep::level(40, None)]);
    assert_eq!(load.think.as_ref().unwrap().to_string(), "uniform 1s..3s");
    assert!(load.rate.is_empty());
    let page = check::render(&scenario);
    assert!(page.contains("load shoppers: at most 40 users of checkout, closed model"), "{page}");
    assert_eq!(scenario.scaled(2.0).loads[0].levels[0].for_ms, Some(5_000));
}

#[test]
fn users_of_a_closed_load_come_and_go_in_steps() {
    let text = "[[load]]\nname = \"a\"\nflow = \"checkout\"\nmodel = \"closed\"\n\
                users = [\"10 for 5s\", \"10 -> 60 over 10s\", \"20 for 5s\"]\n";
    let load = &parse(text).loads[0];
    let step = |from, to, for_ms| UserStep { from, to, for_ms };
    assert_eq!(load.users, 60);
    assert_eq!(
        load.levels,
        [
            step(10, 10, Some(5_000)),
            step(10, 60, Some(10_000)),
            step(20, 20, Some(5_000)),
            step(20, 20, None)
        ]
    );
}

#[test]
fn a_rate_of_max_is_a_model_of_its_own_and_nobody_guesses_how_many_come() {
    let text = "[[load]]\nname = \"a\"\nflow = \"checkout\"\nrate = \"max\"\n";
    let scenario = parse(text);
    assert_eq!((scenario.loads[0].model, scenario.loads[0].rate.len()), (LoadModel::Max, 0));
    let page = check::render(&scenario);
    assert!(page.contains("load a: checkout as fast as it goes, max model"), "{page}");
}

#[test]
fn an_edge_takes_the_defaults_unless_it_says_otherwise() {
    let text = format!(
        r#"{LOAD}
[gateway.defaults]
timeout = "1s"
retry = {{ attempts = 2, on = ["connect", "503", 504] }}
breaker = {{ opens_at = "50% of 20 calls", minimum = "10 calls", slow = "800ms" }}
[gateway.edge."orders -> payments"]
timeout = "2s"
retry = false
[gateway.edge."orders->cart"]
breaker = false
"#
    );
    let scenario = parse(&text);
    let policy = |edge: &str| &scenario.policies[&edge.parse::<Edge>().unwrap()];
    let usual = policy("client -> cart");
    let retry = usual.retry.as_ref().unwrap();
    assert_eq!(usual.timeout_ms, Some(1_000));
    assert_eq!(retry.on, [RetryOn::Connect, RetryOn::Status(503), RetryOn::Status(504)]);
    assert_eq!((retry.backoff_min_ms, retry.backoff_max_ms), (50, 400));
    assert_eq!((retry.budget.ppm(), retry.budget_reserve_per_s), (100_000, 1));
    let breaker = usual.breaker.as_ref().unwrap();
    assert_eq!((breaker.window_calls, breaker.minimum_calls), (20, 10));
    assert_eq!((breaker.slow_call_ms, breaker.slow_rate), (Some(800), Share::WHOLE));
    assert_eq!((breaker.open_ms, breaker.half_open_permits), (5_000, 3));
    assert_eq!(breaker.half_open_deadline_ms, 10_000);
    let payments = policy("orders -> payments");
    assert_eq!((payments.timeout_ms, &payments.retry), (Some(2_000), &None));
    assert_eq!(payments.breaker, usual.breaker);
    let cart = policy("orders -> cart");
    assert_eq!((&cart.breaker, &cart.retry), (&None, &usual.retry));
}

#[test]
fn a_last_step_with_a_time_is_held_until_load_ends() {
    let text = LOAD.replace("\"40/s\"", "[\"5/s for 2s\", \"5/s -> 60/s over 10s\"]");
    let hold = RateStep::ramp(60.0, 60.0, None);
    let rate = parse(&text).loads[0].rate.clone();
    assert_eq!((rate.len(), rate[2]), (3, hold));
}

#[test]
fn wildcards_and_lists_become_edges() {
    for (on, expected) in [
        ("\"* -> payments\"", "orders -> payments"),
        ("\"cart -> *\"", "cart -> catalog"),
        ("\"* -> catalog\"", "cart -> catalog, client -> catalog"),
        (
            "[\"cart->catalog\", \"* -> cart\", \"orders -> cart\"]",
            "cart -> catalog, client -> cart, orders -> cart",
        ),
    ] {
        let text = format!("{LOAD}{}", fault("a", "for = \"1s\""));
        let scenario = parse(&text.replace("\"orders -> payments\"", on));
        let edges: Vec<String> = scenario.faults[0].edges.iter().map(ToString::to_string).collect();
        assert_eq!(edges.join(", "), expected, "{on}");
    }
}

#[test]
fn starts_may_lean_on_other_faults_in_any_order() {
    let faults = [
        fault("later", "at = \"5s after first ends\"\nfor = \"2s\""),
        fault("first", "at = \"10s\"\nfor = \"4s\"\nevery = \"6s\"\ntimes = 2"),
        fault("beside", "at = \"1s after first starts\"\nfor = \"1s\""),
        fault("copy", "at = \"with first\""),
        fault("together", "at = \"with later\"\nfor = \"9s\""),
    ];
    let scenario = parse(&format!("{LOAD}{}", faults.concat()));
    let windows = |index: usize| {
        let schedule = &scenario.faults[index].schedule;
        schedule.iter().map(|window| (window.start_ms, window.end_ms)).collect::<Vec<_>>()
    };
    assert_eq!(windows(0), [(25_000, 27_000)]);
    assert_eq!(windows(1), [(10_000, 14_000), (16_000, 20_000)]);
    assert_eq!(windows(2), [(11_000, 12_000)]);
    assert_eq!(windows(3), windows(1));
    assert_eq!(windows(4), [(25_000, 34_000)]);
}

#[test]
fn every_kind_of_fault_reads() {
    for (kind, expected) in [
        ("kind = \"latency\"\nadd = \"1s +- 200ms\"", "latency uniform 800ms..1.2s"),
        ("kind = \"latency\"\nadd = \"exponential 200ms\"", "latency exponential 200ms"),
        (
            "kind = \"latency\"\nadd = { quantiles = { \"50%\" = \"1ms\", \"99%\" = \"1s\" } }",
            "latency 2 quantiles",
        ),
        ("kind = \"errors\"", "errors 503"),
        ("kind = \"errors\"\nstatus = 429\nbody = \"slow down\"", "errors 429"),
        ("kind = \"blackhole\"", "blackhole"),
        ("kind = \"reset\"", "reset"),
        ("kind = \"reset\"\nafter = \"1KiB\"", "reset after 1KiB"),
        ("kind = \"lost-reply\"", "lost-reply"),
        ("kind = \"duplicate\"", "duplicate"),
        ("kind = \"truncate\"\nafter = \"10B\"", "truncate after 10B"),
        ("kind = \"corrupt\"", "corrupt 1B"),
        ("kind = \"slow-drip\"\npause = \"10ms\"", "slow-drip 1B every 10ms"),
        ("kind = \"wrong-length\"\nby = \"+10B\"", "wrong-length +10B"),
        ("kind = \"broken-chunk\"", "broken-chunk after 0B"),
        ("kind = \"headers\"\nremove = \"etag\"", "headers"),
        ("kind = \"cut-events\"\nafter = \"1 event\"", "cut-events after 1 events"),
        ("kind = \"bandwidth\"\nrate = \"1MB/s\"", "bandwidth 1MB/s"),
        ("kind = \"refuse\"", "refuse"),
        ("kind = \"slow-accept\"\nadd = \"1s\"", "slow-accept 1s"),
    ] {
        let text = format!("{LOAD}{}", fault("a", "for = \"1s\"\nshare = \"2.5%\""));
        let scenario = parse(&text.replace("kind = \"reset\"", kind));
        let fault = &scenario.faults[0];
        assert_eq!(fault.effect.to_string(), expected);
        assert_eq!(fault.placement, fault.effect.placement());
        assert_eq!(fault.share.to_string(), "2.5%");
        assert!(super::super::language::kinds().contains(&fault.effect.name()));
    }
}

#[test]
fn a_fault_says_whom_it_takes_and_where_it_acts() {
    let more = "for = \"10s\"\nshare = \"0% -> 50%\"\nplacement = \"response\"\n\
                match = { headers = { x-tenant = \"gold\" } }\n\
                when = { first = 2, per = \"user\", flapping = \"on 1s off 2s\" }\n\
                live = \"drain\"";
    let fault = parse(&format!("{LOAD}{}", fault("a", more))).faults[0].clone();
    assert_eq!((fault.share, fault.when.ramp_to), (Share::ZERO, Some(Share::from_ppm(500_000))));
    assert_eq!((fault.placement, fault.live), (Placement::Response, Live::Drain));
    assert_eq!((fault.when.first, fault.when.per), (Some(2), Per::User));
    assert_eq!(fault.when.flapping, Some(Flapping { on_ms: 1_000, off_ms: 2_000 }));
    assert_eq!(fault.matching.headers[0].name, "x-tenant");
}

#[test]
fn a_flow_of_the_file_keeps_what_it_saves_and_replaces_the_one_of_the_shop() {
    let text = r#"
[data]
colour = ["red", "blue"]
[[flow]]
name = "checkout"
steps = [
  { name = "order", post = "/orders", body = '{"c":"${any:colour}"}', key = "k-${user}-${seq}",
    save = { id = "/id" }, acknowledges = "id", status = [201, 202], timeout = "2s",
    headers = { x-colour = "${any:colour}" } },
  { get = "/orders/${id}" },
]
[[load]]
name = "shoppers"
flow = "checkout"
rate = "1/s"
[[expect]]
phase = "before"
that = ["p50(checkout/order) < 1s", "p50(checkout/GET /orders/${id}) < 1s"]
"#;
    let scenario = parse(text);
    let [order, read] = scenario.flows[0].steps.as_slice() else { panic!("two steps") };
    assert_eq!((order.method.as_str(), order.status.as_slice()), ("POST", &[201, 202][..]));
    assert_eq!(order.acknowledges.as_deref(), Some("id"));
    assert_eq!((order.save["id"].to_string().as_str(), order.timeout_ms), ("/id", Some(2_000)));
    assert_eq!(order.headers["x-colour"].to_string(), "${any:colour}");
    assert_eq!(read.name, "GET /orders/${id}");
    assert_eq!(scenario.expectations.len(), 2);
}

#[test]
fn a_step_is_asked_for_by_its_name_even_when_that_looks_like_an_edge() {
    let text = r#"
[[flow]]
name = "look"
steps = [{ name = "shop -> shelf (all)", get = "/catalog/items" }]
[[load]]
name = "lookers"
flow = "look"
rate = "1/s"
[[expect]]
phase = "before"
that = "p50(look/shop -> shelf (all)) < 1s"
"#;
    let scenario = parse(text);
    let Check::Measured { subject, .. } = &scenario.expectations[0].check else { panic!("p50") };
    let (flow, step) = ("look".to_owned(), "shop -> shelf (all)".to_owned());
    assert_eq!(*subject, Subject::Step { flow, step });
}

#[test]
fn every_expectation_prints_as_it_was_written() {
    let texts = [
        ("during", "p50(checkout) < 100ms"),
        ("during", "p99.9(checkout/place order) <= 2.5s"),
        ("during", "mean(orders -> payments) > 1ms"),
        ("during", "max(checkout) < 10s"),
        ("during", "rate(checkout) >= 20/s"),
        ("during", "errors(checkout) < 0.5% in control"),
        ("during", "attempts(orders -> payments) < 1.2"),
        ("during", "breaker(orders -> payments) opens"),
        ("during", "breaker(orders -> payments) half-opens"),
        ("during", "breaker(orders -> payments) closes"),
        ("during", "breaker(orders -> payments) stays closed"),
        ("during", "fault(replies lost) hits"),
        ("after", "recovered within 10s"),
        ("end", "money conserved"),
        ("end", "stock conserved"),
        ("end", "one charge per order"),
        ("end", "no acknowledged order lost"),
        ("end", "one notice per order"),
    ];
    let table = |(phase, text): &(&str, &str)| {
        format!("[[expect]]\nphase = \"{phase}\"\nthat = \"{text}\"\n")
    };
    let expects = texts.iter().map(table).collect::<Vec<_>>().concat();
    let scenario = parse(&format!(
        "[run]\ncontrol = \"20%\"\n[gateway.defaults]\n\
         breaker = {{ opens_at = \"50% of 20 calls\" }}\n{LOAD}{}{expects}",
        fault("replies lost", "for = \"10s\"")
    ));
    assert_eq!(scenario.expectations.len(), texts.len());
    for (expectation, (phase, text)) in scenario.expectations.iter().zip(texts) {
        assert_eq!((expectation.phase.as_str(), expectation.text.as_str()), (phase, text));
        assert_eq!(expectation.check.to_string(), text);
        assert!(!expectation.sometimes);
    }
    assert_eq!(scenario.expectations[0].phase, Phase::During);
}
