use model::load::LoadPlan;
use model::target::{HttpVersion, Place};

use super::*;
use crate::testing::{plan, step};

#[test]
fn answers_wait_only_where_nothing_goes_on_from_them_and_the_kernel_says_when_they_came() {
    type Change = fn(&mut LoadPlan);
    let table: [(&str, Change); 6] = [
        ("a second step", |plan| plan.flows[0].steps.push(step("more", "GET", "/more"))),
        ("a second turn", |plan| plan.flows[0].steps[0].turns.max = 2),
        ("as fast as it goes", |plan| plan.loads[0].model = LoadModel::Max),
        ("a timeout of each attempt", |plan| plan.loads[0].client.attempt_timeout_ms = Some(10)),
        ("HTTP/2", |plan| plan.targets[0].version = HttpVersion::Http2),
        ("a local socket", |plan| plan.targets[0].place = Place::Unix { path: "/s".into() }),
    ];
    let may_wait = |change: Change| {
        let mut plan = plan("127.0.0.1:1".parse().unwrap());
        change(&mut plan);
        Resolved::new(&plan).unwrap().answers_may_wait()
    };
    assert!(may_wait(|_| ()));
    for (what, change) in table {
        assert!(!may_wait(change), "{what}");
    }
}
