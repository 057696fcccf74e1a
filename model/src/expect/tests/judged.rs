//! Measured expectations against samples whose right answer is known.

use super::*;

/// 1..=count milliseconds, so that the p-quantile is `p * count`.
fn up_to(count: u64) -> Vec<u64> {
    (1..=count).collect()
}

#[test]
fn a_percentile_passes_fails_or_stays_unclear_by_its_whole_interval() {
    let mut world = World::new();
    world.journeys(key(Phase::Before, Outcome::Completed), &up_to(1_000));
    // 95 % of the ranks around 950 are 936..963.
    for (text, verdict) in [
        ("p95(checkout) < 970ms", Verdict::Pass),
        ("p95(checkout) < 955ms", Verdict::Unclear),
        ("p95(checkout) < 940ms", Verdict::Unclear),
        ("p95(checkout) < 930ms", Verdict::Fail),
        ("p95(checkout) > 930ms", Verdict::Pass),
        ("p95(checkout) > 970ms", Verdict::Fail),
        ("p50(checkout) < 600ms", Verdict::Pass),
        ("mean(checkout) < 530ms", Verdict::Pass),
        ("mean(checkout) < 505ms", Verdict::Unclear),
        ("mean(checkout) < 400ms", Verdict::Fail),
        ("max(checkout) < 1100ms", Verdict::Pass),
        ("max(checkout) < 990ms", Verdict::Fail),
        ("rate(checkout) > 45/s", Verdict::Pass),
        ("rate(checkout) > 50/s", Verdict::Unclear),
        ("rate(checkout) > 60/s", Verdict::Fail),
    ] {
        let judged = world.judge(Phase::Before, text);
        assert_eq!(judged.verdict, verdict, "{text}: {} {}", judged.observed, judged.detail);
    }
    let judged = world.judge(Phase::Before, "p95(checkout) < 970ms");
    assert_eq!(judged.observed, "950ms (936ms..965ms, n=1000)");
}

#[test]
fn too_few_samples_are_unclear_and_say_how_many_are_needed() {
    let mut world = World::new();
    world.journeys(key(Phase::Before, Outcome::Completed), &[10; 999]);
    let judged = world.judge(Phase::Before, "p99(checkout) < 10s");
    assert_eq!(judged.verdict, Verdict::Unclear);
    assert_eq!(judged.detail, "needs 1000 samples, has 999");
    world.journeys(key(Phase::Before, Outcome::Completed), &[10]);
    assert_eq!(world.judge(Phase::Before, "p99(checkout) < 10s").verdict, Verdict::Pass);
    let nothing = world.judge(Phase::During, "errors(checkout) < 2%");
    assert_eq!((nothing.verdict, nothing.observed.as_str()), (Verdict::Unclear, "nothing (n=0)"));
}

#[test]
fn errors_count_everything_that_did_not_complete() {
    for (failed, total, limit, verdict) in [
        (0, 400, "1%", Verdict::Pass),
        (0, 100, "1%", Verdict::Unclear),
        (1, 1_000, "1%", Verdict::Pass),
        (8, 1_000, "1%", Verdict::Unclear),
        (30, 1_000, "1%", Verdict::Fail),
        // Few samples, and no doubt about them.
        (10, 10, "1%", Verdict::Fail),
    ] {
        for outcome in Outcome::ALL.into_iter().filter(|outcome| outcome.is_error()) {
            let mut world = World::new();
            world.journeys(key(Phase::Before, Outcome::Completed), &vec![5; total - failed]);
            world.journeys(key(Phase::Before, outcome), &vec![5; failed]);
            let judged = world.judge(Phase::Before, &format!("errors(checkout) < {limit}"));
            let case = format!("{failed} of {total} {outcome:?}: {}", judged.observed);
            assert_eq!(judged.verdict, verdict, "{case}");
        }
    }
}

#[test]
fn what_never_finished_is_neither_fast_nor_slow_for_certain() {
    let mut world = World::new();
    world.journeys(key(Phase::Before, Outcome::Completed), &[100; 900]);
    world.journeys(key(Phase::Before, Outcome::Unfinished), &[200; 100]);
    for (text, verdict) in [
        // They took at least 200 ms, perhaps for ever.
        ("p95(checkout) < 1s", Verdict::Unclear),
        ("p95(checkout) < 150ms", Verdict::Fail),
        ("p50(checkout) < 150ms", Verdict::Pass),
        ("max(checkout) < 1s", Verdict::Unclear),
        ("mean(checkout) < 1s", Verdict::Unclear),
    ] {
        let judged = world.judge(Phase::Before, text);
        assert_eq!(judged.verdict, verdict, "{text}: {}", judged.observed);
    }
    let judged = world.judge(Phase::Before, "p95(checkout) < 1s");
    assert!(judged.observed.ends_with("(200ms..unbounded, n=1000)"), "{}", judged.observed);
}

