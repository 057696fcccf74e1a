//! What a flow says, done: conditions, repeats, checks, values of every kind, cookies, thinking.

use std::sync::atomic::{AtomicUsize, Ordering};

use model::distribution::Distribution;
use model::flow::Turns;

use super::*;
use crate::record::Came;

fn texts(conditions: &[&str]) -> Vec<Condition> {
    conditions.iter().map(|text| text.parse().unwrap()).collect()
}

fn paths(lived: &Lived) -> Vec<&str> {
    lived.requests.iter().map(|request| request.path.as_str()).collect()
}

/// An order that is paid when it has been asked for three times.
fn slow_order() -> impl Fn(&Request) -> Act + Clone {
    let asked = Arc::new(AtomicUsize::new(0));
    move |_: &Request| match asked.fetch_add(1, Ordering::Relaxed) {
        0 | 1 => Act::json(200, r#"{"state":"placed"}"#),
        _ => Act::json(200, r#"{"state":"paid","charge":"c-1"}"#),
    }
}

fn waiting(max: u32) -> impl Fn(&mut LoadPlan) {
    move |plan: &mut LoadPlan| {
        let mut wait = step("wait", "GET", "/orders/7");
        let pause = Some(Distribution::Fixed { value_us: 1_000 });
        let until = texts(&["/state in [paid, cancelled]"]);
        wait.turns = Turns { max, until, within_ms: None, pause };
        wait.save.insert("charge".into(), "/charge".parse().unwrap());
        plan.flows[0].steps = vec![wait, step("refund", "GET", "/charges/${charge}")];
    }
}

#[tokio::test]
async fn a_step_is_repeated_until_what_it_waits_for_is_there() {
    let lived = Box::pin(live(waiting(10), slow_order())).await;
    assert_eq!(paths(&lived), ["/orders/7", "/orders/7", "/orders/7", "/charges/c-1"]);
    let counts: Vec<_> =
        lived.recorded.cells.iter().map(|(key, cell)| (key.step, cell.count)).collect();
    assert_eq!(counts, [(None, 1), (Some(0), 3), (Some(1), 1)]);
    assert_eq!(lived.spans.outcome, Outcome::Completed);
}

#[tokio::test]
async fn a_step_whose_turns_are_over_before_that_has_failed() {
    let lived = Box::pin(live(waiting(2), slow_order())).await;
    assert_eq!(paths(&lived).len(), 2);
    assert_eq!(lived.spans.outcome, Outcome::Check);
    assert_eq!(lived.spans.steps[1].failure, Some(Failure::Never));
    let late = |plan: &mut LoadPlan| {
        waiting(1_000)(plan);
        plan.flows[0].steps[0].turns.within_ms = Some(0);
    };
    let lived = Box::pin(live(late, |_: &Request| Act::json(200, "{}"))).await;
    assert_eq!((paths(&lived).len(), lived.spans.outcome), (1, Outcome::Check));
}

#[tokio::test]
async fn checks_are_counted_by_name_and_a_failed_one_ends_the_journey() {
    let checking = |plan: &mut LoadPlan| {
        plan.flows[0].steps[0].check =
            texts(&["status == 200", "/ok == true", "latency < 1m", "header:x-a == ${user}"]);
    };
    let lived = Box::pin(live(checking, |request: &Request| {
        let user = request.header("x-correlation-id").unwrap().rsplit_once('-').unwrap().0;
        Act::with_headers(200, &format!("x-a: {user}\r\n"), r#"{"ok":false}"#)
    }))
    .await;
    assert_eq!(lived.cells(), [(None, Outcome::Check, false), (Some(0), Outcome::Check, false)]);
    let (_, cell) = lived.recorded.cells.iter().find(|(key, _)| key.step == Some(0)).unwrap();
    let held: Vec<_> = cell.checks.iter().map(|check| (check.passed, check.failed)).collect();
    assert_eq!(held, [(1, 0), (0, 1), (1, 0), (1, 0)]);
    assert_eq!(cell.answers, [(Came::Status(200), 1)], "the answer keeps its status");
    assert_eq!(lived.spans.steps[0].failure, Some(Failure::Check));
}

#[tokio::test]
async fn steps_are_left_out_by_what_was_saved_and_what_they_would_save_is_missing() {
    let choosing = |plan: &mut LoadPlan| {
        let mut first = step("first", "GET", "/first");
        first.save.insert("state".into(), "$.orders[0].state".parse().unwrap());
        let mut paid = step("paid", "GET", "/paid");
        paid.when = texts(&["${state} == paid"]);
        paid.save.insert("more".into(), "/more".parse().unwrap());
        let mut open = step("open", "GET", "/open");
        open.unless = texts(&["${state} == paid", "${more} exists"]);
        let mut more = step("more", "GET", "/${more}");
        more.when = texts(&["${more} exists"]);
        plan.flows[0].steps = vec![first, paid, open, more];
    };
    for (state, expected) in
        [("placed", &["/first", "/open"][..]), ("paid", &["/first", "/paid", "/m"])]
    {
        let body = format!(r#"{{"orders":[{{"state":"{state}"}}],"more":"m"}}"#);
        let lived = Box::pin(live(choosing, move |_: &Request| Act::json(200, &body))).await;
        assert_eq!((paths(&lived), lived.spans.outcome), (expected.to_vec(), Outcome::Completed));
    }
}

#[tokio::test]
async fn a_value_that_was_never_saved_fails_the_step_that_needs_it_unsent() {
    let missing = |plan: &mut LoadPlan| {
        let mut left_out = step("left out", "GET", "/a");
        left_out.when = texts(&["${user} == nobody"]);
        left_out.save.insert("id".into(), "/id".parse().unwrap());
        plan.flows[0].steps = vec![left_out, step("needs it", "GET", "/${id}")];
    };
    let lived = Box::pin(live(missing, |_: &Request| Act::json(200, "{}"))).await;
    assert!(lived.requests.is_empty());
    assert_eq!(lived.cells(), [(None, Outcome::Answer, false), (Some(1), Outcome::Answer, false)]);
}

#[tokio::test]
async fn cookies_go_back_to_who_set_them_as_long_as_the_flow_keeps_them() {
    for keeps in [true, false] {
        let flow = move |plan: &mut LoadPlan| {
            plan.flows[0].cookies = keeps;
            plan.flows[0].steps = vec![step("in", "POST", "/login"), step("me", "GET", "/me?a=1")];
        };
        let lived = Box::pin(live(flow, |_: &Request| {
            Act::with_headers(200, "Set-Cookie: id=7; Path=/; HttpOnly\r\n", "{}")
        }))
        .await;
        assert_eq!(lived.requests[0].header("cookie"), None);
        assert_eq!(lived.requests[1].header("cookie"), keeps.then_some("id=7"));
    }
}

#[tokio::test]
async fn thinking_is_left_out_of_the_response_time_of_the_journey() {
    let thinking = |plan: &mut LoadPlan| {
        let mut first = step("read", "GET", "/a");
        first.think = Some(Distribution::Fixed { value_us: 100_000 });
        first.turns.max = 2;
        plan.flows[0].steps = vec![first, step("go on", "GET", "/b")];
    };
    let lived = Box::pin(live(thinking, |_: &Request| Act::json(200, "{}"))).await;
    assert_eq!(paths(&lived), ["/a", "/a", "/b"]);
    let elapsed = lived.spans.end - lived.spans.start;
    let (_, journey) = lived.recorded.cells.iter().find(|(key, _)| key.step.is_none()).unwrap();
    // The intended start was 300 ms before; 200 ms of the rest was thought.
    let response = Duration::from_micros(journey.response.to_histogram().min());
    assert!(response >= Duration::from_millis(298), "{response:?}");
    let slack = Duration::from_millis(1);
    assert!(response + Duration::from_millis(200) <= elapsed + slack, "{response:?} {elapsed:?}");
}

#[tokio::test]
async fn what_is_thought_before_steps_that_are_left_out_is_no_part_of_the_journey() {
    let thinking = |plan: &mut LoadPlan| {
        let mut first = step("read", "GET", "/a");
        first.think = Some(Distribution::Fixed { value_us: 100_000 });
        let mut never = step("never", "GET", "/b");
        never.when = texts(&["${user} == nobody"]);
        plan.flows[0].steps = vec![first, never];
    };
    let lived = Box::pin(live(thinking, |_: &Request| Act::json(200, "{}"))).await;
    let (_, journey) = lived.recorded.cells.iter().find(|(key, _)| key.step.is_none()).unwrap();
    let response = Duration::from_micros(journey.response.to_histogram().min());
    assert!(response >= Duration::from_millis(298), "{response:?}");
}

#[tokio::test]
async fn a_body_that_is_no_json_is_filled_with_values_as_they_are() {
    let form = |plan: &mut LoadPlan| {
        plan.data.insert("name".into(), vec!["a\"b".into()]);
        let mut post = step("post", "POST", "/");
        post.body = Some("name=\"${any:name}\"".parse().unwrap());
        let mut plain = post.clone();
        plain.name = "plain".into();
        plain.headers.insert("Content-Type".into(), "text/plain".parse().unwrap());
        plan.flows[0].steps = vec![post, plain];
    };
    let lived = Box::pin(live(form, |_: &Request| Act::json(200, "{}"))).await;
    let bodies: Vec<_> = lived.requests.iter().map(|request| request.body.as_ref()).collect();
    assert_eq!(bodies, [&br#"name="a\"b""#[..], &br#"name="a"b""#[..]]);
    assert_eq!(lived.requests[1].header("content-type"), Some("text/plain"));
}
