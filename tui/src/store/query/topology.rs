//! Who calls whom: from frames and answers to what is shown.
//!
//! Edges come from the frames of the time that is shown; services that call each other with no
//! gateway between them are known from spans only, so the collector is asked for those.

use std::collections::{BTreeMap, BTreeSet};

use model::answer::CallRow;
use model::edge::Edge;
use model::hist::Tally;
use model::limits::EDGES_MAX;

use super::time::Times;
use super::{quantile_ms, rows};
use crate::ask::{Answer, Question};
use crate::derive::topology::Topology;
use crate::screen::topology::{EdgeNumbers, ServiceNumbers, TopologyQuery, TopologyView, UNLINKED};
use crate::screen::{Row, Subject};
use crate::store::Store;
use crate::store::answers::{Answers, Slot};

mod edge;

/// What has to be asked for it.
pub(super) fn questions(
    _store: &Store,
    _answers: &Answers,
    _times: &Times,
    _query: &TopologyQuery,
) -> Vec<(Slot, Question)> {
    vec![(Slot::Calls, Question::Calls)]
}

pub(super) fn build(
    store: &Store,
    answers: &Answers,
    times: &Times,
    query: &TopologyQuery,
) -> TopologyView {
    let known = numbers(store, answers, times);
    let all = known.len();
    let wanted = |edge: &EdgeNumbers| query.filter.as_ref().is_none_or(|it| it.matches(edge));
    let known: Vec<EdgeNumbers> = known.into_iter().filter(wanted).collect();
    let pairs: Vec<(&str, &str)> =
        known.iter().map(|it| (it.edge.caller.as_str(), it.edge.callee.as_str())).collect();
    let graph = Topology::of(&pairs, &[]);
    let edges: Vec<EdgeNumbers> =
        graph.links.iter().map(|link| known[link.calls[0]].clone()).collect();
    let tree = graph.tree();
    let selected = selected(store, times, query, &edges, &tree);
    TopologyView {
        asked: answers.state(Slot::Calls),
        services: services(store, times, &graph, &edges),
        open: selected.map(|link| edge::detail(store, times, &edges[link])),
        matrix: graph.matrix(),
        tree,
        graph,
        edges,
        all,
        selected,
    }
}

/// The edges of the frames that are shown with those that only spans tell, by caller and callee.
fn numbers(store: &Store, answers: &Answers, times: &Times) -> Vec<EdgeNumbers> {
    let counts = store.sums.counts.of(store, &(), (times.span().0, times.cursor_s));
    let mut found: BTreeSet<&Edge> = counts.iter().map(|(edge, _)| edge).collect();
    if let Some(frame) = store.at_or_before(times.cursor_s) {
        found.extend(frame.breakers.iter().map(|it| &it.edge));
        found.extend(frame.faults.iter().flat_map(|fault| &fault.edges));
    }
    let subjects: Vec<Subject> =
        found.into_iter().take(EDGES_MAX).map(|edge| Subject::Edge(edge.clone())).collect();
    let subjects: Vec<&Subject> = subjects.iter().collect();
    let mut by_edge: BTreeMap<Edge, EdgeNumbers> = BTreeMap::new();
    for row in rows::build(store, times, &subjects) {
        if let Subject::Edge(edge) = &row.subject {
            let edge = edge.clone();
            by_edge.insert(edge.clone(), EdgeNumbers { edge, row: Some(row), call: None });
        }
    }
    for call in calls(answers) {
        let caller = if call.caller.trim().is_empty() { UNLINKED } else { &call.caller };
        let edge = Edge::new(caller, call.callee.as_str());
        if by_edge.len() >= EDGES_MAX && !by_edge.contains_key(&edge) {
            continue;
        }
        let empty = || EdgeNumbers { edge: edge.clone(), row: None, call: None };
        by_edge.entry(edge.clone()).or_insert_with(empty).call = Some(call.clone());
    }
    by_edge.into_values().collect()
}

fn calls(answers: &Answers) -> &[CallRow] {
    match answers.get(Slot::Calls) {
        Some(Answer::Calls(calls)) => calls,
        _ => &[],
    }
}

