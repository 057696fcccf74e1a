//! Following one hit from the span that it acted on up to the user.

use std::collections::BTreeMap;

use model::names::attribute;
use model::trace::{Node, Tree, UserRequest, attribute_text, is_attempt, is_request};
use serde::{Deserialize, Serialize};

/// What a hit did to the request of a user; the worst comes last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// It acted on work that the user did not wait for.
    Background,
    /// Nothing failed; at most it took longer.
    Slowed,
    /// Something failed, and a retry or a fallback hid it from the user.
    Absorbed,
    /// The request failed, but what the hit did had been absorbed before.
    FailedOtherwise,
    /// The request failed, and every span from the hit up to the user failed with it.
    Failed,
}

impl Fate {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Background => "background",
            Self::Slowed => "slowed",
            Self::Absorbed => "absorbed",
            Self::FailedOtherwise => "failed otherwise",
            Self::Failed => "failed",
        }
    }
}

/// One hit, and how far its effect went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Followed {
    pub(super) fate: Fate,
    /// Where the failure ended, when it did.
    pub(super) absorbed_by: Option<String>,
    /// Services that had to wait for it; true for those whose work failed because of it.
    pub(super) reached: BTreeMap<String, bool>,
}

pub(super) fn follow(tree: &Tree<'_>, hit: usize, request: UserRequest) -> Followed {
    let up: Vec<usize> = std::iter::once(hit).chain(tree.ancestors(hit)).collect();
    let end = up.iter().position(|at| *at == request.outer).map_or(up.len(), |at| at + 1);
    let chain = &up[..end];
    let waited = chain.windows(2).take_while(|pair| waits(tree, pair[0], pair[1])).count() + 1;
    let failed = failed_part(tree, chain);
    let mut reached = BTreeMap::new();
    for (place, at) in chain[..waited].iter().enumerate() {
        let span = tree.nodes[*at].span;
        if !is_request(span) && !is_attempt(span) {
            let has_failed: &mut bool = reached.entry(span.service.clone()).or_default();
            *has_failed |= failed.contains(&place);
        }
    }
    if waited < chain.len() {
        return Followed { fate: Fate::Background, absorbed_by: None, reached };
    }
    let has_reached_user = failed.end == chain.len();
    let absorbed_by =
        (!failed.is_empty() && !has_reached_user).then(|| absorber(tree, chain[failed.end]));
    let fate = match (request.failed(tree), failed.is_empty(), has_reached_user) {
        (true, false, true) => Fate::Failed,
        (true, ..) => Fate::FailedOtherwise,
        (false, true, _) => Fate::Slowed,
        (false, false, _) => Fate::Absorbed,
    };
    Followed { fate, absorbed_by, reached }
}

/// Did the parent wait for this child, or did it go on in the background?
fn waits(tree: &Tree<'_>, child: usize, parent: usize) -> bool {
    let (child, parent) = (&tree.nodes[child], &tree.nodes[parent]);
    let is_call = matches!(child.span.kind.as_str(), "client" | "server");
    child.start_unix_ns < parent.end_unix_ns && (is_call || child.end_unix_ns <= parent.end_unix_ns)
}

/// The places in the chain that failed because of the hit, from the lowest up without a gap.
fn failed_part(tree: &Tree<'_>, chain: &[usize]) -> std::ops::Range<usize> {
    let node = |place: usize| &tree.nodes[chain[place]];
    let lowest = (0..chain.len()).find(|place| node(*place).span.error);
    // A span that failed above one that did not, failed because of it only if it gave up waiting.
    let caused = lowest.filter(|place| *place == 0 || gave_up(node(place - 1), node(*place)));
    let Some(first) = caused else { return 0..0 };
    let length = (first..chain.len()).take_while(|place| node(*place).span.error).count();
    first..first + length
}

fn gave_up(child: &Node<'_>, parent: &Node<'_>) -> bool {
    child.end_unix_ns > parent.end_unix_ns
}

/// What kept a failure from going up: the span that succeeded above it says how.
fn absorber(tree: &Tree<'_>, at: usize) -> String {
    let node = &tree.nodes[at];
    let attempts =
        node.children.iter().filter(|child| is_attempt(tree.nodes[**child].span)).count();
    match attribute_text(node.span, attribute::EDGE) {
        Some(edge) if attempts > 1 => format!("retry on {edge}"),
        Some(edge) => format!("gateway on {edge}"),
        None if repeated(tree, node) => format!("retry in {}", node.span.service),
        None => format!("fallback in {}", node.span.service),
    }
}

/// Did this span make a call again that had failed?
fn repeated(tree: &Tree<'_>, node: &Node<'_>) -> bool {
    let good = |at: &usize| !tree.nodes[*at].span.error;
    node.children.iter().any(|at| model::trace::is_repeat(tree.nodes[*at].span) && good(at))
}
