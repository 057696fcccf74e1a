//! The load generator at full length: from frames to what is shown.

use model::hist::{Histogram, Tally};
use model::load::{Group, Outcome};
use model::phase::Phase;

use super::sums::cells::{Cells, Ended, GROUPS};
use super::sums::load::LoadSum;
use super::time::Times;
use super::{plot, quantile_ms, quantiles_ms};
use crate::screen::load::{
    LoadItem, LoadMoment, LoadQuery, LoadRow, LoadView, PERCENTILES, Spectrum, SpectrumCurve, Split,
};
use crate::store::Store;

pub(super) fn build(store: &Store, times: &Times, query: &LoadQuery) -> LoadView {
    let span = (times.since_start(times.span().0), times.cursor_s);
    let shown = || store.between(span.0, span.1);
    let seconds = shown().count() as u64;
    let cells = store.sums.cells.of(store, &(), span);
    let rows = rows(&cells, seconds);
    let wanted = query.selected.as_ref();
    let selected = wanted.and_then(|wanted| rows.iter().position(|row| row.item == *wanted));
    let selected = selected.unwrap_or(0);
    let ended = cells.0.iter().nth(selected).map(|(_, ended)| ended);
    let sum = |span| store.sums.load.of(store, &(), span);
    let last = shown().rev().map(|frame| &frame.load);
    LoadView {
        model: last.into_iter().find(|load| load.validity.is_some()).map(|load| load.model),
        moments: times
            .plot_columns()
            .map(|span| span.map(|span| moment(&sum(span))).unwrap_or_default())
            .collect(),
        now: moment(&sum(times.window())),
        spectrum: ended.map(|ended| spectrum(ended, query.split)).unwrap_or_default(),
        rows,
        selected,
        seconds,
    }
}

/// Several seconds of all flows together.
fn moment(sum: &LoadSum) -> LoadMoment {
    if sum.seconds == 0 {
        return LoadMoment::default();
    }
    let per_s = |count: u64| Some(count as f64 / sum.seconds as f64);
    let p99 = |wanted: fn(Group, bool) -> bool| quantile_ms(&sum.responses(wanted), 0.99);
    LoadMoment {
        offered_per_s: per_s(sum.offered),
        completed_per_s: per_s(sum.completed),
        failed_per_s: per_s(sum.failed),
        in_flight: sum.in_flight.map(|most| most as f64),
        late_ms: [0.5, 0.99].map(|fraction| quantile_ms(&sum.lateness, fraction)),
        connection_ms: quantile_ms(&sum.connection_wait, 0.99),
        cpu_cores: sum.cpu_cores,
        validity: sum.validity,
        groups_p99_ms: [
            p99(|group, hit| group == Group::Control && !hit),
            p99(|group, hit| group == Group::Exposed && !hit),
            p99(|_, hit| hit),
        ],
    }
}

fn rows(cells: &Cells, seconds: u64) -> Vec<LoadRow> {
    cells.0.iter().map(|(item, ended)| row(item, ended, seconds)).collect()
}

fn row(item: &LoadItem, ended: &Ended, seconds: u64) -> LoadRow {
    let mut outcomes: Vec<(Outcome, u64)> = ended
        .outcomes
        .iter()
        .map(|(outcome, count)| (*outcome, *count))
        .filter(|(_, count)| *count > 0)
        .collect();
    outcomes.sort_by_key(|(outcome, count)| (std::cmp::Reverse(*count), *outcome));
    LoadRow {
        item: item.clone(),
        count: ended.count,
        per_s: ended.count as f64 / seconds.max(1) as f64,
        error_percent: (ended.count > 0).then(|| ended.failed as f64 * 100.0 / ended.count as f64),
        quantiles_ms: quantiles_ms(&ended.merged()),
        outcomes,
    }
}

fn spectrum(ended: &Ended, split: Split) -> Spectrum {
    let names: Vec<&'static str> = match split {
        Split::Phases => Phase::ALL.map(Phase::as_str).to_vec(),
        Split::Groups => GROUPS.to_vec(),
    };
    let mut merged = vec![Tally::default(); names.len()];
    for ((phase, group), durations) in &ended.durations {
        let curve = match split {
            Split::Phases => Phase::ALL.iter().position(|it| it == phase),
            Split::Groups => Some(*group),
        };
        if let Some(into) = curve.and_then(|curve| merged.get_mut(curve)) {
            into.merge(durations);
        }
    }
    let curves: Vec<SpectrumCurve> = names
        .into_iter()
        .zip(merged.iter().map(Tally::histogram))
        .enumerate()
        .filter(|(_, (_, histogram))| !histogram.is_empty())
        .map(|(place, (name, histogram))| SpectrumCurve {
            name,
            place,
            count: histogram.count(),
            values_ms: PERCENTILES.iter().map(|(it, _)| known(&histogram, *it)).collect(),
        })
        .collect();
    let values = || curves.iter().flat_map(|curve| curve.values_ms.iter().flatten().copied());
    let (low_ms, high_ms) = plot::decades(values());
    Spectrum { low_ms, high_ms, curves }
}

