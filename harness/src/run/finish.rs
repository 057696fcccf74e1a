//! Ends the parts, judges, and writes what came of the run.

use std::collections::BTreeMap;

use model::expect::{Evidence, judge};
use model::frame::{DropCount, Trace, Verdict, VerdictFrame};
use model::plan::{FaultStatus, ProxyState};

use super::Job;
use super::folder::FolderError;
use super::stack::Stack;
use super::view::{View, print_line};
use super::watch::{Seen, planned_faults, run_head};
use crate::report;
use crate::result::{ByHandFault, Ending, ExitCode, Hits, Inputs, RunResult};

/// Traces drawn in the report.
const TRACES_MAX: usize = 12;

/// In the order that keeps the account whole: faults off, the proxy's counters read, the emitters
/// ended so that their last telemetry arrives, then the judgement over everything.
pub(crate) async fn finish(job: &Job, mut stack: Stack, view: View, seen: Seen) -> ExitCode {
    if seen.ending != Ending::Finished {
        // A proxy that is gone has no faults.
        let _gone = stack.control.release().await;
    }
    let proxy = stack.control.state().await.ok();
    let mut killed: Vec<String> = stack.end_load().await.into_iter().collect();
    let torn_down = stack.tear_down(&job.scenario, &job.clock).await;
    killed.extend(stack.end().await);
    let expectations = judge_whole(job, &stack, &seen);
    let result = summarise(job, &stack, &seen, &expectations, proxy.as_ref());
    announce(job, &stack, &seen, &result);
    let traces = traces(&stack, &result);
    let sealed = stack.collector.seal().await;
    // What waits for a backend gets its time; what is left is a loss that the result must show.
    stack.collector.shutdown();
    stack.collector.done().await;
    let result = summarise(job, &stack, &seen, &expectations, proxy.as_ref());
    view.close().await;
    if let Err(error) = torn_down {
        print_line(&format!("the tear-down did not come to its end: {error}"));
    }
    for name in killed {
        print_line(&format!("{name} did not end when asked and was killed"));
    }
    if let Err(error) = sealed {
        crate::complain(&error);
        return ExitCode::HarnessFault;
    }
    match write(job, &stack, &result, &traces) {
        Ok(()) => result.exit_code,
        Err(error) => {
            crate::complain(&error);
            ExitCode::HarnessFault
        },
    }
}

fn judge_whole(job: &Job, stack: &Stack, seen: &Seen) -> Vec<VerdictFrame> {
    let finished = seen.ending == Ending::Finished;
    let start_unix_ms = seen.start_unix_ms.unwrap_or_else(|| job.clock.unix_ms());
    let reached_ms =
        if finished { u64::MAX } else { job.clock.unix_ms().saturating_sub(start_unix_ms) };
    judge(
        &job.scenario.expectations,
        &Evidence {
            timeline: job.head.timeline,
            start_unix_ms,
            reached_ms,
            frames: &stack.collector.frames(),
            load: &stack.collector.load_totals(),
            invariants: seen.invariants.as_deref(),
        },
    )
}

fn summarise(
    job: &Job,
    stack: &Stack,
    seen: &Seen,
    expectations: &[VerdictFrame],
    proxy: Option<&ProxyState>,
) -> RunResult {
    let collector = &stack.collector;
    let ledger: BTreeMap<String, Hits> = collector
        .ledger()
        .into_iter()
        .map(|(fault, count)| (fault, Hits { hit: count.hit, skipped: count.skipped }))
        .collect();
    let mut dropped: Vec<DropCount> = collector.dropped();
    if let Some(proxy) = proxy {
        dropped.extend(proxy.dropped.iter().cloned());
    }
    let by_hand: Vec<ByHandFault> =
        collector.unplanned_faults().into_iter().map(Into::into).collect();
    let proxy_faults: Option<&[FaultStatus]> = proxy.map(|state| state.faults.as_slice());
    RunResult::summarise(&Inputs {
        head: job.head.clone(),
        ending: seen.ending.clone(),
        started_unix_ms: seen.start_unix_ms,
        frames: &collector.frames(),
        load: &collector.load_totals(),
        workers: u64::from(seen.start_unix_ms.is_some()),
        done: &collector.load_done(),
        expectations,
        faults: &planned_faults(job),
        by_hand: &by_hand,
        ledger: &ledger,
        proxy: proxy_faults,
        dropped: &dropped,
        invariants: seen.invariants.as_deref(),
    })
}

/// Lets the last frames carry the verdict, for viewers and for the run's database.
fn announce(job: &Job, stack: &Stack, seen: &Seen, result: &RunResult) {
    let verdict: Verdict = result.verdict;
    let mut head = run_head(job, seen.start_unix_ms, Some(model::phase::Phase::End));
    head.verdict = Some(verdict);
    stack.collector.set_verdicts(result.expectations.clone());
    stack.collector.set_run(head);
}

/// The traces that speak most against the run, as far as they are kept.
fn traces(stack: &Stack, result: &RunResult) -> Vec<Trace> {
    let ids = result.trace_ids().into_iter();
    ids.filter_map(|id| stack.collector.trace(id)).take(TRACES_MAX).collect()
}

fn write(
    job: &Job,
    stack: &Stack,
    result: &RunResult,
    traces: &[Trace],
) -> Result<(), FolderError> {
    let frames = stack.collector.frames();
    let json = serde_json::to_string_pretty(result).expect("a result has string keys");
    let written = [
        ("report", job.folder.write("report.html", &report::html(result, &frames, traces))),
        ("result", job.folder.write("result.json", &json)),
        ("junit", job.folder.write("junit.xml", &report::junit(result))),
        ("database", Ok(job.folder.file("run.db"))),
    ];
    let mut files = Vec::new();
    let mut failed = None;
    for (name, file) in written {
        match file {
            Ok(path) => files.push((name, path)),
            Err(error) => failed = Some(error),
        }
    }
    // The words reach the person even when the disk is full.
    for line in report::text(result, &files, false).lines() {
        print_line(line);
    }
    failed.map_or(Ok(()), Err)
}
