use std::collections::BTreeMap;
use std::fs;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

const BYTES_MAX: u64 = 1024 * 1024;
const TRACES: Signal = Signal::Traces;

fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("backend-{number}:4318")).collect()
}

fn open(folder: &TempDir, bytes_max: u64, backends: usize) -> (Arc<Spool>, Vec<Cursor>) {
    let path = folder.path().join("queue");
    let (spool, mut cursors) = Spool::open(Some(&path), bytes_max, &names(backends)).unwrap();
    cursors.retain(|cursor| cursor.signal == TRACES);
    (spool, cursors)
}

fn payload(number: u64, bytes: usize) -> Bytes {
    let mut payload = number.to_le_bytes().to_vec();
    payload.resize(bytes.max(8), number as u8);
    payload.into()
}

fn number(payload: &Bytes) -> u64 {
    u64::from_le_bytes(*payload.first_chunk().unwrap())
}

async fn append(spool: &Spool, numbers: std::ops::Range<u64>, bytes: usize) {
    for one in numbers {
        spool.append(TRACES, payload(one, bytes), 2).await;
    }
}

/// Ends the thread that writes, which the end of a process would do.
async fn stop(spool: Arc<Spool>, cursors: Vec<Cursor>) {
    spool.writer.as_ref().unwrap().finish().await;
    drop(cursors);
}

/// Reads and commits everything that is there; the numbers of the records.
async fn read_all(spool: &Arc<Spool>, cursor: &mut Cursor) -> Vec<u64> {
    let mut found = Vec::new();
    while let Some(batch) = spool.try_next(cursor).await {
        found.extend(batch.records.iter().map(|record| number(&record.payload)));
        let items = batch.items();
        spool.commit(cursor, &batch, items);
    }
    found
}

fn files(folder: &TempDir) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder.path().join("queue")) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| file::number_of(TRACES, name).is_some());
    names.sort();
    names
}

#[tokio::test]
async fn what_was_written_and_not_committed_is_found_again() {
    let folder = TempDir::new().unwrap();
    let (spool, cursors) = open(&folder, BYTES_MAX, 1);
    append(&spool, 0..10, 100).await;
    let batch = spool.next(&cursors[0]).await;
    assert_eq!((batch.records.len(), batch.items()), (10, 20), "small requests leave together");
    stop(spool, cursors).await;
    // As after a crash: the batch was read and not committed.
    let (spool, mut cursors) = open(&folder, BYTES_MAX, 1);
    assert_eq!(spool.counts(TRACES, 0).waiting, 20);
    append(&spool, 10..12, 100).await;
    assert_eq!(read_all(&spool, &mut cursors[0]).await, (0..12).collect::<Vec<_>>());
    stop(spool, cursors).await;
    let (spool, mut cursors) = open(&folder, BYTES_MAX, 1);
    assert!(read_all(&spool, &mut cursors[0]).await.is_empty());
    assert_eq!(spool.counts(TRACES, 0), ReaderCounts::default());
}

#[tokio::test]
async fn segments_go_when_every_backend_has_passed_them() {
    let folder = TempDir::new().unwrap();
    let (spool, mut cursors) = open(&folder, BYTES_MAX, 2);
    append(&spool, 0..60, 8 * 1024).await;
    let whole = files(&folder).len();
    assert!(whole >= 6, "{whole}");
    assert_eq!(read_all(&spool, &mut cursors[0]).await.len(), 60);
    assert_eq!(files(&folder).len(), whole, "the other has read nothing");
    assert_eq!(read_all(&spool, &mut cursors[1]).await, (0..60).collect::<Vec<_>>());
    for _ in 0..3 * 2 {
        spool.leave().await;
    }
    assert!(!folder.path().join("queue").exists(), "nothing is left, so nothing stays");
}

#[tokio::test]
async fn a_full_queue_drops_the_oldest_and_who_has_read_it_loses_nothing() {
    for on_disk in [true, false] {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("queue");
        let path = on_disk.then_some(path.as_path());
        let (spool, mut cursors) = Spool::open(path, BYTES_MAX, &names(2)).unwrap();
        cursors.retain(|cursor| cursor.signal == TRACES);
        let mut quick = Vec::new();
        for start in (0..300).step_by(10) {
            append(&spool, start..start + 10, 8 * 1024).await;
            quick.extend(read_all(&spool, &mut cursors[0]).await);
        }
        assert!(quick.into_iter().eq(0..300), "{on_disk}");
        assert_eq!(spool.counts(TRACES, 0), ReaderCounts::default());
        let slow = spool.counts(TRACES, 1);
        assert_eq!((slow.waiting + slow.overflowed, slow.unreadable), (600, 0));
        // A mebibyte holds 127 of them; a sixteenth of it goes at once.
        assert!((110..=128).contains(&(slow.waiting / 2)), "{slow:?}");
        let left = read_all(&spool, &mut cursors[1]).await;
        assert!(left.into_iter().eq(300 - slow.waiting / 2..300), "the newest are left");
        assert_eq!(spool.counts(TRACES, 1).waiting, 0);
    }
}

