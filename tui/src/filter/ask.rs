//! The part of a filter that the collector can answer by itself.
//!
//! Only what must hold in any case is asked: terms that stand alone or are joined by and. The
//! whole filter is matched over the answer, so what is asked may be less than what is wanted,
//! never more.

use model::edge::Edge;
use model::id::CorrelationId;

use super::value::{Op, Want};
use super::{Filter, FilterError, Node, Test};
use crate::ask::{LogsQuestion, TracesQuestion};

/// Fields that only the collector knows can be asked in one way only.
pub(super) fn check(root: &Node) -> Result<(), FilterError> {
    let mut seen: Vec<&'static str> = Vec::new();
    for node in certain(root) {
        let Node::Test(test) = node else {
            refuse(node)?;
            continue;
        };
        if !test.field.asked {
            continue;
        }
        if seen.contains(&test.field.name) || test.op != Op::Is || half_an_edge(test) {
            return Err(misplaced(test));
        }
        seen.push(test.field.name);
    }
    Ok(())
}

fn half_an_edge(test: &Test) -> bool {
    matches!(&test.want, Want::Edge(caller, callee) if caller.is_empty() || callee.is_empty())
}

fn refuse(node: &Node) -> Result<(), FilterError> {
    match node {
        Node::All(nodes) | Node::Any(nodes) => nodes.iter().try_for_each(refuse),
        Node::Not(node) => refuse(node),
        Node::Test(test) if test.field.asked => Err(misplaced(test)),
        Node::Test(_) | Node::Words(_) | Node::Pattern(_) => Ok(()),
    }
}

fn misplaced(test: &Test) -> FilterError {
    let name = test.field.name;
    let whole = if half_an_edge(test) { " with caller and callee" } else { "" };
    let message = format!(
        "only the collector knows \"{name}\": write it once, with ={whole}, neither under \"or\" nor after !"
    );
    FilterError { column: test.column, message }
}

/// Terms that must all hold.
fn certain(root: &Node) -> Vec<&Node> {
    match root {
        Node::All(nodes) => nodes.iter().flat_map(certain).collect(),
        other => vec![other],
    }
}

impl Filter {
    fn tests(&self) -> impl Iterator<Item = &Test> {
        certain(&self.root).into_iter().filter_map(|node| match node {
            Node::Test(test) => Some(test),
            _ => None,
        })
    }

    /// What to ask for a list of traces. Time, order and limit are the caller's.
    pub fn traces(&self) -> TracesQuestion {
        let mut question = TracesQuestion::default();
        for Test { field, op, want, .. } in self.tests() {
            match (field.name, op, want) {
                ("edge", Op::Is, Want::Edge(caller, callee)) => {
                    question.edge = Some(Edge::new(caller, callee));
                },
                ("svc", Op::Is, Want::Text(text)) => question.service = Some(text.clone()),
                ("span", Op::Is, Want::Text(text)) => question.name = Some(text.clone()),
                ("route", Op::Is, Want::Text(text)) => question.route = Some(text.clone()),
                ("fault", Op::Is, Want::Text(text)) => question.fault = Some(text.clone()),
                ("corr", Op::Is, Want::Text(text)) => {
                    question.correlation_id = CorrelationId::try_from(text.clone()).ok();
                },
                ("dur", Op::More | Op::AtLeast, Want::Number(ms)) => {
                    question.min_ms = Some(question.min_ms.map_or(*ms, |known| known.max(*ms)));
                },
                ("dur", Op::Less | Op::AtMost, Want::Number(ms)) => {
                    question.max_ms = Some(question.max_ms.map_or(*ms, |known| known.min(*ms)));
                },
                ("error", Op::Is, Want::Flag(flag)) => question.error = Some(*flag),
                _ => {},
            }
        }
        question
    }

    /// What to ask for log lines. Time and limit are the caller's.
    pub fn logs(&self) -> LogsQuestion {
        let mut question = LogsQuestion::default();
        for Test { field, op, want, .. } in self.tests() {
            match (field.name, op, want) {
                ("svc", Op::Is, Want::Text(text)) => question.service = Some(text.clone()),
                // Half an id cannot be asked for.
                ("trace", Op::Is, Want::Start(text)) => question.trace_id = text.parse().ok(),
                ("corr", Op::Is, Want::Text(text)) => {
                    question.correlation_id = CorrelationId::try_from(text.clone()).ok();
                },
                ("level", Op::Is | Op::AtLeast | Op::More, Want::Number(rank)) => {
                    let rank = *rank as i32;
                    let known = question.severity_min.unwrap_or(rank);
                    question.severity_min = Some(known.max(rank));
                },
                _ => {},
            }
        }
        question.contains = certain(&self.root).into_iter().find_map(|node| match node {
            Node::Words(words) => Some(words.clone()),
            _ => None,
        });
        question
    }
}
