use proptest::prelude::*;

use super::*;

const TENTH: u32 = 100_000;

fn trace_id(number: u64) -> TraceId {
    TraceId::from_bytes((u128::from(number) + 1).to_be_bytes()).unwrap()
}

fn policy(share_ppm: u32) -> Policy {
    Policy::keeping(42, Share::from_ppm(share_ppm))
}

fn plain(trace: u64) -> Seen<'static> {
    Seen { trace_id: trace_id(trace), root: true, error: false, fault: false, request: None }
}

/// The numbers of what was kept.
fn numbers<T: Copy>(kept: &[Kept<T>]) -> Vec<T> {
    kept.iter().map(|kept| kept.span).collect()
}

#[test]
fn a_trace_is_decided_when_its_root_has_ended_and_it_was_quiet_for_a_while() {
    let mut sampler = Sampler::new(policy(Share::WHOLE_PPM));
    let mut kept = Vec::new();
    sampler.offer(Seen { root: false, ..plain(1) }, 'a', 0, &mut kept);
    sampler.offer(plain(1), 'b', 3_000, &mut kept);
    sampler.offer(Seen { root: false, ..plain(1) }, 'c', 6_000, &mut kept);
    sampler.offer(Seen { root: false, ..plain(2) }, 'd', 0, &mut kept);
    sampler.tick(10_999, &mut kept);
    assert!(kept.is_empty(), "{kept:?}");
    sampler.tick(11_000, &mut kept);
    assert_eq!(numbers(&kept), ['a', 'b', 'c']);
    // Without a root it waits longer.
    sampler.tick(29_999, &mut kept);
    assert_eq!(kept.len(), 3);
    sampler.tick(30_000, &mut kept);
    assert_eq!(numbers(&kept), ['a', 'b', 'c', 'd']);
    assert_eq!((sampler.spans, sampler.counts().traces_early), (0, 0));
}

#[test]
fn errors_and_fault_hits_are_kept_at_once_with_all_that_waited_and_all_that_follows() {
    let mut sampler = Sampler::new(policy(0));
    let mut kept = Vec::new();
    for (trace, seen) in
        [(1, Seen { error: true, ..plain(1) }), (2, Seen { fault: true, ..plain(2) })]
    {
        sampler.offer(plain(trace), (trace, 'a'), 0, &mut kept);
        sampler.offer(seen, (trace, 'b'), 10, &mut kept);
        sampler.offer(plain(trace), (trace, 'c'), 100_000, &mut kept);
    }
    // The ledger may be faster than the spans.
    sampler.hit(trace_id(3), &mut kept);
    sampler.offer(plain(3), (3, 'a'), 0, &mut kept);
    let all = [(1, 'a'), (1, 'b'), (1, 'c'), (2, 'a'), (2, 'b'), (2, 'c'), (3, 'a')];
    assert_eq!(numbers(&kept), all);
    assert!(kept.iter().all(|kept| (kept.weight - 1.0).abs() < 1e-12));
    assert_eq!(sampler.counts().spans_late, 3);
}

#[test]
fn late_spans_follow_the_decision_and_a_late_error_that_is_missed_is_counted() {
    let mut sampler = Sampler::new(policy(0));
    let mut kept = Vec::new();
    sampler.offer(plain(1), 1, 0, &mut kept);
    sampler.tick(5_000, &mut kept);
    sampler.offer(plain(1), 2, 6_000, &mut kept);
    sampler.offer(Seen { error: true, ..plain(1) }, 3, 6_000, &mut kept);
    sampler.finish(&mut kept);
    assert!(kept.is_empty(), "{kept:?}");
    let expected = SamplingCounts {
        traces_left: 1,
        spans_left: 3,
        spans_late: 2,
        spans_late_missed: 1,
        ..SamplingCounts::default()
    };
    assert_eq!(sampler.counts(), expected);
}

#[test]
fn at_a_bound_the_trace_that_would_be_next_is_decided_early_and_counted() {
    let bounds = Policy { traces_max: 2, spans_max: 4, ..policy(Share::WHOLE_PPM) };
    let mut sampler = Sampler::new(bounds);
    let mut kept = Vec::new();
    for (at, trace) in [(0, 1), (1, 2), (2, 3)] {
        sampler.offer(plain(trace), trace, at, &mut kept);
    }
    assert_eq!(numbers(&kept), [1]);
    for at in 3..6 {
        sampler.offer(plain(3), 3, at, &mut kept);
    }
    assert_eq!(numbers(&kept), [1, 2]);
    assert_eq!((sampler.counts().traces_early, sampler.spans), (2, 4));
}

#[test]
fn the_slowest_hundredth_of_each_edge_is_kept_by_its_own_measure() {
    let mut sampler = Sampler::new(policy(0));
    let mut kept = Vec::new();
    let request = |edge, ms: u64| Some((edge, ms * 1_000_000));
    // The fast edge's slowest are faster than anything on the slow edge.
    for trace in 0..1_000 {
        let fast = Seen { request: request("a -> b", 1 + trace % 100), ..plain(2 * trace) };
        let slow = Seen { request: request("a -> c", 1_000 + trace), ..plain(2 * trace + 1) };
        sampler.offer(fast, ("fast", 1 + trace % 100), 0, &mut kept);
        sampler.offer(slow, ("slow", 1_000 + trace), 0, &mut kept);
    }
    sampler.finish(&mut kept);
    let of = |edge: &str| -> Vec<u64> {
        kept.iter().filter(|kept| kept.span.0 == edge).map(|kept| kept.span.1).collect()
    };
    assert_eq!(of("fast"), [100; 10]);
    let slow = of("slow");
    // A hundredth is ten; those in the bucket of the tenth are not told apart from it.
    assert!((10..=32).contains(&slow.len()), "{slow:?}");
    assert_eq!(slow.iter().max(), Some(&1_999));
    assert!(slow.iter().all(|ms| *ms > 1_960), "{slow:?}");
}

