use model::load::{AtLimit, LoadModel, Outcome, Validity};
use proptest::prelude::*;

use super::testing::{Journey, START_S, done, reports, setting};
use super::*;

fn journey() -> impl Strategy<Value = Journey> {
    let parts = (0..14_u64, 0..Outcome::ALL.len(), 1..3_000_000_u64, any::<bool>(), 1..200_000_u64);
    parts.prop_map(|(second, outcome, us, hit, lateness_us)| Journey {
        second,
        outcome: Outcome::ALL[outcome],
        us,
        hit,
        lateness_us,
    })
}

fn book_of(workers: u32, reports: &[model::load::LoadInterval]) -> Book {
    let mut book = Book::new(setting(workers));
    for report in reports {
        drop(book.add(report).unwrap());
    }
    book
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn the_order_and_the_number_of_times_in_which_reports_come_do_not_matter(
        journeys in prop::collection::vec(journey(), 1..12),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let reports = reports(0, &journeys);
        let mut shuffled = reports.clone();
        for at in order {
            // Some come twice, and everything comes again later.
            shuffled.insert(0, reports[at.index(reports.len())].clone());
        }
        let (one, other) = (book_of(1, &reports), book_of(1, &shuffled));
        prop_assert_eq!(one.summary(12_000, false), other.summary(12_000, false));
        prop_assert_eq!(one.series(), other.series());
    }

    #[test]
    fn many_workers_give_the_result_of_one(
        journeys in prop::collection::vec((journey(), 0..3_u32), 1..12),
    ) {
        let all: Vec<Journey> = journeys.iter().map(|(journey, _)| *journey).collect();
        let mut one = book_of(1, &reports(0, &all));
        one.finish(done(0, &all)).unwrap();
        let mut union = Book::new(setting(3));
        for worker in 0..3 {
            let shard: Vec<Journey> =
                journeys.iter().filter(|(_, of)| *of == worker).map(|(it, _)| *it).collect();
            for report in &reports(worker, &shard) {
                drop(union.add(report).unwrap());
            }
            union.finish(done(worker, &shard)).unwrap();
        }
        let (mut one, mut union) = (one.summary(12_000, true), union.summary(12_000, true));
        // Three processes use three times the CPU of one.
        for point in one.points.iter_mut().chain(&mut union.points) {
            point.cpu_cores = 0.0;
        }
        prop_assert!(one.account.balances());
        prop_assert_eq!(one, union);
    }

    #[test]
    fn a_percentile_with_the_truth_known_lies_in_the_interval(
        known in prop::collection::vec(1..1_000_000_u64, 1..30),
        cut in prop::collection::vec((1..1_000_000_u64, 0..1_000_000_u64), 0..20),
        fraction in 0.01..1.0_f64,
    ) {
        let journey = |outcome: Outcome, us: u64| {
            Journey { second: 3, outcome, us, hit: false, lateness_us: 1 }
        };
        let given_up = cut.iter().map(|(at_least, _)| journey(Outcome::Unfinished, *at_least));
        let seen: Vec<Journey> =
            known.iter().map(|us| journey(Outcome::Completed, *us)).chain(given_up).collect();
        let mut truth: Vec<u64> = known;
        truth.extend(cut.iter().map(|(at_least, more)| at_least + more));
        truth.sort_unstable();
        let rank = model::hdr::nearest_rank(truth.len() as u64, fraction);
        let true_us = truth[rank as usize - 1] as f64;
        let bounds = book_of(1, &reports(0, &seen)).spread(|_| true).quantile(fraction).unwrap();
        prop_assert!(bounds.low_us as f64 * 0.999 - 1.0 <= true_us);
        prop_assert!(bounds.high_us.is_none_or(|high| high as f64 * 1.001 + 1.0 >= true_us));
    }
}

fn completed(second: u64, us: u64) -> Journey {
    Journey { second, outcome: Outcome::Completed, us, hit: false, lateness_us: 20 }
}

