mod language;
mod trying;

use std::sync::{Arc, Mutex};

use model::load::{Acknowledged, Group, LoadPlan};
use tokio::task::LocalSet;

use super::*;
use crate::arrival::Arrival;
use crate::client::Outgoing;
use crate::plan::Resolved;
use crate::record::Second;
use crate::spans::{JourneySpans, SpanSink};
use crate::testing::{self, Act, Request, step};

pub(super) struct Lived {
    pub(super) requests: Vec<Request>,
    /// Of the second or two in which the journey happened.
    pub(super) recorded: Second,
    acknowledged: Vec<Acknowledged>,
    pub(super) spans: JourneySpans,
}

impl Lived {
    /// Step, outcome and hit of each cell, each counted once.
    pub(super) fn cells(&self) -> Vec<(Option<usize>, Outcome, bool)> {
        let cells = self.recorded.cells.iter();
        cells
            .map(|(key, cell)| {
                assert_eq!((cell.count, key.group), (1, Group::Exposed));
                (key.step, key.outcome, key.hit)
            })
            .collect()
    }
}

type Answer = fn(&Request) -> Act;

/// Lives journey 7 of a plan against a peer.
pub(super) async fn live(
    change: impl FnOnce(&mut LoadPlan),
    answer: impl Fn(&Request) -> Act + Clone + Send + Sync + 'static,
) -> Lived {
    let requests = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&requests);
    let peer = testing::serve(move |request| {
        let act = answer(&request);
        seen.lock().unwrap().push(request);
        async { act }
    });
    let peer = peer.await;
    let mut plan = testing::plan(peer.address);
    change(&mut plan);
    let (spans, mut journeys) = SpanSink::to_queue();
    let clock = telemetry::clock::Clock::system();
    let resolved = Arc::new(Resolved::new(&plan).unwrap());
    let context = Rc::new(Context::new(resolved, clock.clone(), spans).unwrap());
    let dispatched = clock.now();
    let intended = dispatched.checked_sub(Duration::from_millis(300)).unwrap();
    let arrival = Arrival { index: 7, at_ns: 0 };
    context.recorder.offered(context.second_of(intended), dispatched - intended);
    let released = Released { load: 0, arrival, intended, dispatched };
    let mut buffer = Outgoing::default();
    let journey = Journey::new(Rc::clone(&context), released).run(&mut buffer);
    LocalSet::new().run_until(context.vigil.attended(journey)).await;
    let mut recorded = Second::default();
    for second in context.second_of(intended)..=context.second_of(clock.now()) {
        recorded.absorb(context.recorder.take(second));
    }
    Lived {
        requests: requests.lock().unwrap().clone(),
        recorded,
        acknowledged: context.recorder.close().acknowledged,
        spans: journeys.try_recv().unwrap(),
    }
}

