//! Faults of a gateway file, and one fault by itself.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::distribution::Distribution;
use crate::edge::Edge;
use crate::fault::keys::{KIND_KEYS, Presence};
use crate::fault::{
    Direction, FOREVER_MS, FaultKind, FaultSpec, Flapping, Live, Pair, Per, Placement, Regime,
    When, Window,
};
use crate::plan::Protocol;
use crate::units::Share;

/// An edge of requests and one of bytes.
fn edges() -> BTreeMap<Edge, Option<Protocol>> {
    [("client -> orders", Protocol::Http), ("orders -> db", Protocol::Tcp)]
        .map(|(edge, protocol)| (edge.parse().unwrap(), Some(protocol)))
        .into()
}

fn fault(on: &str, rest: &str) -> Result<ArmFile, Problems> {
    let text = format!("[[fault]]\nname = \"a\"\non = \"{on}\"\n{rest}\n");
    parse_fault("fault.toml", &text, &edges(), &World)
}

fn read(on: &str, rest: &str) -> FaultSpec {
    fault(on, rest).unwrap_or_else(|problems| panic!("{problems}")).fault
}

fn on_of(kind: &FaultKind) -> &'static str {
    if kind.row().http { "client -> orders" } else { "orders -> db" }
}

/// Every kind as short as it can be written, and with all of its keys.
#[test]
fn every_kind_reads_by_the_table_and_prints_as_what_it_is() {
    for (text, short, long) in [
        ("latency", "latency uniform 150ms..250ms", "latency uniform 150ms..250ms"),
        ("errors", "errors 503", "errors 503"),
        ("blackhole", "blackhole", "blackhole"),
        ("reset", "reset", "reset after 64KiB"),
        ("lost-reply", "lost-reply", "lost-reply"),
        ("duplicate", "duplicate", "duplicate"),
        ("truncate", "truncate after 64KiB", "truncate after 64KiB"),
        ("corrupt", "corrupt 1B", "corrupt 64KiB"),
        ("slow-drip", "slow-drip 1B every 100ms", "slow-drip 64KiB every 100ms"),
        ("wrong-length", "wrong-length -10B", "wrong-length -10B"),
        ("broken-chunk", "broken-chunk after 0B", "broken-chunk after 64KiB"),
        ("headers", "headers", "headers"),
        ("cut-events", "cut-events after 3 events", "cut-events after 3 events"),
        ("caller", "caller", "caller"),
        ("bandwidth", "bandwidth 10MB/s", "bandwidth 10MB/s shared"),
        ("refuse", "refuse", "refuse"),
        ("slow-accept", "slow-accept uniform 150ms..250ms", "slow-accept uniform 150ms..250ms"),
        ("slow-close", "slow-close uniform 150ms..250ms", "slow-close uniform 150ms..250ms"),
        ("slicer", "slicer 64KiB +- 0B every 0s", "slicer 64KiB +- 1KiB every 100ms"),
        ("limit-data", "limit-data 64KiB", "limit-data 64KiB"),
        ("limit-time", "limit-time 100ms", "limit-time 100ms"),
        ("half-open", "half-open", "half-open"),
        ("loss", "loss 15% timeout 200ms", "loss 15% timeout 100ms"),
    ] {
        let row = KIND_KEYS.iter().find(|row| row.kind == text).unwrap();
        let write = |all: bool| {
            let mut lines = vec![format!("kind = \"{text}\"")];
            for key in row.keys {
                let one_of_two = matches!(key.name, "set" | "token_env");
                let wanted = all && key.name != "token_file" || key.presence == Presence::Required;
                if wanted || one_of_two {
                    let value =
                        if key.name == "variation" { "\"1KiB\"" } else { key.form.example() };
                    lines.push(format!("{} = {value}", key.name));
                }
            }
            lines.join("\n")
        };
        for (all, expected) in [(false, short), (true, long)] {
            let on = if crate::fault::KINDS.iter().any(|row| row.name == text && row.http) {
                "client -> orders"
            } else {
                "orders -> db"
            };
            let spec = read(on, &write(all));
            assert_eq!(spec.effect.to_string(), expected, "{text}");
            assert_eq!(spec.effect.name(), text);
            assert_eq!(on_of(&spec.effect), on);
        }
    }
}

#[test]
fn the_values_of_a_kind_arrive_where_they_belong() {
    let fields = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    for (on, rest, expected) in [
        (
            "client -> orders",
            "kind = \"errors\"\nstatus = 429\nbody = \"slow down\"\nheaders = { retry-after = \"5\" }",
            FaultKind::Errors {
                status: 429,
                body: Some("slow down".to_owned()),
                headers: fields("retry-after", "5"),
            },
        ),
        (
            "client -> orders",
            "kind = \"headers\"\nset = { x-a = \"1\" }\nremove = \"etag\"",
            FaultKind::Headers { set: fields("x-a", "1"), remove: vec!["etag".to_owned()] },
        ),
        (
            "orders -> db",
            "kind = \"loss\"\nrate = \"2%\"\ncorrelation = \"25%\"\ntimeout = \"300ms\"",
            FaultKind::Loss {
                rate: Share::from_ppm(20_000),
                correlation: Share::from_ppm(250_000),
                timeout_us: 300_000,
            },
        ),
        (
            "client -> orders",
            "kind = \"caller\"\ntoken_env = \"FAULT_TOKEN\"",
            FaultKind::Caller { token: Token::new("s3cret-of-faults"), delay_max_ms: 10_000 },
        ),
        (
            "client -> orders",
            "kind = \"slow-drip\"\nbytes = \"16B\"\npause = \"2ms\"",
            FaultKind::SlowDrip { bytes: 16, pause_us: 2_000 },
        ),
    ] {
        assert_eq!(read(on, rest).effect, expected, "{rest}");
    }
}