#[test]
fn warm_up_is_in_the_account_and_in_nothing_else() {
    let journeys: Vec<Journey> =
        (0..12).map(|second| completed(second, if second < 2 { 900_000 } else { 1_000 })).collect();
    let summary = book_of(1, &reports(0, &journeys)).summary(12_000, false);
    assert_eq!((summary.account.offered, summary.judged.offered), (12, 10));
    assert!((summary.response.percentile(100.0).unwrap().ms - 1.0).abs() < 1e-9);
    assert!((summary.rates.completed_per_s - 1.0).abs() < 1e-9);
    assert_eq!((summary.body_bytes, summary.lateness.count), (100, 10));
    assert_eq!(summary.points.len(), 12);
    assert_eq!(summary.phases.len(), 1, "{:?}", summary.phases);
}

#[test]
fn hits_stand_apart_from_the_rest() {
    let journeys: Vec<Journey> = (0..100)
        .map(|number| Journey {
            hit: number % 10 == 0,
            us: if number % 10 == 0 { 500_000 } else { 1_000 },
            ..completed(2 + number % 10, 1)
        })
        .collect();
    let summary = book_of(1, &reports(0, &journeys)).summary(12_000, false);
    let p50 = |hit: Option<bool>| {
        let found = summary.phases.iter().find(|phase| phase.hit == hit).unwrap();
        (found.count, found.response.percentile(50.0).unwrap().ms)
    };
    assert_eq!((p50(None).0, p50(Some(false)).0), (100, 90));
    let (count, ms) = p50(Some(true));
    assert!(count == 10 && (499.0..501.0).contains(&ms));
}

#[test]
fn a_run_is_invalid_when_too_much_of_it_is_or_when_something_is_lost() {
    let late = |second| Journey { lateness_us: 20_000, ..completed(second, 1_000) };
    let journeys: Vec<Journey> = (0..12).map(late).collect();
    let with = |invalid: &[u64], suspect: &[u64]| {
        let mut reports = reports(0, &journeys);
        for report in &mut reports {
            let second = report.unix_s - START_S;
            if invalid.contains(&second) {
                report.validity = Validity::Invalid;
            } else if suspect.contains(&second) {
                report.validity = Validity::Suspect;
            }
        }
        let mut book = book_of(1, &reports);
        book.finish(done(0, &journeys)).unwrap();
        book.summary(12_000, true).trust
    };
    assert_eq!(with(&[], &[]).verdict, Validity::Valid);
    // What happens in the warm-up is not judged.
    assert_eq!(with(&[0, 1], &[]).verdict, Validity::Valid);
    assert_eq!(with(&[], &[5]).verdict, Validity::Suspect);
    assert_eq!(with(&[5], &[]).verdict, Validity::Suspect);
    let invalid = with(&[5, 6], &[7]);
    assert_eq!((invalid.verdict, invalid.invalid_seconds), (Validity::Invalid, 2));
    assert_eq!(invalid.reasons.len(), 2, "{:?}", invalid.reasons);
}

#[test]
fn a_lost_worker_report_or_arrival_makes_a_run_invalid() {
    let journeys: Vec<Journey> = (0..12).map(|second| completed(second, 1_000)).collect();
    let all = reports(0, &journeys);
    let reason = |workers: u32, reports: &[model::load::LoadInterval], is_done: bool| {
        let mut book = book_of(workers, reports);
        if is_done {
            book.finish(done(0, &journeys)).unwrap();
        }
        assert_eq!(book.summary(12_000, false).trust.verdict, Validity::Valid);
        let trust = book.summary(12_000, true).trust;
        assert_eq!(trust.verdict, Validity::Invalid);
        trust.reasons.join("; ")
    };
    assert_eq!(reason(2, &all, true), "1 of 2 workers gave no final account");
    assert_eq!(reason(1, &all, false), "1 of 1 workers gave no final account");
    let gap = [&all[..5], &all[6..]].concat();
    assert!(reason(1, &gap, true).starts_with("1 reports were lost; the reports hold 11"));
    let mut vanished = all;
    vanished[4].cells.clear();
    assert_eq!(reason(1, &vanished, true), "12 arrivals were offered, and 11 are accounted for");
}

