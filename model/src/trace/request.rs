//! Which spans stand for requests, on which edge, and which of them the user felt.

use super::tree::Tree;
use crate::frame::Span;
use crate::id::CorrelationId;
use crate::names::attribute;

/// The text of an attribute; `None` when it is absent or no text.
pub fn attribute_text<'a>(span: &'a Span, name: &str) -> Option<&'a str> {
    span.attributes.get(name)?.as_str()
}

/// The correlation id of a span, by whichever of its names the service says it.
pub fn correlation_id(span: &Span) -> Option<&str> {
    let text = |name: &&str| {
        let value = span.attributes.get(*name)?;
        // Headers are lists.
        value.as_str().or_else(|| value.get(0)?.as_str()).filter(|id| CorrelationId::accepts(id))
    };
    attribute::CORRELATION_IDS.iter().find_map(text)
}

/// Is this a request as the gateway served it?
pub fn is_request(span: &Span) -> bool {
    span.kind == "server" && span.attributes.contains_key(attribute::EDGE)
}

/// Is this a call of the gateway to the callee?
pub fn is_attempt(span: &Span) -> bool {
    span.kind == "client" && span.attributes.contains_key(attribute::EDGE)
}

/// For each node the edge in whose service it was at work, as `caller -> callee`: that of the
/// nearest span at or above it which names one, or which was called from another service. `None`
/// above the first call.
pub fn edges_of(tree: &Tree<'_>) -> Vec<Option<String>> {
    let mut edges: Vec<Option<String>> = vec![None; tree.nodes.len()];
    for at in tree.roots.iter().flat_map(|root| tree.below(*root)) {
        let node = &tree.nodes[at];
        let named = attribute_text(node.span, attribute::EDGE);
        edges[at] = match (named, node.parent) {
            (Some(edge), _) => Some(edge.to_owned()),
            (None, None) => None,
            (None, Some(parent)) => {
                let caller = tree.nodes[parent].span;
                // Below an attempt of the gateway the edge is the attempt's.
                let is_gateway = caller.attributes.contains_key(attribute::EDGE);
                if caller.service == node.span.service || is_gateway {
                    edges[parent].clone()
                } else {
                    Some(format!("{} -> {}", caller.service, node.span.service))
                }
            },
        };
    }
    edges
}

/// A request as the user felt it: the outermost call above a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserRequest {
    /// The outermost client or server span: it holds the time that the user waited.
    pub outer: usize,
    /// The outermost server span, which answered; `outer` when none has come.
    pub entry: usize,
}

impl UserRequest {
    /// The user's request above (or at) a span. Without any call above, it is the root.
    pub fn above(tree: &Tree<'_>, at: usize) -> Self {
        let mut request = Self { outer: at, entry: at };
        let (mut outer, mut entry) = (None, None);
        for here in std::iter::once(at).chain(tree.ancestors(at)) {
            request = Self { outer: here, entry: here };
            let node = &tree.nodes[here];
            if node.is("server") {
                entry = Some(here);
            }
            if node.is("server") || node.is("client") {
                outer = Some(here);
            }
        }
        let outer = outer.unwrap_or(request.outer);
        Self { outer, entry: entry.unwrap_or(outer) }
    }

    /// All requests of users in a trace, by start.
    pub fn all(tree: &Tree<'_>) -> Vec<Self> {
        let mut found = Vec::new();
        let mut waiting: Vec<usize> = tree.roots.clone();
        while let Some(at) = waiting.pop() {
            let node = &tree.nodes[at];
            if node.is("server") {
                found.push(Self { outer: at, entry: at });
            } else if node.is("client") {
                let answered = node.children.iter().find(|child| tree.nodes[**child].is("server"));
                found.push(Self { outer: at, entry: answered.copied().unwrap_or(at) });
            } else {
                waiting.extend(&node.children);
            }
        }
        found.sort_by_key(|request| request.outer);
        found
    }

    pub fn failed(&self, tree: &Tree<'_>) -> bool {
        tree.nodes[self.outer].span.error || tree.nodes[self.entry].span.error
    }

    /// What requests of the same sort have in common, for people: `load place order`,
    /// `gateway POST client -> orders`.
    pub fn sort(&self, tree: &Tree<'_>) -> String {
        let span = tree.nodes[self.outer].span;
        let edge = attribute_text(span, attribute::EDGE);
        [Some(span.service.as_str()), Some(span.name.as_str()), edge]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// Is the user of this request in the control group? `None` when the spans do not say.
pub fn is_control(tree: &Tree<'_>, request: UserRequest) -> Option<bool> {
    [request.outer, request.entry]
        .iter()
        .find_map(|at| tree.nodes[*at].span.attributes.get(attribute::CONTROL)?.as_bool())
}
