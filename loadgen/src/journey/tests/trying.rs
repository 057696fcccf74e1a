//! What the client does about slow and failed requests.

use std::sync::atomic::{AtomicUsize, Ordering};

use model::flow::{ClientHedge, ClientPolicy, Setting};
use model::load::Attempts;
use model::policy::{RetryOn, RetryPolicy};
use model::units::Share;

use super::*;
use crate::spans::SpanOf;

fn retry(on: &[RetryOn], budget: Share) -> ClientPolicy {
    let policy = RetryPolicy {
        attempts: 3,
        on: on.to_vec(),
        backoff_min_ms: 1,
        backoff_max_ms: 4,
        budget,
        budget_reserve_per_s: 0,
        retry_after_max_ms: 0,
    };
    ClientPolicy { retry: Setting::On(policy), ..ClientPolicy::default() }
}

fn with(client: ClientPolicy, method: &'static str) -> impl Fn(&mut LoadPlan) {
    move |plan: &mut LoadPlan| {
        plan.loads[0].client = client.clone();
        plan.flows[0].steps = vec![step("try", method, "/")];
    }
}

/// The first requests get what the list says, all others 200.
fn answers(acts: Vec<Act>) -> impl Fn(&Request) -> Act + Clone + Send + Sync {
    let asked = Arc::new(AtomicUsize::new(0));
    move |_: &Request| {
        let number = asked.fetch_add(1, Ordering::Relaxed);
        acts.get(number).cloned().unwrap_or_else(|| Act::json(200, "{}"))
    }
}

fn attempts(lived: &Lived) -> Attempts {
    let (of_journey, of_step) = {
        let mut cells = lived.recorded.cells.iter();
        (cells.next().unwrap().1.attempts, cells.next().unwrap().1.attempts)
    };
    assert_eq!(of_journey, of_step);
    of_step
}

const BUSY: [RetryOn; 1] = [RetryOn::Status(503)];

#[tokio::test]
async fn a_failed_request_is_repeated_and_every_attempt_is_a_span_of_its_own() {
    let busy = || Act::json(503, "{}");
    let mut client = retry(&BUSY, Share::WHOLE);
    if let Setting::On(policy) = &mut client.retry {
        // One first attempt pays for one retry; the reserve for more.
        policy.budget_reserve_per_s = 1;
    }
    let lived = Box::pin(live(with(client, "GET"), answers(vec![busy(), busy()]))).await;
    assert_eq!(attempts(&lived), Attempts { sent: 3, retries: 2, hedges: 0, denied: 0 });
    assert_eq!(lived.spans.outcome, Outcome::Completed);
    let [around, first, second, third] = lived.spans.steps.as_slice() else {
        panic!("{:?}", lived.spans.steps)
    };
    assert_eq!((around.what, around.parent, around.failure), (SpanOf::Step, 0, None));
    for (number, (span, request)) in [first, second, third].iter().zip(&lived.requests).enumerate()
    {
        let resend_count = number as u32;
        assert_eq!((span.what, span.parent), (SpanOf::Request { resend_count }, around.span));
        let parent = lived.spans.identity.trace_parent(span.span).to_string();
        assert_eq!(request.header("traceparent"), Some(parent.as_str()));
    }
    assert_eq!((first.failure, third.failure), (Some(Failure::Status(503)), None));
}

#[tokio::test]
async fn a_budget_that_is_spent_lets_no_request_be_repeated() {
    let client = retry(&BUSY, Share::ZERO);
    let lived = Box::pin(live(with(client, "GET"), answers(vec![Act::json(503, "{}")]))).await;
    assert_eq!(attempts(&lived), Attempts { sent: 1, retries: 0, hedges: 0, denied: 1 });
    assert_eq!(lived.spans.outcome, Outcome::Status);
}

#[tokio::test]
async fn what_may_have_been_done_is_not_done_twice() {
    for (method, sent) in [("POST", 1), ("PUT", 2)] {
        let client = retry(&[RetryOn::Reset], Share::WHOLE);
        let lived = Box::pin(live(with(client, method), answers(vec![Act::Reset]))).await;
        assert_eq!(attempts(&lived).sent, sent, "{method}");
    }
}

#[tokio::test]
async fn an_attempt_that_takes_too_long_is_repeated_within_the_time_of_the_step() {
    let client =
        ClientPolicy { attempt_timeout_ms: Some(30), ..retry(&[RetryOn::Reset], Share::WHOLE) };
    let lived = Box::pin(live(with(client, "GET"), answers(vec![Act::Hang]))).await;
    assert_eq!((attempts(&lived).retries, lived.spans.outcome), (1, Outcome::Completed));
    // The time of the step is over with the first attempt: nothing is left for another.
    let hasty = |plan: &mut LoadPlan| {
        with(retry(&[RetryOn::Reset], Share::WHOLE), "GET")(plan);
        plan.flows[0].steps[0].timeout_ms = Some(30);
    };
    let lived = Box::pin(live(hasty, answers(vec![Act::Hang]))).await;
    assert_eq!((attempts(&lived).retries, lived.spans.outcome), (0, Outcome::Timeout));
}

fn hedge(budget_reserve_per_s: u32) -> ClientPolicy {
    let hedge = ClientHedge { after_ms: 20, budget: Share::ZERO, budget_reserve_per_s };
    ClientPolicy { hedge: Setting::On(hedge), ..ClientPolicy::default() }
}

#[tokio::test]
async fn the_copy_of_a_slow_request_may_be_answered_first() {
    let lived = Box::pin(live(with(hedge(1), "GET"), answers(vec![Act::Hang]))).await;
    assert_eq!(attempts(&lived), Attempts { sent: 2, retries: 0, hedges: 1, denied: 0 });
    assert_eq!(lived.spans.outcome, Outcome::Completed);
    let [_around, lost, won] = lived.spans.steps.as_slice() else { panic!() };
    assert_eq!((lost.failure, won.failure), (Some(Failure::Overtaken), None));
    assert_eq!(won.what, SpanOf::Request { resend_count: 1 });
}

#[tokio::test]
async fn a_request_is_not_copied_without_need_without_budget_or_when_that_could_do_harm() {
    for (client, method, first, denied) in [
        (hedge(1), "GET", Act::json(200, "{}"), 0),
        (hedge(1), "POST", Act::Hang, 0),
        (hedge(0), "GET", Act::Hang, 1),
    ] {
        let change = |plan: &mut LoadPlan| {
            with(client, method)(plan);
            plan.loads[0].timeout_ms = 80;
        };
        let lived = Box::pin(live(change, answers(vec![first]))).await;
        let expected = Attempts { sent: 1, retries: 0, hedges: 0, denied };
        assert_eq!(attempts(&lived), expected, "{method}");
    }
}

#[tokio::test]
async fn a_failed_copy_waits_for_the_first_request() {
    let client = hedge(1);
    let asked = Arc::new(AtomicUsize::new(0));
    let lived = Box::pin(live(
        move |plan: &mut LoadPlan| {
            with(client, "GET")(plan);
            plan.loads[0].timeout_ms = 100;
        },
        move |_: &Request| match asked.fetch_add(1, Ordering::Relaxed) {
            0 => Act::Hang,
            _ => Act::json(500, "{}"),
        },
    ))
    .await;
    assert_eq!((attempts(&lived).hedges, lived.spans.outcome), (1, Outcome::Timeout));
}