#[tokio::test]
async fn a_flood_of_one_signal_pushes_out_its_own_and_no_other() {
    let (spool, cursors) = Spool::open(None, BYTES_MAX, &names(1)).unwrap();
    spool.append(Signal::Logs, payload(7, 100), 5).await;
    append(&spool, 0..1_000, 8 * 1024).await;
    assert!(spool.counts(TRACES, 0).overflowed > 1_000);
    let logs = cursors.iter().find(|cursor| cursor.signal == Signal::Logs).unwrap();
    assert_eq!(number(&spool.next(logs).await.records[0].payload), 7);
}

#[tokio::test]
async fn a_write_that_a_crash_interrupted_is_cut_off_and_nothing_before_it() {
    let folder = TempDir::new().unwrap();
    let (spool, cursors) = open(&folder, BYTES_MAX, 1);
    append(&spool, 0..5, 100).await;
    stop(spool, cursors).await;
    let path = folder.path().join("queue").join(&files(&folder)[0]);
    let whole = fs::read(&path).unwrap();
    let record = file::HEAD_BYTES + 100;
    for cut in 1..=record {
        fs::write(&path, &whole[..whole.len() - cut]).unwrap();
        let copy = TempDir::new().unwrap();
        fs::create_dir(copy.path().join("queue")).unwrap();
        for entry in fs::read_dir(folder.path().join("queue")).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), copy.path().join("queue").join(entry.file_name())).unwrap();
        }
        let (spool, mut cursors) = open(&copy, BYTES_MAX, 1);
        append(&spool, 5..6, 100).await;
        assert_eq!(read_all(&spool, &mut cursors[0]).await, [0, 1, 2, 3, 5], "{cut}");
        assert_eq!(spool.damaged(), 0);
    }
}

#[tokio::test]
async fn damage_costs_the_rest_of_its_segment_and_is_counted() {
    let folder = TempDir::new().unwrap();
    let (spool, cursors) = open(&folder, BYTES_MAX, 1);
    append(&spool, 0..16, 8 * 1024).await;
    stop(spool, cursors).await;
    assert_eq!(files(&folder).len(), 2, "eight in each");
    let path = folder.path().join("queue").join(&files(&folder)[0]);
    let mut bytes = fs::read(&path).unwrap();
    bytes[3 * (8 * 1024 + file::HEAD_BYTES)] ^= 1;
    fs::write(&path, bytes).unwrap();
    let (spool, mut cursors) = open(&folder, BYTES_MAX, 1);
    assert_eq!(spool.damaged(), 1);
    let found = read_all(&spool, &mut cursors[0]).await;
    assert!(found.into_iter().eq((0..2).chain(8..16)));
}

#[tokio::test]
async fn damage_that_comes_while_it_waits_is_noticed_when_it_is_read() {
    let folder = TempDir::new().unwrap();
    let (spool, cursors) = open(&folder, BYTES_MAX, 1);
    append(&spool, 0..16, 8 * 1024).await;
    stop(spool, cursors).await;
    let (spool, mut cursors) = open(&folder, BYTES_MAX, 1);
    let path = folder.path().join("queue").join(&files(&folder)[0]);
    let mut bytes = fs::read(&path).unwrap();
    bytes[100] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert!(read_all(&spool, &mut cursors[0]).await.into_iter().eq(8..16));
    let counts = spool.counts(TRACES, 0);
    assert_eq!((spool.damaged(), counts.unreadable, counts.waiting), (1, 16, 0));
}

