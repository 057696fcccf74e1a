use model::fault::When;
use model::units::Share;

use super::super::binomial::interval;
use super::*;

fn hole(name: &str, share_ppm: u32, when: When) -> FaultSpec {
    let share = Share::from_ppm(share_ppm);
    FaultSpec { share, when, ..spec(name, FaultKind::Blackhole) }
}

#[test]
fn the_exact_interval_of_the_hits_holds_the_share_as_often_as_it_says() {
    // 300 faults of 3 shares: an interval of 95 % misses 15 of them on average, and more than 26
    // with a probability of 0.2 %; it is conservative, so rather fewer.
    let mut missed = 0;
    for number in 0..300_u32 {
        let ppm = [10_000, 150_000, 500_000][number as usize % 3];
        let court = Court::new(&[hole(&format!("fault {number}"), ppm, When::default())]);
        let hits = (0..400).filter(|user| court.takes(*user, 0)).count() as u64;
        let (low, high) = interval(hits, 400);
        let share = f64::from(ppm) / 1e6;
        missed += u32::from(!(low..=high).contains(&share));
        let found = court.faults[0].fidelity().unwrap();
        assert_eq!((found.draws, found.hit_rate), (400, hits as f64 / 400.0));
        assert_eq!((found.hit_rate_low, found.hit_rate_high), (low, high));
        assert_eq!(found.hit_rate_planned, Some(share));
    }
    assert!((1..=26).contains(&missed), "{missed} of 300");
}

#[test]
fn a_ramp_takes_more_and_more_of_the_same_requests() {
    let when = When { ramp_to: Some(Share::WHOLE), ..When::default() };
    let mut court = Court::new(&[hole("hole", 0, when)]);
    let mut before: Vec<u64> = Vec::new();
    for (at_ms, percent) in [(1_000, 0.0), (3_500, 0.25), (6_000, 0.5), (10_999, 0.999)] {
        court.at_ms = at_ms;
        let taken: Vec<u64> = (0..1_000).filter(|user| court.takes(*user, 0)).collect();
        let (low, high) = interval(taken.len() as u64, 1_000);
        assert!((low - 0.005..=high + 0.005).contains(&percent), "{at_ms}: {}", taken.len());
        assert!(before.iter().all(|user| taken.contains(user)), "a draw does not move");
        before = taken;
    }
}

#[test]
fn what_conditions_leave_out_is_matched_and_not_drawn() {
    let when = When { every: Some(4), ..When::default() };
    let court = Court::new(&[hole("hole", 1_000_000, when)]);
    let taken = (0..100).filter(|user| court.takes(*user, 0)).count();
    let found = court.faults[0].fidelity().unwrap();
    assert_eq!((court.matched(), taken, found.draws, found.hit_rate), (100, 25, 25, 1.0));
}

#[test]
fn how_large_an_effect_is_says_nothing_about_who_is_hit() {
    let court = Court::new(&[hole("hole", 500_000, When::default())]);
    let sizes: Vec<Drawn> = (0..1_000)
        .flat_map(|user| court.ask(&Call::get("/"), &CorrelationId::of_user(user, 0), 0))
        .collect();
    let large = sizes.iter().filter(|drawn| drawn.size.as_f64() > 0.5).count() as u64;
    let (low, high) = interval(large, sizes.len() as u64);
    assert!(low < 0.5 && high > 0.5, "{large} of {}", sizes.len());
    assert!(sizes.iter().all(|drawn| drawn.draw.as_f64() < 0.5));
}

#[test]
fn nothing_and_everything_are_exact() {
    for (share_ppm, expected) in [(0, 0), (1_000_000, 500)] {
        let court = Court::new(&[hole("hole", share_ppm, When::default())]);
        let taken = (0..500).filter(|user| court.takes(*user, 0)).count();
        assert_eq!(taken, expected, "{share_ppm}");
    }
}

#[test]
fn a_question_that_is_asked_again_has_the_same_answer_and_another_seed_has_another() {
    let mut court = Court::new(&[hole("hole", 500_000, When::default())]);
    let ask = |court: &Court| (0..300).map(|user| court.takes(user, 0)).collect::<Vec<bool>>();
    let first = ask(&court);
    assert_eq!(ask(&court), first);
    let again: Vec<bool> = (0..300).rev().map(|user| court.takes(user, 0)).rev().collect();
    assert_eq!(again, first, "in whatever order");
    court.seed = 43;
    assert_ne!(ask(&court), first);
}

#[test]
fn each_attempt_is_a_draw_of_its_own() {
    let court = Court::new(&[hole("hole", 500_000, When::default())]);
    let hit = |user, attempt| {
        !court.ask(&Call::get("/"), &CorrelationId::of_user(user, 0), attempt).is_empty()
    };
    let both = (0..1_000).filter(|user| hit(*user, 0) && hit(*user, 1)).count() as u64;
    let (low, high) = interval(both, 1_000);
    assert!(low < 0.25 && high > 0.25, "{both}");
}