#[test]
fn a_fault_has_the_keys_of_the_kind_table_and_no_others() {
    let own = ["name", "on", "kind", "match", "placement", "direction", "share", "when", "live"];
    let times = ["at", "for", "every", "times"];
    let mut expected = crate::fault::keys::all_key_names();
    expected.extend(own.iter().chain(&times));
    expected.sort_unstable();
    let keys = crate::gateway::language::keys();
    assert_eq!(keys["[[fault]]"].iter().copied().collect::<Vec<_>>(), expected);
}

#[test]
fn delays_come_from_quantiles_that_stand_here_or_were_recorded() {
    for (add, median_us) in [
        ("{ quantiles_from = \"latency.json\" }", 2_000),
        ("{ quantiles = { \"99.9%\" = \"1s\", \"0%\" = \"1ms\", \"50%\" = \"3ms\" } }", 3_000),
    ] {
        let spec = read("client -> orders", &format!("kind = \"latency\"\nadd = {add}"));
        let FaultKind::Latency { delay } = spec.effect else { panic!("latency") };
        assert_eq!(delay.problem(), None);
        let Distribution::Quantiles { table } = delay else { panic!("quantiles") };
        assert_eq!(table.len(), 3);
        assert_eq!((table[1].share, table[1].value_us), (0.5, median_us));
    }
}

#[test]
fn everything_that_is_said_of_a_fault_is_in_the_plan() {
    let file = parse(language::EVERYTHING);
    let pair = |name: &str, value: &str| Pair { name: name.into(), value: Some(value.into()) };
    let [slow, recorded, caller] = file.plan.faults.as_slice() else { panic!("three faults") };
    assert_eq!((slow.share, slow.live), (Share::ZERO, Live::NewOnly));
    assert_eq!(slow.schedule, [Window { start_ms: 0, end_ms: 60_000 }]);
    let when = When {
        first: Some(4),
        every: Some(2),
        per: Per::User,
        max_active: Some(10),
        ramp_to: Some(Share::from_ppm(150_000)),
        flapping: Some(Flapping { on_ms: 2_000, off_ms: 8_000 }),
        regime: Some(Regime { step_ms: 500, good_steps: 16, bad_steps: 4 }),
    };
    assert_eq!(slow.when, when);
    assert_eq!(slow.matching.headers, [pair("x-tenant", "gold-*")]);
    assert_eq!(slow.matching.body, [pair("card.country", "DE"), pair("amount", "7")]);
    assert_eq!(slow.matching.caller.as_deref(), Some("orders"));
    assert_eq!((recorded.edges.len(), recorded.direction), (4, Direction::Both));
    assert_eq!(recorded.schedule, [Window { start_ms: 0, end_ms: FOREVER_MS }]);
    assert_eq!(caller.edges.len(), 2);
}

#[test]
fn a_pattern_takes_the_edges_that_the_fault_can_act_on() {
    assert_eq!(read("* -> *", "kind = \"errors\"").edges.len(), 1);
    assert_eq!(read("* -> *", "kind = \"slicer\"\nbytes = \"9B\"").edges.len(), 1);
    let both = "kind = \"latency\"\nadd = \"1ms\"\nplacement = \"body\"";
    assert_eq!(read("* -> *", both).edges.len(), 2);
    let only = "kind = \"latency\"\nadd = \"1ms\"\nmatch = { path = \"/x\" }";
    assert_eq!(read("* -> *", only).edges.len(), 1);
}

#[test]
fn a_fault_acts_where_it_is_placed() {
    for (rest, placement) in [
        ("kind = \"reset\"", Placement::Attempt),
        ("kind = \"reset\"\nafter = \"1B\"", Placement::Body),
        ("kind = \"reset\"\nplacement = \"response\"", Placement::Response),
        ("kind = \"latency\"\nadd = \"1ms\"\nplacement = \"request\"", Placement::Request),
    ] {
        assert_eq!(read("client -> orders", rest).placement, placement, "{rest}");
    }
    for (rest, placement) in [
        ("kind = \"latency\"\nadd = \"1ms\"\ndirection = \"up\"", Placement::Body),
        ("kind = \"blackhole\"", Placement::Body),
        ("kind = \"reset\"\nplacement = \"connect\"", Placement::Connect),
        ("kind = \"refuse\"", Placement::Connect),
        ("kind = \"half-open\"\ndirection = \"both\"", Placement::Connect),
    ] {
        assert_eq!(read("orders -> db", rest).placement, placement, "{rest}");
    }
}

#[test]
fn one_fault_says_when_it_ends_or_leaves_it_open() {
    for (times, seconds) in
        [("", None), ("for = \"10s\"", Some(10)), ("at = \"5s\"\nfor = \"1s\"", Some(6))]
    {
        let armed = fault("client -> orders", &format!("kind = \"refuse\"\n{times}")).unwrap();
        assert_eq!(armed.ends_after, seconds.map(Duration::from_secs));
    }
    let two = "kind = \"refuse\"\n[[fault]]";
    let said = fault("client -> orders", two).unwrap_err();
    assert!(lines(&said)[0].ends_with("one fault is armed at a time"), "{said}");
    let none = parse_fault("fault.toml", "", &edges(), &World).unwrap_err();
    assert_eq!(lines(&none), ["1:1: this needs a [[fault]]"]);
}

#[test]
fn what_was_read_survives_the_wire() {
    let text = language::EVERYTHING.split("[[fault]]\nname = \"callers ask\"").next().unwrap();
    let plan = parse(text).plan;
    let sent = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&sent).unwrap(), plan);
}
