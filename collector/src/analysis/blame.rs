//! Whose time it was, over many requests: by service, edge and kind of work, at a quantile, apart
//! for each phase and for requests that a fault has touched.

use std::collections::BTreeMap;

use model::edge::Edge;
use model::id::TraceId;
use model::names::attribute;
use model::phase::Phase;
use model::trace::{
    Blame, BlameLine, BlameShare, Findings, attribute_text, explain, is_request, quantile_band,
};
use serde::{Deserialize, Serialize};

use super::sample::{Gathered, Prepared, RunTime, SampleSize, findings};

/// Traces named as examples of a group.
const EXAMPLES_MAX: usize = 5;

/// Which requests; what is not given does not matter.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BlameQuery {
    /// The requests of this edge, as the gateway served them. Else whole traces.
    pub edge: Option<Edge>,
    /// Of the start of the request.
    pub phase: Option<Phase>,
    /// 0 to 1: only the requests around this quantile of duration, in each group.
    pub quantile: Option<f64>,
    /// Most traces that are read.
    pub limit: Option<usize>,
}

/// Blame over the requests that were asked for, as a whole and by group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BlameReport {
    pub query: BlameQuery,
    pub traces: SampleSize,
    pub findings: Findings,
    /// All together first, then each phase by whether a fault touched the request.
    pub groups: Vec<BlameGroup>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BlameGroup {
    /// `None` for all phases together, and for runs without a timeline.
    pub phase: Option<Phase>,
    /// Did a fault act in the request before it ended? `None` for both together.
    pub hit: Option<bool>,
    /// Requests of the group.
    pub requests: u64,
    /// Requests that are added up: all, or those around the quantile.
    pub counted: u64,
    /// Their durations together, which is the sum of `lines`, of `services`, of `edges` and of
    /// `work`.
    pub total_ns: u64,
    /// Shortest and longest of the counted ones.
    pub min_ns: u64,
    pub max_ns: u64,
    pub services: Vec<BlameShare>,
    pub edges: Vec<BlameShare>,
    pub work: Vec<BlameShare>,
    pub lines: Vec<BlameLine>,
    /// The longest of the counted ones.
    pub examples: Vec<TraceId>,
}

/// One request of the question.
#[derive(Debug, Clone, Copy)]
struct Asked<'a, 'b> {
    sample: &'a Prepared<'b>,
    node: usize,
    duration_ns: u64,
    phase: Option<Phase>,
    hit: bool,
}

pub fn blame(gathered: &Gathered, run: &RunTime, query: &BlameQuery) -> BlameReport {
    let prepared = gathered.prepared();
    let mut asked: Vec<Asked<'_, '_>> = prepared
        .iter()
        .flat_map(|sample| requests_of(sample, run, query))
        .filter(|it| query.phase.is_none_or(|phase| it.phase == Some(phase)))
        .collect();
    asked.sort_by_key(|it| (it.duration_ns, it.sample.trace_id, it.node));
    let mut by_group: BTreeMap<(Option<Phase>, bool), Vec<Asked<'_, '_>>> = BTreeMap::new();
    for it in &asked {
        by_group.entry((it.phase, it.hit)).or_default().push(*it);
    }
    let whole = group(&asked, query, (query.phase, None));
    let parts =
        by_group.iter().map(|((phase, hit), members)| group(members, query, (*phase, Some(*hit))));
    BlameReport {
        query: query.clone(),
        traces: gathered.size(),
        findings: findings(&prepared),
        groups: std::iter::once(whole).chain(parts).collect(),
    }
}

fn requests_of<'a, 'b>(
    sample: &'a Prepared<'b>,
    run: &RunTime,
    query: &BlameQuery,
) -> Vec<Asked<'a, 'b>> {
    let tree = &sample.tree;
    let nodes: Vec<usize> = match &query.edge {
        None => tree.root().into_iter().collect(),
        Some(edge) => {
            let edge = edge.to_string();
            let on_edge = |at: &usize| {
                let span = tree.nodes[*at].span;
                is_request(span) && attribute_text(span, attribute::EDGE) == Some(edge.as_str())
            };
            (0..tree.nodes.len()).filter(on_edge).collect()
        },
    };
    nodes
        .into_iter()
        .map(|node| Asked {
            sample,
            node,
            duration_ns: tree.nodes[node].duration_ns(),
            phase: run.phase_at(tree.nodes[node].start_unix_ns),
            hit: is_hit(sample, node),
        })
        .collect()
}

/// Did a fault act in or below this span before it ended?
fn is_hit(sample: &Prepared<'_>, of: usize) -> bool {
    let tree = &sample.tree;
    let hits = sample.ledger.iter().filter(|entry| entry.hit);
    hits.filter_map(|entry| tree.find(entry.span_id?)).any(|at| {
        tree.nodes[at].start_unix_ns < tree.nodes[of].end_unix_ns
            && (at == of || tree.ancestors(at).any(|above| above == of))
    })
}

/// The members are in order of duration.
fn group(
    members: &[Asked<'_, '_>],
    query: &BlameQuery,
    (phase, hit): (Option<Phase>, Option<bool>),
) -> BlameGroup {
    let counted = match query.quantile {
        None => members,
        Some(quantile) => {
            let band = quantile_band(members.len(), quantile);
            &members[band.first..band.end]
        },
    };
    let mut blame = Blame::default();
    for it in counted {
        blame.add(&it.sample.tree, &explain(&it.sample.tree, it.node, &it.sample.ledger));
    }
    BlameGroup {
        phase,
        hit,
        requests: members.len() as u64,
        counted: blame.requests(),
        total_ns: blame.total_ns(),
        min_ns: counted.first().map_or(0, |it| it.duration_ns),
        max_ns: counted.last().map_or(0, |it| it.duration_ns),
        services: blame.by(|key| key.service.clone()),
        edges: blame.by(|key| key.edge.clone().unwrap_or_else(|| "none".to_owned())),
        work: blame.by(|key| key.work.as_str().to_owned()),
        lines: blame.lines(),
        examples: counted.iter().rev().take(EXAMPLES_MAX).map(|it| it.sample.trace_id).collect(),
    }
}
