use std::net::SocketAddr;

use model::edge::Edge;
use model::fault::{FaultState, Token};
use model::plan::{EdgePlan, FaultStatus, Plan, ProxyConfig};
use model::policy::EdgePolicy;
use telemetry::client::Client;
use telemetry::clock::Clock;
use telemetry::providers::Providers;

use super::*;

fn spec(effect: FaultKind) -> FaultSpec {
    let schedule = vec![Window { start_ms: 5, end_ms: 6 }];
    FaultSpec { schedule, ..FaultSpec::new("slow", vec![Edge::new("a", "b")], effect) }
}

fn found(effect: FaultKind, source: FaultSource) -> ArmedFault {
    let status = FaultStatus {
        name: "slow".to_owned(),
        state: FaultState::Planned,
        matched: 0,
        hit: 0,
        skipped: 0,
        fidelity: None,
    };
    ArmedFault { fault: spec(effect), source, left_ms: None, status }
}

#[test]
fn a_fault_of_the_plan_is_armed_beside_itself_and_one_that_was_armed_again() {
    let fault = once_more(&found(FaultKind::Blackhole, FaultSource::Plan)).unwrap();
    assert_eq!((fault.name.as_str(), fault.schedule.len()), ("slow by hand", 0));
    let fault = once_more(&found(FaultKind::Blackhole, FaultSource::Api)).unwrap();
    assert_eq!(fault.name, "slow");
    let mut ramp = found(FaultKind::Blackhole, FaultSource::Plan);
    ramp.fault.when.ramp_to = Some(model::units::Share::WHOLE);
    let windows = once_more(&ramp).unwrap().schedule;
    assert_eq!(windows, [Window { start_ms: 0, end_ms: FOR_MS }]);
}

#[test]
fn what_cannot_be_armed_says_why() {
    let effect = FaultKind::Caller { token: Token::new("s3cret"), delay_max_ms: 1 };
    // As the proxy shows it.
    let shown: FaultKind = serde_json::from_value(serde_json::to_value(effect).unwrap()).unwrap();
    let why = once_more(&found(shown, FaultSource::Plan)).unwrap_err();
    assert_eq!(why, "slow needs a token that the proxy does not tell");
    let why = once_more(&found(FaultKind::Blackhole, FaultSource::Toxiproxy)).unwrap_err();
    assert_eq!(why, "slow belongs to a client of Toxiproxy");
}

#[tokio::test]
async fn before_the_proxy_has_started_nothing_is_changed() {
    let told = ByHand::default().control(Change::ClearAll).await;
    assert_eq!(told, Err("the proxy has not started yet".to_owned()));
}

#[tokio::test]
async fn a_proxy_that_is_gone_is_named_and_nothing_hangs() {
    let nobody = SocketAddr::from(([127, 0, 0, 1], 1));
    let by_hand = ByHand::of(Control::new(Client::new(), nobody));
    let told = by_hand.control(Change::Arm("slow".to_owned())).await.unwrap_err();
    assert!(told.contains("the proxy does not answer GET /v1/faults"), "{told}");
}

#[tokio::test]
async fn a_running_proxy_arms_beside_its_plan_and_disarms_only_that() {
    let edge = Edge::new("a", "b");
    let config = ProxyConfig::on_loopback("by-hand", [edge.clone()]);
    let proxy = proxy::start(config, Providers::none(), Clock::system()).await.unwrap();
    let control = Control::new(Client::new(), proxy.addresses().admin);
    let policy = EdgePolicy::default();
    let edges = vec![EdgePlan { edge, endpoints: Vec::new(), policy }];
    let faults = vec![spec(FaultKind::Blackhole)];
    control.put_plan(&Plan { epoch: 1, edges, faults, ..Plan::empty() }).await.unwrap();
    let by_hand = ByHand::of(control.clone());
    let change = |change: Change| by_hand.control(change);
    let slow = || "slow".to_owned();
    let names = || async {
        let faults = control.faults().await.unwrap();
        faults.into_iter().map(|fault| fault.fault.name).collect::<Vec<_>>()
    };

    let planned = change(Change::Disarm(slow())).await.unwrap_err();
    assert!(planned.contains("belongs to the plan"), "{planned}");
    let armed = change(Change::Arm(slow())).await;
    assert_eq!(armed, Ok("armed slow by hand for one minute".to_owned()));
    assert_eq!(names().await, ["slow", "slow by hand"]);
    assert_eq!(
        change(Change::Arm("slow by hand".to_owned())).await,
        Ok("armed slow by hand for one minute".to_owned()),
        "it gets another minute"
    );
    assert_eq!(change(Change::Disarm(slow())).await, Ok("disarmed slow by hand".to_owned()));
    assert_eq!(names().await, ["slow"]);
    assert_eq!(
        change(Change::Arm("slow by hand".to_owned())).await,
        Ok("armed slow by hand for one minute".to_owned()),
        "it is on the screen although it is gone"
    );
    assert_eq!(names().await, ["slow", "slow by hand"]);
    change(Change::ClearAll).await.unwrap();
    assert_eq!(names().await, ["slow"]);
    let unknown = change(Change::Arm("slwo".to_owned())).await.unwrap_err();
    assert!(unknown.contains("did you mean \"slow\""), "{unknown}");
    proxy.shutdown();
    proxy.done().await;
}