#[test]
fn a_load_that_judged_nothing_was_valid() {
    let nothing = book_of(1, &reports(0, &[]));
    let warmup = [completed(0, 1_000), completed(1, 1_000)];
    let in_warmup = book_of(1, &reports(0, &warmup));
    for (mut book, journeys, reason) in [
        (nothing, &[][..], "nothing was offered"),
        (in_warmup, &warmup[..], "the load ended before anything was judged"),
    ] {
        book.finish(done(0, journeys)).unwrap();
        let trust = book.summary(1_500, true).trust;
        assert_eq!((trust.verdict, trust.reasons.join("; ").as_str()), (Validity::Invalid, reason));
    }
}

#[test]
fn a_queue_that_was_full_dropped_arrivals_of_a_load_that_was_valid() {
    let dropped = |second| Journey { outcome: Outcome::Dropped, ..completed(second, 1_000) };
    let journeys = [completed(3, 1_000), dropped(4), dropped(5)];
    for (at_limit, verdict) in
        [(AtLimit::Queue, Validity::Suspect), (AtLimit::Drop, Validity::Valid)]
    {
        let mut book = Book::new(Setting { at_limit, ..setting(1) });
        for report in reports(0, &journeys) {
            book.add(&report).unwrap();
        }
        book.finish(done(0, &journeys)).unwrap();
        let trust = book.summary(12_000, true).trust;
        assert_eq!(trust.verdict, verdict, "{:?}", trust.reasons);
        assert_eq!(trust.reasons.len(), usize::from(verdict == Validity::Suspect));
    }
}

#[test]
fn a_long_run_takes_no_more_memory_than_an_hour() {
    let mut report = Decoded::of(&reports(0, &[completed(0, 1_000)]).remove(0)).unwrap();
    let mut series = Series::default();
    for second in 0..9_000 {
        report.unix_s = START_S + second;
        series.add(&report);
    }
    assert!(series.slots().count() <= 3_600);
    assert_eq!(series.width_s(), 4);
    assert_eq!(series.slots().map(|(_, slot)| slot.offered).sum::<u64>(), 9_000);
    let (_, slot) = series.slots().nth(1).unwrap();
    assert!((series.in_flight(slot) - 1.0).abs() < 1e-9);
    assert!((series.cpu_cores(slot) - 0.25).abs() < 1e-9);
}

#[test]
fn durations_of_different_models_are_never_added_up() {
    let mut book = book_of(1, &reports(0, &[completed(3, 900)]));
    let before = book.clone();
    let mut closed = reports(1, &[completed(3, 900)]);
    let last = closed.last_mut().unwrap();
    last.cells.iter_mut().for_each(|cell| cell.key.model = LoadModel::Closed);
    let refused = book.add(last).unwrap_err().to_string();
    assert!(refused.ends_with("the report is about one of closed"), "{refused}");
    assert_eq!(book.summary(12_000, false), before.summary(12_000, false));
}

#[test]
fn a_report_of_another_run_is_refused_and_a_broken_one_adds_nothing() {
    let mut report = reports(0, &[completed(0, 1_000)]).remove(0);
    let mut book = Book::new(setting(1));
    report.run_id = "run-2".into();
    assert!(matches!(book.add(&report), Err(BookError::OtherRun { .. })));
    report.run_id = "run-1".into();
    let sound = report.clone();
    report.lateness_hdr = "!".into();
    assert!(matches!(book.add(&report), Err(BookError::Hdr(_))));
    assert_eq!(book.summary(0, false).account.offered, 0);
    assert!(book.add(&sound).unwrap().is_some());
}

#[test]
fn the_spectrum_comes_ever_closer_to_the_longest() {
    let journeys: Vec<Journey> = (1..=1_000).map(|us| completed(3, us)).collect();
    let spectrum = book_of(1, &reports(0, &journeys)).summary(12_000, false).spectrum;
    let (first, last) = (spectrum[0], spectrum.last().unwrap());
    assert_eq!(
        format!("{:?} {:?}", (first.percent, first.ms), (last.percent, last.ms)),
        "(0.0, 0.001) (100.0, 1.0)"
    );
    assert!(spectrum.is_sorted_by(|one, next| one.percent < next.percent && one.ms <= next.ms));
    assert!(spectrum.len() > 40 && spectrum.len() < 60, "{}", spectrum.len());
}