/// A percentile, when at least one value lies beyond it.
fn known(histogram: &Histogram, fraction: f64) -> Option<f64> {
    let beyond = histogram.count() as f64 * (1.0 - fraction);
    quantile_ms(histogram, fraction).filter(|_| beyond >= 0.999)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::recording;
    use crate::screen::ViewQuery;

    #[test]
    fn a_percentile_needs_a_value_beyond_it() {
        let mut histogram = Histogram::default();
        for _ in 0..100 {
            histogram.record(Duration::from_millis(5));
        }
        assert!(known(&histogram, 0.99).is_some());
        assert_eq!(known(&histogram, 0.999), None);
        assert_eq!(known(&Histogram::default(), 0.5), None);
    }

    fn built(split: Split) -> LoadView {
        let mut store = Store::default();
        for frame in recording::until(36) {
            store.insert(Arc::new(frame));
        }
        let query = ViewQuery { columns: 46, ..ViewQuery::default() };
        let times = Times::of(&store, &query).unwrap();
        let selected = Some(LoadItem { flow: "checkout".to_owned(), step: None });
        build(&store, &times, &LoadQuery { selected, split })
    }

    #[test]
    fn journeys_count_once_and_steps_stand_behind_their_flow() {
        let view = built(Split::Groups);
        let rows = &view.rows;
        let names: Vec<(&str, Option<&str>)> =
            rows.iter().map(|row| (row.item.flow.as_str(), row.item.step.as_deref())).collect();
        assert_eq!(names, [("browse", None), ("checkout", None), ("checkout", Some("pay"))]);
        // 36 s of six in the control group; 31 s of 36 exposed ones and 5 s of 54 that failed; 6 s
        // of 18 that were hit.
        assert_eq!(rows[1].count, 36 * 6 + 31 * 36 + 5 * 54 + 6 * 18);
        assert_eq!(rows[1].outcomes, [(Outcome::Status, 5 * 54)]);
        // The last ten seconds.
        assert_eq!(view.now.failed_per_s, Some(5.0 * 54.0 / 10.0));
        assert_eq!(view.now.in_flight, Some(31.0));
        assert_eq!(moment(&LoadSum::default()), LoadMoment::default());
    }

    #[test]
    fn rates_of_a_load_that_has_just_begun_counted_the_seconds_before_it() {
        let mut store = Store::default();
        let frames = recording::until(36);
        // The load began with the last five of them.
        let start_s = frames[frames.len() - 5].unix_s;
        for mut frame in frames {
            frame.run.start_unix_ms = Some(start_s * 1_000);
            store.insert(Arc::new(frame));
        }
        let times = Times::of(&store, &ViewQuery { columns: 46, ..ViewQuery::default() }).unwrap();
        assert_eq!(times.window(), (start_s, start_s + 4));
        assert_eq!(times.axis(&store).window_s, 5);
        let view = build(&store, &times, &LoadQuery::default());
        assert_eq!((view.seconds, view.now.failed_per_s), (5, Some(54.0)));
        assert!((view.rows[1].per_s - view.rows[1].count as f64 / 5.0).abs() < 1e-9);
    }

    #[test]
    fn the_groups_are_apart() {
        let groups = built(Split::Groups).spectrum;
        let p50: Vec<(&str, f64)> =
            groups.curves.iter().map(|it| (it.name, it.values_ms[0].unwrap())).collect();
        assert_eq!(p50.iter().map(|(name, _)| *name).collect::<Vec<_>>(), GROUPS);
        assert!(p50[2].1 > 1_000.0 && p50[0].1 < 100.0, "{p50:?}");
        let phases = built(Split::Phases).spectrum;
        let names: Vec<&str> = phases.curves.iter().map(|it| it.name).collect();
        assert_eq!(names, ["warmup", "before", "during"]);
        assert!(groups.low_ms < groups.high_ms);
    }
}
