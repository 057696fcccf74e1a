use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::fault::Window;
use crate::load::{LoadModel, RateStep, Spacing, UserStep};
use crate::phase::Phase;
use crate::policy::RetryOn;

mod findings;
mod language;

/// The shortest scenario.
const LOAD: &str = "[[load]]\nname = \"shoppers\"\nflow = \"checkout\"\nrate = \"40/s\"\n";

fn fault(name: &str, times: &str) -> String {
    format!(
        "[[fault]]\nname = \"{name}\"\non = \"orders -> payments\"\nkind = \"reset\"\n{times}\n"
    )
}

fn parse(text: &str) -> Scenario {
    Scenario::parse("test.toml", text).unwrap_or_else(|problems| panic!("{problems}"))
}

/// `line:column: message` of everything that is wrong.
fn findings(text: &str) -> Vec<String> {
    let Err(problems) = Scenario::parse("test.toml", text) else { return Vec::new() };
    let line =
        |problem: &Problem| format!("{}:{}: {}", problem.line, problem.column, problem.message);
    problems.found().iter().map(line).collect()
}

const FILES: [(&str, &str); 5] = [
    ("slow-payments.toml", include_str!("../../../scenarios/slow-payments.toml")),
    ("lost-replies.toml", include_str!("../../../scenarios/lost-replies.toml")),
    (
        "lost-replies-no-idempotency.toml",
        include_str!("../../../scenarios/lost-replies-no-idempotency.toml"),
    ),
    ("healthy.toml", include_str!("../../../scenarios/healthy.toml")),
    ("patient-customers.toml", include_str!("../../../scenarios/patient-customers.toml")),
];

/// The file of rows that a shipped scenario points to.
#[derive(Debug)]
struct Beside;

impl Outside for Beside {
    fn text(&self, path: &str) -> Result<String, String> {
        match path {
            "baskets.csv" => Ok(include_str!("../../../scenarios/baskets.csv").to_owned()),
            other => Err(format!("no file \"{other}\"")),
        }
    }

    fn variable(&self, _name: &str) -> Option<String> {
        None
    }

    fn addresses(&self, _host: &str, _port: u16) -> Result<Vec<SocketAddr>, String> {
        Err("no host is looked up here".to_owned())
    }
}

#[test]
fn every_shipped_scenario_reads_and_can_decide_even_four_times_as_fast() {
    for (name, text) in FILES {
        let scenario = Scenario::read(name, text, &Beside);
        let scenario = scenario.unwrap_or_else(|problems| panic!("{problems}"));
        assert!(!scenario.expectations.is_empty(), "{name}");
        assert_eq!(check::undecidable(&scenario), [], "{name}");
        assert_eq!(check::undecidable(&scenario.scaled(4.0)), [], "{name} shortened");
    }
}

#[test]
fn the_two_scenarios_of_lost_replies_differ_in_the_weakness_only() {
    let [good, bad] = [1, 2].map(|index| parse(FILES[index].1));
    assert_eq!(bad.weaknesses, ["payments.no-idempotency"]);
    let title = good.title.clone();
    assert_eq!(good, Scenario { title, weaknesses: Vec::new(), ..bad });
}

#[test]
fn a_problem_is_printed_like_a_compiler_does() {
    let text = format!("{LOAD}{}shaer = \"10%\"\n", fault("slow", "for = \"10s\""));
    let problems = Scenario::parse("slow.toml", &text).unwrap_err();
    assert_eq!(
        problems.to_string(),
        "slow.toml:10:1: unknown key \"shaer\" in [[fault]]; did you mean \"share\"?\n     \
         |\n  10 | shaer = \"10%\"\n     | ^^^^^"
    );
}

#[test]
fn a_huge_line_and_a_huge_number_of_mistakes_stay_readable() {
    let text = format!("{LOAD}[[expect]]\nphase = \"before\"\nthat = [{}]\n", "7,".repeat(50_000));
    let problems = Scenario::parse("test.toml", &text).unwrap_err();
    assert_eq!(problems.found().len(), 100);
    assert!(problems.to_string().lines().all(|line| line.chars().count() < 160));
    let too_large = " ".repeat(crate::limits::SCENARIO_BYTES_MAX + 1);
    assert_eq!(
        findings(&too_large),
        ["1:1: a scenario is at most 1048576 bytes, this file has 1048577"]
    );
}

