//! Does the answer hold what the step asks of it? What it saves is saved here.

use std::borrow::Cow;
use std::time::Duration;

use model::flow::{Condition, Operand, Seen};
use model::load::Acknowledged;
use model::template::Template;

use super::{At, Journey};
use crate::client::{Exchange, Failure};
use crate::fill::Fill;
use crate::flow::answer::Answer;
use crate::plan::ResolvedStep;

impl Journey {
    /// Whether what the step waits for is still not there, which is only no failure when there may
    /// be another turn. Every turn is checked; values are saved as they are there, and all of them
    /// must be in the end. Whether each check held is added to `checked`.
    pub(super) fn judged(
        &mut self,
        at: At<'_>,
        exchange: &Exchange,
        (latency, may_repeat): (Duration, bool),
        checked: &mut Vec<bool>,
    ) -> Result<bool, Failure> {
        let step = at.step;
        let body = exchange.end.as_ref().map_err(|failure| *failure)?;
        let status = exchange.status.unwrap_or_default();
        if !step.accepts(status) {
            return Err(Failure::Status(status));
        }
        let mut waiting = false;
        if !step.looks_at_status_alone() {
            let answer = Answer::new(status, &exchange.head, body);
            let fill = self.fill(at.place);
            let holds = |condition: &Condition| holds_of(condition, fill, &answer, latency);
            checked.extend(step.check.iter().map(holds));
            if checked.contains(&false) {
                return Err(Failure::Check);
            }
            waiting = !step.turns.until.iter().all(holds);
            self.save(step, &answer, waiting)?;
        }
        if waiting {
            return if may_repeat { Ok(true) } else { Err(Failure::Never) };
        }
        self.acknowledge(step);
        Ok(false)
    }

    fn save(
        &mut self,
        step: &ResolvedStep,
        answer: &Answer<'_>,
        waiting: bool,
    ) -> Result<(), Failure> {
        for (name, place) in &step.save {
            match answer.find(place) {
                Some(value) => drop(self.saved.insert(name.clone(), value.into_owned())),
                None if waiting => {},
                None => return Err(Failure::Unsaved),
            }
        }
        Ok(())
    }

    fn acknowledge(&self, step: &ResolvedStep) {
        let Some(value) = step.acknowledges.as_ref().and_then(|name| self.saved.get(name)) else {
            return;
        };
        self.context.recorder.acknowledged(Acknowledged {
            value: value.clone(),
            correlation_id: self.identity.correlation_id.clone(),
            trace_id: self.identity.trace_id,
        });
    }
}

/// Of a condition that is asked before there is an answer.
pub(super) fn holds_before(condition: &Condition, fill: Fill<'_>) -> bool {
    let plain = |template: &Template| fill.plain(template).map(Cow::into_owned);
    let left = match &condition.left {
        Operand::Text(template) => plain(template),
        Operand::Latency | Operand::Answer(_) => None,
    };
    let seen = left.as_deref().map_or(Seen::Nothing, Seen::Text);
    condition.holds(seen, &plain)
}

fn holds_of(condition: &Condition, fill: Fill<'_>, answer: &Answer<'_>, latency: Duration) -> bool {
    let plain = |template: &Template| fill.plain(template).map(Cow::into_owned);
    let place = match &condition.left {
        Operand::Latency => {
            return condition.holds(Seen::Time(latency), &plain);
        },
        Operand::Text(_) => return holds_before(condition, fill),
        Operand::Answer(place) => place,
    };
    let left = answer.find(place);
    let seen = left.as_deref().map_or(Seen::Nothing, Seen::Text);
    condition.holds(seen, &plain)
}