#[test]
fn only_the_asked_phase_group_and_step_are_counted() {
    let mut world = World::new();
    world.journeys(key(Phase::Before, Outcome::Completed), &[10; 100]);
    world.journeys(key(Phase::During, Outcome::Completed), &[900; 100]);
    let control = LoadKey { group: Group::Control, ..key(Phase::During, Outcome::Completed) };
    world.journeys(control, &[20; 100]);
    let step = Some("place order".to_owned());
    world.journeys(LoadKey { step, ..key(Phase::During, Outcome::Completed) }, &[700; 100]);
    for (phase, text, observed) in [
        (Phase::Before, "p50(checkout) < 1s", "10ms"),
        (Phase::During, "p50(checkout) < 1s", "900ms"),
        (Phase::During, "p50(checkout) < 1s in control", "20ms"),
        (Phase::During, "p50(checkout/place order) < 1s", "700ms"),
    ] {
        let judged = world.judge(phase, text);
        assert_eq!(judged.verdict, Verdict::Pass, "{text}");
        assert!(judged.observed.starts_with(observed), "{text}: {}", judged.observed);
        assert!(judged.observed.ends_with("n=100)"), "{text}: {}", judged.observed);
    }
}

#[test]
fn an_edge_is_counted_by_the_seconds_of_the_phase() {
    let mut world = World::new();
    for second in 0..20 {
        world.edge(second, &[10; 20], 0, 20);
        world.edge(second + 20, &[800; 20], 10, 24);
    }
    for (phase, text, verdict) in [
        (Phase::Before, "p95(orders -> payments) < 11ms", Verdict::Pass),
        (Phase::Before, "errors(orders -> payments) < 2%", Verdict::Pass),
        (Phase::Before, "attempts(orders -> payments) < 1.1", Verdict::Pass),
        (Phase::During, "p95(orders -> payments) < 700ms", Verdict::Fail),
        (Phase::During, "mean(orders -> payments) > 700ms", Verdict::Pass),
        (Phase::During, "errors(orders -> payments) < 2%", Verdict::Fail),
        (Phase::During, "attempts(orders -> payments) > 1.1", Verdict::Pass),
        (Phase::During, "attempts(orders -> payments) < 1.2", Verdict::Unclear),
        (Phase::During, "attempts(orders -> payments) < 1.1", Verdict::Fail),
        (Phase::During, "rate(orders -> payments) > 15/s", Verdict::Pass),
    ] {
        let judged = world.judge(phase, text);
        assert_eq!(judged.verdict, verdict, "{text}: {} {}", judged.observed, judged.detail);
    }
    let judged = world.judge(Phase::During, "errors(orders -> payments) < 2%");
    assert_eq!(judged.trace_ids.len(), 3);
}

#[test]
fn a_phase_that_is_not_over_waits_and_shows_what_was_seen_so_far() {
    let mut world = World::new();
    world.reached_ms = 19_999;
    world.journeys(key(Phase::Before, Outcome::Completed), &[10; 1_000]);
    let judged = world.judge(Phase::Before, "p95(checkout) < 1ms");
    assert_eq!(judged.verdict, Verdict::Waiting);
    assert!(judged.observed.starts_with("10ms"), "{}", judged.observed);
    world.reached_ms = 20_000;
    assert_eq!(world.judge(Phase::Before, "p95(checkout) < 1ms").verdict, Verdict::Fail);
}

/// The same system twice, limit at the true percentile: neither verdict may come up more often than
/// its 2.5 % of chance. 300 runs, binomial mean 7.5, deviation 2.7; five of them above.
#[test]
fn chance_alone_is_hardly_ever_a_verdict() {
    let (runs, samples) = (300_u64, 400_u64);
    let (mut passed, mut failed) = (0, 0);
    for run in 0..runs {
        let draw = |index| 1 + (indexed(run, "latency", index).as_f64() * 10_000.0) as u64;
        let values: Vec<u64> = (0..samples).map(draw).collect();
        let mut world = World::new();
        world.journeys(key(Phase::Before, Outcome::Completed), &values);
        match world.judge(Phase::Before, "p90(checkout) < 9000ms").verdict {
            Verdict::Pass => passed += 1,
            Verdict::Fail => failed += 1,
            _ => {},
        }
    }
    assert!(passed <= 21 && failed <= 21, "{passed} passed, {failed} failed of {runs}");
}
