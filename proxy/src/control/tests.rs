use model::distribution::Distribution;
use model::fault::{FaultKind, FaultSpec, Window};
use model::plan::{EdgeListener, EdgePlan};
use model::policy::EdgePolicy;
use model::units::Share;
use tokio::task::JoinHandle;

use super::*;
use crate::tests::kit::Recorder;

struct Bench {
    control: Arc<Control>,
    recorder: Recorder,
    clock: Clock,
    timer: JoinHandle<()>,
    began: Instant,
}

impl Bench {
    fn new() -> Self {
        let (clock, recorder) = (Clock::system(), Recorder::default());
        let emitter = Arc::new(recorder.emitter(clock.clone()));
        let control =
            Arc::new(Control::new(&[EdgeListener::on_loopback(edge())], emitter, clock.clone()));
        let followed = Arc::clone(&control);
        let timer = tokio::spawn(async move { followed.follow_the_clock().await });
        let began = clock.now();
        Self { control, recorder, clock, timer, began }
    }

    /// Zero comes a second after now; the fault acts from 2 s to 3 s and from 5 s to 6 s after it.
    fn apply(&self, epoch: u64, faults: Vec<FaultSpec>) {
        let plan = Plan {
            epoch,
            seed: 1,
            zero_unix_ms: Some(self.clock.unix_ms_ceil() + 1_000),
            control: Share::ZERO,
            edges: vec![EdgePlan {
                edge: edge(),
                endpoints: Vec::new(),
                policy: EdgePolicy::default(),
            }],
            routes: Vec::new(),
            faults,
            held: false,
        };
        self.control.apply(plan).unwrap();
    }

    fn renew(&self, lease_ms: u64) -> Result<LeaseReply, Refusal> {
        self.control.renew(&LeaseRequest { holder: "test".into(), lease_ms })
    }

    async fn until_ms(&self, ms: u64) {
        tokio::time::sleep_until(self.began + Duration::from_millis(ms)).await;
    }

    /// `state cause` of every transition so far.
    fn transitions(&self) -> Vec<String> {
        let lines = self.recorder.events("shakedown.fault.transition");
        let text = |line: &BTreeMap<String, String>| {
            format!("{} {}", line["shakedown.fault.state"], line["shakedown.fault.cause"])
        };
        lines.iter().map(text).collect()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.timer.abort();
    }
}

trait Ceil {
    fn unix_ms_ceil(&self) -> u64;
}

impl Ceil for Clock {
    fn unix_ms_ceil(&self) -> u64 {
        self.unix_ns().div_ceil(1_000_000)
    }
}

fn edge() -> Edge {
    Edge::new("orders", "payments")
}

fn fault() -> FaultSpec {
    let effect = FaultKind::Latency { delay: Distribution::Fixed { value_us: 1 } };
    FaultSpec {
        schedule: vec![
            Window { start_ms: 2_000, end_ms: 3_000 },
            Window { start_ms: 5_000, end_ms: 6_000 },
        ],
        ..FaultSpec::new("slow", vec![edge()], effect)
    }
}

#[tokio::test(start_paused = true)]
async fn windows_begin_and_end_at_their_instants_while_the_lease_is_held() {
    let bench = Bench::new();
    bench.apply(1, vec![fault()]);
    bench.renew(60_000).unwrap();
    for (ms, expected) in [(2_990, 0), (3_010, 1), (3_990, 1), (4_010, 2), (6_010, 3), (7_010, 4)] {
        bench.until_ms(ms).await;
        assert_eq!(bench.transitions().len(), expected, "at {ms} ms");
    }
    let expected = ["active schedule", "planned schedule", "active schedule", "done schedule"];
    assert_eq!(bench.transitions(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_runs_out_ends_every_fault_at_that_instant() {
    let bench = Bench::new();
    bench.apply(1, vec![fault()]);
    bench.renew(1_000).unwrap();
    bench.until_ms(900).await;
    bench.renew(2_500).unwrap();
    bench.until_ms(3_350).await;
    assert_eq!(bench.transitions(), ["active schedule"]);
    bench.until_ms(3_420).await;
    assert_eq!(bench.transitions(), ["active schedule", "done lease"]);
    assert_eq!(bench.renew(1_000), Err(Refusal::Lapsed { epoch: 1 }));
    bench.until_ms(6_100).await;
    assert_eq!(bench.transitions().len(), 2, "its next window does not come");
}

#[tokio::test(start_paused = true)]
async fn without_a_lease_no_window_begins_and_the_first_heartbeat_begins_it() {
    let bench = Bench::new();
    bench.apply(1, vec![fault()]);
    bench.until_ms(3_500).await;
    assert!(bench.transitions().is_empty());
    bench.renew(1_000).unwrap();
    assert_eq!(bench.transitions(), ["active schedule"]);
}

#[tokio::test(start_paused = true)]
async fn a_fault_that_leaves_with_its_plan_is_done_and_the_lease_goes_on() {
    let bench = Bench::new();
    bench.apply(1, vec![fault()]);
    bench.renew(60_000).unwrap();
    bench.until_ms(3_500).await;
    let older = bench.control.snapshot();
    bench.apply(2, Vec::new());
    assert_eq!(bench.transitions(), ["active schedule", "done plan"]);
    assert!(bench.renew(1_000).is_ok());
    assert!(older.faults[0].origin.arming.holds(bench.clock.unix_ms()));
}

#[tokio::test(start_paused = true)]
async fn a_waiting_request_of_an_older_plan_is_freed_by_the_same_lapse() {
    let bench = Bench::new();
    bench.apply(1, vec![fault()]);
    bench.renew(1_000).unwrap();
    let older = bench.control.snapshot();
    bench.apply(2, vec![fault()]);
    older.faults[0].origin.arming.ended().await;
    assert_eq!(bench.clock.now().duration_since(bench.began).as_millis() / 10, 100);
}

#[tokio::test]
async fn an_epoch_that_is_not_newer_is_refused() {
    let bench = Bench::new();
    bench.apply(5, Vec::new());
    for epoch in [0, 4, 5] {
        let plan = Plan { epoch, ..bench.control.snapshot().plan.clone() };
        assert_eq!(bench.control.apply(plan), Err(Refusal::Epoch { got: epoch, current: 5 }));
    }
}

#[tokio::test(start_paused = true)]
async fn a_fault_that_was_armed_again_while_it_acted_kept_its_first_end_for_whoever_watched() {
    let bench = Bench::new();
    bench.apply(1, Vec::new());
    let arm = |for_ms| {
        let request = ArmRequest { fault: FaultSpec { schedule: Vec::new(), ..fault() }, for_ms };
        bench.control.arm(request).unwrap();
    };
    arm(5_000);
    bench.until_ms(1_000).await;
    arm(10_000);
    bench.until_ms(10_990).await;
    let left = || {
        let lines = bench.recorder.events("shakedown.fault.transition");
        let left = lines.iter().map(|line| line.get("shakedown.fault.left_ms").cloned());
        left.collect::<Vec<_>>()
    };
    assert_eq!(bench.transitions(), ["active by hand", "active by hand"]);
    assert_eq!(left(), [Some("5000".into()), Some("10000".into())]);
    bench.until_ms(11_010).await;
    assert_eq!(bench.transitions()[2..].len(), 1);
}
