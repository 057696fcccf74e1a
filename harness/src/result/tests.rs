//! Tables of small runs: what is counted, what is doubted, and what the shell gets to see.

use std::collections::BTreeMap;
use std::time::Duration;

use loadgen::summary::Account;
use model::edge::Edge;
use model::frame::{DropCount, EdgeFrame, FaultFrame, Frame, LoadFrame, Verdict, VerdictFrame};
use model::hdr::{self, LoadTotals};
use model::hist::Histogram;
use model::load::{
    Attempts, CheckCount, Group, LoadCell, LoadDone, LoadInterval, LoadKey, Outcome, Validity,
};
use model::phase::{Phase, Timeline};
use model::plan::FaultStatus;
use model::units::Share;

use super::{ByHandFault, Ending, ExitCode, Head, Hits, Inputs, RunResult};

const STARTED_UNIX_MS: u64 = 1_000_200;
const TIMELINE: Timeline =
    Timeline { before_ms: 1_000, during_ms: 3_000, after_ms: 5_000, end_ms: 7_000 };

/// Parts of a run that is a pass, each of which a test can spoil.
struct Run {
    ending: Ending,
    frames: Vec<Frame>,
    load: LoadTotals,
    done: Vec<LoadDone>,
    expectations: Vec<VerdictFrame>,
    faults: Vec<FaultFrame>,
    by_hand: Vec<ByHandFault>,
    ledger: BTreeMap<String, Hits>,
    proxy: Option<Vec<FaultStatus>>,
    dropped: Vec<DropCount>,
}

impl Run {
    fn good() -> Self {
        let fault = FaultFrame {
            name: "slow".into(),
            what: "latency fixed 1s".into(),
            edges: vec![edge()],
            share: Share::WHOLE,
            state: model::fault::FaultState::Done,
            schedule: Vec::new(),
            hit: 0,
            skipped: 0,
            hit_now: 7,
        };
        Self {
            ending: Ending::Finished,
            frames: Vec::new(),
            load: LoadTotals::default(),
            done: vec![done()],
            expectations: vec![expectation(Verdict::Pass)],
            faults: vec![fault],
            by_hand: Vec::new(),
            ledger: [("slow".to_owned(), Hits { hit: 5, skipped: 1 })].into(),
            proxy: Some(vec![status(5, 1)]),
            dropped: vec![DropCount { what: "collector spans".into(), count: 0 }],
        }
    }

    fn result(&self) -> RunResult {
        RunResult::summarise(&Inputs {
            head: Head {
                run_id: "r1".into(),
                title: "a run".into(),
                scenario: "a.toml".into(),
                scenario_hash: "00".into(),
                seed: 7,
                time_scale: 1.0,
                control: Share::ZERO,
                timeline: TIMELINE,
                versions: BTreeMap::new(),
            },
            ending: self.ending.clone(),
            started_unix_ms: Some(STARTED_UNIX_MS),
            frames: &self.frames,
            load: &self.load,
            workers: 1,
            done: &self.done,
            expectations: &self.expectations,
            faults: &self.faults,
            by_hand: &self.by_hand,
            ledger: &self.ledger,
            proxy: self.proxy.as_deref(),
            dropped: &self.dropped,
            invariants: None,
        })
    }
}

fn edge() -> Edge {
    Edge::new("orders", "payments")
}

fn status(hit: u64, skipped: u64) -> FaultStatus {
    let state = model::fault::FaultState::Done;
    FaultStatus { name: "slow".into(), state, matched: hit + skipped, hit, skipped, fidelity: None }
}

fn done() -> LoadDone {
    LoadDone {
        run_id: "r1".into(),
        worker: 0,
        offered: 21,
        completed: 6,
        failed: 5,
        timed_out: 4,
        dropped: 3,
        unfinished: 3,
        acknowledged: Vec::new(),
        acknowledged_dropped: 2,
        spans_dropped: 0,
        plan_hash: "aa".into(),
        stopped: None,
    }
}

