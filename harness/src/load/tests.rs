use std::ffi::OsString;
use std::time::Duration;

use model::target::HttpVersion;

use super::*;

/// Of a file that has the flow `buy` and one more line.
const FLOW: &str = r#"
[[flow]]
name  = "buy"
steps = [{ get = "/" }]
"#;

fn arguments(words: &[&str]) -> LoadArguments {
    let words = ["shakedown", "load"].iter().chain(words).map(OsString::from);
    match crate::cli::parse(words).unwrap().command {
        crate::cli::Command::Load(arguments) => *arguments,
        other => panic!("{other:?}"),
    }
}

/// A file of load in a folder of its own.
fn file(head: &str, load: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("load.toml");
    let head = format!("title = \"Buying\"\ntarget = \"http://127.0.0.1:1\"\n{head}");
    std::fs::write(&path, format!("{head}\n{FLOW}\n{load}\n")).unwrap();
    let path = path.display().to_string();
    (folder, path)
}

const OPEN: &str = "[[load]]\nname = \"buyers\"\nflow = \"buy\"\nrate = \"50/s\"";

fn limits(words: &[&str]) -> Result<Vec<String>, CommandError> {
    let arguments = arguments(words);
    let requests = Requests::read(&arguments)?;
    let terms = Terms::new(&arguments, &requests)?;
    let found = thresholds(&arguments, &requests, terms.timeline()?)?;
    Ok(found.into_iter().map(|threshold| threshold.text).collect())
}

#[test]
fn abort_on_fail_was_refused_where_only_the_file_has_a_threshold() {
    let (_folder, path) = file("threshold = \"p99 < 1s\"", OPEN);
    assert_eq!(limits(&[&path, "--abort-on-fail"]).unwrap(), ["p99 < 1s"]);
    let (_folder, path) = file("", OPEN);
    for place in [path.as_str(), "http://127.0.0.1:1/"] {
        let refused = limits(&[place, "--abort-on-fail"]).unwrap_err();
        assert_eq!(refused.exit_code(), ExitCode::ScenarioInvalid);
        assert!(refused.to_string().contains("--threshold"), "{refused}");
    }
}

fn terms(words: &[&str]) -> Result<Terms, PlanError> {
    let arguments = arguments(words);
    Terms::new(&arguments, &Requests::read(&arguments)?)
}

#[test]
fn a_limit_could_not_be_searched_with_a_file() {
    let (_folder, path) = file("", OPEN);
    let search = [path.as_str(), "--find-limit", "p99 < 1s"];
    let own = terms(&search).unwrap();
    assert_eq!(own.start_per_s(), Some(50.0));
    let asked = terms(&[&search[..], &["--rate", "5000"]].concat()).unwrap();
    assert_eq!(asked.start_per_s(), Some(5_000.0));
    assert!(asked.connections > own.connections, "the file names no number of connections");
    let two = format!("{OPEN}\n{}", OPEN.replace("buyers", "others"));
    let closed = "[[load]]\nname = \"a\"\nflow = \"buy\"\nmodel = \"closed\"\nusers = 3";
    for (load, said) in [(two.as_str(), "the file has 2"), (closed, "is closed")] {
        let (_folder, path) = file("", load);
        let refused = terms(&[&path, "--find-limit", "p99 < 1s"]).unwrap_err().to_string();
        assert!(refused.contains(said), "{refused}");
    }
    let refused = terms(&[&search[..], &["--rate", "max"]].concat()).unwrap_err();
    assert!(matches!(refused, PlanError::NeedsRate(_)), "{refused}");
}

