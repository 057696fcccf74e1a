use std::time::Duration;

use model::distribution::Distribution;
use model::fault::When;
use tokio::time::advance;

use super::super::due::Stand;
use super::*;

const FREE: Stand = Stand { control: false, overtaken: false, armed: true };

fn latency_ms(ms: u64) -> FaultKind {
    FaultKind::Latency { delay: Distribution::Fixed { value_us: ms * 1_000 } }
}

fn page() -> Arc<Page> {
    Arc::default()
}

fn skipped(reason: &'static str) -> Verdict {
    Verdict::Skipped { reason }
}

const AT_ONCE: Verdict = Verdict::Hit { planned: None, achieved: None };

type Fate = fn(Due);

#[tokio::test(start_paused = true)]
async fn each_drawn_fault_leaves_one_line_whatever_becomes_of_it() {
    let control = Stand { control: true, overtaken: true, armed: false };
    let overtaken = Stand { overtaken: true, armed: false, ..FREE };
    let lapsed = Stand { armed: false, ..FREE };
    let fates: [(Option<Stand>, Fate, Verdict); 8] = [
        (None, drop, skipped("caller-gone")),
        (Some(FREE), drop, skipped("caller-gone")),
        (Some(control), drop, skipped("control")),
        (Some(overtaken), drop, skipped("overtaken")),
        (Some(lapsed), drop, skipped("lease")),
        (Some(FREE), |due| due.spare("not-reached"), skipped("not-reached")),
        (Some(FREE), |mut due| due.begin(), AT_ONCE),
        (
            Some(FREE),
            |mut due| {
                due.begin();
                due.begin();
                due.spare("too late");
            },
            AT_ONCE,
        ),
    ];
    for (number, (stand, fate, expected)) in fates.into_iter().enumerate() {
        let court = Court::new(&[spec("cut", FaultKind::LostReply)]);
        let page = page();
        let due = due(&court, &page);
        let admitted = match stand {
            None => Some(due),
            Some(stand) => due.admit(stand),
        };
        if let Some(due) = admitted {
            fate(due);
        }
        assert_eq!(page.lines(), [expected], "{number}");
        let (_, hit, skipped) = court.faults[0].memory.read();
        let is_hit = matches!(expected, Verdict::Hit { .. });
        assert_eq!((hit, skipped), (u64::from(is_hit), u64::from(!is_hit)), "{number}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_holds_back_says_how_long_when_it_is_over() {
    for (effect, planned) in
        [(latency_ms(50), Some(Duration::from_millis(50))), (FaultKind::Blackhole, None)]
    {
        let (court, page) = (Court::new(&[spec("slow", effect)]), page());
        let mut due = due(&court, &page).admit(FREE).unwrap();
        due.begin();
        assert_eq!(page.lines(), []);
        let took = Duration::from_millis(20);
        advance(took).await;
        drop(due);
        assert_eq!(page.lines(), [Verdict::Hit { planned, achieved: Some(took) }]);
    }
}

#[tokio::test(start_paused = true)]
async fn only_delays_that_run_to_their_end_are_measured() {
    // The window ends 9 s after the draw.
    for (planned_ms, waited_ms, counted) in [(50, 51, 1), (8_990, 8_991, 1), (9_500, 9_000, 0)] {
        let (court, page) = (Court::new(&[spec("slow", latency_ms(planned_ms))]), page());
        let mut due = due(&court, &page).admit(FREE).unwrap();
        due.begin();
        let until = due.held_until();
        let longest = Duration::from_millis(planned_ms.min(9_000));
        let left = until.duration_since(Instant::now());
        // The wall is known to the millisecond.
        assert!(
            left <= longest && longest.saturating_sub(left) <= Duration::from_millis(1),
            "{left:?}"
        );
        advance(Duration::from_millis(waited_ms)).await;
        due.ran_to_its_end();
        drop(due);
        let found = court.faults[0].fidelity().unwrap();
        assert_eq!(found.delays, counted, "{planned_ms}");
        let late_us = (waited_ms - planned_ms.min(waited_ms)) * 1_000;
        assert!(counted == 0 || found.delay_error_max_us == late_us.cast_signed(), "{found:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cap_counts_those_that_are_held_and_nobody_else() {
    let when = When { max_active: Some(2), ..When::default() };
    let court = Court::new(&[FaultSpec { when, ..spec("slow", latency_ms(50)) }]);
    let page = page();
    let ask = |stand: Stand| due(&court, &page).admit(stand);
    let control = Stand { control: true, ..FREE };
    assert!(ask(control).is_none(), "the control group takes no place");
    let held = [ask(FREE), ask(FREE), ask(FREE)];
    assert_eq!(held.iter().flatten().count(), 2);
    assert_eq!(page.lines(), [skipped("control"), skipped("cap")]);
    drop(held);
    assert!(ask(FREE).is_some(), "a place that was given back can be taken");
}

#[tokio::test(start_paused = true)]
async fn rates_are_added_up() {
    let effect = FaultKind::Bandwidth { bytes_per_s: 1_000, shared: false };
    let (court, page) = (Court::new(&[spec("thin", effect)]), page());
    let due = due(&court, &page).admit(FREE).unwrap();
    due.paced(90, 100);
    due.paced(130, 100);
    let error = court.faults[0].fidelity().unwrap().rate_error.unwrap();
    assert!((error - 0.1).abs() < 1e-9, "{error}");
}
