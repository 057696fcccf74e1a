//! What the screens of load, faults and verdicts show beside what all screens share.

use model::frame::Verdict;
use serde_json::{Value, json};

use super::{fault, of_subject, quantiles, verdict};
use crate::derive::budget::{Budget, Limit};
use crate::screen::faults::{Effect, FaultDetail, FaultsView, Moment, Reach, Stretch};
use crate::screen::load::{LoadMoment, LoadRow, LoadView, PERCENTILES};
use crate::screen::verdicts::{VerdictRow, VerdictsView};
use crate::screen::{Axis, DetailView, Snapshot};

/// By the name of the screen; `None` where the shared part says it all.
pub(super) fn detail(snapshot: &Snapshot) -> Option<Value> {
    let axis = &snapshot.axis;
    Some(match &snapshot.detail {
        DetailView::Load(view) => load(view, axis),
        DetailView::Faults(view) => faults(view, axis),
        DetailView::Verdicts(view) => verdicts(view, axis),
        _ => return None,
    })
}

/// Columns with data, each with the time of its last second since the start of the run.
fn columns<T>(
    axis: &Axis,
    columns: impl IntoIterator<Item = Option<T>>,
    told: impl Fn(T) -> Value,
) -> Vec<Value> {
    let clock_s = |column: usize| {
        let after = column.saturating_sub(axis.cursor) as u64 * axis.column_s;
        let before = axis.cursor.saturating_sub(column) as u64 * axis.column_s;
        let clock_s = axis.cursor_clock_s.saturating_add(after).checked_signed_diff(before);
        clock_s.unwrap_or(i64::MIN)
    };
    let with_time = columns.into_iter().enumerate().filter_map(|(column, data)| {
        let mut value = told(data?);
        value["clock_s"] = clock_s(column).into();
        Some(value)
    });
    with_time.collect()
}

fn load(view: &LoadView, axis: &Axis) -> Value {
    let curves = view.spectrum.curves.iter().map(|curve| {
        let values = PERCENTILES.iter().zip(&curve.values_ms);
        let values = values.map(|((_, name), ms)| (format!("p{}_ms", name.replace('.', "_")), ms));
        let mut value: Value =
            values.map(|(name, ms)| (name, json!(ms))).collect::<serde_json::Map<_, _>>().into();
        value["name"] = curve.name.into();
        value["count"] = curve.count.into();
        value
    });
    let has_data = |moment: &LoadMoment| (*moment != LoadMoment::default()).then_some(*moment);
    json!({
        "model": view.model,
        "seconds": view.seconds,
        "rows": view.rows.iter().map(load_row).collect::<Vec<_>>(),
        "selected": view.rows.get(view.selected).map(|row| json!({
            "flow": row.item.flow,
            "step": row.item.step,
            "percentiles": curves.collect::<Vec<_>>(),
        })),
        "now": load_moment(view.now),
        "moments": columns(axis, view.moments.iter().map(has_data), load_moment),
    })
}

fn load_row(row: &LoadRow) -> Value {
    let outcomes = row.outcomes.iter();
    let mut value = json!({
        "flow": row.item.flow,
        "step": row.item.step,
        "count": row.count,
        "per_s": row.per_s,
        "error_percent": row.error_percent,
        "failed": outcomes
            .map(|(outcome, count)| (outcome.as_str().to_owned(), json!(count)))
            .collect::<serde_json::Map<_, _>>(),
    });
    quantiles(&mut value, row.quantiles_ms);
    value
}

fn load_moment(moment: LoadMoment) -> Value {
    let [late_p50, late_p99] = moment.late_ms;
    let [control, exposed, hit] = moment.groups_p99_ms;
    json!({
        "offered_per_s": moment.offered_per_s,
        "completed_per_s": moment.completed_per_s,
        "failed_per_s": moment.failed_per_s,
        "in_flight": moment.in_flight,
        "lateness_p50_ms": late_p50,
        "lateness_p99_ms": late_p99,
        "connection_wait_p99_ms": moment.connection_ms,
        "cpu_cores": moment.cpu_cores,
        "validity": moment.validity,
        "control_p99_ms": control,
        "exposed_p99_ms": exposed,
        "hit_p99_ms": hit,
    })
}

