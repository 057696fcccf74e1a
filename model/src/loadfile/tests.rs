use super::*;
use crate::expect::{Limit, Measure, Subject};
use crate::load::Weighted;
use crate::reading::cases;
use crate::target::{HttpVersion, Reuse};

/// Files beside the load file.
#[derive(Debug)]
struct Beside(&'static [(&'static str, &'static str)]);

impl Outside for Beside {
    fn text(&self, path: &str) -> Result<String, String> {
        let found = self.0.iter().find(|(name, _)| *name == path);
        found.map(|(_, text)| (*text).to_owned()).ok_or_else(|| format!("no file \"{path}\""))
    }

    fn variable(&self, _name: &str) -> Option<String> {
        None
    }

    fn addresses(&self, _host: &str, _port: u16) -> Result<Vec<std::net::SocketAddr>, String> {
        Err("no host is looked up here".into())
    }
}

const FILES: Beside = Beside(&[
    ("users.csv", "name,password\nann,a1\nbob,b2\n"),
    ("items.jsonl", "{\"sku\":\"tea\"}\n{\"sku\":\"milk\"}\n"),
    ("ragged.csv", "name,password\nann\n"),
    ("rows", "name\nann\n"),
    ("times.txt", "0\n0.5, GET /\n0.75\n"),
    ("back.txt", "1\n0.5\n"),
]);

/// The shortest file.
const BASE: &str = "[[flow]]\nname = \"home\"\nsteps = [{ get = \"/\" }]\n\
                    [[load]]\nname = \"a\"\nflow = \"home\"\nrate = \"1/s\"";

fn read(text: &str) -> LoadFile {
    LoadFile::read("test.toml", text, &FILES).unwrap_or_else(|problems| panic!("{problems}"))
}

fn findings(text: &str) -> Vec<String> {
    let text = text.replace("@BASE", BASE);
    let Err(problems) = LoadFile::read("test.toml", &text, &FILES) else { return Vec::new() };
    let line =
        |problem: &Problem| format!("{}:{}: {}", problem.line, problem.column, problem.message);
    problems.found().iter().map(line).collect()
}

#[test]
fn every_mistake_is_found_at_its_place_and_says_what_would_be_right() {
    cases::check(include_str!("findings.txt"), findings);
}

#[test]
fn arrivals_come_from_a_file_instead_of_a_rate() {
    let with = |line: &str| BASE.replace("rate = \"1/s\"", line);
    let load = &read(&with("arrivals = \"times.txt\"")).loads[0];
    assert_eq!(load.recorded_ns, [0, 500_000_000, 750_000_000]);
    assert!(load.rate.is_empty());
    let told = findings(&with("arrivals = \"back.txt\"\nrate = \"2/s\""));
    assert!(told.iter().any(|line| line.contains("line 2: arrivals must be in order")), "{told:?}");
    assert!(told.iter().any(|line| line.contains("so there is no rate")), "{told:?}");
}

#[test]
fn the_shortest_file_leaves_the_rest_to_the_command_line() {
    let file = read(BASE);
    assert_eq!((file.title.as_str(), file.seed, &file.target), ("test.toml", 1, &None));
    assert_eq!((file.warmup, file.duration), (Duration::ZERO, None));
    assert_eq!((file.connections, file.threads, file.at_limit), (None, None, AtLimit::Queue));
    assert!(file.thresholds.is_empty() && file.data.is_empty() && file.flows.len() == 1);
}

#[test]
fn a_whole_file_reads_into_what_it_says() {
    let file = read(include_str!("whole.toml"));
    assert_eq!(file.target.as_ref().unwrap().to_string(), "http://127.0.0.1:8080");
    assert_eq!(
        (file.warmup, file.duration),
        (Duration::from_secs(5), Some(Duration::from_secs(30)))
    );
    assert_eq!(
        (file.connections, file.threads, file.at_limit),
        (Some(100), Some(2), AtLimit::Drop)
    );
    let [p99, errors] = file.thresholds.as_slice() else { panic!("{:?}", file.thresholds) };
    assert_eq!((p99.text.as_str(), &p99.subject), ("p99 < 200ms", &None));
    let (flow, step) = ("buy".to_owned(), "order".to_owned());
    assert_eq!(errors.subject, Some(Subject::Step { flow, step }));
    assert_eq!(
        (errors.measure, errors.limit),
        (Measure::Errors, Limit::Share("1%".parse().unwrap()))
    );
    let mix = &file.loads[0].flows;
    let weighted = |flow: &str, weight| Weighted { flow: flow.into(), weight };
    assert_eq!(*mix, [weighted("buy", 3), weighted("browse", 7)]);
    assert_eq!(file.feeders[0].rows, [["ann", "a1"], ["bob", "b2"]]);
    let [login, order, wait] = file.flows[0].steps.as_slice() else { panic!("three steps") };
    assert!(file.flows[0].cookies);
    assert_eq!(login.think.as_ref().unwrap().to_string(), "uniform 1s..3s");
    assert_eq!(order.think.as_ref().unwrap().to_string(), "exponential 2s");
    assert_eq!(order.save["id"].to_string(), "$.order.id");
    assert_eq!(
        order.check.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["status == 201", "latency < 200ms"]
    );
    let retry = order.client.retry.value().unwrap();
    assert_eq!((retry.attempts, order.client.attempt_timeout_ms), (3, Some(500)));
    assert_eq!(login.client.retry, crate::flow::Setting::Off);
    assert_eq!((wait.turns.max, wait.turns.within_ms), (10, Some(5_000)));
    assert_eq!(wait.turns.until[0].to_string(), "$.state in [paid, cancelled]");
    assert_eq!(wait.unless[0].to_string(), "${id} is missing");
    assert_eq!(file.setup.as_ref().unwrap().steps[0].save["token"].to_string(), "header:x-token");
    assert_eq!(file.teardown.as_ref().unwrap().steps[0].method, "DELETE");
}

#[test]
fn a_target_says_how_it_is_spoken_to() {
    let text = "target = { url = \"https://shop.example\", http = \"2\", reuse = \"journey\", \
                trust = \"ca.pem\", certificate = \"me.pem\", key = \"me.key\", \
                requests_per_connection = 100 }\n";
    let target = read(&format!("{text}{BASE}")).target.unwrap();
    assert_eq!((target.version, target.reuse), (HttpVersion::Http2, Reuse::Journey));
    assert_eq!(target.requests_per_connection, Some(100));
    let tls = target.tls.unwrap();
    assert_eq!(tls.trust.as_deref(), Some(std::path::Path::new("ca.pem")));
    assert_eq!(tls.show, Some(("me.pem".into(), "me.key".into())));
}

#[test]
fn every_key_of_a_load_file_is_known() {
    let keys = keys();
    for key in ["target", "warmup", "for", "connections", "threads", "at_limit", "threshold"] {
        assert!(keys["the file"].contains(key), "{key}");
    }
    let shared = crate::scenario::language::keys();
    for table in ["[[load]]", "[[flow]]", "a step of [[flow]]", "[feeder.NAME]", "[setup]"] {
        assert_eq!(keys[table], shared[table], "{table}");
    }
}

proptest::proptest! {
    #[test]
    fn no_damage_to_a_file_makes_the_reader_panic(
        from in 0.0_f64..1.0,
        length in 0_usize..60,
        patch in "[\"\\[\\]{}=0-9a-z%/ .>$-]{0,12}",
    ) {
        let text = include_str!("whole.toml");
        let start = text.floor_char_boundary((from * text.len() as f64) as usize);
        let end = text.floor_char_boundary((start + length).min(text.len()));
        let damaged = format!("{}{patch}{}", &text[..start], &text[end..]);
        if let Err(problems) = LoadFile::read("damaged.toml", &damaged, &FILES) {
            proptest::prop_assert!(!problems.found().is_empty());
        }
    }
}
