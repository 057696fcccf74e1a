//! Rates, and how exactly they are kept.

use super::*;

/// Streams over one bucket, driven by hand.
struct Sharing {
    origin: Origin,
    effect: FaultKind,
    start: Instant,
}

impl Sharing {
    fn of(bytes_per_s: u64) -> Self {
        let effect = FaultKind::Bandwidth { bytes_per_s, shared: true };
        Self { origin: origin(7), effect, start: Instant::now() }
    }

    fn stream(&self) -> Shaper {
        Shaper::new(vec![Stage::of(&self.effect, &self.origin).unwrap()])
    }

    /// Streams that each have so many bytes to send from a time on; every wait ends `late`.
    fn send(&self, streams: &[(Duration, usize)], late: Duration) {
        let mut open: Vec<(Instant, usize, Shaper)> =
            streams.iter().map(|(at, bytes)| (self.start + *at, *bytes, self.stream())).collect();
        while let Some(next) = (0..open.len()).min_by_key(|place| open[*place].0) {
            let (now, left, shaper) = &mut open[next];
            let (passed, then) = shaper.offer(&mut vec![0; (*left).min(65_536)], *now);
            *left -= passed;
            match then {
                Then::Wait(at) => *now = at + late,
                Then::More if *left == 0 => drop(open.remove(next)),
                Then::More => {},
                Then::End(end) => panic!("{end:?}"),
            }
        }
    }

    fn error(&self) -> Option<f64> {
        let (passed, allowed) = self.origin.bucket.kept(20 * MS)?;
        Some(passed as f64 / allowed as f64 - 1.0)
    }
}

#[test]
fn a_bandwidth_is_kept_to_one_percent_whatever_lies_at_hand_and_however_late_waits_end() {
    for (bytes_per_s, length) in
        [(1_000, 3_000), (100_000, 200_000), (10_000_000, 1_000_000), (100_000_000, 30_000_000)]
    {
        let input = vec![0; length];
        let planned = length as f64 / bytes_per_s as f64;
        for at_hand in [1_460, 65_536, 262_144] {
            for late_us in [0, 60, 1_000] {
                let late = Duration::from_micros(late_us);
                let mut shaper = shaper(&[bandwidth(bytes_per_s)]);
                let out = run_late(&mut shaper, &input, at_hand, late);
                let took = out.took().as_secs_f64();
                let right = planned * 0.99..planned * 1.01 + late.as_secs_f64();
                assert!(right.contains(&took), "{bytes_per_s} {at_hand} {late_us}: {took}");
                let slices = (planned * 500.0) as usize;
                assert!(out.pieces.len() <= 2 * slices.max(length / at_hand) + 60);
            }
        }
    }
}

#[test]
fn a_rate_says_how_it_was_kept_while_there_was_more_to_send() {
    let least = 10 * MS;
    for (late_us, error) in [(0, 0.0), (60, 0.0), (20_000, -0.7)] {
        let mut shaper = shaper(&[bandwidth(1_000_000)]);
        assert_eq!(shaper.stages_mut()[0].kept(least), None);
        run_late(&mut shaper, &numbers(200_000), 65_536, Duration::from_micros(late_us));
        let (passed, allowed) = shaper.stages_mut()[0].kept(least).unwrap();
        let seen = passed as f64 / allowed as f64 - 1.0;
        assert!((seen - error).abs() < 0.1, "{late_us}: {seen}");
        assert_eq!(shaper.stages_mut()[0].kept(least), None, "it counts anew");
    }
    let mut idle = shaper(&[bandwidth(1_000_000)]);
    for number in 0..20 {
        idle.offer(&mut [0; 64], Instant::now() + number * 10 * MS);
    }
    assert_eq!(idle.stages_mut()[0].kept(least), None, "nothing was held back");
}

#[test]
fn a_shared_rate_is_measured_over_all_its_streams_together() {
    for (late_us, right) in
        [(0, -0.01..0.01), (60, -0.01..0.01), (1_000, -0.01..0.01), (20_000, -0.9..-0.4)]
    {
        let sharing = Sharing::of(10_000_000);
        let streams = [(Duration::ZERO, 1_000_000), (30 * MS, 500_000), (80 * MS, 40_000)];
        sharing.send(&streams, Duration::from_micros(late_us));
        let error = sharing.error().unwrap();
        assert!(right.contains(&error), "{late_us}: {error}");
        assert_eq!(sharing.stream().stages_mut()[0].kept(MS), None, "no stream knows it alone");
    }
}

#[test]
fn idle_time_of_a_shared_rate_does_not_count() {
    let sharing = Sharing::of(10_000_000);
    let bursts: Vec<_> = (0..20).map(|number| (number * 700 * MS, 300_000)).collect();
    sharing.send(&bursts, Duration::from_micros(60));
    let error = sharing.error().unwrap();
    assert!(error.abs() < 0.01, "{error}");
}

#[test]
fn idle_time_of_a_rate_of_its_own_does_not_count() {
    let mut shaper = shaper(&[bandwidth(1_000_000)]);
    let mut now = Instant::now();
    for _ in 0..20 {
        let mut left = 30_000;
        while left > 0 {
            let (passed, then) = shaper.offer(&mut vec![0; left], now);
            left -= passed;
            if let Then::Wait(at) = then {
                now = at;
            }
        }
        now += 700 * MS;
    }
    let (passed, allowed) = shaper.stages_mut()[0].kept(20 * MS).unwrap();
    let error = passed as f64 / allowed as f64 - 1.0;
    assert!(error.abs() < 0.01, "{passed} of {allowed}");
}

