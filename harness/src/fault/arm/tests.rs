use std::ffi::OsString;

use model::distribution::Distribution;
use model::fault::{FaultKind, Pair, Per, Placement};
use model::units::Share;

use super::*;
use crate::cli::{Command, FaultAction, parse};

fn edges() -> impl Iterator<Item = (Edge, Protocol)> {
    let edge = |caller, callee, protocol| (Edge::new(caller, callee), protocol);
    [
        edge("client", "orders", Protocol::Http),
        edge("orders", "payments", Protocol::Http),
        edge("orders", "db", Protocol::Tcp),
    ]
    .into_iter()
}

fn arm(line: &[&str]) -> Result<ArmRequest, FaultError> {
    let words = ["shakedown", "fault", "arm"].iter().chain(line).map(OsString::from);
    let Command::Fault(arguments) = parse(words).unwrap().command else { panic!("a fault") };
    let FaultAction::Arm(arguments) = arguments.action else { panic!("arm") };
    request(&arguments, edges())
}

/// A sound fault with something more.
fn more(line: &[&str]) -> Result<ArmRequest, FaultError> {
    let base = ["a", "--on", "client -> orders", "--kind", "latency", "--for", "5m"];
    arm(&[&base, line].concat())
}

#[test]
fn flags_say_the_same_as_a_table_of_a_file() {
    let request = arm(&[
        "slow \"x\"",
        "--on",
        "client -> orders",
        "--on",
        "* -> payments",
        "--kind",
        "latency",
        "--set",
        "add=200ms +- 50ms",
        "--share",
        "0% -> 15%",
        "--for",
        "5m",
        "--match",
        "path=/charges/*",
        "--match",
        "headers.x-tenant=gold",
        "--match",
        "body.card.country=DE",
        "--when",
        "first=3",
        "--when",
        "per=header x-a",
        "--when",
        "flapping=on 2s off 8s",
        "--placement",
        "request",
        "--live",
        "drain",
    ]);
    // A share that changes needs a time to get there, which only windows of a file have.
    let said = request.unwrap_err().to_string();
    assert_eq!(
        said,
        "a share that changes needs `for`, the time that it takes to get there\n\
                      the name \"slow \"x\"\" must not hold `\"`"
    );
    let armed = more(&[
        "--set",
        "add=200ms +- 50ms",
        "--match",
        "path=/charges/*",
        "--match",
        "headers.x-tenant=gold",
        "--match",
        "body.card.country=DE",
        "--when",
        "first=3",
        "--when",
        "per=header x-a",
        "--share",
        "15%",
    ])
    .unwrap();
    let fault = armed.fault;
    assert_eq!((armed.for_ms, fault.share), (300_000, Share::from_ppm(150_000)));
    let delay = Distribution::Uniform { min_us: 150_000, max_us: 250_000 };
    assert_eq!(fault.effect, FaultKind::Latency { delay });
    let pair =
        |name: &str, value: &str| vec![Pair { name: name.into(), value: Some(value.into()) }];
    assert_eq!(fault.matching.path.as_deref(), Some("/charges/*"));
    assert_eq!(fault.matching.headers, pair("x-tenant", "gold"));
    assert_eq!(fault.matching.body, pair("card.country", "DE"));
    assert_eq!((fault.when.first, fault.when.per), (Some(3), Per::Header("x-a".into())));
    assert!(fault.schedule.is_empty(), "it acts all the time");
}

#[test]
fn values_have_the_form_that_their_key_has() {
    let kind = |kind: &str, set: &[&str]| {
        let mut line = vec!["a", "--on", "client -> orders", "--kind", kind, "--for", "1m"];
        for set in set {
            line.extend(["--set", set]);
        }
        arm(&line).unwrap().fault.effect
    };
    let errors = FaultKind::Errors {
        status: 429,
        body: Some("503".to_owned()),
        headers: vec![("retry-after".to_owned(), "5".to_owned())],
    };
    let set = ["status=429", "body=503", "headers.retry-after=5"];
    assert_eq!(kind("errors", &set), errors);
    let set = ["status=429", "body=503", "headers={ retry-after = \"5\" }"];
    assert_eq!(kind("errors", &set), errors);
    let shared = FaultKind::Bandwidth { bytes_per_s: 1_000, shared: true };
    assert_eq!(kind("bandwidth", &["rate=1KB/s", "shared=true"]), shared);
}