fn faults(view: &FaultsView, axis: &Axis) -> Value {
    let rows = view.rows.iter().map(|row| {
        let mut value = fault(&row.lane);
        value["reach"] = reach(row.reach);
        let hits = row.hits.iter().copied();
        value["hits"] = columns(axis, hits, |per_s| json!({ "hits_per_s": per_s })).into();
        value
    });
    let selected = view.rows.get(view.selected).map(|row| row.lane.name.as_str());
    json!({
        "known": view.known,
        "rows": rows.collect::<Vec<_>>(),
        "selected": view.detail.as_ref().map(|detail| fault_detail(selected, detail)),
        "moments": view.moments.iter().map(moment).collect::<Vec<_>>(),
    })
}

fn fault_detail(name: Option<&str>, detail: &FaultDetail) -> Value {
    let windows = detail.windows.iter().map(|window| {
        json!({ "from_s": window.from_s, "to_s": window.to_s, "state": window.state.as_str() })
    });
    json!({
        "name": name,
        "edges": detail.edges.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "windows": windows.collect::<Vec<_>>(),
        "reach": reach(detail.reach),
        "events": detail.events.iter().map(moment).collect::<Vec<_>>(),
        "effect": detail.effect.as_ref().map(effect),
    })
}

fn reach(reach: Reach) -> Value {
    json!({ "hits": reach.hits, "requests": reach.requests, "percent": reach.percent() })
}

fn moment(moment: &Moment) -> Value {
    json!({ "unix_s": moment.unix_s, "clock_s": moment.clock_s, "text": moment.text })
}

fn effect(effect: &Effect) -> Value {
    const STRETCHES: [&str; 3] = ["before", "during", "after"];
    let named = |values: [Value; 3]| -> Value {
        let pairs = STRETCHES.into_iter().map(str::to_owned).zip(values);
        pairs.collect::<serde_json::Map<_, _>>().into()
    };
    let stretch = |it: Stretch| {
        json!({
            "requests_per_s": it.per_s,
            "error_percent": it.error_percent,
            "p50_ms": it.p50_ms,
            "p99_ms": it.p99_ms,
        })
    };
    let rows = effect.rows.iter().map(|row| {
        let mut value = named(row.stretches.map(stretch));
        of_subject(&mut value, &row.subject);
        value
    });
    let span = |span: Option<(u64, u64)>| json!(span.map(|(from, to)| [from, to]));
    json!({ "spans_s": named(effect.spans_s.map(span)), "rows": rows.collect::<Vec<_>>() })
}

fn verdicts(view: &VerdictsView, axis: &Axis) -> Value {
    let counts = view.counts.iter().map(|(verdict, count)| (verdict.as_str().to_owned(), *count));
    let trend = view.trend.as_ref().map(|trend| {
        let columns = columns(axis, trend.columns.iter().copied(), |column| {
            json!({ "observed": trend.limit.written(column.value), "broken": column.broken })
        });
        json!({
            "expectation": view.rows.get(view.selected).map(|row| row.frame.text.as_str()),
            "limit": trend.limit.written(trend.limit.value),
            "columns": columns,
        })
    });
    json!({
        "known": view.known,
        "overall": view.overall.map(Verdict::as_str),
        "counts": counts.map(|(name, count)| (name, json!(count)))
            .collect::<serde_json::Map<_, _>>(),
        "rows": view.rows.iter().map(verdict_row).collect::<Vec<_>>(),
        "selected": trend,
    })
}

fn verdict_row(row: &VerdictRow) -> Value {
    let mut value = verdict(&row.frame);
    let limit = Limit::of(&row.frame.text);
    value["from_s"] = json!(row.window_s.map(|(from, _)| from));
    value["to_s"] = json!(row.window_s.map(|(_, to)| to).filter(|to| *to < u64::MAX));
    value["limit"] = json!(limit.map(|limit| limit.written(limit.value)));
    value["at_most"] = json!(limit.map(|limit| limit.at_most));
    value["used_percent"] = json!(row.budget.map(Budget::used).map(|used| used * 100.0));
    value["since_clock_s"] = json!(row.decided.as_ref().map(|decided| decided.clock_s));
    value["faults_then"] = json!(row.decided.as_ref().map(|decided| &decided.faults));
    value
}
