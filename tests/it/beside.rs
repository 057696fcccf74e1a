//! Programs of the user's own that run beside the shop.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Ended, machine, program, run};

/// Prints what services print, in JSON and without, on both streams, and stays until it is asked
/// to end.
const TALKER: &str = r#"
echo '{"level":"warn","msg":"charged","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","span_id":"00f067aa0ba902b7","request_id":"u1-7","amount":4900}'
echo "plain words of $OTEL_SERVICE_NAME"
echo '{"severity":"ERROR","message":"no ledger","correlation_id":"u1-8"}' >&2
trap 'echo "last words"; exit 0' TERM
while :; do sleep 0.1; done
"#;

fn scenario(services: &[Value], folder: &Path) -> std::path::PathBuf {
    let mut text = r#"
[run]
warmup = "0ms"
before = "1s"
during = "1s"
after = "0ms"
[[load]]
name = "shoppers"
flow = "checkout"
rate = "5/s"
"#
    .to_owned();
    for service in services {
        text.push_str("[[service]]\n");
        for (key, value) in service.as_object().unwrap() {
            writeln!(text, "{key} = {value}").unwrap();
        }
    }
    let path = folder.join("beside.toml");
    std::fs::write(&path, text).unwrap();
    path
}

fn logs(ended: &Ended, service: &str) -> Vec<Value> {
    let file = ended.folder.join("run.db");
    let words = ["query", "logs", "--json", "--limit", "1000", "--service", service, "--run"];
    let output = program().args(words).arg(file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    answer.as_array().unwrap().clone()
}

/// The records whose body holds the words.
#[track_caller]
fn one<'l>(logs: &'l [Value], words: &str) -> &'l Value {
    let of: Vec<_> = logs
        .iter()
        .filter(|log| log["body"].as_str().is_some_and(|it| it.contains(words)))
        .collect();
    assert_eq!(of.len(), 1, "{words}: {logs:#?}");
    of[0]
}

#[test]
fn what_a_program_of_the_user_prints_is_logged_with_its_service_severity_and_ids() {
    let folder = TempDir::new().unwrap();
    let talker =
        |name: &str, logs: &str| json!({"name": name, "run": ["sh", "-c", TALKER], "logs": logs});
    let services = [talker("billing", "output"), talker("sender", "otlp")];
    let file = scenario(&services, folder.path());
    let ended = {
        let _machine = machine();
        run(&file, &["--plain"])
    };
    // Without an expectation a run proves nothing; it was not stopped by a part.
    assert_eq!(ended.code, 2, "{}", ended.account());
    let billing = logs(&ended, "billing");
    let charged = one(&billing, "charged");
    assert_eq!(charged["severity"], "WARN");
    assert_eq!(charged["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(charged["correlation_id"], "u1-7");
    let refused = one(&billing, "no ledger");
    assert_eq!(
        (&refused["severity"], &refused["correlation_id"]),
        (&json!("ERROR"), &json!("u1-8"))
    );
    one(&billing, "plain words of billing");
    one(&billing, "last words");
    assert_eq!(billing.len(), 4, "{billing:#?}");
    // Who logs by OTLP has the file for its output; what nobody else has is taken all the same.
    let sender = logs(&ended, "sender");
    assert_eq!(one(&sender, "no ledger")["severity"], "ERROR");
    assert_eq!(sender.len(), 1, "{sender:#?}");
    let kept = std::fs::read_to_string(ended.folder.join("logs/sender.log")).unwrap();
    assert!(kept.contains("plain words of sender"), "{kept}");
    // The shop sends its records by OTLP and prints them, too: they are there once.
    let mut served: Vec<String> = logs(&ended, "orders").iter().map(Value::to_string).collect();
    let count = served.len();
    assert!(count > 0);
    served.sort();
    served.dedup();
    assert_eq!(served.len(), count);
    let printed = std::fs::read_to_string(ended.folder.join("logs/orders.log")).unwrap();
    assert_eq!(printed.lines().count(), count);
}

#[test]
fn a_program_that_cannot_be_started_or_ends_too_soon_ends_the_run_with_its_name_and_last_words() {
    let folder = TempDir::new().unwrap();
    for (run_it, said) in [
        (json!(["no-such-program-anywhere"]), "cannot start billing: No such file"),
        (json!(["sh", "-c", "echo broken ledger >&2; exit 3"]), "exit status: 3"),
    ] {
        let file = scenario(&[json!({"name": "billing", "run": run_it})], folder.path());
        let _machine = machine();
        let ended = run(&file, &["--plain"]);
        assert_eq!(ended.code, 5, "{}", ended.account());
        assert!(ended.account().contains(said), "{}", ended.account());
    }
}