#[test]
fn options_that_do_nothing_in_a_model_were_taken_silently() {
    let closed = "[[load]]\nname = \"a\"\nflow = \"buy\"\nmodel = \"closed\"\nusers = 3";
    let (_closed, closed) = file("", closed);
    let (_max, max) = file("", &OPEN.replace("50/s", "max"));
    let url = "http://127.0.0.1:1/";
    let users: &[&str] = &[url, "--users", "5"];
    let fastest: &[&str] = &[url, "--rate", "max"];
    let (closed, max): (&[&str], &[&str]) = (&[&closed], &[&max]);
    for (load, options) in [
        (users, &["--connections 5", "--poisson", "--at-limit drop", "--release-every 1ms"][..]),
        (fastest, &["--poisson", "--at-limit queue", "--release-every 1ms"]),
        (closed, &["--connections 5", "--poisson", "--at-limit drop", "--release-every 1ms"]),
        (max, &["--poisson", "--at-limit drop", "--release-every 1ms", "--timeout 1s"]),
    ] {
        assert!(terms(load).is_ok(), "{load:?}");
        for option in options {
            let words: Vec<&str> = option.split(' ').collect();
            let refused = terms(&[load, &words].concat()).unwrap_err().to_string();
            assert!(refused.starts_with(words[0]), "{load:?} {option}: {refused}");
        }
    }
    assert!(terms(&[fastest, &["--connections", "5"]].concat()).is_ok());
}

#[test]
fn what_is_said_about_encryption_of_a_target_without_any_was_taken_silently() {
    for option in ["--cacert a", "--cert a --key b", "--server-name a", "--insecure"] {
        let words: Vec<&str> = option.split(' ').collect();
        let with = |url| Requests::read(&arguments(&[&[url], words.as_slice()].concat()));
        let refused = with("http://127.0.0.1:1/").unwrap_err().to_string();
        assert!(refused.starts_with(words[0]), "{option}: {refused}");
        assert!(with("https://127.0.0.1:1/").is_ok(), "{option}");
    }
}

#[test]
fn a_body_from_a_file_had_to_be_text() {
    let folder = tempfile::TempDir::new().unwrap();
    let body = |bytes: &[u8]| {
        let path = folder.path().join("body");
        std::fs::write(&path, bytes).unwrap();
        let words = ["http://127.0.0.1:1/", "-d", &format!("@{}", path.display())];
        let requests = Requests::read(&arguments(&words))?;
        Ok::<_, PlanError>(requests.flows[0].steps[0].body.clone().unwrap())
    };
    assert_eq!(body(b"a ${seq}").unwrap(), "a ${seq}".parse().unwrap());
    assert_eq!(body(b"\xff${").unwrap().length(), Some(3));
    let refused = body(b"a ${").unwrap_err();
    assert!(matches!(refused, PlanError::Template { .. }), "{refused}");
}

#[test]
fn another_target_for_a_file_lost_how_it_is_spoken_to() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("load.toml").display().to_string();
    let target = "{ url = \"https://a:1\", http = \"2\", server_name = \"a.example\" }";
    std::fs::write(&path, format!("title = \"a\"\ntarget = {target}\n{FLOW}\n{OPEN}\n")).unwrap();
    let at = |url| Requests::read(&arguments(&[&path, "--target", url])).unwrap().targets.remove(0);
    let moved = at("https://b:2");
    assert_eq!((moved.to_string().as_str(), moved.version), ("https://b:2", HttpVersion::Http2));
    assert_eq!(moved.tls.unwrap().server_name.as_deref(), Some("a.example"));
    let plain = at("http://b:2");
    assert_eq!((plain.tls, plain.version), (None, HttpVersion::Http2));
}

#[test]
fn the_timeout_of_a_file_was_said_to_be_another() {
    let (_folder, path) = file("", &format!("{OPEN}\ntimeout = \"2s\""));
    assert_eq!(terms(&[&path]).unwrap().timeout(), Duration::from_secs(2));
    let own = terms(&["http://127.0.0.1:1/", "--timeout", "3s"]).unwrap();
    assert_eq!(own.timeout(), Duration::from_secs(3));
}

#[test]
fn a_target_beside_a_url_was_ignored() {
    let url = "http://127.0.0.1:1/";
    let refused = Requests::read(&arguments(&[url, "--target", url])).unwrap_err().to_string();
    assert!(refused.starts_with("--target does not go with"), "{refused}");
}
