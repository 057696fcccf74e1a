//! What faults cost a request that none of them hits.
//!
//! `cargo bench -p proxy --bench fault`; a budget that is broken ends it with an error.

use std::hint::black_box;
use std::time::Duration;

use model::edge::Edge;
use model::fault::{FaultKind, FaultSpec, Match, Pair, Subject, Token, Window};
use model::units::Share;
use proxy::bench::fault::Line;
use telemetry::clock::Clock;

const FAULTS: usize = 100;
const CALLS: u32 = 20_000;
const ROUNDS: u32 = 50;
/// For all faults of an edge together, when none of them matches.
const BUDGET: Duration = Duration::from_micros(1);

#[derive(Debug)]
struct Call {
    headers: Vec<(String, String)>,
}

impl Subject for Call {
    fn method(&self) -> &'static str {
        "POST"
    }

    fn path(&self) -> &'static str {
        "/charges/00001234/refunds"
    }

    fn query(&self) -> Option<&str> {
        Some("dry=1&currency=EUR")
    }

    fn any_header(&self, name: &str, fits: &mut dyn FnMut(&str) -> bool) -> bool {
        self.headers.iter().any(|(known, value)| known == name && fits(value))
    }

    fn body(&self) -> Option<&[u8]> {
        None
    }

    fn caller(&self) -> &'static str {
        "orders"
    }
}

fn call() -> Call {
    let names = ["host", "user-agent", "accept", "content-type", "content-length", "traceparent"];
    let own = ["x-correlation-id", "x-shakedown-deadline-ms", "idempotency-key", "x-tenant"];
    let field = |name: &&str| ((*name).to_owned(), format!("the value of {name}"));
    Call { headers: names.iter().chain(&own).map(field).collect() }
}

fn fault(number: usize, matching: Match) -> FaultSpec {
    let edges = vec![Edge::new("orders", "payments")];
    FaultSpec {
        matching,
        schedule: vec![Window { start_ms: 0, end_ms: u64::MAX }],
        ..FaultSpec::new(
            format!("fault {number}"),
            edges,
            FaultKind::Errors { status: 503, body: None, headers: Vec::new() },
        )
    }
}

fn faults(matching: impl Fn(usize) -> Match) -> Vec<FaultSpec> {
    (0..FAULTS).map(|number| fault(number, matching(number))).collect()
}

fn pair(name: &str, value: &str) -> Vec<Pair> {
    vec![Pair { name: name.to_owned(), value: Some(value.to_owned()) }]
}

/// Name, faults, and whether the budget holds for them.
fn cases() -> Vec<(&'static str, Vec<FaultSpec>, bool)> {
    let method = |_| Match { method: Some("GET".to_owned()), ..Match::default() };
    let path = |number| Match { path: Some(format!("/charges/9{number:03}*")), ..Match::default() };
    let later = |mut specs: Vec<FaultSpec>| {
        let window = Window { start_ms: 3_600_000, end_ms: 7_200_000 };
        for spec in &mut specs {
            spec.schedule = vec![window];
        }
        specs
    };
    let mixed = |number: usize| match number % 4 {
        0 => method(number),
        1 => path(number),
        2 => Match { caller: Some("carts".to_owned()), ..Match::default() },
        _ => Match { headers: pair("X-Tenant", "gold*"), ..path(number) },
    };
    let never = faults(|_| Match::default()).into_iter();
    let never = never.map(|spec| FaultSpec { share: Share::ZERO, ..spec }).collect();
    let caller = FaultKind::Caller { token: Token::new("s3cret"), delay_max_ms: 1_000 };
    let wish = FaultSpec { effect: caller, ..fault(0, Match::default()) };
    vec![
        ("no faults", Vec::new(), true),
        ("out of their windows", later(faults(|_| Match::default())), true),
        ("other methods", faults(method), true),
        ("other paths", faults(path), true),
        ("methods, paths, callers, headers", faults(mixed), true),
        (
            "other headers only",
            faults(|_| Match { headers: pair("x-tenant", "gold*"), ..Match::default() }),
            false,
        ),
        (
            "other queries only",
            faults(|_| Match { query: pair("currency", "USD"), ..Match::default() }),
            false,
        ),
        ("one for callers, without its token", vec![wish], true),
        ("matched and drawn, share 0", never, false),
    ]
}

/// The quickest of many rounds: what the work costs when nothing disturbs it.
fn cost(line: &Line, clock: &Clock) -> Duration {
    let call = call();
    let round = || {
        let began = clock.now();
        for _ in 0..CALLS {
            assert_eq!(black_box(line).ask(black_box(&call)), 0);
        }
        clock.now().duration_since(began)
    };
    (0..ROUNDS).map(|_| round()).min().unwrap_or_default() / CALLS
}

#[expect(clippy::print_stdout, reason = "the numbers are what this program is for")]
fn main() {
    let clock = Clock::system();
    let mut broken = Vec::new();
    for (name, specs, has_budget) in cases() {
        let cost = cost(&Line::new(&specs), &clock);
        println!("{:>4} faults, {name}: {} ns", specs.len(), cost.as_nanos());
        if has_budget && cost > BUDGET {
            broken.push(name);
        }
    }
    assert!(broken.is_empty(), "more than {BUDGET:?}: {broken:?}");
}
