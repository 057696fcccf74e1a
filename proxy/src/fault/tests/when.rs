use std::collections::BTreeSet;
use std::thread;

use model::fault::{Flapping, Match, Regime, When};
use model::units::Share;

use super::*;

fn blackhole(when: When) -> FaultSpec {
    FaultSpec { when, ..spec("hole", FaultKind::Blackhole) }
}

#[test]
fn outside_of_its_window_a_fault_counts_nothing() {
    let mut court = Court::new(&[blackhole(When { first: Some(1), ..When::default() })]);
    for (at_ms, taken) in [(999, false), (1_000, true), (10_999, false), (11_000, false)] {
        court.at_ms = at_ms;
        assert_eq!(court.takes(1, 1), taken, "{at_ms}");
    }
    assert_eq!(court.matched(), 2);
}

#[test]
fn what_does_not_match_is_neither_counted_nor_drawn() {
    let first = When { first: Some(1), ..When::default() };
    let matching = Match { method: Some("POST".into()), ..Match::default() };
    let court = Court::new(&[FaultSpec { matching, ..blackhole(first) }]);
    assert!(!court.takes(1, 1));
    let post = Call { method: "POST", ..Call::get("/charges") };
    assert_eq!(court.ask(&post, &CorrelationId::of_user(1, 1), 0).len(), 1);
    assert_eq!(court.matched(), 1);
}

#[test]
fn first_and_every_count_from_the_beginning_of_each_key() {
    let pattern = |first, every| {
        let court = Court::new(&[blackhole(When { first, every, ..When::default() })]);
        (1..=9).map(|number| if court.takes(1, number) { 'x' } else { '.' }).collect::<String>()
    };
    assert_eq!(pattern(None, None), "xxxxxxxxx");
    assert_eq!(pattern(Some(3), None), "xxx......");
    assert_eq!(pattern(None, Some(3)), "..x..x..x");
    assert_eq!(pattern(Some(6), Some(2)), ".x.x.x...", "all conditions must hold");
}

#[test]
fn requests_are_counted_by_what_they_have_in_common() {
    let header = |value: &str| Call::with(&[("x-tenant", value)]);
    let plain = || Call::get("/charges");
    let calls = [
        (plain(), 1, 1),
        (plain(), 1, 1),
        (plain(), 1, 2),
        (plain(), 2, 1),
        (Call::get("/refunds"), 2, 1),
        (header("gold"), 2, 1),
        (header("tin"), 2, 1),
        (header("gold"), 3, 1),
    ];
    for (per, expected) in [
        (Per::Edge, "x......."),
        (Per::User, "x..x...x"),
        (Per::CorrelationId, "x.xx...x"),
        (Per::Path, "x...x..."),
        (Per::Header("X-Tenant".into()), "x....xx."),
    ] {
        let when = When { first: Some(1), per: per.clone(), ..When::default() };
        let court = Court::new(&[blackhole(when)]);
        let takes = |(call, user, number): &(Call, u64, u64)| {
            !court.ask(call, &CorrelationId::of_user(*user, *number), 0).is_empty()
        };
        let pattern: String =
            calls.iter().map(|call| if takes(call) { 'x' } else { '.' }).collect();
        assert_eq!(pattern, expected, "{per:?}");
    }
}

#[test]
fn flapping_goes_by_the_window_and_counting_goes_on_while_it_is_off() {
    let flapping = Some(Flapping { on_ms: 100, off_ms: 200 });
    let when = When { flapping, first: Some(2), ..When::default() };
    let mut court = Court::new(&[blackhole(when)]);
    for (since_ms, taken) in [(0, true), (100, false), (300, false)] {
        court.at_ms = 1_000 + since_ms;
        assert_eq!(court.takes(1, 1), taken, "{since_ms}");
    }
    assert_eq!(court.matched(), 3, "the second of the first two fell into the time off");
}

#[test]
fn a_regime_acts_in_its_bad_spells_in_whatever_order_it_is_asked() {
    let regime = Regime { step_ms: 10, good_steps: 5, bad_steps: 5 };
    let spec = blackhole(When { regime: Some(regime), ..When::default() });
    let mut court = Court::new(&[spec]);
    let (mut good, mut bad) = (0, 0);
    for step in (100..400).chain((100..400).rev()) {
        court.at_ms = step * 10 + 3;
        let expected = regime.is_bad(42, "hole", step, None);
        assert_eq!(court.takes(1, step), expected, "step {step}");
        bad += u32::from(expected);
        good += u32::from(!expected);
    }
    assert!(good > 100 && bad > 100, "{good} {bad}");
}

#[test]
fn counts_outlive_a_plan_that_keeps_the_name_and_its_conditions() {
    let two = |first| When { first: Some(first), ..When::default() };
    let mut court = Court::new(&[blackhole(two(2))]);
    assert!(court.takes(1, 1));
    for (when, expected) in [(two(2), [true, false]), (two(1), [true, false])] {
        let next =
            Fault::after(&blackhole(when), Some(&court.faults[0]), court.faults[0].origin.clone());
        court.faults = vec![Arc::new(next)];
        assert_eq!([court.takes(1, 1), court.takes(1, 1)], expected);
    }
    assert_eq!(court.matched(), 5, "what was matched stays counted");
}

#[test]
fn the_first_requests_are_taken_whoever_they_are_when_many_come_at_once() {
    let court = Court::new(&[blackhole(When { first: Some(50), ..When::default() })]);
    let taken: usize = thread::scope(|scope| {
        let count = |user| {
            let court = &court;
            scope.spawn(move || (0..100).filter(|number| court.takes(user, *number)).count())
        };
        let running: Vec<_> = (0..4).map(count).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!((taken, court.matched()), (50, 400));
}

#[test]
fn a_neighbour_that_comes_goes_or_changes_moves_nobody() {
    let half =
        |name: &str, effect| FaultSpec { share: Share::from_ppm(500_000), ..spec(name, effect) };
    let slow = half("hole", FaultKind::Blackhole);
    let hit = |specs: &[FaultSpec]| -> BTreeSet<(u64, u32)> {
        let court = Court::new(specs);
        let asked = (0..500).flat_map(|number| (0..2).map(move |attempt| (number, attempt)));
        asked
            .filter(|(number, attempt)| {
                let id = CorrelationId::of_user(7, *number);
                let drawn = court.ask(&Call::get("/charges"), &id, *attempt);
                drawn.iter().any(|drawn| drawn.fault.spec.name == "hole")
            })
            .collect()
    };
    let alone = hit(std::slice::from_ref(&slow));
    assert!(alone.len() > 400 && alone.len() < 600, "{}", alone.len());
    let before = half("cut", FaultKind::LostReply);
    let changed = FaultSpec { share: Share::from_ppm(10_000), ..before.clone() };
    let counted = FaultSpec { when: When { every: Some(3), ..When::default() }, ..before.clone() };
    for neighbours in [
        vec![before.clone(), slow.clone()],
        vec![slow.clone(), before],
        vec![changed, slow.clone()],
        vec![counted, slow],
    ] {
        assert_eq!(hit(&neighbours), alone);
    }
}