#[test]
fn many_faults_that_wait_for_each_other_are_refused_and_not_followed_for_ever() {
    let mut text = LOAD.to_owned();
    for number in 0..5_000 {
        let times = format!("at = \"0s after f{} ends\"\nfor = \"1ms\"", number + 1);
        text.push_str(&fault(&format!("f{number}"), &times));
    }
    let found = findings(&text);
    assert!(
        found.iter().any(|line| line.ends_with("a scenario has at most 256 faults")),
        "{found:?}"
    );
}

#[test]
fn a_run_is_shortened_in_its_phases_and_nowhere_else() {
    let text = format!(
        "{}{}[run]\nwarmup = \"4s\"\nbefore = \"20s\"\nafter = \"20s\"\n\
         [gateway.defaults]\ntimeout = \"2s\"\n",
        LOAD.replace("\"40/s\"", "[\"10/s -> 40/s over 8s\", \"40/s\"]"),
        fault("a", "at = \"4s\"\nfor = \"8s\"\nevery = \"12s\"\ntimes = 2"),
    );
    let whole = parse(&text);
    let short = whole.scaled(4.0);
    assert_eq!(whole.timeline().end_ms, 4_000 + 20_000 + 24_000 + 20_000);
    assert_eq!(short.timeline().end_ms, 17_000);
    assert_eq!(short.loads[0].rate[0].for_ms, Some(2_000));
    assert_eq!(
        short.faults[0].schedule,
        [Window { start_ms: 1_000, end_ms: 3_000 }, Window { start_ms: 4_000, end_ms: 6_000 }]
    );
    let tiny = whole.scaled(1e9);
    assert!(tiny.faults[0].schedule.is_sorted_by(|left, right| left.end_ms <= right.start_ms));
    assert_eq!(short.policies, whole.policies);
    assert_eq!(whole.scaled(1.0), whole);
    assert_eq!(whole.scaled(0.0), whole);
    assert_eq!(whole.scaled(f64::NAN), whole);
}

#[test]
fn the_plan_has_every_edge_its_endpoints_and_the_resolved_faults() {
    let scenario = parse(&format!("seed = 7\n{LOAD}{}", fault("a", "for = \"1s\"")));
    let address: SocketAddr = "127.0.0.1:4000".parse().unwrap();
    let endpoints = BTreeMap::from([("payments".to_owned(), vec![address])]);
    let plan = scenario.plan(3, Some(17), &endpoints);
    assert_eq!((plan.epoch, plan.seed, plan.zero_unix_ms), (3, 7, Some(17)));
    assert_eq!(plan.edges.len(), crate::shop::edges().len());
    for edge in &plan.edges {
        let expected: &[SocketAddr] = if edge.edge.callee == "payments" { &[address] } else { &[] };
        assert_eq!(edge.endpoints, expected, "{}", edge.edge);
    }
    assert_eq!(plan.faults, scenario.faults);
    let load = scenario.load_plan("run", address, address, None);
    assert_eq!((load.seed, load.worker, load.workers, load.connections_max), (7, 0, 1, 200));
    assert_eq!(load.flows.len(), 1);
    assert_eq!(load.timeline, scenario.timeline());
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC*") {
        _ = Scenario::parse("any.toml", &text).map_err(|problems| problems.to_string());
    }

    /// A shipped file with a piece of it replaced reaches deeper than random text does.
    #[test]
    fn no_damage_to_a_scenario_makes_the_reader_panic(
        file in 0..FILES.len(),
        from in 0.0_f64..1.0,
        length in 0_usize..60,
        patch in prop_oneof!["[\"\\[\\]{}=0-9a-z%/ .>-]{0,12}", "\\PC{0,6}"],
    ) {
        let text = FILES[file].1;
        let start = text.floor_char_boundary((from * text.len() as f64) as usize);
        let end = text.floor_char_boundary((start + length).min(text.len()));
        let damaged = format!("{}{patch}{}", &text[..start], &text[end..]);
        if let Err(problems) = Scenario::read("damaged.toml", &damaged, &Beside) {
            prop_assert!(!problems.found().is_empty());
            prop_assert!(problems.to_string().starts_with("damaged.toml:"));
        }
    }
}
