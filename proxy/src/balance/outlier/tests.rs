use proptest::prelude::*;

use super::*;

/// Good and all attempts of each endpoint.
type Rates<'a> = &'a [(u64, u64)];
type Spoken<'a> = &'a [(usize, Detector)];

const OK: Cause = Cause::Success;
const GONE: Cause = Cause::Upstream { status: None };

fn status(status: u16) -> Cause {
    Cause::Upstream { status: Some(status) }
}

/// Three in a row of each kind.
fn three() -> OutlierPolicy {
    OutlierPolicy {
        consecutive_5xx: 3,
        consecutive_gateway_failure: 3,
        consecutive_local_origin_failure: 3,
        ..OutlierPolicy::default()
    }
}

fn split() -> OutlierPolicy {
    OutlierPolicy { split_external_local_origin_errors: true, ..three() }
}

/// Which detectors speak, each with the number of the outcome that set it off.
fn spoken(policy: &OutlierPolicy, causes: &[Cause]) -> Vec<(usize, Detector)> {
    let tally = Tally::default();
    let numbered = (1..).zip(causes);
    numbered
        .flat_map(|(number, cause)| {
            let spoke = tally.learn(*cause, policy);
            spoke.into_iter().flatten().map(move |detector| (number, detector))
        })
        .collect()
}

