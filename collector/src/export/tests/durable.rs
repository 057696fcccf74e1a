//! The queue on disk across the end of the collector, in order and not.

use std::collections::BTreeSet;

use super::*;

/// Does not wait for what cannot be delivered now.
const HASTY: ExportLimits = ExportLimits { drain_timeout: Duration::ZERO, ..LIMITS };

fn queue(folder: &TempDir) -> PathBuf {
    Exporter::folder(None, Some(&folder.path().join("run.db"))).unwrap()
}

#[tokio::test]
async fn ex11_what_is_not_delivered_stays_on_disk_and_goes_out_at_the_next_start() {
    let folder = TempDir::new().unwrap();
    let silent = Receiver::new(Protocol::Grpc, vec![Act::Never; 100]);
    let to = |receiver: &Receiver| vec![backend(receiver, "protocol=grpc")];
    let mut running = Running::start(to(&silent), &HASTY, Some(&queue(&folder)));
    for number in 1..=5 {
        running.offer(number).await;
    }
    running.end().await;
    assert_eq!(running.losses(), BTreeMap::new(), "nothing is lost");
    drop(running);
    let awake = Receiver::new(Protocol::Grpc, Vec::new());
    let mut running = Running::start(to(&awake), &LIMITS, Some(&queue(&folder)));
    running.end().await;
    let arrived: BTreeSet<u8> = numbers(&awake, Protocol::Grpc).into_iter().collect();
    assert!(arrived.into_iter().eq(1..=5));
    assert!(!folder.path().join("run.db-export").exists(), "nothing is left, so nothing stays");
}

#[tokio::test]
async fn a_lane_that_is_killed_sends_twice_what_was_in_flight_and_no_more() {
    let folder = TempDir::new().unwrap();
    // Takes three, then falls silent with requests in flight.
    let first = Receiver::new(Protocol::HttpProtobuf, Vec::new());
    let to = |receiver: &Receiver| vec![backend(receiver, "in-flight=2")];
    let mut running = Running::start(to(&first), &HASTY, Some(&queue(&folder)));
    for number in 1..=3 {
        running.offer(number).await;
        first.next_request().await;
    }
    first.then(vec![Act::Never; 100]);
    for number in 4..=20 {
        running.offer(number).await;
    }
    // The first that is not answered has arrived; nobody ends anything in order.
    first.next_request().await;
    running.lanes.shutdown().await;
    drop(running);
    let second = Receiver::new(Protocol::HttpProtobuf, Vec::new());
    let mut running = Running::start(to(&second), &LIMITS, Some(&queue(&folder)));
    running.end().await;
    let before: BTreeSet<u8> = numbers(&first, Protocol::HttpProtobuf).into_iter().collect();
    let after: Vec<u8> = numbers(&second, Protocol::HttpProtobuf);
    let all: BTreeSet<u8> = before.iter().chain(&after).copied().collect();
    assert!(all.into_iter().eq(1..=20));
    let twice = after.iter().filter(|number| before.contains(number)).count();
    assert!(twice <= 2, "{before:?} {after:?}");
}

#[tokio::test]
async fn a_queue_that_another_collector_uses_is_not_touched() {
    let folder = TempDir::new().unwrap();
    let receiver = Receiver::new(Protocol::Grpc, Vec::new());
    let backends = || vec![backend(&receiver, "protocol=grpc")];
    let running = Running::start(backends(), &HASTY, Some(&queue(&folder)));
    let clock = Clock::system();
    let second = Exporter::open(backends(), &HASTY, Some(&queue(&folder)), &clock);
    assert!(second.unwrap_err().to_string().contains("another collector"));
    drop(running);
}

#[test]
fn a_folder_of_runs_has_one_queue_and_a_run_by_itself_its_own() {
    let (runs, database) = (Path::new("runs"), Path::new("runs/a.db"));
    let folder = |runs, database| Exporter::folder(runs, database);
    assert_eq!(folder(Some(runs), Some(database)).unwrap(), Path::new("runs/export-queue"));
    assert_eq!(folder(None, Some(database)).unwrap(), Path::new("runs/a.db-export"));
    assert_eq!(folder(Some(runs), None), None, "nothing is kept on disk");
}