fn expectation(verdict: Verdict) -> VerdictFrame {
    VerdictFrame {
        phase: Phase::During,
        text: "p99(checkout) < 1s".into(),
        verdict,
        observed: "2s (1.9s..2.1s, n=10)".into(),
        detail: "too slow".into(),
        trace_ids: Vec::new(),
    }
}

fn second(after_start_ms: u64, edges: Vec<EdgeFrame>) -> Frame {
    let unix_s = (STARTED_UNIX_MS + after_start_ms) / 1_000;
    Frame { unix_s, edges, ..Frame::default() }
}

fn requests(ms: &[u64], errors: &[(&str, u64)]) -> EdgeFrame {
    let mut duration = Histogram::default();
    for ms in ms {
        duration.record(Duration::from_millis(*ms));
    }
    EdgeFrame {
        edge: edge(),
        requests: ms.len() as u64,
        errors: errors.iter().map(|(blame, count)| ((*blame).to_owned(), *count)).collect(),
        attempts: ms.len() as u64 + 1,
        duration,
        exemplars: Vec::new(),
    }
}

#[test]
fn a_run_with_nothing_against_it_passes_without_reasons() {
    let result = Run::good().result();
    assert_eq!((result.verdict, result.exit_code), (Verdict::Pass, ExitCode::Pass));
    assert_eq!(result.reasons, Vec::<String>::new());
    assert_eq!((result.faults[0].hit, result.faults[0].skipped), (5, 1));
    assert_eq!(result.dropped, []);
}

#[test]
fn edges_are_merged_by_the_phase_in_which_their_second_has_its_middle() {
    let mut run = Run::good();
    run.frames = vec![
        second(0, vec![requests(&[900], &[])]),
        second(1_000, vec![requests(&[10, 20], &[])]),
        second(2_000, vec![requests(&[30, 40], &[("upstream", 1)])]),
        second(3_000, vec![requests(&[1_000], &[("upstream", 1)])]),
        second(4_000, vec![requests(&[2_000], &[("injected", 1)])]),
    ];
    run.frames[0].unix_s = 999;
    let result = run.result();
    let [before, during] = result.edges.as_slice() else { panic!("{:?}", result.edges) };
    assert_eq!((before.phase, before.requests, before.attempts), (Phase::Before, 4, 6));
    assert_eq!(before.error_count(), 1);
    assert!((before.duration.p50_ms.unwrap() - 20.0).abs() < 0.2, "{before:?}");
    assert!((before.duration.p99_ms.unwrap() - 40.0).abs() < 0.4, "{before:?}");
    assert_eq!(during.phase, Phase::During);
    assert_eq!(during.errors, [("injected".to_owned(), 1), ("upstream".to_owned(), 1)].into());
    assert_eq!(during.duration.count, 2);
}

#[test]
fn journeys_are_totalled_by_phase_and_group_over_all_outcomes() {
    let mut run = Run::good();
    run.load
        .add(&interval(vec![
            cell(None, Group::Exposed, Outcome::Completed, &[100_000; 99]),
            cell(None, Group::Exposed, Outcome::Timeout, &[2_000_000]),
            cell(None, Group::Control, Outcome::Completed, &[50_000]),
            cell(Some("pay"), Group::Control, Outcome::Completed, &[1_000]),
        ]))
        .unwrap();
    let result = run.result();
    let [control, exposed] = result.flows.as_slice() else { panic!("{:?}", result.flows) };
    assert_eq!((control.group, control.count, control.error_count()), (Group::Control, 1, 0));
    assert_eq!((exposed.count, exposed.response.count), (100, 100));
    assert_eq!(exposed.errors, [("timeout".to_owned(), 1)].into());
    let (p50, p999) = (exposed.response.p50_ms.unwrap(), exposed.response.p999_ms.unwrap());
    assert!((p50 - 100.0).abs() < 0.2 && (p999 - 2_000.0).abs() < 2.0, "{exposed:?}");
}

