use std::time::Duration;

use model::units::Share;
use proptest::prelude::*;

use super::*;

mod rates;

const MS: Duration = Duration::from_millis(1);

fn origin(seed: u64) -> Origin {
    Origin { seed, length: None, bucket: Arc::default() }
}

fn stage(effect: &FaultKind) -> Stage {
    Stage::of(effect, &origin(7)).unwrap()
}

fn shaper(effects: &[FaultKind]) -> Shaper {
    Shaper::new(effects.iter().map(stage).collect())
}

/// What came out of a stream whose bytes all lay ready, `at_hand` of them at a time.
#[derive(Debug, Default, PartialEq)]
struct Out {
    /// When each piece passed, after the start, and its length.
    pieces: Vec<(Duration, usize)>,
    bytes: Vec<u8>,
    end: Option<End>,
}

impl Out {
    fn took(&self) -> Duration {
        self.pieces.last().map_or(Duration::ZERO, |(at, _)| *at)
    }
}

fn run(shaper: &mut Shaper, input: &[u8], at_hand: usize) -> Out {
    run_late(shaper, input, at_hand, Duration::ZERO)
}

/// Every wait ends `late`.
fn run_late(shaper: &mut Shaper, input: &[u8], at_hand: usize, late: Duration) -> Out {
    let start = Instant::now();
    let (mut now, mut out, mut pending, mut taken) = (start, Out::default(), Vec::new(), 0);
    loop {
        let more = at_hand.saturating_sub(pending.len()).min(input.len() - taken);
        pending.extend_from_slice(&input[taken..taken + more]);
        taken += more;
        if pending.is_empty() {
            return out;
        }
        let (passed, then) = shaper.offer(&mut pending, now);
        if passed > 0 {
            out.pieces.push((now - start, passed));
            out.bytes.extend(pending.drain(..passed));
        }
        match then {
            Then::More => assert!(passed > 0, "nothing passed and nothing is waited for"),
            Then::Wait(at) => {
                assert!(at > now || pending.is_empty(), "a wait that is over already");
                if !pending.is_empty() {
                    now = at + late;
                }
            },
            Then::End(end) => {
                out.end = Some(end);
                return out;
            },
        }
    }
}

fn bandwidth(bytes_per_s: u64) -> FaultKind {
    FaultKind::Bandwidth { bytes_per_s, shared: false }
}

fn numbers(length: usize) -> Vec<u8> {
    (0..length).map(|number| (number % 251) as u8).collect()
}

#[test]
fn nothing_injected_passes_everything_at_once() {
    let input = numbers(10_000);
    let out = run(&mut Shaper::default(), &input, 4_096);
    assert_eq!((out.bytes, out.end, out.pieces.len()), (input, None, 3));
}

#[test]
fn an_end_comes_after_exactly_so_many_bytes() {
    let after_bytes = 1_000;
    for (effect, end) in [
        (FaultKind::Truncate { after_bytes }, End::Fin),
        (FaultKind::LimitData { bytes: after_bytes }, End::Fin),
        (FaultKind::Reset { after_bytes }, End::Reset),
        (FaultKind::BrokenChunk { after_bytes }, End::BrokenChunk),
    ] {
        let input = numbers(5_000);
        for at_hand in [1, 7, 1_000, 5_000] {
            let out = run(&mut shaper(std::slice::from_ref(&effect)), &input, at_hand);
            assert_eq!((out.bytes.as_slice(), out.end), (&input[..1_000], Some(end)), "{at_hand}");
        }
        let short = run(&mut shaper(std::slice::from_ref(&effect)), &input[..999], 100);
        assert_eq!((short.bytes.len(), short.end), (999, None));
    }
}

#[test]
fn the_count_of_a_limit_survives_its_change() {
    let mut shaper = shaper(&[FaultKind::LimitData { bytes: 1_000 }]);
    assert_eq!(run(&mut shaper, &numbers(600), 100).end, None);
    assert!(!shaper.touched(0));
    assert!(shaper.stages_mut()[0].retune(&FaultKind::LimitData { bytes: 800 }));
    let out = run(&mut shaper, &numbers(600), 100);
    assert_eq!((out.bytes.len(), out.end), (200, Some(End::Fin)));
    assert!(shaper.touched(0));
}

