//! Flows that are walked once per run: the set-up before load begins, the tear-down when it has
//! ended.
//!
//! Whoever starts the workers walks them, so that they happen once however many workers there are;
//! what the set-up has saved travels to all of them in their plans. Nothing of it is counted; each
//! is one trace, whose spans say what they belong to, and its user is nobody else.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use model::flow::{ClientPolicy, Flow};
use model::id::CorrelationId;
use model::load::{Load, LoadModel, LoadPlan, RateStep, Spacing, Weighted};
use telemetry::clock::Clock;
use tokio::runtime::Builder;
use tokio::sync::{oneshot, watch};
use tokio::task::LocalSet;

use crate::arrival::Arrival;
use crate::client::{Failure, Outgoing, Vigil};
use crate::error::LoadError;
use crate::journey::{Context, Failed, Journey};
use crate::plan::Resolved;
use crate::queue::Released;
use crate::spans::{Encoder, Exporter, SpanSink};

/// Patience for a step that names none: nobody measures it, and systems that wake up are slow.
const TIMEOUT: Duration = Duration::from_secs(10);
/// When nothing else is waited for.
const LONG: Duration = Duration::from_hours(1);

/// Which of the flows that are walked once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Once {
    /// Before load begins.
    SetUp,
    /// When load has ended.
    TearDown,
}

impl Once {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SetUp => "set-up",
            Self::TearDown => "tear-down",
        }
    }

    /// No load has so many users that its last one would be this one.
    fn correlation_id(self) -> CorrelationId {
        CorrelationId::of_user(0x00ff_ffff, u64::from(self == Self::TearDown))
    }
}

/// Walks a flow once against the targets of a plan and gives what its steps have saved. `stop`
/// turning true ends it at once, and so does the loss of its sender.
pub async fn walk_once(
    plan: &LoadPlan,
    (once, flow): (Once, &Flow),
    stop: watch::Receiver<bool>,
    clock: Clock,
) -> Result<BTreeMap<String, String>, LoadError> {
    let plan = plan_of(plan, flow);
    let resolved = Arc::new(Resolved::new(&plan)?);
    let (sink, exporter) = match &plan.otlp {
        None => (SpanSink::none(), None),
        Some(endpoint) => {
            let (sink, queue) = SpanSink::to_queue();
            let encoder = Encoder::new(&plan, Arc::clone(&resolved), clock.clone()).of_once(once);
            let exporter = Exporter::new(endpoint, encoder, sink.counts()).await?;
            (sink, Some(tokio::spawn(exporter.run(queue))))
        },
    };
    let counts = sink.counts();
    let (result, walked) = oneshot::channel();
    let thread = std::thread::Builder::new().name("load-once".into());
    let body = move || {
        // Nobody waits for the result when the caller has gone away.
        result.send(walk((resolved, once), sink, stop, clock)).ok();
    };
    thread.spawn(body).map_err(|source| LoadError::Setup { what: "the thread", source })?;
    let ended = walked.await.map_err(|_panic| LoadError::Panicked)??;
    crate::run::flush(exporter).await;
    if counts.missing() > 0 {
        tracing::warn!(spans = counts.missing(), "spans of the {} were lost", once.as_str());
    }
    ended.map_err(|Failed { step, failure }| LoadError::Once {
        flow: flow.name.clone(),
        step: flow.steps.get(step).map(|step| step.name.clone()).unwrap_or_default(),
        failure: match failure {
            Failure::Status(status) => format!("status {status}"),
            other => other.as_str().to_owned(),
        },
    })
}

/// The same targets, data and rows for one arrival of one load.
fn plan_of(plan: &LoadPlan, flow: &Flow) -> LoadPlan {
    let load = Load {
        name: flow.name.clone(),
        flows: vec![Weighted { flow: flow.name.clone(), weight: 1 }],
        model: LoadModel::Open,
        rate: vec![RateStep::ramp(1.0, 1.0, None)],
        spacing: Spacing::Constant,
        recorded_ns: Vec::new(),
        users: 1,
        levels: Vec::new(),
        think: None,
        timeout_ms: TIMEOUT.as_millis() as u64,
        client: ClientPolicy::default(),
    };
    LoadPlan {
        worker: 0,
        workers: 1,
        threads: 1,
        loads: vec![load],
        flows: vec![flow.clone()],
        ..plan.clone()
    }
}

type Walked = Result<BTreeMap<String, String>, Failed>;

fn walk(
    (plan, once): (Arc<Resolved>, Once),
    sink: SpanSink,
    mut stop: watch::Receiver<bool>,
    clock: Clock,
) -> Result<Walked, LoadError> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| LoadError::Setup { what: "the runtime", source })?;
    LocalSet::new().block_on(&runtime, async move {
        let context = Rc::new(Context::new(plan, clock.clone(), sink)?);
        let now = clock.now();
        let arrival = Arrival { index: 0, at_ns: 0 };
        let released = Released { load: 0, arrival, intended: now, dispatched: now };
        context.recorder.started(context.second_of(now));
        let vigil = context.vigil.clone();
        let mut buffer = Outgoing::default();
        let mut journey = Journey::new(Rc::clone(&context), released);
        journey.is_of(once.correlation_id());
        let journey = journey.run_once(&mut buffer);
        let mut walked = pin!(attended(&vigil, &clock, journey));
        tokio::select! {
            biased;
            walked = &mut walked => return Ok(walked),
            _ = stop.wait_for(|stop| *stop) => vigil.abort(),
        }
        Ok(walked.await)
    })
}