#[test]
fn checks_and_attempts_are_told_by_step_and_phase_and_warm_up_is_not_judged() {
    let of = |step: Option<&str>, phase, outcome, (retries, passed, failed)| {
        let mut cell = cell(step, Group::Exposed, outcome, &[1_000; 10]);
        cell.key.phase = phase;
        cell.attempts = Attempts { sent: 10 + retries, retries, ..Attempts::default() };
        if step.is_some() {
            cell.checks = [("status == 201".to_owned(), CheckCount { passed, failed })].into();
        }
        cell
    };
    let mut run = Run::good();
    let (pay, none) = (Some("pay"), None);
    run.load
        .add(&interval(vec![
            of(none, Phase::Warmup, Outcome::Completed, (9, 0, 0)),
            of(pay, Phase::Warmup, Outcome::Completed, (9, 1, 9)),
            of(none, Phase::Before, Outcome::Completed, (0, 0, 0)),
            of(pay, Phase::Before, Outcome::Completed, (0, 10, 0)),
            of(none, Phase::During, Outcome::Check, (3, 0, 0)),
            of(pay, Phase::During, Outcome::Check, (3, 0, 10)),
        ]))
        .unwrap();
    let result = run.result();
    let load = &result.load;
    assert_eq!((load.judged.offered, load.judged.completed, load.judged.failed), (20, 10, 10));
    assert_eq!((load.attempts.sent, load.attempts.retries), (23, 3));
    let steps: Vec<_> =
        result.steps.iter().map(|step| (step.phase, step.count, step.attempts.retries)).collect();
    assert_eq!(steps, [(Phase::Warmup, 10, 9), (Phase::Before, 10, 0), (Phase::During, 10, 3)]);
    let [check] = &result.checks()[..] else { panic!("{:?}", result.checks()) };
    assert_eq!((check.step.as_str(), check.check.as_str()), ("pay", "status == 201"));
    assert_eq!(check.count, CheckCount { passed: 10, failed: 10 });
    assert_eq!(check.failed_in, [(Phase::During, 10)]);
}

fn cell(step: Option<&str>, group: Group, outcome: Outcome, us: &[u64]) -> LoadCell {
    let mut response = hdr::empty();
    for us in us {
        response.record(*us).unwrap();
    }
    let key = LoadKey {
        model: model::load::LoadModel::Open,
        flow: "checkout".into(),
        step: step.map(Into::into),
        phase: Phase::During,
        group,
        hit: false,
        outcome,
    };
    let response_hdr = hdr::encode(&response);
    LoadCell::new(key, us.len() as u64, response_hdr.clone(), response_hdr)
}

fn interval(cells: Vec<LoadCell>) -> LoadInterval {
    LoadInterval {
        run_id: "r1".into(),
        worker: 0,
        sequence: 0,
        unix_s: 0,
        offered: 0,
        cells,
        lateness_hdr: String::new(),
        connection_wait_hdr: String::new(),
        dials: model::load::DialHdr::default(),
        body_bytes: 0,
        in_flight: 0,
        cpu_cores: 0.0,
        validity: Validity::Valid,
        spans_dropped: 0,
        exemplars: Vec::new(),
    }
}

#[test]
fn the_account_adds_workers_up_and_takes_the_worst_judged_second() {
    let mut run = Run::good();
    run.done = vec![done(), LoadDone { worker: 1, ..done() }];
    let load = |ms, validity| {
        let mut lateness = Histogram::default();
        lateness.record(Duration::from_millis(ms));
        LoadFrame { lateness, validity: Some(validity), in_flight: ms, ..LoadFrame::default() }
    };
    run.frames = vec![
        Frame { load: load(80, Validity::Invalid), ..second(300, Vec::new()) },
        Frame { load: load(1, Validity::Valid), ..second(1_300, Vec::new()) },
        Frame { load: load(4, Validity::Suspect), ..second(3_300, Vec::new()) },
    ];
    let account = run.result().load;
    assert_eq!((account.workers, account.balanced, account.acknowledged), (2, true, 4));
    let columns = Account::from(&done());
    let mut twice = columns;
    twice.absorb(columns);
    assert_eq!(account.account, twice);
    assert_eq!(account.validity, Some(Validity::Suspect), "warm-up is not judged");
    assert!((account.lateness_p99_ms.unwrap() - 4.0).abs() < 0.05);
    assert_eq!(account.in_flight_max, 4);
}