#[test]
fn a_blackhole_passes_nothing_and_says_so() {
    let mut shaper = shaper(&[FaultKind::Blackhole]);
    assert_eq!(shaper.offer(&mut [], Instant::now()), (0, Then::End(End::Swallow)));
    assert!(!shaper.touched(0), "nothing was there to swallow");
    assert_eq!(shaper.offer(&mut [1], Instant::now()), (0, Then::End(End::Swallow)));
    assert!(shaper.touched(0));
}

#[test]
fn a_drip_has_its_pause_between_its_pieces_and_none_behind_the_last() {
    let effect = FaultKind::SlowDrip { bytes: 10, pause_us: 5_000 };
    for late_us in [0, 700] {
        let late = Duration::from_micros(late_us);
        let out = run_late(&mut shaper(std::slice::from_ref(&effect)), &numbers(100), 64, late);
        let lengths: Vec<usize> = out.pieces.iter().map(|(_, length)| *length).collect();
        assert_eq!(lengths, [10; 10]);
        assert_eq!(out.took(), 45 * MS + late, "lateness does not add up");
    }
}

#[test]
fn a_piece_that_comes_in_parts_is_one_piece() {
    let mut shaper = shaper(&[FaultKind::SlowDrip { bytes: 10, pause_us: 5_000 }]);
    let start = Instant::now();
    assert_eq!(shaper.offer(&mut [0; 4], start), (4, Then::More));
    let (passed, then) = shaper.offer(&mut [0; 9], start + MS);
    assert_eq!((passed, then), (6, Then::Wait(start + 6 * MS)));
    assert_eq!(shaper.offer(&mut [0; 3], start + 2 * MS), (0, Then::Wait(start + 6 * MS)));
    assert_eq!(shaper.offer(&mut [0; 3], start + 6 * MS), (3, Then::More));
}

#[test]
fn slices_vary_around_their_size_and_are_the_same_again_with_the_same_seed() {
    let effect = FaultKind::Slicer { bytes: 100, variation: 40, pause_us: 0 };
    let lengths = |seed: u64, at_hand: usize| -> Vec<usize> {
        let mut shaper = Shaper::new(vec![Stage::of(&effect, &origin(seed)).unwrap()]);
        run(&mut shaper, &numbers(20_000), at_hand).pieces.iter().map(|piece| piece.1).collect()
    };
    let first = lengths(1, 20_000);
    assert!(first[..first.len() - 1].iter().all(|length| (60..=140).contains(length)));
    let mean = 20_000.0 / first.len() as f64;
    assert!((90.0..110.0).contains(&mean), "{mean}");
    assert!(first.iter().any(|length| *length < 70) && first.iter().any(|length| *length > 130));
    assert_eq!(first, lengths(1, 20_000));
    assert_ne!(first, lengths(2, 20_000));
    let variation_above = FaultKind::Slicer { bytes: 1, variation: 9, pause_us: 0 };
    let out = run(&mut shaper(&[variation_above]), &numbers(1_000), 1_000);
    assert!(out.pieces.iter().all(|piece| (1..=10).contains(&piece.1)));
}

#[test]
fn corrupt_bytes_are_exactly_as_many_as_asked_for_at_the_same_places_again() {
    let hits = |bytes: u32, length: Option<u64>, at_hand: usize| -> Vec<usize> {
        let origin = Origin { length, ..origin(3) };
        let stage = Stage::of(&FaultKind::Corrupt { bytes }, &origin).unwrap();
        let input = numbers(4_000);
        let out = run(&mut Shaper::new(vec![stage]), &input, at_hand);
        (0..input.len()).filter(|place| out.bytes[*place] != input[*place]).collect()
    };
    for at_hand in [1, 33, 4_000] {
        assert_eq!(hits(5, Some(4_000), at_hand), hits(5, Some(4_000), 100));
        assert_eq!(hits(5, None, at_hand), hits(5, None, 100));
    }
    assert_eq!(hits(5, Some(4_000), 4_000).len(), 5);
    assert!(hits(5, Some(4_000), 4_000)[4] >= 3_200, "places spread over a known length");
    assert!(hits(5, None, 4_000)[4] < 5 * 64, "and over the beginning of an unknown one");
    assert_eq!(hits(9, Some(4), 4_000).len(), 4, "a short stream has no more bytes to hit");
    assert_eq!(hits(0, None, 4_000).len(), 0);
}