/// Orders something and looks it up by the id that the answer gave.
fn ordering(plan: &mut LoadPlan) {
    let mut order = step("order", "POST", "/orders");
    order.body = Some(r#"{"sku":"${any:sku}","user":"${user}"}"#.parse().unwrap());
    order.key = Some("${uuid}".parse().unwrap());
    order.headers.insert("x-number".into(), "n${seq}".parse().unwrap());
    order.save.insert("order".into(), "/order/id".parse().unwrap());
    order.status = vec![201];
    order.acknowledges = Some("order".into());
    plan.flows[0].steps = vec![order, step("look up", "GET", "/orders/${order}?full=1")];
}

fn shop(request: &Request) -> Act {
    match request.method.as_str() {
        "POST" => Act::json(201, r#"{"order":{"id":12}}"#),
        _ => Act::with_headers(200, "x-shakedown-fault: slow\r\n", "{}"),
    }
}

#[tokio::test]
async fn later_steps_speak_of_what_earlier_ones_saved() {
    let lived = live(ordering, shop).await;
    let [order, look] = &lived.requests[..] else { panic!("{:?}", lived.requests) };
    assert_eq!((look.method.as_str(), look.path.as_str()), ("GET", "/orders/12?full=1"));
    let body: serde_json::Value = serde_json::from_slice(&order.body).unwrap();
    let correlation_id = order.header("x-correlation-id").unwrap();
    assert_eq!(body["user"].as_str().unwrap(), correlation_id.rsplit_once('-').unwrap().0);
    assert!(["tea", "milk"].contains(&body["sku"].as_str().unwrap()));
    assert_eq!(order.header("x-number"), Some("n7"));
    assert_eq!(order.header("content-type"), Some("application/json"));
    assert_eq!(order.header("idempotency-key").unwrap().len(), 36);
    let promised: Vec<&str> = lived.acknowledged.iter().map(|one| one.value.as_str()).collect();
    assert_eq!(promised, ["12"]);
    assert_eq!(lived.acknowledged[0].correlation_id.as_str(), correlation_id);
}

#[tokio::test]
async fn a_journey_is_one_trace_with_a_client_span_for_each_request() {
    let lived = live(ordering, shop).await;
    let identity = &lived.spans.identity;
    for (number, request) in lived.requests.iter().enumerate() {
        assert_eq!(
            request.header("user-agent"),
            Some(concat!("shakedown/", env!("CARGO_PKG_VERSION"), " (load)"))
        );
        assert_eq!(request.header("x-correlation-id"), Some(identity.correlation_id.as_str()));
        let parent = request.header("traceparent").unwrap();
        assert_eq!(parent, identity.trace_parent(number + 1).to_string());
        let span = &lived.spans.steps[number];
        assert_eq!((span.number, span.span, span.parent), (number, number + 1, 0));
    }
    assert_eq!(lived.spans.steps[1].path, "/orders/12");
    assert_eq!(lived.spans.steps[1].faults.as_deref(), Some("slow"));
}

#[tokio::test]
async fn the_journey_and_its_first_step_count_from_the_intended_start() {
    let lived = live(ordering, shop).await;
    let expected = [
        (None, Outcome::Completed, true),
        (Some(0), Outcome::Completed, false),
        (Some(1), Outcome::Completed, true),
    ];
    assert_eq!(lived.cells(), expected);
    for (key, cell) in lived.recorded.cells.iter() {
        let response_us = cell.response.to_histogram().min();
        let service_us = cell.service.to_histogram().max();
        // The intended start was 300 ms before the release.
        assert_eq!(response_us >= 299_000, key.step != Some(1), "{key:?} {response_us}");
        assert!(service_us < response_us || key.step == Some(1), "{key:?} {service_us}");
    }
    assert!(lived.recorded.lateness.to_histogram().min() >= 299_000);
    assert_eq!(lived.recorded.connection_wait.to_histogram().len(), 2);
}

#[tokio::test]
async fn the_first_failed_step_ends_the_journey() {
    let oops = |_: &Request| Act::json(500, "{}");
    let garbage = |_: &Request| Act::Bytes(b"no http at all\r\n\r\n".to_vec());
    let nothing = |_: &Request| Act::json(201, r#"{"order":{"id":null}}"#);
    let no_json = |_: &Request| Act::json(201, "<order>");
    let reset = |_: &Request| Act::Reset;
    let hang = |_: &Request| Act::Hang;
    let table: [(Answer, Outcome); 6] = [
        (oops, Outcome::Status),
        (garbage, Outcome::Answer),
        (nothing, Outcome::Answer),
        (no_json, Outcome::Answer),
        (reset, Outcome::Connection),
        (hang, Outcome::Timeout),
    ];
    for (answer, outcome) in table {
        let impatient = |plan: &mut LoadPlan| {
            ordering(plan);
            plan.flows[0].steps[0].timeout_ms = (outcome == Outcome::Timeout).then_some(50);
        };
        let lived = live(impatient, answer).await;
        assert_eq!(lived.requests.len(), 1, "{outcome:?}");
        assert_eq!(lived.cells(), [(None, outcome, false), (Some(0), outcome, false)]);
        assert!(lived.acknowledged.is_empty());
        assert_eq!((lived.spans.outcome, lived.spans.steps.len()), (outcome, 1));
    }
}

#[tokio::test]
async fn a_saved_value_that_cannot_stand_in_a_header_fails_the_step_unsent() {
    let change = |plan: &mut LoadPlan| {
        ordering(plan);
        plan.flows[0].steps[1].key = Some("${order}".parse().unwrap());
    };
    let lived = live(change, |_| Act::json(201, r#"{"order":{"id":"two\nlines"}}"#)).await;
    assert_eq!(lived.requests.len(), 1);
    let failed = lived.spans.steps[1].failure;
    assert_eq!((failed, lived.spans.outcome), (Some(Failure::Unsendable), Outcome::Answer));
}
