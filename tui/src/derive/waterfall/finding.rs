//! What is odd about a trace, as sentences.

use model::trace::Tree;

use crate::derive::words::{counted, duration, safe};

/// Names in one sentence.
const NAMES_MAX: usize = 3;

pub(super) fn sentences(tree: &Tree<'_>) -> Vec<String> {
    let found = &tree.findings;
    let loose = |orphans: bool| {
        let nodes = tree.nodes.iter().filter(|node| if orphans { node.orphan } else { node.cut });
        let mut names: Vec<&str> = nodes.map(|node| node.span.service.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let more = names.len().saturating_sub(NAMES_MAX);
        let shown: Vec<String> = names.iter().take(NAMES_MAX).map(|name| safe(name)).collect();
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{}{rest}", shown.join(", "))
    };
    let table = [
        (
            found.orphans,
            format!("{} without the parent it names, of {}", spans(found.orphans), loose(true)),
        ),
        (
            found.cycles,
            format!("{} of parents, cut at {}", counted(found.cycles, "circle"), loose(false)),
        ),
        (found.duplicates, format!("{} came twice; one of each is shown", spans(found.duplicates))),
        (
            found.shared_ids,
            format!("{} shared with the client", counted(found.shared_ids, "server span id")),
        ),
        (
            found.shifted,
            format!(
                "{} moved by up to {}: clocks disagree",
                spans(found.shifted),
                duration(found.shift_ns_max)
            ),
        ),
        (found.overruns, format!("{} ended after the parent", spans(found.overruns))),
        (found.detached, format!("{} began after the parent had ended", spans(found.detached))),
        (
            found.roots.saturating_sub(1),
            format!("{} without a parent: no single root", spans(found.roots)),
        ),
    ];
    table.into_iter().filter(|(count, _)| *count > 0).map(|(_, sentence)| sentence).collect()
}

fn spans(count: u64) -> String {
    counted(count, "span")
}
