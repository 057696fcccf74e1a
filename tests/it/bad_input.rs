//! What a person gets wrong: a clear message, the right exit code, nothing left running.

use std::net::TcpListener;

use tempfile::TempDir;

use crate::support::{Ended, machine, program, run, scenario, unwrapped};

fn run_text(text: &str, options: &[&str]) -> Ended {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("story.toml");
    std::fs::write(&file, text).unwrap();
    run(&file, options)
}

/// The slow-payments scenario with one change.
fn changed(from: &str, to: &str) -> String {
    let text = std::fs::read_to_string(scenario("slow-payments")).unwrap();
    assert!(text.contains(from), "slow-payments.toml has no {from:?}");
    text.replacen(from, to, 1)
}

#[test]
fn a_missing_file_is_named() {
    let ended = run(std::path::Path::new("no/such/story.toml"), &["--plain"]);
    assert_eq!(ended.code, 4);
    assert!(ended.stderr.contains("no/such/story.toml"), "{}", ended.account());
    assert!(ended.folder.as_os_str().is_empty(), "a run folder was made");
}

#[test]
fn an_unknown_key_is_shown_with_its_place_and_the_nearest_name() {
    let ended = run_text(&changed("title", "titel"), &["--plain"]);
    assert_eq!(ended.code, 4);
    assert!(ended.stderr.contains("story.toml:"), "{}", ended.account());
    assert!(ended.stderr.contains("did you mean \"title\""), "{}", ended.account());
}

#[test]
fn check_shows_every_error_at_once() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("story.toml");
    std::fs::write(&file, changed("title", "titel").replace("seed", "sede")).unwrap();
    let output = program().arg("check").arg(&file).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4));
    assert!(errors.contains("\"title\"") && errors.contains("\"seed\""), "{errors}");
}

#[test]
fn check_draws_the_timeline_of_a_good_file() {
    let output = program().arg("check").arg(scenario("slow-payments")).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}");
    for part in ["orders -> payments", "before", "during", "after"] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
}

#[test]
fn a_port_in_use_is_named_and_everything_started_is_ended() {
    let _machine = machine();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = run_text(&changed("127.0.0.1:0", &address), &["--plain"]);
    assert_eq!(ended.code, 5, "{}", ended.account());
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert!(said.contains(&address), "{}", ended.account());
}

#[test]
fn a_run_folder_that_cannot_be_made_is_named() {
    let output = program()
        .arg("run")
        .arg(scenario("healthy"))
        .args(["--plain", "--out", "/proc/nowhere"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(5));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("/proc/nowhere"), "{errors}");
}

/// Runs the healthy scenario with its run folder on a file system of its own, which a private
/// mount namespace makes and takes away again.
fn run_on_small_disk(options: &str) -> Ended {
    let out = TempDir::new().unwrap();
    let folder = out.path().join("disk");
    std::fs::create_dir(&folder).unwrap();
    let script = format!("mount -t tmpfs -o {options} none \"$1\" && shift && exec \"$@\"");
    let program = program();
    let output = std::process::Command::new("unshare")
        .args(["--mount", "--map-root-user", "sh", "-c", &script, "sh"])
        .arg(&folder)
        .arg(program.get_program())
        .arg("run")
        .arg(scenario("healthy"))
        .args(["--plain", "--time-scale", "8", "--out"])
        .arg(&folder)
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    crate::support::ended(output, out)
}

#[test]
#[ignore = "needs the right to mount in a namespace of its own"]
fn a_disk_without_room_for_the_database_is_an_environment_fault() {
    let _machine = machine();
    let ended = run_on_small_disk("size=48k");
    assert_eq!(ended.code, 5, "{}", ended.account());
    assert!(ended.stderr.contains("run.db"), "{}", ended.account());
}

#[test]
#[ignore = "needs the right to mount in a namespace of its own"]
fn a_disk_that_fills_up_in_the_middle_is_said_and_never_a_pass() {
    let _machine = machine();
    let ended = run_on_small_disk("size=4m");
    assert_eq!(ended.code, 5, "{}", ended.account());
    let said = unwrapped(&format!("{} {}", ended.stdout, ended.stderr));
    let is_said = said.contains("disk is full") || said.contains("No space left");
    assert!(is_said, "{}", ended.account());
}

#[test]
#[ignore = "needs the right to mount in a namespace of its own"]
fn a_service_that_cannot_start_is_named_with_its_reason() {
    let _machine = machine();
    // Enough files for the run's own, not enough for six more databases.
    let ended = run_on_small_disk("nr_inodes=22");
    assert_eq!(ended.code, 5, "{}", ended.account());
    let said = unwrapped(&ended.stdout);
    assert!(said.contains("before it was ready: shakedown: "), "{}", ended.account());
}