type Spoil = fn(&mut Run);

#[test]
fn one_late_second_in_a_long_run_is_borne() {
    let with_invalid = |invalid: usize| {
        let mut run = Run::good();
        run.frames = (0..40)
            .map(|number| {
                let validity = if number < invalid { Validity::Invalid } else { Validity::Valid };
                let load = LoadFrame { validity: Some(validity), ..LoadFrame::default() };
                Frame { load, ..second(3_500, Vec::new()) }
            })
            .collect();
        run.result().verdict
    };
    assert_eq!(with_invalid(4), Verdict::Pass);
    assert_eq!(with_invalid(5), Verdict::Unclear);
}

#[test]
fn what_was_refused_and_not_lost_keeps_nobody_from_passing() {
    let with_loss = |what: &str| {
        let mut run = Run::good();
        run.dropped = vec![DropCount { what: what.to_owned(), count: 3 }];
        run.result().verdict
    };
    for refused in [
        "collector viewers too slow",
        "collector senders cut off",
        "collector log lines cut",
        "proxy malformed heads",
        "export spans",
    ] {
        assert_eq!(with_loss(refused), Verdict::Pass, "{refused}");
    }
    assert_eq!(with_loss("collector spans evicted"), Verdict::Unclear);
}

#[test]
fn whatever_speaks_against_a_run_keeps_it_from_passing() {
    let invalid = |run: &mut Run| {
        let load = LoadFrame { validity: Some(Validity::Invalid), ..LoadFrame::default() };
        run.frames = vec![Frame { load, ..second(3_500, Vec::new()) }];
    };
    let cases: [(Spoil, Verdict, &str); 14] = [
        (
            |run| run.expectations[0].verdict = Verdict::Fail,
            Verdict::Fail,
            "does not hold, observed 2s",
        ),
        (|run| run.expectations[0].verdict = Verdict::Unclear, Verdict::Unclear, "is unclear"),
        (|run| run.expectations[0].verdict = Verdict::Waiting, Verdict::Unclear, "never judged"),
        (
            |run| run.expectations[0].verdict = Verdict::NotExercised,
            Verdict::NotExercised,
            "was not exercised",
        ),
        (|run| run.expectations.clear(), Verdict::NotExercised, "proves nothing"),
        (
            |run| {
                run.ledger.clear();
                run.proxy = Some(vec![status(0, 0)]);
            },
            Verdict::NotExercised,
            "\"slow\" hit no request",
        ),
        (|run| run.proxy = Some(vec![status(6, 1)]), Verdict::Unclear, "counted 6 and 1"),
        (|run| run.proxy = None, Verdict::Unclear, "own counts of the faults are not known"),
        (|run| run.done[0].completed += 1, Verdict::Unclear, "does not add up: 21 offered"),
        (|run| run.done.clear(), Verdict::Unclear, "Only 0 of 1 load workers"),
        (
            |run| run.done[0].stopped = Some("SIGTERM".into()),
            Verdict::Unclear,
            "Load worker 0 was stopped by SIGTERM while the run went on",
        ),
        (invalid, Verdict::Unclear, "could not keep its promise in 1 of 1"),
        (|run| run.dropped[0].count = 3, Verdict::Unclear, "3 collector spans dropped"),
        (|run| run.ending = Ending::Interrupted, Verdict::Unclear, "interrupted"),
    ];
    for (spoil, verdict, words) in cases {
        let mut run = Run::good();
        spoil(&mut run);
        let result = run.result();
        assert_eq!(result.verdict, verdict, "{words}");
        assert_ne!(result.exit_code, ExitCode::Pass, "{words}");
        let [reason] = result.reasons.as_slice() else { panic!("{words}: {:?}", result.reasons) };
        assert!(reason.contains(words) && reason.ends_with('.'), "{words}: {reason}");
    }
}