#[test]
fn a_shared_rate_that_holds_nobody_back_says_nothing() {
    let sharing = Sharing::of(10_000_000);
    sharing.send(&[], Duration::ZERO);
    let (mut one, mut other) = (sharing.stream(), sharing.stream());
    for number in 0..200 {
        one.offer(&mut [0; 64], sharing.start + number * MS);
        other.offer(&mut [0; 64], sharing.start + number * MS);
    }
    assert_eq!(sharing.error(), None);
}

#[test]
fn a_stream_that_goes_or_stalls_while_it_is_held_back_leaves_no_demand_behind() {
    for goes in [true, false] {
        let sharing = Sharing::of(10_000_000);
        sharing.send(&[(Duration::ZERO, 1_000_000)], Duration::ZERO);
        let before = sharing.origin.bucket.kept(20 * MS).unwrap();
        let mut held = sharing.stream();
        let (_, then) = held.offer(&mut vec![0; 65_536], sharing.start + 200 * MS);
        assert!(matches!(then, Then::Wait(_)));
        if goes {
            drop(held);
        } else {
            held.receiver_stalls();
        }
        sharing.stream().offer(&mut [0; 64], sharing.start + 10_000 * MS);
        let after = sharing.origin.bucket.kept(20 * MS).unwrap();
        assert_eq!(after, before, "goes: {goes}");
    }
}

#[test]
fn what_a_later_fault_holds_back_is_no_error_of_the_rate() {
    let slow = FaultKind::SlowDrip { bytes: 1_000, pause_us: 50_000 };
    let mut shaper = shaper(&[bandwidth(1_000_000), slow]);
    run(&mut shaper, &numbers(40_000), 20_000);
    assert_eq!(shaper.stages_mut()[0].kept(20 * MS), None);
}

#[test]
fn a_link_that_was_idle_does_not_burst() {
    let mut shaper = shaper(&[bandwidth(10_000_000)]);
    let start = Instant::now();
    let mut bytes = vec![0; 1_000_000];
    assert_eq!(shaper.offer(&mut bytes[..500], start).0, 500);
    let later = start + 10_000 * MS;
    let (passed, then) = shaper.offer(&mut bytes, later);
    assert!(passed <= 45_000, "{passed}: more than four milliseconds and a slice");
    assert!(matches!(then, Then::Wait(at) if at > later));
}

#[test]
fn a_small_message_on_an_idle_link_is_not_held_back() {
    let mut shaper = shaper(&[bandwidth(10_000_000)]);
    let start = Instant::now();
    for number in 0..100 {
        let passed = shaper.offer(&mut [0; 64], start + number * MS);
        assert_eq!(passed, (64, Then::More));
    }
}

#[test]
fn streams_that_share_a_bandwidth_get_it_together_and_fairly() {
    let effect = FaultKind::Bandwidth { bytes_per_s: 1_000_000, shared: true };
    let origin = origin(7);
    let mut shapers: Vec<Shaper> =
        (0..4).map(|_| Shaper::new(vec![Stage::of(&effect, &origin).unwrap()])).collect();
    let start = Instant::now();
    let mut wakes = [start; 4];
    let mut passed = [0_usize; 4];
    while passed.iter().sum::<usize>() < 1_000_000 {
        let next = (0..4).min_by_key(|number| wakes[*number]).unwrap();
        let now = wakes[next];
        let (count, then) = shapers[next].offer(&mut vec![0; 65_536], now);
        passed[next] += count;
        match then {
            Then::Wait(at) => wakes[next] = at,
            other => panic!("{other:?}"),
        }
    }
    let took = wakes.iter().max().unwrap().duration_since(start).as_secs_f64();
    assert!((took - 1.0).abs() < 0.02, "{took}");
    for share in passed {
        assert!((240_000..=260_000).contains(&share), "{passed:?}");
    }
}

#[test]
fn a_changed_bandwidth_holds_from_the_next_slice_on() {
    let mut shaper = shaper(&[bandwidth(1_000_000)]);
    let first = run(&mut shaper, &numbers(100_000), 65_536);
    assert!((first.took().as_secs_f64() - 0.1).abs() < 0.002);
    assert!(shaper.stages_mut()[0].retune(&bandwidth(10_000_000)));
    let second = run(&mut shaper, &numbers(1_000_000), 65_536);
    assert!((second.took().as_secs_f64() - 0.1).abs() < 0.105, "{:?}", second.took());
    assert!(!shaper.stages_mut()[0].retune(&FaultKind::Blackhole));
}

proptest! {
    #[test]
    fn a_shared_rate_is_kept_whoever_comes_and_goes(
        streams in proptest::collection::vec((0_u64..2_000, 1_usize..200_000), 1..12),
        late_us in 0_u64..2_000,
    ) {
        let sharing = Sharing::of(1_000_000);
        let streams: Vec<_> =
            streams.iter().map(|(ms, bytes)| (Duration::from_millis(*ms), *bytes)).collect();
        sharing.send(&streams, Duration::from_micros(late_us));
        if let Some((passed, allowed)) = sharing.origin.bucket.kept(20 * MS) {
            let slack = 0.05 * allowed as f64 + 4_000.0;
            prop_assert!(allowed > 0);
            prop_assert!((passed as f64 - allowed as f64).abs() <= slack, "{passed} of {allowed}");
        }
    }
}
