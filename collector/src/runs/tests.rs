use model::frame::RunHead;
use telemetry::clock::Clock;

use super::*;
use crate::store::{Store, StoreError, Totals, recover};

/// Writes a run of a second, and seals it if asked.
async fn run(folder: &RunFolder, second: u64, sealed: bool) -> String {
    let name = RunName::new(second * 1_000, 7);
    let store = Store::create(&folder.file(&name), &name.run_id, &Clock::system()).unwrap();
    store.head(RunHead { title: "a title".to_owned(), ..RunHead::default() });
    if sealed {
        store.seal(Totals::default).await.unwrap();
    }
    store.close().await;
    // The clock of the store is the real one; what is ordered here is the second of the name.
    let file = rusqlite::Connection::open(folder.file(&name)).unwrap();
    file.execute("UPDATE run SET started_ns = ?1", [second.cast_signed()]).unwrap();
    name.run_id
}

fn folder() -> (RunFolder, tempfile::TempDir) {
    let place = tempfile::tempdir().unwrap();
    (RunFolder::create(&place.path().join("runs")).unwrap(), place)
}

fn ids(folder: &RunFolder) -> Vec<String> {
    folder.list().unwrap().into_iter().map(|entry| entry.run_id).collect()
}

#[tokio::test]
async fn the_oldest_sealed_runs_go_first_and_pinned_live_and_crashed_ones_stay() {
    let (folder, _place) = folder();
    let mut made = Vec::new();
    for (second, sealed) in [(10, true), (20, true), (30, false), (40, true), (50, true)] {
        made.push(run(&folder, second, sealed).await);
    }
    assert!(folder.pin(&made[0], true).unwrap().pinned);
    let live = RunName::new(60_000, 7);
    let store = Store::create(&folder.file(&live), &live.run_id, &Clock::system()).unwrap();
    let removed = folder.retain(Retention { runs_max: 4, bytes_max: u64::MAX }).unwrap();
    let removed: Vec<String> = removed.into_iter().map(|run| run.run_id).collect();
    assert_eq!(removed, [made[1].clone(), made[3].clone()]);
    let left = [&live.run_id, &made[4], &made[2], &made[0]].map(String::clone);
    assert_eq!(ids(&folder), left);
    // By bytes everything goes that may go.
    let removed = folder.retain(Retention { runs_max: 9, bytes_max: 0 }).unwrap();
    assert_eq!(removed.len(), 1);
    assert_eq!(ids(&folder).len(), 3);
    store.close().await;
    assert!(folder.pin(&made[0], false).is_ok_and(|entry| !entry.pinned));
    assert_eq!(folder.retain(Retention { runs_max: 0, bytes_max: 0 }).unwrap().len(), 1);
}

#[tokio::test]
async fn a_run_is_found_by_its_id_by_a_part_of_it_or_as_the_latest() {
    let (folder, _place) = folder();
    let first = run(&folder, 10, true).await;
    let second = run(&folder, 20, true).await;
    assert_eq!(folder.find("latest").unwrap().run_id, second);
    assert_eq!(folder.find(&first).unwrap().title, "a title");
    assert_eq!(folder.find("run-19700101-000010").unwrap().run_id, first);
    let several = folder.find("run-1970").unwrap_err().to_string();
    assert!(several.contains(&first) && several.contains(&second), "{several}");
    let mistyped = first.replace("0007", "0006");
    let unknown = folder.find(&mistyped).unwrap_err().to_string();
    assert!(unknown.contains("did you mean"), "{unknown}");
}

#[tokio::test]
async fn a_run_that_alone_is_larger_than_the_folder_may_be_is_not_removed_once_it_is_recorded() {
    let (folder, _place) = folder();
    let first = run(&folder, 10, true).await;
    let retention = Retention { runs_max: 20, bytes_max: 1 };
    assert_eq!(folder.retain(retention).unwrap(), []);
    let second = run(&folder, 20, true).await;
    let removed = folder.retain(retention).unwrap();
    assert_eq!(removed.into_iter().map(|run| run.run_id).collect::<Vec<_>>(), [first]);
    assert_eq!(ids(&folder), [second]);
}

#[tokio::test]
async fn a_crashed_run_is_sealed_once_and_stays_marked_as_unclean() {
    let (folder, _place) = folder();
    let id = run(&folder, 10, false).await;
    assert!(folder.find(&id).unwrap().is_crashed());
    let recovered = folder.recover().unwrap();
    assert_eq!(recovered.len(), 1);
    assert_eq!(recovered[0].as_ref().unwrap().run_id, id);
    let entry = folder.find(&id).unwrap();
    assert!(entry.sealed_unix_ns.is_some() && !entry.clean && !entry.is_crashed());
    assert_eq!(entry.spans, Some(0));
    assert!(folder.recover().unwrap().is_empty());
    assert!(recover(&entry.path).unwrap().is_none());
}

#[tokio::test]
async fn a_run_that_is_being_written_is_neither_sealed_nor_written_by_a_second_collector() {
    let (folder, _place) = folder();
    let name = RunName::new(10_000, 7);
    let path = folder.file(&name);
    let store = Store::create(&path, &name.run_id, &Clock::system()).unwrap();
    assert!(folder.find(&name.run_id).unwrap().live);
    assert!(folder.recover().unwrap().is_empty());
    assert!(matches!(recover(&path), Err(StoreError::Held { .. })));
    let second = Store::create(&path, &name.run_id, &Clock::system());
    let refused = second.err().unwrap().to_string();
    assert!(refused.contains(&std::process::id().to_string()), "{refused}");
    store.close().await;
    assert!(!folder.find(&name.run_id).unwrap().live);
}

#[tokio::test]
async fn a_sealed_run_is_read_without_leaving_anything_beside_it() {
    let (folder, _place) = folder();
    let id = run(&folder, 10, true).await;
    let entry = folder.find(&id).unwrap();
    let reader = crate::store::read::Reader::new(Some(&entry.path));
    assert!(reader.traces(&crate::TraceQuery::default()).unwrap().is_empty());
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn what_is_no_run_is_listed_with_the_reason() {
    let (folder, _place) = folder();
    std::fs::write(folder.path().join("run-x.db"), "no database, whatever its name says").unwrap();
    std::fs::write(folder.path().join("notes.db"), "of somebody else").unwrap();
    let listed = folder.list().unwrap();
    assert_eq!(listed.len(), 1);
    assert!(listed[0].error.as_ref().is_some_and(|error| error.contains("not a database")));
    assert!(matches!(
        RunFolder::open(&folder.path().join("notes.db")),
        Err(RunsError::NotRuns { .. })
    ));
    assert!(folder.find("latest").is_ok());
}

#[test]
fn a_run_that_cannot_be_read_is_called_by_its_folder() {
    let root = tempfile::TempDir::new().unwrap();
    let own = root.path().join("20261125-slow-payments-676e");
    std::fs::create_dir(&own).unwrap();
    std::fs::write(own.join("run.db"), "no database").unwrap();
    std::fs::write(root.path().join("run-7.db"), "no database").unwrap();
    let folder = RunFolder::open(root.path()).unwrap();
    let mut entries = folder.list().unwrap();
    entries.sort_by(|one, other| one.run_id.cmp(&other.run_id));
    let ids: Vec<_> = entries.iter().map(|it| (it.run_id.as_str(), it.error.is_some())).collect();
    assert_eq!(ids, [("20261125-slow-payments-676e", true), ("run-7", true)]);
}