#[test]
fn events_are_cut_behind_a_whole_blank_line_however_lines_end() {
    for (stream, after, expected) in [
        ("data: a\n\ndata: b\n\ndata: c\n\n", 2, "data: a\n\ndata: b\n\n"),
        ("data: a\r\n\r\ndata: b\r\n\r\nrest", 1, "data: a\r\n\r\n"),
        ("data: a\r\rdata: b\r\rdata", 1, "data: a\r\r"),
        ("data: a\r\n\r\n", 1, "data: a\r\n\r\n"),
        (": beat\n\n\ndata: a\n: more\n\nid: 1\n\n", 1, ": beat\n\n\ndata: a\n: more\n\n"),
        ("data: a\ndata: b\n\nx", 1, "data: a\ndata: b\n\n"),
        ("data: a\n\n", 0, ""),
    ] {
        for at_hand in [1, 2, 3, 100] {
            let mut shaper = shaper(&[FaultKind::CutEvents { after_events: after }]);
            let out = run(&mut shaper, stream.as_bytes(), at_hand);
            let text = String::from_utf8(out.bytes).unwrap();
            assert_eq!((text.as_str(), out.end), (expected, Some(End::Fin)), "{stream:?}");
        }
    }
    let mut shaper = shaper(&[FaultKind::CutEvents { after_events: 2 }]);
    assert_eq!(run(&mut shaper, b"data: a\n\ndata: b\n", 4).end, None);
}

#[test]
fn stages_work_together_and_the_first_end_wins() {
    let mut shaper = shaper(&[
        FaultKind::Slicer { bytes: 300, variation: 0, pause_us: 1_000 },
        FaultKind::LimitData { bytes: 2_000 },
        FaultKind::Reset { after_bytes: 900 },
        FaultKind::Corrupt { bytes: 2 },
    ]);
    let input = numbers(4_000);
    let out = run(&mut shaper, &input, 4_000);
    assert_eq!(out.pieces, [(Duration::ZERO, 300), (MS, 300), (2 * MS, 300)]);
    assert_eq!(out.end, Some(End::Reset), "an end needs no pause before it");
    assert_eq!((0..900).filter(|place| out.bytes[*place] != input[*place]).count(), 2);
    let touched: Vec<bool> = (0..5).map(|stage| shaper.touched(stage)).collect();
    assert_eq!(touched, [true, false, true, true, false]);
}

#[test]
fn what_does_nothing_to_bytes_has_no_stage() {
    for effect in [
        FaultKind::LostReply,
        FaultKind::HalfOpen,
        FaultKind::Loss { rate: Share::WHOLE, correlation: Share::ZERO, timeout_us: 1 },
    ] {
        assert!(Stage::of(&effect, &origin(1)).is_none());
    }
}

fn any_effect() -> impl Strategy<Value = FaultKind> {
    prop_oneof![
        (1_000_u64..1_000_000).prop_map(bandwidth),
        (1_u64..50, 0_u64..3_000)
            .prop_map(|(bytes, pause_us)| FaultKind::SlowDrip { bytes, pause_us }),
        (1_u64..500, 0_u64..500, 0_u64..3_000).prop_map(|(bytes, variation, pause_us)| {
            FaultKind::Slicer { bytes, variation, pause_us }
        }),
        (500_u64..3_000).prop_map(|bytes| FaultKind::LimitData { bytes }),
    ]
}

proptest! {
    #[test]
    fn no_byte_is_lost_doubled_or_moved(
        effects in proptest::collection::vec(any_effect(), 0..4),
        length in 0_usize..2_000,
        at_hand in 1_usize..2_000,
    ) {
        let input = numbers(length);
        let out = run(&mut shaper(&effects), &input, at_hand);
        prop_assert!(input.starts_with(&out.bytes));
        let limit = effects.iter().filter_map(|effect| match effect {
            FaultKind::LimitData { bytes } => Some(*bytes as usize),
            _ => None,
        });
        prop_assert_eq!(out.bytes.len(), limit.fold(length, usize::min));
    }
}