#[tokio::test]
async fn a_backend_that_is_new_gets_what_comes_from_then_on() {
    let folder = TempDir::new().unwrap();
    let (spool, cursors) = open(&folder, BYTES_MAX, 1);
    append(&spool, 0..5, 100).await;
    stop(spool, cursors).await;
    let (spool, mut cursors) = open(&folder, BYTES_MAX, 2);
    append(&spool, 5..6, 100).await;
    assert_eq!(read_all(&spool, &mut cursors[1]).await, [5]);
    assert_eq!(read_all(&spool, &mut cursors[0]).await, [0, 1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn a_torn_progress_slot_leaves_the_one_before_it() {
    let folder = TempDir::new().unwrap();
    let (mut file, _) = ProgressFile::open(folder.path(), TRACES, "b").unwrap();
    for offset in 10..14 {
        file.write(Position { segment: 1, offset }, offset);
    }
    drop(file);
    let path = folder.path().join(progress::name(TRACES, "b"));
    let whole = fs::read(&path).unwrap();
    let found = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        ProgressFile::open(folder.path(), TRACES, "b").unwrap().1.map(|(at, _)| at.offset)
    };
    assert_eq!(found(&whole), Some(13));
    // The fourth write went into the first slot.
    for byte in 0..36 {
        let mut torn = whole.clone();
        torn[byte] ^= 0xff;
        assert_eq!(found(&torn), Some(12), "{byte}");
    }
    assert_eq!(found(b""), None);
}

#[tokio::test]
async fn a_disk_that_takes_nothing_is_counted_and_holds_nobody_up() {
    let folder = TempDir::new().unwrap();
    let (spool, mut cursors) = open(&folder, BYTES_MAX, 1);
    fs::remove_dir_all(folder.path().join("queue")).unwrap();
    append(&spool, 0..3, 100).await;
    assert_eq!(spool.counts(TRACES, 0).unreadable, 6);
    fs::create_dir(folder.path().join("queue")).unwrap();
    append(&spool, 3..4, 100).await;
    assert_eq!(read_all(&spool, &mut cursors[0]).await, [3]);
}

#[tokio::test]
async fn backends_that_work_through_a_backlog_come_to_the_same_batches() {
    let (spool, cursors) = Spool::open(None, 64 * BYTES_MAX, &names(2)).unwrap();
    let of = |reader| {
        let mut traces = cursors.iter().filter(|cursor| cursor.signal == TRACES);
        traces.find(move |cursor| cursor.reader == reader).unwrap()
    };
    append(&spool, 0..3, 100 * 1024).await;
    let first = spool.next(of(0)).await;
    append(&spool, 3..40, 100 * 1024).await;
    let mut ends: BTreeMap<Position, usize> = BTreeMap::from([(first.to, 1)]);
    for reader in [0, 1] {
        while let Some(batch) = spool.try_next(of(reader)).await {
            *ends.entry(batch.to).or_default() += 1;
        }
    }
    let alone = ends.values().filter(|count| **count == 1).count();
    // One began in the middle; they meet at the end of the block.
    assert!(ends.len() > 4 && alone <= 2, "{ends:?}");
}

#[derive(Debug, Clone)]
enum Step {
    Append {
        count: u64,
        bytes: usize,
    },
    /// One batch.
    Read(usize),
    ReadAll(usize),
    /// As a crash: nothing is ended in order.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (1..20_u64, 0..9_000_usize).prop_map(|(count, bytes)| Step::Append { count, bytes }),
        1 => (0..2_usize).prop_map(Step::Read),
        3 => (0..2_usize).prop_map(Step::ReadAll),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_happens_every_backend_gets_everything_in_order_and_commits_hold(
        steps in prop::collection::vec(step(), 1..25),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let folder = TempDir::new().unwrap();
            let (mut spool, mut cursors) = open(&folder, BYTES_MAX, 2);
            let (mut written, mut read) = (0, [0, 0]);
            for step in steps {
                match step {
                    Step::Append { count, bytes } => {
                        append(&spool, written..written + count, bytes).await;
                        written += count;
                    },
                    Step::Read(reader) => {
                        if let Some(batch) = spool.try_next(&cursors[reader]).await {
                            let first = number(&batch.records[0].payload);
                            assert_eq!(first, read[reader]);
                            let items = batch.items();
                            read[reader] += batch.records.len() as u64;
                            spool.commit(&mut cursors[reader], &batch, items);
                        }
                    },
                    Step::ReadAll(reader) => {
                        let found = read_all(&spool, &mut cursors[reader]).await;
                        assert!(found.into_iter().eq(read[reader]..written));
                        read[reader] = written;
                    },
                    Step::Restart => {
                        stop(spool, cursors).await;
                        (spool, cursors) = open(&folder, BYTES_MAX, 2);
                    },
                }
                for (reader, read) in read.iter().enumerate() {
                    let counts = spool.counts(TRACES, reader);
                    assert_eq!(counts.waiting, 2 * (written - read));
                }
            }
        });
    }
}
