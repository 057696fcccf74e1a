//! Reads a load file from top to bottom, in an order in which every name is known when it is
//! needed.

use std::time::Duration;

use super::{AtLimit, LoadFile, Outside, flows, loads, sections, target};
use crate::expect::Threshold;
use crate::flow::Flow;
use crate::limits::RUN_MAX;
use crate::load::Load;
use crate::phase::Timeline;
use crate::reading::reader::{Table, Value};

/// Most connections and threads that make sense on one machine.
const CONNECTIONS_MAX: u64 = 1_000_000;
const THREADS_MAX: u64 = 1_024;

pub(super) fn tables(file_name: &str, mut root: Table<'_>, outside: &dyn Outside) -> LoadFile {
    let (title, seed) = sections::read_head(&mut root, file_name);
    let target = root.get("target").as_ref().and_then(target::read);
    let (warmup, duration) = times(&mut root);
    let connections = root.get("connections").and_then(|value| value.integer(1..=CONNECTIONS_MAX));
    let threads = root.get("threads").and_then(|value| value.integer(1..=THREADS_MAX));
    let at_limit = root.get("at_limit").and_then(|value| {
        let word = value.one_of("reaction to the limit", AtLimit::ALL.map(AtLimit::as_str))?;
        AtLimit::ALL.into_iter().find(|known| known.as_str() == word)
    });
    let threshold = root.get("threshold");
    let flows::Journeys { sources, mut flows, setup, teardown } =
        flows::read(&mut root, flows::Place::Anywhere, outside);
    let loads: Vec<Load> = loads::read(&mut root, &flows, outside);
    flows.retain(|flow| loads.iter().any(|load| load.share_of(&flow.name) > 0.0));
    // How long load lasts may be left to the command line; then it is not known yet.
    let timeline = timeline(warmup, duration.unwrap_or(RUN_MAX));
    let thresholds =
        threshold.map(|value| thresholds(&value, timeline, &flows)).unwrap_or_default();
    let export = sections::read_export(&mut root);
    root.finish(&[]);
    LoadFile {
        title,
        seed,
        target,
        warmup,
        duration,
        connections: connections.map(|number| number as u32),
        threads: threads.map(|number| number as u32),
        at_limit: at_limit.unwrap_or_default(),
        loads,
        flows,
        data: sources.data,
        feeders: sources.feeders,
        setup,
        teardown,
        thresholds,
        export,
    }
}

fn times(root: &mut Table<'_>) -> (Duration, Option<Duration>) {
    let warmup = root.get("warmup").and_then(|value| value.duration()).unwrap_or_default();
    let value = root.get("for");
    let duration = value.as_ref().and_then(Value::time);
    if let Some(value) = value
        && duration.is_some_and(|duration| warmup.saturating_add(duration) > RUN_MAX)
    {
        value.wrong(format!("a load runs for at most {} h", RUN_MAX.as_secs() / 3_600));
    }
    (warmup, duration)
}

/// Everything after the warm-up is `during`: there is no fault whose before and after it could be.
fn timeline(warmup: Duration, duration: Duration) -> Timeline {
    let (before_ms, length_ms) = (warmup.as_millis() as u64, duration.as_millis() as u64);
    let end_ms = before_ms.saturating_add(length_ms);
    Timeline { before_ms, during_ms: before_ms, after_ms: end_ms, end_ms }
}

fn thresholds(value: &Value<'_>, timeline: Timeline, flows: &[Flow]) -> Vec<Threshold> {
    let threshold = |item: &Value<'_>| {
        item.parsed("a threshold like \"p99 < 200ms\"", |text| {
            Threshold::parse(text, flows, timeline)
        })
    };
    value.items().iter().filter_map(threshold).collect()
}