#[test]
fn a_failure_is_not_hidden_by_a_doubt() {
    let mut run = Run::good();
    run.expectations = vec![expectation(Verdict::Pass), expectation(Verdict::Fail)];
    run.dropped[0].count = 3;
    let result = run.result();
    assert_eq!((result.verdict, result.exit_code), (Verdict::Fail, ExitCode::Failed));
    assert_eq!((result.reasons.len(), result.doubts.len()), (2, 1));
}

#[test]
fn losses_that_judge_nothing_are_listed_and_not_held_against_the_run() {
    let mut run = Run::good();
    run.dropped.push(DropCount { what: "load spans".into(), count: 9 });
    let result = run.result();
    assert_eq!(result.verdict, Verdict::Pass);
    assert_eq!(result.dropped.len(), 1);
}

#[test]
fn the_exit_code_says_how_the_run_ended_before_what_it_found() {
    let reason = || "errors(checkout) > 40% for 10s".to_owned();
    for (ending, code) in [
        (Ending::Finished, ExitCode::Failed),
        (Ending::StoppedBySafety { reason: reason() }, ExitCode::StoppedBySafety),
        (Ending::HarnessFault { reason: reason() }, ExitCode::HarnessFault),
        (Ending::Interrupted, ExitCode::Interrupted),
    ] {
        let mut run = Run::good();
        run.expectations[0].verdict = Verdict::Fail;
        run.ending = ending;
        assert_eq!(run.result().exit_code, code);
    }
}

#[test]
fn exit_codes_are_the_documented_numbers() {
    let numbers: Vec<u8> = ExitCode::ALL.into_iter().map(ExitCode::code).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 130]);
    for code in ExitCode::ALL {
        assert_eq!(ExitCode::try_from(code.code()), Ok(code));
    }
    assert!(ExitCode::try_from(77).is_err());
}

#[test]
fn a_result_survives_its_file() {
    let mut run = Run::good();
    run.frames = vec![second(1_300, vec![requests(&[10], &[("upstream", 1)])])];
    let result = run.result();
    let json = serde_json::to_value(&result).unwrap();
    assert_eq!(json["format"], 1);
    assert_eq!(json["exit_code"], 0);
    assert_eq!(json["edges"][0]["edge"], "orders -> payments");
    assert_eq!(serde_json::from_value::<RunResult>(json).unwrap(), result);
}

#[test]
fn the_command_to_repeat_a_run_is_safe_to_paste() {
    let mut result = Run::good().result();
    assert_eq!(result.repeat_command(), "shakedown run a.toml --seed 7");
    result.scenario = "it's; rm -rf $HOME.toml".into();
    result.time_scale = 4.0;
    assert_eq!(
        result.repeat_command(),
        r"shakedown run 'it'\''s; rm -rf $HOME.toml' --seed 7 --time-scale 4"
    );
}

#[test]
fn a_fault_armed_by_hand_changes_no_verdict_and_is_a_finding() {
    let by_hand = ByHandFault {
        name: "slow by hand".into(),
        what: "latency fixed 1s".into(),
        edges: vec![edge()],
        source: Some(model::plan::FaultSource::Api),
        from_unix_ms: Some(STARTED_UNIX_MS + 2_500),
        until_unix_ms: None,
        ledger: Hits { hit: 2, skipped: 0 },
    };
    let result = Run { by_hand: vec![by_hand], ..Run::good() }.result();
    assert_eq!((result.verdict, result.exit_code), (Verdict::Pass, ExitCode::Pass));
    assert_eq!(
        result.findings,
        ["Faults were armed by hand: slow by hand at 00:02 until the end."]
    );
    assert_eq!(result.by_hand.len(), 1);
}
