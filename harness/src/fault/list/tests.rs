use model::edge::Edge;
use model::fault::{FaultKind, FaultSpec, FaultState, Match};
use model::plan::FaultStatus;
use model::units::Share;

use super::*;

fn armed(name: &str, effect: FaultKind, source: FaultSource) -> ArmedFault {
    let fault = FaultSpec::new(name, vec![Edge::new("client", "orders")], effect);
    let status = FaultStatus {
        name: name.to_owned(),
        state: FaultState::Active,
        matched: 80,
        hit: 12,
        skipped: 0,
        fidelity: None,
    };
    ArmedFault { fault, source, left_ms: None, status }
}

#[test]
fn every_fault_has_a_line_and_every_column_its_width() {
    let mut slow = armed("slow payments", FaultKind::Blackhole, FaultSource::Api);
    slow.left_ms = Some(298_500);
    slow.fault.share = Share::from_ppm(150_000);
    slow.fault.when.first = Some(3);
    slow.fault.matching = Match { path: Some("/charges/*".into()), ..Match::default() };
    let gone = armed("gone", FaultKind::Refuse, FaultSource::Plan);
    let expected = "\
NAME           STATE   SHARE  HIT/MATCHED  LEFT   FROM   WHAT
slow payments  active  15%    12/80        4m59s  armed  blackhole on client -> orders; only /charges/*; first 3 per edge
gone           active  100%   12/80        -      plan   refuse on client -> orders
";
    assert_eq!(table(&[slow, gone]), expected);
}

#[test]
fn without_faults_it_says_how_to_arm_one() {
    assert_eq!(table(&[]), format!("{NOTHING}\n"));
}
