//! Plans and peers for tests: a system under test and a collector on port 0.

mod peer;

use std::net::SocketAddr;

use model::flow::{ClientPolicy, Flow, Step};
use model::load::{AtLimit, Load, LoadModel, LoadPlan, RateStep, Spacing, Weighted};
use model::phase::Timeline;
use model::units::Share;

pub(crate) use peer::{Act, Collected, Peer, Request, collector, nobody, serve};

/// 50 arrivals a second for one second, each one request.
pub(crate) fn plan(target: SocketAddr) -> LoadPlan {
    LoadPlan {
        run_id: "run-1".into(),
        seed: 42,
        worker: 0,
        workers: 1,
        targets: vec![target.into()],
        report_to: Some(target),
        report_token: None,
        otlp: None,
        control: Share::ZERO,
        timeline: Timeline { before_ms: 0, during_ms: 400, after_ms: 700, end_ms: 1_000 },
        loads: vec![Load {
            name: "lookers".into(),
            flows: vec![Weighted { flow: "look".into(), weight: 1 }],
            rate: vec![rate(50.0)],
            spacing: Spacing::Constant,
            model: LoadModel::Open,
            recorded_ns: Vec::new(),
            users: 20,
            levels: Vec::new(),
            think: None,
            timeout_ms: 5_000,
            client: ClientPolicy::default(),
        }],
        flows: vec![Flow::new("look", vec![step("home", "GET", "/")])],
        data: [("sku".to_owned(), vec!["tea".to_owned(), "milk".to_owned()])].into(),
        feeders: Vec::new(),
        setup: [].into(),
        connections_max: 100,
        at_limit: AtLimit::Queue,
        release_every_us: 0,
        threads: 1,
    }
}

pub(crate) fn rate(per_s: f64) -> RateStep {
    RateStep::ramp(per_s, per_s, None)
}

pub(crate) fn step(name: &str, method: &str, path: &str) -> Step {
    Step::new(name, method, path.parse().unwrap())
}
