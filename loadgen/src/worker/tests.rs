use std::io::{BufReader, Write as _};

use model::load::LoadReply;

use super::*;
use crate::testing;

struct Files {
    _folder: tempfile::TempDir,
    plan: std::path::PathBuf,
}

fn file(text: &str) -> Files {
    let folder = tempfile::tempdir().unwrap();
    let plan = folder.path().join("plan.json");
    std::fs::write(&plan, text).unwrap();
    Files { _folder: folder, plan }
}

fn plan_file(plan: &LoadPlan) -> Files {
    file(&serde_json::to_string(plan).unwrap())
}

#[tokio::test]
async fn a_worker_runs_the_plan_of_its_file_from_the_instant_on_its_input() {
    let (collector, collected) = testing::collector(|_| LoadReply::Continue).await;
    let sut = testing::serve(|_| async { testing::Act::json(200, "{}") }).await;
    let plan = LoadPlan { report_to: Some(collector.address), ..testing::plan(sut.address) };
    let files = plan_file(&plan);
    let (input, mut order) = std::io::pipe().unwrap();
    let clock = Clock::system();
    let start = LoadStart { start_unix_ns: clock.unix_ns() };
    writeln!(order, "{}", serde_json::to_string(&start).unwrap()).unwrap();
    let done = main_loop(&files.plan, BufReader::new(input), clock).await.unwrap();
    assert_eq!((done.offered, done.completed), (50, 50));
    assert_eq!(done.plan_hash, plan_hash(&plan));
    assert_eq!(collected.lock().unwrap().done, [done]);
    drop(order);
}

#[tokio::test]
async fn the_end_of_the_input_stops_a_worker() {
    let (collector, _) = testing::collector(|_| LoadReply::Continue).await;
    let mut plan = testing::plan(collector.address);
    plan.timeline.end_ms = 3_600_000;
    let files = plan_file(&plan);
    let done = main_loop(&files.plan, std::io::empty(), Clock::system()).await.unwrap();
    assert_eq!(done.offered, 0);
}

#[tokio::test]
async fn bad_input_is_told_with_what_was_read() {
    let told = async |path: &Path, input: &'static [u8]| {
        main_loop(path, input, Clock::system()).await.unwrap_err().to_string()
    };
    let plan = plan_file(&testing::plan("127.0.0.1:1".parse().unwrap()));
    let order = told(&plan.plan, b"go!\n").await;
    assert!(order.contains("\"go!\" on standard input is not an order"), "{order}");
    let parsed = told(&file("{}").plan, b"").await;
    assert!(parsed.contains("plan.json is not a load plan"), "{parsed}");
    let read = told(Path::new("/nowhere/plan.json"), b"").await;
    assert!(read.contains("/nowhere/plan.json cannot be read"), "{read}");
}