/// The link of what all screens are about; else the one where a fault acts, else the first that
/// has requests to show, in the order of the tree.
fn selected(
    store: &Store,
    times: &Times,
    query: &TopologyQuery,
    edges: &[EdgeNumbers],
    tree: &[crate::derive::topology::TreeRow],
) -> Option<usize> {
    let order: Vec<usize> = tree.iter().filter_map(|row| row.link).collect();
    let subjects: Vec<Subject> =
        order.iter().map(|link| Subject::Edge(edges[*link].edge.clone())).collect();
    let subjects: Vec<&Subject> = subjects.iter().collect();
    let at_cursor = store.at_or_before(times.cursor_s);
    order.get(rows::selected(&subjects, query.selected.as_ref(), at_cursor)).copied()
}

fn services(
    store: &Store,
    times: &Times,
    graph: &Topology,
    edges: &[EdgeNumbers],
) -> Vec<ServiceNumbers> {
    let mut services = vec![ServiceNumbers::default(); graph.nodes.len()];
    let mut failed = vec![0.0; graph.nodes.len()];
    let mut durations = vec![Tally::default(); graph.nodes.len()];
    let window = rows::window(store, times);
    for (link, numbers) in graph.links.iter().zip(edges) {
        let Some(Row { per_s, error_percent, subject, .. }) = &numbers.row else { continue };
        services[link.from].out_per_s += per_s;
        services[link.to].in_per_s += per_s;
        failed[link.to] += per_s * error_percent.unwrap_or(0.0);
        if let Some(red) = window.of(subject) {
            durations[link.to].merge(&red.durations);
        }
    }
    for ((service, failed), durations) in services.iter_mut().zip(failed).zip(durations) {
        service.error_percent = (service.in_per_s > 0.0).then(|| failed / service.in_per_s);
        service.p99_ms = quantile_ms(&durations.histogram(), 0.99);
    }
    services
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::filter::{Filter, fields};
    use crate::recording;
    use crate::screen::ViewQuery;

    fn built(calls: &[(&str, &str)], query: &TopologyQuery) -> TopologyView {
        let mut store = Store::default();
        for frame in recording::until(52) {
            store.insert(Arc::new(frame));
        }
        let times = Times::of(&store, &ViewQuery { columns: 46, ..ViewQuery::default() }).unwrap();
        let mut answers = Answers::default();
        answers.to_ask(questions(&store, &answers, &times, query), false);
        let row = |(caller, callee): &(&str, &str)| CallRow {
            caller: (*caller).to_owned(),
            callee: (*callee).to_owned(),
            calls: 4,
            errors: 1,
            server: model::answer::Durations::default(),
            client: model::answer::Durations::default(),
        };
        answers.take(Slot::Calls, Ok(Answer::Calls(calls.iter().map(row).collect())));
        build(&store, &answers, &times, query)
    }

    fn edge<'a>(view: &'a TopologyView, caller: &str, callee: &str) -> &'a EdgeNumbers {
        let wanted = Edge::new(caller, callee);
        view.edges.iter().find(|it| it.edge == wanted).unwrap()
    }

    #[test]
    fn calls_that_a_gateway_counts_are_one_edge_with_its_requests() {
        let calls = [("orders", "payments"), ("payments", "ledger"), (" ", "mailer")];
        let view = built(&calls, &TopologyQuery::default());
        assert_eq!(view.edges.len(), 6 + 2);
        let both = edge(&view, "orders", "payments");
        assert!(both.row.is_some() && both.call.is_some());
        let spans = edge(&view, "payments", "ledger");
        assert_eq!((spans.row.as_ref(), spans.error_percent()), (None, Some(25.0)));
        assert!(edge(&view, UNLINKED, "mailer").call.is_some());
        let orders = view.graph.node("orders").unwrap();
        assert_eq!(view.services[orders].in_per_s.to_bits(), 60.0_f64.to_bits());
        assert_eq!(view.services[orders].out_per_s.to_bits(), 132.0_f64.to_bits());
    }

    #[test]
    fn the_edge_with_the_fault_is_selected_until_another_one_is() {
        let mut query = TopologyQuery::default();
        let open = |query: &TopologyQuery| built(&[], query).open.unwrap().numbers.edge.short();
        assert_eq!(open(&query), "orders>payments");
        query.selected = Some(Subject::Edge(Edge::new("client", "cart")));
        assert_eq!(open(&query), "client>cart");
        query.selected = Some(Subject::Flow("checkout".to_owned()));
        assert_eq!(open(&query), "orders>payments");
        query.filter = Filter::parse("svc=client p99<1s", &fields::TOPOLOGY).ok();
        assert_eq!(open(&query), "client>cart", "what a filter hides cannot be selected");
        let view = built(&[], &query);
        assert_eq!((view.edges.len(), view.all), (2, 6));
    }
}