#[test]
fn failures_in_a_row_set_off_their_detectors() {
    use Detector::{Consecutive5xx as Any, GatewayFailure as Gateway, LocalOriginFailure as Local};
    let injected = Cause::Injected { status: Some(503) };
    let counting = || OutlierPolicy { count_injected: true, ..three() };
    let off = || OutlierPolicy { consecutive_5xx: 0, consecutive_gateway_failure: 0, ..three() };
    let cases: [(OutlierPolicy, &[Cause], Spoken<'_>); 18] = [
        (three(), &[status(500), status(500), status(500)], &[(3, Any)]),
        (three(), &[status(500), status(500), OK, status(500), status(500)], &[]),
        (three(), &[status(503), status(503), status(503)], &[(3, Gateway), (3, Any)]),
        (three(), &[status(500), status(502), status(503), status(504)], &[(3, Any), (4, Gateway)]),
        (three(), &[status(503), status(503), status(500), status(503)], &[(3, Any)]),
        (three(), &[status(500), status(500), status(404), status(500)], &[]),
        (three(), &[status(429), status(429), status(429)], &[]),
        (three(), &[GONE, GONE, GONE], &[(3, Gateway), (3, Any)]),
        (three(), &[GONE, status(500), GONE], &[(3, Any)]),
        (split(), &[GONE, GONE, GONE], &[(3, Local)]),
        (split(), &[GONE, GONE, status(500), GONE], &[]),
        (split(), &[status(500), GONE, status(500), GONE, status(500)], &[(5, Any)]),
        // What the gateway or a fault did neither counts nor ends a row.
        (three(), &[Cause::Local, Cause::Local, Cause::Local, Cause::Unknown], &[]),
        (three(), &[status(500), status(500), Cause::Local, status(500)], &[(4, Any)]),
        (three(), &[status(500), status(500), Cause::Unknown, status(500)], &[(4, Any)]),
        (three(), &[injected, injected, injected, injected], &[]),
        (counting(), &[injected, injected, injected], &[(3, Gateway), (3, Any)]),
        (off(), &[GONE, GONE, GONE, GONE], &[]),
    ];
    for (policy, causes, expected) in cases {
        let split = policy.split_external_local_origin_errors;
        assert_eq!(spoken(&policy, causes), expected, "{causes:?}, split {split}");
    }
}

#[test]
fn a_detector_speaks_once_in_a_row_until_it_is_restarted() {
    let (tally, policy) = (Tally::default(), three());
    let speaks = || tally.learn(status(500), &policy)[1];
    assert_eq!([speaks(), speaks(), speaks(), speaks()].map(|it| it.is_some()), {
        [false, false, true, false]
    });
    tally.restart(Detector::Consecutive5xx);
    assert_eq!([speaks(), speaks(), speaks()].map(|it| it.is_some()), [false, false, true]);
}

#[test]
fn the_volume_of_an_interval_is_counted_by_origin() {
    let causes =
        [OK, OK, status(404), status(500), GONE, Cause::Local, Cause::Injected { status: None }];
    let volume = |policy: &OutlierPolicy| {
        let tally = Tally::default();
        for cause in causes {
            tally.learn(cause, policy);
        }
        let taken = tally.take();
        assert_eq!(tally.take(), [Sample { good: 0, total: 0 }; 2], "an interval begins empty");
        taken
    };
    let of = |good, total| Sample { good, total };
    assert_eq!(volume(&three()), [of(3, 5), of(0, 0)]);
    assert_eq!(volume(&split()), [of(3, 4), of(4, 5)]);
}

fn samples(rates: Rates<'_>) -> Vec<(usize, Sample)> {
    rates.iter().map(|(good, total)| Sample { good: *good, total: *total }).enumerate().collect()
}

fn found(rates: Rates<'_>, policy: &OutlierPolicy, detector: Detector) -> Vec<usize> {
    compare(&samples(rates), policy)
        .into_iter()
        .filter(|(_, by, _)| *by == detector)
        .map(|(place, ..)| place)
        .collect()
}

#[test]
fn who_succeeds_less_often_than_the_mean_by_more_than_the_factor_is_found() {
    let default = OutlierPolicy::default;
    let factor = |factor| OutlierPolicy { success_rate_stdev_factor: factor, ..default() };
    let cases: [(OutlierPolicy, Rates<'_>, &[usize]); 9] = [
        // Mean 90, standard deviation 20: the threshold is 52.
        (default(), &[(50, 100), (100, 100), (100, 100), (100, 100), (100, 100)], &[0]),
        // Two of five are too many to be outliers: 1.22 standard deviations below.
        (default(), &[(50, 100), (50, 100), (100, 100), (100, 100), (100, 100)], &[]),
        // One deviates by exactly 2 standard deviations.
        (factor(2_001), &[(50, 100), (100, 100), (100, 100), (100, 100), (100, 100)], &[]),
        (factor(1_999), &[(50, 100), (100, 100), (100, 100), (100, 100), (100, 100)], &[0]),
        // Too little traffic for a judgement: of one, then four endpoints remain; of all.
        (default(), &[(0, 99), (100, 100), (100, 100), (100, 100), (100, 100)], &[]),
        (default(), &[(0, 0); 5], &[]),
        // Too few endpoints.
        (default(), &[(0, 100), (100, 100), (100, 100), (100, 100)], &[]),
        // Equal rates whose sum is rounded.
        (factor(500), &[(333, 1_000); 7], &[]),
        (factor(0), &[(90, 100), (100, 100), (100, 100), (100, 100), (100, 100)], &[0]),
    ];
    for (policy, rates, expected) in cases {
        assert_eq!(found(rates, &policy, Detector::SuccessRate), expected, "{rates:?}");
    }
}

#[test]
fn who_fails_as_often_as_the_threshold_is_found() {
    let cases: [(Rates<'_>, &[usize]); 4] = [
        (&[(15, 100), (16, 100), (14, 100), (100, 100), (50, 50)], &[0, 2]),
        (&[(0, 49), (50, 50), (50, 50), (50, 50), (50, 50), (50, 50)], &[]),
        (&[(0, 50), (50, 50), (50, 50), (50, 50)], &[]),
        (&[(0, 50); 5], &[0, 1, 2, 3, 4]),
    ];
    for (rates, expected) in cases {
        let policy = OutlierPolicy::default();
        assert_eq!(found(rates, &policy, Detector::FailurePercentage), expected, "{rates:?}");
    }
}

#[test]
fn the_reason_can_be_checked_by_a_person() {
    let rates = [(50, 100), (100, 100), (100, 100), (100, 100), (100, 100)];
    let reason = &compare(&samples(&rates), &OutlierPolicy::default())[0].2;
    assert_eq!(reason, "success rate 50.0% below 52.0%, mean 90.0%");
}

proptest! {
    /// In whole numbers: with r = good / total, n of them, sum S and sum of squares Q,
    /// mean - r > f * stdev is the same as S - n r > 0 and (S - n r)^2 > f^2 (n Q - S^2).
    #[test]
    fn the_success_rate_agrees_with_exact_arithmetic(
        goods in prop::collection::vec(0_i128..=200, 5..12),
        factor in 1_u32..3_000,
    ) {
        let rates: Vec<(u64, u64)> = goods.iter().map(|good| (*good as u64, 200)).collect();
        let policy = OutlierPolicy {
            success_rate_stdev_factor: factor,
            ..OutlierPolicy::default()
        };
        let (n, sum) = (goods.len() as i128, goods.iter().sum::<i128>());
        let squares: i128 = goods.iter().map(|good| good * good).sum();
        let factor = i128::from(factor);
        let expected: Vec<usize> = (0..goods.len())
            .filter(|place| {
                let below = sum - n * goods[*place];
                let side = |value: i128| value * 1_000_000;
                below > 0 && side(below * below) > factor * factor * (n * squares - sum * sum)
            })
            .collect();
        // Exactly on the threshold the double may fall on either side.
        let on_it = goods.iter().any(|good| {
            let below = sum - n * good;
            below * below * 1_000_000 == factor * factor * (n * squares - sum * sum)
        });
        prop_assume!(!on_it);
        prop_assert_eq!(found(&rates, &policy, Detector::SuccessRate), expected);
    }
}
