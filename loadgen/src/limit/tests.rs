use model::decision::indexed;

use super::*;

/// Tries rates of a made-up system until the search is over.
fn search(start: f64, precision: f64, mut system: impl FnMut(f64, u64) -> Trial) -> Search {
    let mut search = Search::new(start, 1e6, precision);
    while let Some(rate) = search.next_rate() {
        let trial = system(rate, search.probes().len() as u64);
        search.learn(rate, trial);
    }
    search
}

/// A server that takes `service_ms` for each request, one after the other, so its limit is at
/// `1000 / service_ms`: the p99 of a queue with random arrivals grows without bound towards it.
fn queue_p99_ms(rate: f64, service_ms: f64) -> f64 {
    let load = rate * service_ms / 1_000.0;
    if load >= 1.0 {
        return f64::INFINITY;
    }
    // Waiting time of M/D/1 in heavy traffic, its 99th percentile.
    service_ms + service_ms * load / (2.0 * (1.0 - load)) * 100_f64.ln()
}

fn objective(p99_ms: f64, limit_ms: f64, error: f64) -> Trial {
    match (p99_ms * (1.0 - error) < limit_ms, p99_ms * (1.0 + error) < limit_ms) {
        (true, true) => Trial::Meets,
        (false, false) => Trial::Misses,
        _ => Trial::Unclear,
    }
}

#[test]
fn the_limit_of_a_queue_is_bracketed_to_the_precision_from_any_start() {
    // Where the p99 of the queue with 1 ms of service is 50 ms.
    let (mut low, mut high) = (0.0, 1_000.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if queue_p99_ms(middle, 1.0) < 50.0 { low = middle } else { high = middle }
    }
    for start in [0.5, 3.0, 100.0, 950.0, 20_000.0, 400_000.0] {
        let search = search(start, 0.05, |rate, _| objective(queue_p99_ms(rate, 1.0), 50.0, 0.0));
        let limit = search.limit();
        let (holds, fails) = (limit.holds_per_s.unwrap(), limit.fails_per_s.unwrap());
        assert!(holds <= low && low <= fails, "{start}: {limit:?}");
        assert!(fails <= holds * 1.0501, "{start}: {limit:?}");
        assert_eq!(limit.bound, Bound::System);
        assert!(search.probes().len() < 40, "{start}: {}", search.probes().len());
        for end in [holds, fails] {
            assert!(search.trials(end).count() >= 2, "{start}: {end} was tried once");
        }
    }
}

#[test]
fn luck_and_bad_luck_move_the_limit_little() {
    for seed in 0..50 {
        let search = search(100.0, 0.05, |rate, number| {
            // Every trial sees a p99 that is up to 20 % off, and knows it by 5 %.
            let luck = 0.8 + 0.4 * indexed(seed, "luck", number).as_f64();
            objective(queue_p99_ms(rate, 1.0) * luck, 50.0, 0.05)
        });
        let holds = search.limit().holds_per_s.unwrap();
        assert!((900.0..980.0).contains(&holds), "{seed}: {:?}", search.limit());
    }
}

#[test]
fn a_generator_that_cannot_go_on_is_told_from_a_system_that_cannot() {
    let search = search(
        1_000.0,
        0.05,
        |rate, _| {
            if rate > 30_000.0 { Trial::Invalid } else { Trial::Meets }
        },
    );
    let limit = search.limit();
    assert_eq!(limit.bound, Bound::Generator);
    assert!(limit.holds_per_s.unwrap() > 28_000.0, "{limit:?}");
}

#[test]
fn one_hiccup_of_the_generator_is_not_its_limit() {
    let search = search(1_000.0, 0.05, |rate, number| match number {
        2 => Trial::Invalid,
        _ => objective(queue_p99_ms(rate, 0.1), 50.0, 0.0),
    });
    let limit = search.limit();
    assert_eq!(limit.bound, Bound::System);
    assert!((9_000.0..10_000.0).contains(&limit.holds_per_s.unwrap()), "{limit:?}");
}

#[test]
fn an_objective_that_never_holds_or_always_does_ends_the_search() {
    let never = search(64.0, 0.05, |_, _| Trial::Misses);
    assert_eq!((never.limit().holds_per_s, never.limit().bound), (None, Bound::System));
    assert!(never.probes().len() <= 12, "{}", never.probes().len());
    let always = search(64.0, 0.05, |_, _| Trial::Meets);
    assert_eq!((always.limit().fails_per_s, always.limit().bound), (None, Bound::Highest));
    assert!(always.limit().holds_per_s.unwrap() >= 1e6);
    let unclear = search(64.0, 0.05, |_, _| Trial::Unclear);
    assert_eq!((unclear.limit().holds_per_s, unclear.limit().bound), (None, Bound::Unclear));
    let edge =
        search(64.0, 0.05, |rate, _| if rate < 99.0 { Trial::Meets } else { Trial::Unclear });
    assert_eq!(edge.limit().bound, Bound::System);
}

#[test]
fn too_few_requests_counted_as_an_objective_that_does_not_hold() {
    let few = search(64.0, 0.05, |_, _| Trial::TooFew);
    assert_eq!((few.limit().holds_per_s, few.limit().bound), (None, Bound::Unclear));
    assert_eq!(few.probes().len(), 1, "lower rates have even fewer requests");
    let below =
        search(64.0, 0.05, |rate, _| if rate < 20.0 { Trial::TooFew } else { Trial::Misses });
    assert_eq!(below.limit().bound, Bound::Unclear);
    assert_eq!(below.limit().fails_per_s, Some(16.0));
}