#[test]
fn what_is_wrong_is_said_in_the_words_of_the_flags() {
    for (line, expected) in [
        (
            &["--set", "ad=1s"][..],
            "a fault of kind \"latency\" needs `add`, like add = \"200ms +- 50ms\"\nunknown key \"ad\" of the fault; did you mean \"add\"?",
        ),
        (&["--set", "add=1"], "`add` of the fault: a delay is written"),
        (
            &["--set", "add=1s", "--set", "status=503"],
            "`status` of the fault belongs to the kind \"errors\", not to \"latency\"",
        ),
        (
            &["--set", "add=1s", "--match", "metod=GET"],
            "unknown key \"metod\" of --match; did you mean \"method\"?",
        ),
        (
            &["--set", "add=1s", "--when", "frist=3"],
            "unknown key \"frist\" of --when; did you mean \"first\"?",
        ),
        (
            &["--set", "add=1s", "--on", "client -> order"],
            "unknown edge \"client -> order\"; did you mean \"client -> orders\"?",
        ),
        (
            &["--set", "add=1s", "--placement", "bdy"],
            "unknown placement \"bdy\"; did you mean \"body\"?",
        ),
        (&["--set", "add=1s", "--when", "first=x"], "this is not TOML"),
    ] {
        let said = more(line).unwrap_err();
        assert_eq!(said.exit_code(), crate::result::ExitCode::ScenarioInvalid);
        assert!(said.to_string().contains(expected), "{said}");
    }
    let said = arm(&["a", "--on", "x -> y", "--kind", "latencey", "--for", "1m"]).unwrap_err();
    assert!(said.to_string().contains("did you mean \"latency\"?"), "{said}");
}

#[test]
fn a_file_says_its_end_or_the_flag_does() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("fault.toml");
    let file = path.display().to_string();
    let write = |times: &str| {
        let text = "[[fault]]\nname = \"a\"\non = \"* -> orders\"\nkind = \"refuse\"\n";
        std::fs::write(&path, format!("{text}{times}")).unwrap();
    };
    write("at = \"5s\"\nfor = \"10s\"");
    assert_eq!(arm(&["--file", &file]).unwrap().for_ms, 15_000);
    assert_eq!(arm(&["--file", &file, "--for", "1s"]).unwrap().for_ms, 1_000);
    write("");
    let said = arm(&["--file", &file]).unwrap_err().to_string();
    assert_eq!(said, "a fault that is armed needs an end: --for, like --for 5m");
    assert_eq!(arm(&["--file", &file, "--for", "1s"]).unwrap().fault.schedule, []);
    write("shaer = \"5%\"");
    let said = arm(&["--file", &file, "--for", "1s"]).unwrap_err().to_string();
    assert!(said.starts_with(&format!("{file}:5:1: unknown key \"shaer\"")), "{said}");
    std::fs::remove_file(&path).unwrap();
    let said = arm(&["--file", &file, "--for", "1s"]).unwrap_err();
    assert!(crate::with_causes(&said).contains("cannot read"), "{said}");
}

#[test]
fn strings_are_quoted_whatever_they_hold() {
    for text in ["plain", "a\"b\\c", "line\nbreak\u{7}", "ü -> ö"] {
        let table = format!("x = {}", quoted(text));
        let value: BTreeMap<String, String> = toml_of(&table);
        assert_eq!(value["x"], text);
    }
}

/// A table of strings, read by way of a `[[fault]]` whose body is the string.
fn toml_of(table: &str) -> BTreeMap<String, String> {
    let body = table.strip_prefix("x = ").unwrap();
    let text = format!(
        "[[fault]]\nname = \"a\"\non = \"client -> orders\"\nkind = \"errors\"\nbody = {body}\n"
    );
    let edges = edges().map(|(edge, protocol)| (edge, Some(protocol))).collect();
    let armed = parse_fault("x", &text, &edges, &Folder::here()).unwrap();
    let FaultKind::Errors { body: Some(body), .. } = armed.fault.effect else { panic!("errors") };
    BTreeMap::from([("x".to_owned(), body)])
}

#[test]
fn a_latency_acts_where_its_edge_carries_something() {
    for (on, placement) in
        [("orders -> payments", Placement::Attempt), ("orders -> db", Placement::Body)]
    {
        let line = ["a", "--on", on, "--kind", "latency", "--set", "add=1s", "--for", "5m"];
        assert_eq!(arm(&line).unwrap().fault.placement, placement, "{on}");
    }
}