/// Runs `task`, and ends the waits in it whose time is over, as an engine does.
async fn attended<F: Future>(vigil: &Vigil, clock: &Clock, task: F) -> F::Output {
    let mut task = pin!(task);
    let mut sleep = pin!(tokio::time::sleep_until(clock.now() + LONG));
    std::future::poll_fn(|context| {
        loop {
            if let Poll::Ready(output) = task.as_mut().poll(context) {
                return Poll::Ready(output);
            }
            let wake = vigil.earliest().unwrap_or_else(|| clock.now() + LONG);
            if sleep.deadline() != wake {
                sleep.as_mut().reset(wake);
            }
            ready!(sleep.as_mut().poll(context));
            vigil.sweep(clock.now());
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use model::distribution::Distribution;
    use model::feeder::{Feeder, RowOrder};
    use model::load::LoadReply;
    use model::names::attribute;
    use opentelemetry_proto::tonic::common::v1::any_value::Value;

    use super::*;
    use crate::testing::{self, Act, Request, step};

    fn logging_in() -> Flow {
        let mut login = step("log in", "POST", "/login/${admins.name}");
        login.save.insert("token".into(), "header:x-token".parse().unwrap());
        login.think = Some(Distribution::Fixed { value_us: 20_000 });
        let mut check = step("check", "GET", "/me");
        check.headers.insert("authorization".into(), "Bearer ${token}".parse().unwrap());
        check.save.insert("id".into(), "/id".parse().unwrap());
        Flow::new("setup", vec![login, check])
    }

    async fn walked(
        answer: impl Fn(&Request) -> Act + Clone + Send + Sync + 'static,
        stop: bool,
    ) -> Result<BTreeMap<String, String>, LoadError> {
        let peer = testing::serve(move |request| {
            let act = answer(&request);
            async { act }
        });
        let peer = peer.await;
        let mut plan = testing::plan(peer.address);
        let rows = vec![vec!["root".to_owned()]];
        let (name, columns) = ("admins".into(), vec!["name".into()]);
        plan.feeders.push(Feeder { name, order: RowOrder::Sequential, columns, rows });
        let (_sender, receiver) = watch::channel(stop);
        walk_once(&plan, (Once::SetUp, &logging_in()), receiver, Clock::system()).await
    }

    fn server(request: &Request) -> Act {
        match request.path.as_str() {
            "/login/root" => Act::with_headers(200, "X-Token: t-1\r\n", ""),
            _ if request.header("authorization") == Some("Bearer t-1") => {
                Act::json(200, r#"{"id":7}"#)
            },
            _ => Act::json(401, "{}"),
        }
    }

    #[tokio::test]
    async fn what_the_steps_save_is_given_back() {
        let saved = walked(server, false).await.unwrap();
        let expected = [("id", "7"), ("token", "t-1")];
        assert_eq!(saved, expected.map(|(name, value)| (name.into(), value.into())).into());
    }

    #[tokio::test]
    async fn the_spans_are_one_trace_that_says_what_it_belongs_to() {
        let (backend, collected) = testing::collector(|_| LoadReply::Continue).await;
        let mut ids = Vec::new();
        for once in [Once::SetUp, Once::TearDown] {
            let peer = testing::serve(|request| {
                let act = server(&request);
                async { act }
            });
            let peer = peer.await;
            let mut plan = testing::plan(peer.address);
            plan.otlp = Some(format!("http://{}", backend.address));
            let rows = vec![vec!["root".to_owned()]];
            let (name, columns) = ("admins".into(), vec!["name".into()]);
            plan.feeders.push(Feeder { name, order: RowOrder::Sequential, columns, rows });
            let (_sender, stop) = watch::channel(false);
            let flow = Flow { name: once.as_str().into(), ..logging_in() };
            walk_once(&plan, (once, &flow), stop, Clock::system()).await.unwrap();
            let spans = std::mem::take(&mut collected.lock().unwrap().spans);
            assert_eq!(spans.len(), 3, "a journey and two requests");
            for span in &spans {
                assert_eq!(span.trace_id, spans[0].trace_id);
                let text = |key: &str| {
                    let found = span.attributes.iter().find(|pair| pair.key == key).unwrap();
                    match found.value.as_ref().unwrap().value.as_ref().unwrap() {
                        Value::StringValue(text) => text.clone(),
                        other => panic!("{other:?}"),
                    }
                };
                assert_eq!(text(attribute::LOAD_ONCE), once.as_str());
                ids.push(text(attribute::CORRELATION_ID));
            }
        }
        ids.dedup();
        assert_eq!(ids, ["uffffff-000000", "uffffff-000001"]);
    }

    #[tokio::test]
    async fn a_failure_names_the_flow_the_step_and_the_reason() {
        let refused = walked(|_: &Request| Act::json(503, "{}"), false).await.unwrap_err();
        assert_eq!(refused.to_string(), "the flow \"setup\" failed at \"log in\": status 503");
        let lacking = walked(|_: &Request| Act::json(200, "{}"), false).await.unwrap_err();
        assert!(lacking.to_string().ends_with("\"log in\": answer_lacks_value"), "{lacking}");
    }

    #[tokio::test]
    async fn a_stop_ends_even_what_is_never_answered() {
        let stopped = walked(|_: &Request| Act::Hang, true).await.unwrap_err();
        assert!(stopped.to_string().ends_with("load_stopped"), "{stopped}");
    }
}
