use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::*;

fn entry(id: &str) -> Entry<'_> {
    Entry {
        at_unix_ns: 0,
        correlation_id: id,
        trace_id: None,
        edge: Some("orders -> payments"),
        method: "GET",
        path: "/charges",
        status: Some(200),
        blame: None,
        error_type: None,
        attempts: 1,
        took: Duration::ZERO,
        bytes_in: 0,
        bytes_out: 0,
        endpoint: None,
        faults: &[],
        epoch: 1,
    }
}

fn file() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.jsonl");
    (folder, path)
}

/// A log whose writer only moves when the test says so.
fn by_hand(path: &Path) -> (AccessLog, Writer) {
    AccessLog::with_writer(Sink::open(path.to_str().unwrap()).unwrap())
}

fn ids(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let id = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["correlation_id"].as_str().unwrap().to_owned()
    };
    text.lines().map(id).collect()
}

#[tokio::test]
async fn a_flushed_line_is_in_the_file_and_a_file_that_is_there_goes_on() {
    let (_folder, path) = file();
    for id in ["first", "second"] {
        let log = AccessLog::open(path.to_str().unwrap()).unwrap();
        log.line(&entry(id));
        log.flush().await;
    }
    assert_eq!(ids(&path), ["first", "second"]);
}

#[test]
fn a_file_that_cannot_be_opened_is_an_error_at_the_start() {
    assert!(AccessLog::open("/nowhere/at/all/access.jsonl").is_err());
}

#[test]
fn lines_that_do_not_fit_are_dropped_and_counted_and_the_others_are_whole() {
    let (_folder, path) = file();
    let (log, mut writer) = by_hand(&path);
    let line_bytes = {
        let mut line = Vec::new();
        entry("000000").write(&mut line);
        line.len()
    };
    let lines = 2 * BUFFER_BYTES / line_bytes;
    for number in 0..lines {
        log.line(&entry(&format!("{number:06}")));
    }
    assert!(log.dropped() > 0);
    writer.follow(Orders::default());
    let kept = ids(&path);
    assert_eq!(kept.len() + log.dropped() as usize, lines);
    assert!(kept.iter().map(|id| id.parse::<usize>().unwrap()).eq(0..kept.len()));
    log.line(&entry("later"));
    writer.follow(Orders::default());
    assert_eq!(ids(&path).last().unwrap(), "later", "there is room again");
}

#[test]
fn a_full_buffer_is_exchanged_and_never_grows() {
    let (_folder, path) = file();
    let (log, mut writer) = by_hand(&path);
    for number in 0..20_000 {
        log.line(&entry("u1-7"));
        if number % 1_000 == 0 {
            writer.follow(Orders::default());
        }
        assert_eq!(locked(&log.slot.lines).capacity(), BUFFER_BYTES);
    }
    assert_eq!(log.dropped(), 0);
}

#[test]
fn the_writer_is_called_once_when_a_buffer_reaches_its_mark() {
    let (_folder, path) = file();
    let (log, mut writer) = by_hand(&path);
    let called = || std::mem::take(&mut *locked(&log.shared().orders)).look;
    while locked(&log.slot.lines).len() <= BUFFER_BYTES_MARK {
        assert!(!called());
        log.line(&entry("u1-7"));
    }
    assert!(called());
    log.line(&entry("u1-7"));
    assert!(!called(), "it has not looked yet");
    writer.follow(Orders::default());
    log.line(&entry("u1-7"));
    assert!(!called(), "the buffer is empty again");
}

#[test]
fn after_a_reopening_lines_go_to_the_file_of_that_name_and_earlier_ones_to_the_old() {
    let (folder, path) = file();
    let (log, mut writer) = by_hand(&path);
    log.line(&entry("before"));
    let moved = folder.path().join("access.1");
    fs::rename(&path, &moved).unwrap();
    log.reopen();
    let orders = std::mem::take(&mut *locked(&log.shared().orders));
    writer.follow(orders);
    log.line(&entry("after"));
    writer.follow(Orders::default());
    assert_eq!(ids(&moved), ["before"]);
    assert_eq!(ids(&path), ["after"]);
}

#[test]
fn a_reopening_that_fails_goes_on_in_the_old_file() {
    let (folder, path) = file();
    let (log, mut writer) = by_hand(&path);
    let moved = folder.path().join("access.1");
    fs::rename(&path, &moved).unwrap();
    fs::create_dir(&path).unwrap();
    writer.follow(Orders { reopen: true, ..Orders::default() });
    log.line(&entry("kept"));
    writer.follow(Orders::default());
    assert_eq!(ids(&moved), ["kept"]);
}

#[test]
fn lines_that_cannot_be_written_are_counted() {
    // Whatever is written here finds no space.
    let (log, mut writer) = by_hand(Path::new("/dev/full"));
    log.line(&entry("a"));
    log.line(&entry("b"));
    writer.follow(Orders::default());
    assert_eq!(log.dropped(), 2);
}

#[tokio::test]
async fn without_a_writer_nobody_waits_for_it() {
    let (_folder, path) = file();
    let (log, writer) = by_hand(&path);
    let (asked, waits) = oneshot::channel();
    log.shared().order(|orders| orders.flushes.push(asked));
    drop(writer);
    assert!(waits.await.is_err());
    log.flush().await;
}

#[test]
fn the_buffer_of_a_worker_that_is_gone_is_written_and_then_forgotten() {
    let (_folder, path) = file();
    let (log, mut writer) = by_hand(&path);
    let worker = log.for_worker();
    worker.line(&entry("last words"));
    drop(worker);
    writer.follow(Orders::default());
    assert_eq!(ids(&path), ["last words"]);
    assert_eq!(locked(&log.shared().slots).len(), 1);
}

#[test]
fn the_writer_ends_with_the_last_worker_and_writes_what_is_left() {
    let (_folder, path) = file();
    let (log, writer) = by_hand(&path);
    let worker = log.for_worker();
    let thread = std::thread::spawn(|| writer.run());
    log.line(&entry("a"));
    drop(log);
    worker.line(&entry("b"));
    drop(worker);
    thread.join().unwrap();
    let mut ids = ids(&path);
    ids.sort();
    assert_eq!(ids, ["a", "b"]);
}

#[tokio::test]
async fn lines_of_many_threads_are_whole_and_in_the_order_of_each() {
    const THREADS: usize = 4;
    // So many fit into a buffer, whenever the writer comes.
    const LINES: usize = 1_000;
    let (_folder, path) = file();
    let log = AccessLog::open(path.to_str().unwrap()).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            // Two of them share a buffer.
            let worker = if thread < 2 { None } else { Some(log.for_worker()) };
            let log = &log;
            scope.spawn(move || {
                let log = worker.as_ref().unwrap_or(log);
                for number in 0..LINES {
                    log.line(&entry(&format!("{thread}-{number}")));
                }
            });
        }
    });
    log.flush().await;
    assert_eq!(log.dropped(), 0);
    let mut seen = BTreeMap::<String, usize>::new();
    for id in ids(&path) {
        let (thread, number) = id.split_once('-').unwrap();
        let next = seen.entry(thread.to_owned()).or_default();
        assert_eq!(number.parse::<usize>().unwrap(), *next);
        *next += 1;
    }
    assert_eq!(seen.into_values().collect::<Vec<_>>(), [LINES; THREADS]);
}
