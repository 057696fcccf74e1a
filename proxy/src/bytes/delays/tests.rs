use std::sync::Arc;

use model::decision::Unit;
use model::fault::{FaultKind, FaultSpec};
use proptest::prelude::*;

use super::*;

fn loss(rate_ppm: u32, correlation_ppm: u32, seed: u64) -> Loss {
    let rate = Share::from_ppm(rate_ppm);
    Loss {
        acting: acting(seed),
        rate,
        rate_again: Share::from_ppm(rate_ppm.saturating_add(correlation_ppm)),
        timeout: Duration::from_millis(100),
        segments: 0,
        row: 0,
    }
}

fn acting(seed: u64) -> Acting {
    let spec = FaultSpec::new("loss", Vec::new(), FaultKind::HalfOpen);
    Acting::for_test(&spec, Unit::from_bits(seed))
}

fn delays(latencies: &[Distribution], losses: Vec<Loss>) -> Delays {
    let latency = |delay: &Distribution| Latency { acting: acting(5), delay: delay.clone() };
    Delays { latencies: latencies.iter().map(latency).collect(), losses, chunks: 0 }
}

fn uniform() -> Distribution {
    Distribution::Uniform { min_us: 1_000, max_us: 9_000 }
}

/// Delay and length of everything in flight, in order.
fn in_flight(line: &mut Line, since: Instant) -> Vec<(Duration, u64)> {
    let mut all = Vec::new();
    while let Some(at) = line.next_due() {
        while let Some(mark) = line.land(at) {
            all.push((mark.due - since, mark.bytes));
        }
    }
    all
}

#[test]
fn as_many_segments_are_lost_as_asked_for_and_the_same_ones_again() {
    let run = |seed: u64| -> Vec<bool> {
        let mut loss = loss(50_000, 0, seed);
        let now = Instant::now();
        (0..20_000).map(|_| loss.next(now) > Duration::ZERO).collect()
    };
    let lost = run(1).iter().filter(|lost| **lost).count();
    // Mean 1,000, standard deviation 31; five of them either side.
    assert!((845..=1_155).contains(&lost), "{lost}");
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn a_correlation_makes_losses_follow_each_other_and_their_timeouts_double() {
    let mut loss = loss(100_000, 600_000, 3);
    let now = Instant::now();
    let waits: Vec<u128> = (0..50_000).map(|_| loss.next(now).as_millis()).collect();
    let after = |lost: bool| {
        let pairs = waits.windows(2).filter(|pair| (pair[0] > 0) == lost);
        let again = pairs.clone().filter(|pair| pair[1] > 0).count();
        again as f64 / pairs.count() as f64
    };
    assert!((0.67..0.73).contains(&after(true)), "{}", after(true));
    assert!((0.08..0.12).contains(&after(false)), "{}", after(false));
    let mut row = 0;
    for wait in &waits {
        assert!(*wait == 0 || *wait == 100 << row.min(6), "{wait} after {row} losses");
        row = if *wait > 0 { row + 1 } else { 0 };
    }
    assert!(waits.contains(&6_400), "the timeout grows to its bound");
}

#[test]
fn only_lost_segments_of_a_chunk_wait_and_what_follows_waits_with_them() {
    let mut delays = delays(&[], vec![loss(200_000, 0, 11)]);
    let (mut line, now) = (Line::default(), Instant::now());
    delays.send(&mut line, 100 * SEGMENT_BYTES + 7, now);
    let all = in_flight(&mut line, now);
    assert_eq!(all.iter().map(|(_, bytes)| bytes).sum::<u64>(), 100 * SEGMENT_BYTES + 7);
    assert!(all.is_sorted_by_key(|(delay, _)| *delay));
    assert_eq!(all[0].0, Duration::ZERO, "the first segment is not lost with this seed");
    assert!(all[all.len() - 1].0 >= Duration::from_millis(100));
}

#[test]
fn each_chunk_has_a_delay_of_its_own_and_the_same_one_again() {
    let run = || {
        let mut delays = delays(&[uniform()], Vec::new());
        let now = Instant::now();
        let planned: Vec<Duration> = (0..50).map(|chunk| delays.latency(chunk)).collect();
        let mut line = Line::default();
        delays.send(&mut line, 10, now);
        assert_eq!(in_flight(&mut line, now), [(planned[0], 10)]);
        planned
    };
    let first = run();
    assert_eq!(first, run());
    let (least, most) = (first.iter().min().unwrap(), first.iter().max().unwrap());
    assert!(*most > *least + Duration::from_millis(5), "{least:?} {most:?}");
}

#[test]
fn delays_of_several_faults_add_up_and_a_fault_that_leaves_takes_its_own_away() {
    let fixed = Distribution::Fixed { value_us: 3_000 };
    let mut both = delays(&[uniform(), fixed], vec![loss(1_000_000, 0, 1)]);
    let (mut line, now) = (Line::default(), Instant::now());
    both.send(&mut line, 10, now);
    let first = both.latencies[0].planned(0);
    both.latencies.truncate(1);
    line.reschedule(|mark| both.of(mark));
    assert_eq!(line.next_due(), Some(now + first + Duration::from_millis(100)));
    both.losses.clear();
    line.reschedule(|mark| both.of(mark));
    assert_eq!(line.next_due(), Some(now + first));
    both.latencies.clear();
    line.reschedule(|mark| both.of(mark));
    assert_eq!(line.next_due(), Some(now));
}

proptest! {
    #[test]
    fn no_byte_of_a_chunk_is_forgotten_and_none_overtakes_another(
        chunks in proptest::collection::vec(1_u64..20_000, 1..20),
        rate in 0_u32..1_000_000,
        seed in any::<u64>(),
    ) {
        let mut delays = delays(&[uniform()], vec![loss(rate, 100_000, seed)]);
        let (mut line, now) = (Line::default(), Instant::now());
        for chunk in &chunks {
            delays.send(&mut line, *chunk, now);
        }
        let all = in_flight(&mut line, now);
        prop_assert_eq!(all.iter().map(|mark| mark.1).sum::<u64>(), chunks.iter().sum::<u64>());
        prop_assert!(all.iter().all(|mark| mark.1 > 0));
        prop_assert!(all.is_sorted_by_key(|mark| mark.0));
    }
}

/// A ledger that nobody reads.
#[derive(Debug)]
struct Nowhere;

impl crate::fault::due::Ledger for Nowhere {
    fn enter(&self, _drawn: &crate::fault::Drawn, _verdict: crate::emit::Verdict) {}
}

impl Acting {
    fn for_test(spec: &FaultSpec, size: Unit) -> Self {
        let fault = crate::fault::Fault::for_test(spec);
        let drawn = crate::fault::Drawn::for_test(&fault, size);
        let due = crate::fault::due::Due::new(drawn, Arc::new(Nowhere), "test");
        Self::new(&fault, due, Instant::now())
    }
}
