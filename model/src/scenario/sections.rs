//! The short tables: head of the file, `[system]`, `[run]`, `[safety]`, `[export]`.

use super::language;
use super::{Export, RunTimes, Safety};
use crate::limits;
use crate::reading::nearest::hint;
use crate::reading::reader::{Report, Table, Value, not_yet, shorten};
use crate::reading::url;
use crate::shop;
use crate::units::{Share, format_duration};
use std::time::Duration;

const SEED_DEFAULT: u64 = 1;
const WARMUP_DEFAULT: Duration = Duration::from_secs(5);
const WATCH_DEFAULT: Duration = Duration::from_secs(20);
const LIMIT_DEFAULT: Duration = Duration::from_mins(5);

/// `title` and `seed`. Without a title the run is called like its file.
pub(crate) fn read_head(root: &mut Table<'_>, file_name: &str) -> (String, u64) {
    let title = root.get("title").and_then(|value| value.text("a string"));
    let seed = root.get("seed").and_then(|value| value.integer(0..=i64::MAX as u64));
    (title.unwrap_or(file_name).to_owned(), seed.unwrap_or(SEED_DEFAULT))
}

/// The weaknesses that are switched on.
pub(super) fn read_system(root: &mut Table<'_>) -> Vec<String> {
    let Some(mut table) = root.get("system").and_then(|value| value.table("[system]")) else {
        return Vec::new();
    };
    if let Some(kind) = table.get("kind") {
        match kind.text("\"shop\"") {
            Some("shop") | None => {},
            Some("external") => kind.wrong(not_yet("a system of kind \"external\"")),
            Some(other) => {
                let hint = hint(other, ["shop"]);
                kind.wrong(format!("unknown kind of system \"{}\"{hint}", shorten(other)));
            },
        }
    }
    let weaknesses = table.get("weaknesses").map(|value| value.items()).unwrap_or_default();
    let known = shop::WEAKNESSES.map(|(name, _)| name);
    let mut chosen = Vec::new();
    for value in &weaknesses {
        let Some(name) = value.text("the name of a weakness") else { continue };
        if !known.contains(&name) {
            let hint = hint(name, known);
            value.wrong(format!("unknown weakness \"{}\"{hint}", shorten(name)));
        } else if chosen.iter().any(|other| other == name) {
            value.wrong(format!("the weakness \"{name}\" is named twice"));
        }
        chosen.push(name.to_owned());
    }
    table.finish(&[]);
    chosen
}

/// `[run]` and where its parts stand, for findings that concern the run as a whole.
#[derive(Debug)]
pub(super) struct Run<'r> {
    pub(super) times: RunTimes,
    pub(super) during: Option<Value<'r>>,
    pub(super) span: std::ops::Range<usize>,
}

pub(super) fn read_run<'r>(root: &mut Table<'r>) -> Run<'r> {
    let mut times = RunTimes {
        warmup: WARMUP_DEFAULT,
        before: WATCH_DEFAULT,
        during: Duration::ZERO,
        after: WATCH_DEFAULT,
        control: Share::ZERO,
    };
    let Some(mut table) = root.get("run").and_then(|value| value.table("[run]")) else {
        return Run { times, during: None, span: 0..0 };
    };
    let span = table.span.clone();
    let during = table.get("during");
    for (key, time) in
        [("warmup", &mut times.warmup), ("before", &mut times.before), ("after", &mut times.after)]
    {
        if let Some(read) = table.get(key).and_then(|value| value.duration()) {
            *time = read;
        }
    }
    if let Some(time) = during.as_ref().and_then(Value::time) {
        times.during = time;
    }
    if let Some(value) = table.get("control")
        && let Some(share) = value.share()
    {
        if share == Share::WHOLE {
            value.wrong("with a control group of 100% no fault could touch anybody");
        }
        times.control = share;
    }
    table.finish(&[]);
    Run { times, during, span }
}

pub(super) fn read_safety(root: &mut Table<'_>) -> Safety {
    let mut safety = Safety { lease: limits::LEASE_DEFAULT, limit: LIMIT_DEFAULT };
    let Some(mut table) = root.get("safety").and_then(|value| value.table("[safety]")) else {
        return safety;
    };
    let bounds = [
        ("lease", &mut safety.lease, limits::LEASE_MIN, limits::LEASE_MAX),
        ("limit", &mut safety.limit, Duration::from_secs(1), limits::RUN_MAX),
    ];
    for (key, target, min, max) in bounds {
        let Some(value) = table.get(key) else { continue };
        let Some(time) = value.duration() else { continue };
        if (min..=max).contains(&time) {
            *target = time;
        } else {
            value.wrong(format!(
                "{} must be from {} to {}, got {}",
                value.name,
                format_duration(min),
                format_duration(max),
                format_duration(time)
            ));
        }
    }
    table.finish(&language::SAFETY_KEYS);
    safety
}

pub(crate) fn read_export(root: &mut Table<'_>) -> Export {
    let Some(mut table) = root.get("export").and_then(|value| value.table("[export]")) else {
        return Export::default();
    };
    let otlp = table.get("otlp").as_ref().and_then(url::read_backend);
    table.finish(&language::EXPORT_KEYS);
    Export { otlp }
}

/// Nothing may take longer than the file allows, and `during` has exactly one owner.
/// What the end of a run may need after its phases: open requests, a system that comes to rest, its
/// books.
pub(super) const CLOSING: Duration = Duration::from_secs(10);

pub(super) fn check_times(
    report: &Report<'_>,
    run: &Run<'_>,
    safety: Safety,
    last_fault: Option<Duration>,
) {
    if let (Some(value), Some(_)) = (&run.during, last_fault) {
        value.wrong(
            "`during` is only for runs without faults; with faults, they say how long it is",
        );
    }
    let times = run.times;
    let during = last_fault.unwrap_or(times.during);
    let total = [times.before, during, times.after]
        .iter()
        .fold(times.warmup, |total, time| total.saturating_add(*time));
    if total.saturating_add(CLOSING) > safety.limit {
        report.add(
            run.span.clone(),
            format!(
                "the phases take {}, and `limit` in [safety] ({}) must leave {} more for the end",
                format_duration(total),
                format_duration(safety.limit),
                format_duration(CLOSING)
            ),
        );
    }
    if total.is_zero() {
        report.add(run.span.clone(), "the run takes no time at all");
    }
}
