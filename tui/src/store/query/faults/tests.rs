use super::*;
use crate::recording::{self, START_S};
use crate::screen::faults::Stretch;
use crate::screen::{Cursor, DetailView, ViewQuery};
use crate::store::answers::Answers;

fn view(seconds: u64, cursor: Cursor, query: FaultsQuery) -> FaultsView {
    let mut store = Store::default();
    for frame in recording::until(seconds) {
        store.insert(std::sync::Arc::new(frame));
    }
    let detail = crate::screen::Detail::Faults(query);
    let query = ViewQuery { columns: 50, cursor, detail, ..ViewQuery::default() };
    match super::super::build(&store, &Answers::default(), &query).detail {
        DetailView::Faults(view) => *view,
        other => panic!("{other:?}"),
    }
}

fn names(view: &FaultsView) -> Vec<&str> {
    view.rows.iter().map(|row| row.lane.name.as_str()).collect()
}

#[test]
fn the_list_is_sorted_as_asked_and_the_selection_stays_with_its_fault() {
    let (slow, stock) = ("slow-payments", "stock-errors");
    for (order, reverse, expected) in [
        (FaultOrder::Start, false, [slow, stock]),
        (FaultOrder::Start, true, [stock, slow]),
        (FaultOrder::Hits, false, [slow, stock]),
        (FaultOrder::Hits, true, [stock, slow]),
        (FaultOrder::Name, false, [slow, stock]),
        (FaultOrder::Name, true, [stock, slow]),
    ] {
        let query = FaultsQuery { selected: Some(stock.to_owned()), order, reverse, filter: None };
        let view = view(60, Cursor::Live, query);
        assert_eq!(names(&view), expected, "{order:?} {reverse}");
        assert_eq!(view.rows[view.selected].lane.name, stock);
    }
    let view = view(50, Cursor::Live, FaultsQuery { reverse: true, ..FaultsQuery::default() });
    assert_eq!(view.rows[view.selected].lane.name, slow, "the active one without a choice");
}

#[test]
fn the_blast_radius_is_hits_of_all_requests_of_the_edges() {
    let view = view(50, Cursor::Live, FaultsQuery::default());
    // 18 hits and 60 requests in each of the last ten seconds.
    assert_eq!(view.rows[0].reach, Reach { hits: 180, requests: 600 });
    assert_eq!(view.rows[0].reach.percent(), Some(30.0));
    // All fifty seconds are on the axis, and the fault acted in the last 25.
    assert_eq!(view.detail.unwrap().reach, Reach { hits: 25 * 18, requests: 50 * 60 });
    assert_eq!(Reach::default().percent(), None);
}

#[test]
fn windows_have_clocks_of_the_run_and_the_state_at_the_cursor() {
    let at = |seconds, cursor| {
        let windows = view(seconds, cursor, FaultsQuery::default()).detail.unwrap().windows;
        (windows[0].from_s, windows[0].to_s, windows[0].state)
    };
    assert_eq!(at(20, Cursor::Live), (25, Some(55), FaultState::Planned));
    assert_eq!(at(40, Cursor::Live), (25, Some(55), FaultState::Active));
    assert_eq!(at(90, Cursor::Live), (25, Some(55), FaultState::Done));
    assert_eq!(at(90, Cursor::At(START_S + 40)), (25, Some(55), FaultState::Active));
}

#[test]
fn a_fault_that_should_act_and_does_not_is_planned_on_its_lane() {
    let mut store = Store::default();
    for mut frame in recording::until(50) {
        for fault in frame.faults.iter_mut().filter(|_| frame.unix_s >= START_S + 40) {
            (fault.state, fault.hit_now) = (FaultState::Done, 0);
        }
        store.insert(std::sync::Arc::new(frame));
    }
    let detail = crate::screen::Detail::Faults(FaultsQuery::default());
    let query = ViewQuery { columns: 60, detail, ..ViewQuery::default() };
    let snapshot = super::super::build(&store, &Answers::default(), &query);
    let DetailView::Faults(view) = snapshot.detail else { panic!("another screen") };
    let cells = &view.rows[0].lane.cells;
    let count = |wanted| cells.iter().filter(|cell| **cell == wanted).count();
    assert_eq!((count(FaultCell::Done), count(FaultCell::Planned)), (15, 10));
}

#[test]
fn moments_of_all_faults_are_told_with_their_names_and_those_of_one_without() {
    let view = view(60, Cursor::Live, FaultsQuery::default());
    let seconds: Vec<u64> = view.moments.iter().map(|moment| moment.clock_s).collect();
    assert_eq!(seconds, [25, 55]);
    assert_eq!(view.moments[0].text, "slow-payments planned -> active: schedule");
    assert_eq!(view.detail.unwrap().events[0].text, "planned -> active: schedule");
}

#[test]
fn a_filter_leaves_the_faults_that_it_accepts() {
    let filter = crate::filter::Filter::parse("state=planned", &crate::filter::fields::FAULTS);
    let query = FaultsQuery { filter: filter.ok(), ..FaultsQuery::default() };
    let view = view(50, Cursor::Live, query);
    assert_eq!((names(&view), view.known), (vec!["stock-errors"], 2));
}

#[test]
fn the_effect_is_of_exactly_the_seconds_before_while_and_after_the_fault_acted() {
    let effect =
        |seconds, cursor| view(seconds, cursor, FaultsQuery::default()).detail.unwrap().effect;
    assert_eq!(effect(20, Cursor::Live), None, "it has not acted");
    // It acts from 00:25 on.
    let during = effect(40, Cursor::Live).unwrap();
    assert_eq!(during.spans_s, [Some((10, 25)), Some((25, 40)), None]);
    let row = &during.rows[0];
    assert_eq!(row.subject.label(), "orders>payments");
    assert_eq!(row.stretches[2], Stretch::default());
    let [before, acting, _] = row.stretches;
    assert!(acting.p99_ms > before.p99_ms && acting.error_percent > before.error_percent);
    assert_eq!((before.per_s, acting.per_s), (Some(60.0), Some(60.0)));
    let labels: Vec<String> = during.rows.iter().map(|row| row.subject.label()).collect();
    assert_eq!(labels[1..], ["client>orders", "browse journey", "checkout journey"]);
    // Past it, and looking back at a moment while it acted.
    let query =
        FaultsQuery { selected: Some("slow-payments".to_owned()), ..FaultsQuery::default() };
    let after = view(70, Cursor::Live, query).detail.unwrap().effect.unwrap();
    assert_eq!(after.spans_s, [Some((5, 25)), Some((25, 55)), Some((55, 70))], "without warm-up");
    assert_eq!(effect(70, Cursor::At(START_S + 39)), Some(during));
    // The same as the frames tell, summed up by themselves.
    let frames = recording::until(40).split_off(25);
    let edge = |frame: &model::frame::Frame| {
        let edge = frame.edges.iter().find(|edge| edge.edge.short() == "orders>payments").unwrap();
        edge.duration.clone()
    };
    let mut whole = model::hist::Histogram::default();
    for frame in &frames {
        whole.merge(&edge(frame));
    }
    let p99_ms = whole.quantile(0.99).map(|it| it.as_secs_f64() * 1e3);
    assert_eq!(acting.p99_ms, p99_ms);
}
