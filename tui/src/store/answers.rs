//! Answers to what screens have asked, and what is to be asked next.
//!
//! One place for each kind of question; a new answer replaces the old one. While an answer is on
//! its way, the question that is wanted may change: then the old answer stays on the screen until
//! the next one comes. A question that failed is asked again when a frame comes or when it has
//! changed, not on a timer.

use std::collections::BTreeMap;

use crate::ask::{Answer, AskError, Question};
use crate::screen::Asked;

/// What an answer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Slot {
    /// The list of traces.
    Traces,
    /// The open trace.
    Trace,
    /// The trace that the open one is compared with.
    Compared,
    /// The list of log lines.
    Logs,
    /// Lines around the selected one.
    Context,
    /// Calls between services.
    Calls,
}

#[derive(Debug, Default)]
struct Place {
    /// What is being asked, or was asked last.
    asked: Option<Question>,
    waiting: bool,
    answer: Option<(Question, Answer)>,
    failed: Option<AskError>,
}

#[derive(Debug, Default)]
pub struct Answers {
    places: BTreeMap<Slot, Place>,
}

impl Answers {
    /// The questions among those wanted that have to be asked now; they count as asked from here
    /// on. `again` asks also those that have failed.
    pub fn to_ask(&mut self, wanted: Vec<(Slot, Question)>, again: bool) -> Vec<(Slot, Question)> {
        let mut out = Vec::new();
        for (slot, question) in wanted {
            let place = self.places.entry(slot).or_default();
            let known = place.asked.as_ref() == Some(&question);
            if place.waiting || (known && !(again && place.failed.is_some())) {
                continue;
            }
            place.asked = Some(question.clone());
            place.waiting = true;
            out.push((slot, question));
        }
        out
    }

    pub fn take(&mut self, slot: Slot, outcome: Result<Answer, AskError>) {
        let place = self.places.entry(slot).or_default();
        place.waiting = false;
        let Some(question) = place.asked.clone() else { return };
        match outcome {
            Ok(answer) => {
                place.answer = Some((question, answer));
                place.failed = None;
            },
            Err(error) => place.failed = Some(error),
        }
    }

    /// Forgets an answer, so that its question is asked anew.
    pub fn expire(&mut self, slot: Slot) {
        if let Some(place) = self.places.get_mut(&slot).filter(|place| !place.waiting) {
            place.asked = None;
        }
    }

    /// The newest answer, whatever exactly it was asked for.
    pub fn get(&self, slot: Slot) -> Option<&Answer> {
        Some(&self.places.get(&slot)?.answer.as_ref()?.1)
    }

    /// The newest answer and its question.
    pub fn with_question(&self, slot: Slot) -> Option<(&Question, &Answer)> {
        let (question, answer) = self.places.get(&slot)?.answer.as_ref()?;
        Some((question, answer))
    }

    pub fn state(&self, slot: Slot) -> Asked {
        let Some(place) = self.places.get(&slot) else { return Asked::Waiting };
        match (&place.failed, &place.answer) {
            (Some(error), _) => Asked::Failed(error.to_string()),
            (None, Some(_)) => Asked::Answered,
            (None, None) => Asked::Waiting,
        }
    }

    /// Everything, because it is about another run.
    pub fn clear(&mut self) {
        self.places.retain(|_, place| place.waiting);
        for place in self.places.values_mut() {
            (place.asked, place.answer, place.failed) = (None, None, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(number: u8) -> Question {
        Question::Trace(format!("{number:032x}").parse().unwrap())
    }

    fn ask(answers: &mut Answers, number: u8, again: bool) -> usize {
        answers.to_ask(vec![(Slot::Trace, trace(number))], again).len()
    }

    #[test]
    fn a_question_is_asked_once_and_another_one_waits_for_the_answer() {
        let mut answers = Answers::default();
        assert_eq!(ask(&mut answers, 1, true), 1);
        assert_eq!(ask(&mut answers, 1, true), 0);
        assert_eq!(ask(&mut answers, 2, true), 0, "one at a time");
        assert_eq!(answers.state(Slot::Trace), Asked::Waiting);
        answers.take(Slot::Trace, Ok(Answer::Trace(None)));
        assert_eq!(answers.state(Slot::Trace), Asked::Answered);
        assert_eq!(ask(&mut answers, 2, false), 1);
        assert_eq!(answers.with_question(Slot::Trace).unwrap().0, &trace(1));
    }

    #[test]
    fn a_failed_question_is_asked_again_only_when_something_has_happened() {
        let mut answers = Answers::default();
        ask(&mut answers, 1, false);
        answers.take(Slot::Trace, Err(AskError("nobody answers".to_owned())));
        assert_eq!(answers.state(Slot::Trace), Asked::Failed("nobody answers".to_owned()));
        assert_eq!(ask(&mut answers, 1, false), 0);
        assert_eq!(ask(&mut answers, 1, true), 1);
        answers.take(Slot::Trace, Ok(Answer::Trace(None)));
        answers.expire(Slot::Trace);
        assert_eq!(ask(&mut answers, 1, false), 1);
    }

    #[test]
    fn an_answer_of_another_run_is_not_kept() {
        let mut answers = Answers::default();
        ask(&mut answers, 1, false);
        answers.clear();
        answers.take(Slot::Trace, Ok(Answer::Trace(None)));
        assert_eq!(answers.get(Slot::Trace), None);
        assert_eq!(ask(&mut answers, 1, false), 1);
    }
}
