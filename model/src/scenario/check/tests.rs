use super::*;

fn scenario(text: &str) -> Scenario {
    Scenario::parse("test.toml", text).unwrap_or_else(|problems| panic!("{problems}"))
}

const SLOW: &str = r#"
title = "Slow"
seed = 42
[gateway.defaults]
breaker = { opens_at = "50% of 20 calls" }
[run]
warmup = "5s"
before = "15s"
after = "10s"
control = "20%"
[[load]]
name = "shoppers"
flow = "checkout"
rate = "10/s"
[[fault]]
name = "payments slow"
on = "orders -> payments"
kind = "latency"
add = "1s"
share = "50%"
for = "30s"
[[fault]]
name = "flapping"
on = "orders -> inventory"
kind = "blackhole"
match = { method = "POST" }
for = "2s"
every = "10s"
times = 3
[[expect]]
phase = "before"
that = ["p99(checkout) < 300ms", "errors(orders -> inventory) < 5%"]
[[expect]]
phase = "during"
that = ["p50(checkout) < 1s in control"]
sometimes = ["breaker(orders -> payments) opens"]
[[expect]]
phase = "after"
that = ["recovered within 5s"]
[[expect]]
phase = "end"
that = ["money conserved"]
"#;

#[test]
fn the_page_shows_times_targets_hits_and_what_can_be_decided() {
    let expected = "\
Slow (seed 42)
shop, 8 edges, no weakness switched on
load shoppers: 600 journeys of checkout, at most 10/s

  phase         |warm|before--------|during-----------------------|after-----|
  payments slow |                    ##############################          |
  flapping      |                    ##        ##        ##                  |
                 0s   5s             20s                           50s       1m

faults (times count from the end of `before`)
  payments slow: latency 1s, share 50%, 0s..30s
    orders -> payments: about 300 calls, about 120 hits
    20% of the users are never touched
  flapping: blackhole, share 100%, 0s..22s, in 3 windows
    orders -> inventory: about 120 calls, at most 96 hits
    only POST; what share of the calls that is, is not known
    20% of the users are never touched

expectations
  before  p99(checkout) < 300ms                             needs 1000, plans 120: CANNOT DECIDE
  before  errors(orders -> inventory) < 5%                  needs 74, plans 300: can decide
  during  p50(checkout) < 1s in control                     needs 20, plans 60: can decide
  during  sometimes breaker(orders -> payments) opens       seen when it happens
  after   recovered within 5s                               needs 20, plans 120: can decide
  end     money conserved                                   read from the system at the end

too few samples by plan; lengthen the phase or raise the rate
  before: \"p99(checkout) < 300ms\" needs 1000 samples, the run plans 120
";
    let page = render(&scenario(SLOW));
    assert_eq!(page, expected);
}

#[test]
fn what_the_plan_is_too_short_for_is_named() {
    let found = undecidable(&scenario(SLOW));
    let texts: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["before: \"p99(checkout) < 300ms\" needs 1000 samples, the run plans 120"]);
}

#[test]
fn a_shortened_run_can_decide_less() {
    let short = scenario(SLOW).scaled(20.0);
    assert!(undecidable(&short).len() > 1);
}

#[test]
fn a_flow_of_the_file_is_known_at_the_public_edges_only() {
    let text = r#"
[[flow]]
name = "look"
steps = [{ get = "/catalog/items" }, { get = "/catalog/items/tea-pot" }]
[[load]]
name = "lookers"
flow = "look"
rate = "10/s"
[[fault]]
name = "blind"
on = ["client -> catalog", "orders -> payments"]
kind = "reset"
for = "5s"
"#;
    let page = render(&scenario(text));
    assert!(page.contains("client -> catalog: about 100 calls, about 100 hits"), "{page}");
    assert!(page.contains("orders -> payments: calls not known"), "{page}");
    assert!(page.contains("no expectations: the run cannot pass"), "{page}");
}

#[test]
fn a_share_that_changes_counts_by_its_middle_and_conditions_bound_the_hits() {
    let page = |more: &str| {
        let text = SLOW.replace("share = \"50%\"", &format!("share = \"20% -> 60%\"\n{more}"));
        render(&scenario(&text))
    };
    let ramp = page("");
    assert!(ramp.contains("latency 1s, share 20% -> 60%, 0s..30s"), "{ramp}");
    assert!(ramp.contains("about 300 calls, about 96 hits"), "{ramp}");
    let counted = page("when = { first = 2, per = \"user\" }");
    assert!(
        counted.contains("about 300 calls, at most 96 hits\n    first 2 per user"),
        "{counted}"
    );
}
