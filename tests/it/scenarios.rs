//! Every scenario file, in shortened time, against what it promises.

use crate::support::{Ended, machine, run, scenario};

fn run_shortened(name: &str) -> Ended {
    let _machine = machine();
    run(&scenario(name), &["--plain", "--time-scale", "4"])
}

fn assert_exit(ended: &Ended, code: i32) {
    assert_eq!(ended.code, code, "{}", ended.account());
    for file in ["scenario.toml", "run.db", "result.json", "junit.xml", "report.html"] {
        assert!(ended.folder.join(file).is_file(), "{file} is missing\n{}", ended.account());
    }
    let result = ended.result();
    assert_eq!(result["exit_code"], code);
    let load = &result["load"];
    assert_eq!(load["balanced"], true, "{load}");
    for check in result["ledger"].as_array().unwrap() {
        assert_eq!(check["reconciled"], true, "{check}");
    }
}

#[test]
fn a_healthy_shop_passes() {
    assert_exit(&run_shortened("healthy"), 0);
}

#[test]
fn slow_payments_open_the_breaker_and_the_shop_bends_but_holds() {
    let ended = run_shortened("slow-payments");
    assert_exit(&ended, 0);
    assert!(ended.stdout.contains("orders -> payments"), "{}", ended.account());
}

#[test]
fn patient_customers_see_their_orders_confirmed() {
    let ended = run_shortened("patient-customers");
    assert_exit(&ended, 0);
}

#[test]
fn lost_replies_charge_nobody_twice() {
    assert_exit(&run_shortened("lost-replies"), 0);
}

#[test]
fn without_idempotency_the_orders_charged_twice_are_named() {
    let ended = run_shortened("lost-replies-no-idempotency");
    assert_exit(&ended, 1);
    let result = ended.result();
    let invariants = result["invariants"].as_array().unwrap();
    let charges = invariants.iter().find(|found| found["name"] == "one charge per order").unwrap();
    assert_eq!(charges["holds"], false);
    let detail = charges["detail"].as_str().unwrap();
    assert!(detail.contains("charged twice"), "{detail}");
    assert!(ended.stdout.contains("one charge per order"), "{}", ended.account());
}
