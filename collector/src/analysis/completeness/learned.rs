//! Which calls have a server span, learned from all of them: a callee that never sends spans is not
//! missing, one that sends them for most calls is.

use std::collections::BTreeMap;

use model::frame::Span;
use model::names::attribute;
use model::trace::{Node, Tree, attribute_text};

use super::Prepared;

/// Answered calls of one sort.
#[derive(Debug, Default)]
struct Answered {
    with_server: u64,
    without: u64,
}

/// Caller, name and edge.
type Sort<'a> = (&'a str, &'a str, Option<&'a str>);

#[derive(Debug)]
pub(super) struct Learned<'a>(BTreeMap<Sort<'a>, Answered>);

impl<'a> Learned<'a> {
    pub(super) fn of(prepared: &[Prepared<'a>]) -> Self {
        let mut sorts: BTreeMap<Sort<'a>, Answered> = BTreeMap::new();
        for sample in prepared {
            for node in sample.tree.nodes.iter().filter(|node| is_answered(node.span)) {
                let answered = sorts.entry(sort(node.span)).or_default();
                if has_server(&sample.tree, node) {
                    answered.with_server += 1;
                } else {
                    answered.without += 1;
                }
            }
        }
        Self(sorts)
    }

    /// Answered calls of a trace without the server span that most calls of their sort have.
    pub(super) fn servers_missing(&self, tree: &Tree<'a>) -> u64 {
        let usual =
            |span: &'a Span| self.0.get(&sort(span)).is_some_and(|it| it.with_server > it.without);
        let answered = tree.nodes.iter().filter(|node| is_answered(node.span));
        let without = answered.filter(|node| !has_server(tree, node));
        without.filter(|node| usual(node.span)).count() as u64
    }
}

fn sort(span: &Span) -> Sort<'_> {
    (&span.service, &span.name, attribute_text(span, attribute::EDGE))
}

/// A call that somebody must have served: an answer came, and no fault or gateway made it up.
fn is_answered(span: &Span) -> bool {
    span.kind == "client"
        && span.attributes.contains_key(attribute::HTTP_STATUS)
        && !span.attributes.contains_key(attribute::BLAME)
        && !span.attributes.contains_key(attribute::FAULT)
}

fn has_server(tree: &Tree<'_>, node: &Node<'_>) -> bool {
    node.children.iter().any(|child| tree.nodes[*child].span.kind == "server")
}