#[test]
fn before_an_edge_has_enough_requests_nothing_is_slow() {
    let mut sampler = Sampler::new(policy(0));
    let mut kept = Vec::new();
    for trace in 0..99 {
        let request = Some(("a -> b", (trace + 1) * 1_000_000));
        sampler.offer(Seen { request, ..plain(trace) }, trace, 0, &mut kept);
    }
    sampler.finish(&mut kept);
    assert!(kept.is_empty(), "{kept:?}");
}

#[test]
fn the_same_seed_keeps_the_same_traces_and_weights_make_up_for_the_others() {
    let keep = |seed: u64, backwards: bool| {
        let mut sampler = Sampler::new(Policy { seed, ..policy(TENTH) });
        let mut kept = Vec::new();
        let mut traces: Vec<u64> = (0..20_000).collect();
        if backwards {
            traces.reverse();
        }
        for trace in traces {
            sampler.offer(plain(trace), trace, 0, &mut kept);
        }
        sampler.finish(&mut kept);
        let estimate: f64 = kept.iter().map(|kept| kept.weight).sum();
        let mut numbers = numbers(&kept);
        numbers.sort_unstable();
        (numbers, estimate)
    };
    let (numbers, estimate) = keep(42, false);
    // 20,000 draws at 10 %: the estimate has a standard deviation of 424; five of them either side.
    assert!((estimate - 20_000.0).abs() < 2_121.0, "{estimate}");
    assert_eq!(keep(42, true).0, numbers);
    assert_ne!(keep(43, false).0, numbers);
}

#[derive(Debug, Clone)]
enum Step {
    Span { trace: u64, root: bool, error: bool, fault: bool, ns: Option<u64> },
    Hit { trace: u64 },
    Tick,
}

fn any_step() -> impl Strategy<Value = (Step, u64)> {
    let span = (0_u64..30, any::<bool>(), 0_u8..20, 0_u8..20, prop::option::of(1_u64..1_000_000));
    let span = span.prop_map(|(trace, root, error, fault, ns)| Step::Span {
        trace,
        root,
        error: error == 0,
        fault: fault == 0,
        ns,
    });
    let hit = (0_u64..30).prop_map(|trace| Step::Hit { trace });
    (prop_oneof![20 => span, 1 => hit, 3 => Just(Step::Tick)], 0_u64..3_000)
}

proptest! {
    #[test]
    fn every_span_is_kept_or_left_once_and_traces_are_never_torn(
        steps in prop::collection::vec(any_step(), 1..300),
        share_ppm in prop::sample::select(vec![0, TENTH, Share::WHOLE_PPM]),
        traces_max in 1_usize..20,
        spans_max in 1_usize..40,
    ) {
        let bounds = Policy { traces_max, spans_max, ..policy(share_ppm) };
        let mut sampler = Sampler::new(bounds);
        let (mut kept, mut now_ms, mut offered) = (Vec::new(), 0, Vec::new());
        for (step, after_ms) in steps {
            now_ms += after_ms;
            match step {
                Step::Span { trace, root, error, fault, ns } => {
                    let request = ns.map(|ns| ("a -> b", ns));
                    let seen = Seen { trace_id: trace_id(trace), root, error, fault, request };
                    sampler.offer(seen, (trace, offered.len()), now_ms, &mut kept);
                    offered.push((trace, error || fault));
                },
                Step::Hit { trace } => sampler.hit(trace_id(trace), &mut kept),
                Step::Tick => sampler.tick(now_ms, &mut kept),
            }
            prop_assert!(sampler.spans <= spans_max);
            prop_assert!(sampler.waiting.len() <= traces_max);
            prop_assert_eq!(sampler.due.len(), sampler.waiting.len());
        }
        sampler.finish(&mut kept);
        prop_assert_eq!(sampler.spans, 0);
        let counts = sampler.counts();
        prop_assert_eq!(counts.spans_kept, kept.len() as u64);
        prop_assert_eq!(counts.spans_kept + counts.spans_left, offered.len() as u64);
        // All spans of a trace went the same way, with the same weight, each once.
        let mut by_trace: BTreeMap<u64, (BTreeSet<usize>, f64)> = BTreeMap::new();
        for Kept { span: (trace, number), weight } in &kept {
            let (numbers, known) = by_trace.entry(*trace).or_insert((BTreeSet::new(), *weight));
            prop_assert!(numbers.insert(*number));
            prop_assert!((*known - weight).abs() < 1e-12);
        }
        for (trace, (numbers, _)) in &by_trace {
            let all = offered.iter().filter(|(other, _)| other == trace).count();
            prop_assert_eq!(numbers.len(), all);
        }
        // Errors and hits are missed only when they came after the decision.
        let lost = offered.iter().filter(|(trace, bad)| *bad && !by_trace.contains_key(trace));
        prop_assert_eq!(lost.count() as u64, counts.spans_late_missed);
        if share_ppm == Share::WHOLE_PPM {
            prop_assert_eq!(counts.spans_left, 0);
        }
    }
}
