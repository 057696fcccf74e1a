//! What the store keeps, and that answers are about exactly the seconds that they name.

use model::edge::Edge;
use model::frame::{EdgeFrame, RunHead};
use model::policy::BreakerState;
use proptest::prelude::*;

use super::*;
use crate::recording::{self, START_S};
use crate::screen::faults::FaultsQuery;
use crate::screen::load::LoadQuery;
use crate::screen::topology::TopologyQuery;
use crate::screen::{Cursor, Detail, FaultCell, Snapshot, ViewQuery, Zoom};

fn build(store: &Store, query: &ViewQuery) -> Snapshot {
    query::build(store, &answers::Answers::default(), query)
}

fn filled(frames: impl IntoIterator<Item = Frame>) -> Store {
    let mut store = Store::default();
    for frame in frames {
        store.insert(Arc::new(frame));
    }
    store
}

fn query() -> ViewQuery {
    ViewQuery { columns: 20, heat_rows: 6, events: 3, zoom: Zoom::Fixed(5), ..ViewQuery::default() }
}

fn payments() -> Subject {
    Subject::Edge(Edge::new("orders", "payments"))
}

fn row<'a>(snapshot: &'a Snapshot, subject: &Subject) -> &'a crate::screen::Row {
    snapshot.rows.iter().find(|row| row.subject == *subject).unwrap()
}

/// One merged histogram of the frames of these seconds of the run.
fn merged(frames: &[Frame], seconds: std::ops::RangeInclusive<u64>) -> Histogram {
    let mut merged = Histogram::default();
    for frame in frames.iter().filter(|frame| seconds.contains(&frame.seq)) {
        for edge in frame.edges.iter().filter(|edge| Subject::Edge(edge.edge.clone()) == payments())
        {
            merged.merge(&edge.duration);
        }
    }
    merged
}

fn p99_ms(histogram: &Histogram) -> Option<f64> {
    histogram.quantile(0.99).map(|duration| duration.as_secs_f64() * 1_000.0)
}

#[test]
fn an_empty_store_answers_with_an_empty_screen() {
    let snapshot = build(&Store::default(), &query());
    assert_eq!(snapshot, Snapshot { link: Link::Connecting, ..Snapshot::default() });
}

#[test]
fn the_oldest_frame_makes_room_for_the_newest() {
    let mut store = Store::with_capacity(10);
    for frame in recording::run() {
        store.insert(Arc::new(frame));
    }
    assert_eq!(store.len(), 10);
    assert_eq!(store.oldest().unwrap().seq, 90);
}

#[test]
fn without_a_runner_time_begins_at_the_first_frame_also_when_that_has_gone() {
    let mut store = Store::with_capacity(10);
    for mut frame in recording::until(30) {
        frame.run.start_unix_ms = None;
        store.insert(Arc::new(frame));
    }
    let axis = build(&store, &query()).axis;
    assert_eq!((axis.oldest_s, axis.cursor_clock_s), (START_S + 20, 30));
}

#[test]
fn late_data_replaces_its_second() {
    let mut frames = recording::until(10);
    let mut late = frames[4].clone();
    late.edges[0].requests += 1_000;
    frames.push(late);
    let store = filled(frames);
    assert_eq!(store.len(), 10);
    assert_eq!(store.at_or_before(START_S + 4).unwrap().edges[0].requests, 1_140);
}

#[test]
fn another_run_begins_anew() {
    let mut frames = recording::until(10);
    frames.push(Frame {
        unix_s: START_S + 500,
        run: RunHead { run_id: "next".to_owned(), ..RunHead::default() },
        ..Frame::default()
    });
    let store = filled(frames);
    assert_eq!((store.len(), store.subjects().count()), (1, 0));
}

#[test]
fn a_frame_that_contradicts_itself_is_refused_and_counted() {
    let lying: Histogram = serde_json::from_str(
        r#"{"count": 9, "sum_ns": 1, "min_ns": 1, "max_ns": 1, "buckets": {"7": 3}}"#,
    )
    .unwrap();
    let mut frames = recording::until(5);
    frames[3].edges[0].duration = lying;
    let store = filled(frames);
    assert_eq!((store.len(), store.refused()), (4, 1));
    let head = build(&store, &query()).head;
    assert_eq!(head.dropped, 1);
    assert!(head.dropped_most.unwrap().contains("refused"));
}

#[test]
fn numbers_are_about_the_last_ten_seconds_and_merge_their_histograms() {
    let frames = recording::until(60);
    let snapshot = build(&filled(frames.clone()), &query());
    let payments = row(&snapshot, &payments());
    assert_eq!(payments.quantiles_ms[2], p99_ms(&merged(&frames, 50..=59)));
    assert_eq!(snapshot.axis.window_s, 10);
    assert!((payments.per_s - 60.0).abs() < 1e-9);
    // Open in seconds 50 to 53: 4 of 10 seconds fail.
    assert!((payments.error_percent.unwrap() - 40.0).abs() < 1e-9);
    assert!((payments.attempts_per_request.unwrap() - (1.0 + 0.4 / 3.0)).abs() < 1e-9);
}

#[test]
fn at_the_start_rates_are_over_the_seconds_that_there_are() {
    let snapshot = build(&filled(recording::until(3)), &query());
    assert_eq!(snapshot.axis.window_s, 3);
    assert!((row(&snapshot, &payments()).per_s - 60.0).abs() < 1e-9);
}

#[test]
fn every_plot_column_is_one_merged_histogram_of_its_seconds() {
    let frames = recording::run();
    let snapshot = build(&filled(frames.clone()), &query());
    assert_eq!(snapshot.plot.columns.len(), 20);
    for (index, column) in (0_u64..).zip(&snapshot.plot.columns) {
        let exact = merged(&frames, index * 5..=index * 5 + 4);
        assert_eq!(column.quantiles_ms[2], p99_ms(&exact), "column {index}");
        assert_eq!(column.heat.iter().sum::<u64>(), exact.count());
    }
}

#[test]
fn the_cursor_shows_the_moment_it_stands_on() {
    let frames = recording::run();
    let at = |second| ViewQuery { cursor: Cursor::At(START_S + second), ..query() };
    let snapshot = build(&filled(frames.clone()), &at(33));
    assert_eq!((snapshot.axis.cursor, snapshot.axis.cursor_s), (6, START_S + 34));
    assert_eq!(snapshot.axis.cursor_clock_s, 35);
    assert_eq!(row(&snapshot, &payments()).quantiles_ms[2], p99_ms(&merged(&frames, 25..=34)));
    let breaker = &snapshot.breakers[0];
    assert_eq!((breaker.state, breaker.age_s), (BreakerState::Open, 4));
    assert_eq!(breaker.probe_in_s, Some(1));
    assert_eq!(snapshot.events.last().unwrap().at_ms, 31_066);
    assert!(!snapshot.axis.live);
}

#[test]
fn a_pause_holds_the_newest_second_while_frames_keep_coming() {
    let paused = ViewQuery { paused_at: Some(START_S + 39), ..query() };
    let before = build(&filled(recording::until(40)), &paused);
    let mut after = build(&filled(recording::run()), &paused);
    // What can be selected is known from later frames too; here they bring nothing new.
    after.axis.paused = before.axis.paused;
    assert_eq!(after, before);
}

#[test]
fn a_cursor_left_of_the_plot_takes_the_plot_with_it() {
    let narrow = ViewQuery { columns: 5, cursor: Cursor::At(START_S + 7), ..query() };
    let axis = build(&filled(recording::run()), &narrow).axis;
    assert_eq!(axis.cursor, 0);
    assert_eq!(axis.ago_s, [70, 80, 95]);
}

#[test]
fn breaker_and_fault_lanes_lie_on_the_columns_of_their_seconds() {
    let snapshot = build(&filled(recording::run()), &query());
    let states = &snapshot.breakers[0].cells;
    let open = |column: &Option<BreakerState>| *column == Some(BreakerState::Open);
    let columns: Vec<usize> = (0..20).filter(|index| open(&states[*index])).collect();
    assert_eq!(columns, [6, 7, 8, 9, 10]);
    let fault = &snapshot.faults[0];
    let done: Vec<usize> = (0..20).filter(|index| fault.cells[*index] == FaultCell::Done).collect();
    assert_eq!(done, [5, 6, 7, 8, 9, 10]);
    assert!(fault.cells.iter().all(|cell| *cell != FaultCell::Active));
}

#[test]
fn a_fault_that_acts_is_active_and_the_next_one_has_a_countdown() {
    let snapshot = build(&filled(recording::until(40)), &query());
    let [slow, stock] = &snapshot.faults[..] else { panic!("two faults") };
    assert_eq!(slow.cells.last(), Some(&FaultCell::Active));
    assert_eq!((slow.ends_in_s, slow.starts_in_s), (Some(15), None));
    assert_eq!((stock.ends_in_s, stock.starts_in_s), (None, Some(30)));
    assert!((slow.hit_per_s - 18.0).abs() < 1e-9);
}

#[test]
fn a_missing_second_is_a_gap_and_not_a_line() {
    let frames = recording::run().into_iter().filter(|frame| !(40..50).contains(&frame.seq));
    let snapshot = build(&filled(frames), &query());
    let gaps: Vec<usize> = (0..20).filter(|index| snapshot.axis.gaps[*index]).collect();
    assert_eq!(gaps, [8, 9]);
    assert_eq!(snapshot.plot.columns[8].quantiles_ms, [None; 4]);
    assert_eq!(snapshot.breakers[0].cells[8], None);
}

#[test]
fn without_a_wish_the_edge_of_the_first_fault_is_selected() {
    let snapshot = build(&filled(recording::until(20)), &query());
    assert_eq!(snapshot.rows[snapshot.selected].subject, payments());
    let wish = Subject::Flow("checkout".to_owned());
    let asked = ViewQuery { selected: Some(wish.clone()), ..query() };
    let snapshot = build(&filled(recording::until(20)), &asked);
    assert_eq!(snapshot.rows[snapshot.selected].subject, wish);
}

#[test]
fn journeys_are_counted_without_their_steps() {
    let snapshot = build(&filled(recording::until(20)), &query());
    let checkout = row(&snapshot, &Subject::Flow("checkout".to_owned()));
    assert!((checkout.per_s - 42.0).abs() < 1e-9);
    assert!((snapshot.load.completed_per_s - 182.0).abs() < 1e-9);
    assert_eq!(checkout.attempts_per_request, None);
}

#[test]
fn the_automatic_zoom_grows_with_the_run_up_to_three_seconds() {
    let auto = ViewQuery { zoom: Zoom::Auto, ..query() };
    for (seconds, column_s) in [(10, 1), (20, 1), (21, 2), (40, 2), (41, 3), (100, 3)] {
        let axis = build(&filled(recording::until(seconds)), &auto).axis;
        assert_eq!(axis.column_s, column_s, "{seconds}");
    }
}

proptest! {
    /// Frames come late, twice, with other numbers than before, and go at the bound.
    #[test]
    fn a_store_that_was_asked_before_says_what_a_fresh_one_says(
        order in prop::collection::vec((0_usize..100, 0_u64..3), 1..12),
        column_s in prop::sample::select(vec![1_u64, 5, 15]),
        cursor in prop_oneof![Just(Cursor::Live), (0_u64..100).prop_map(|it| Cursor::At(START_S + it))],
    ) {
        let frames = recording::run();
        let details = [
            Detail::Overview,
            Detail::Topology(TopologyQuery::default()),
            Detail::Faults(FaultsQuery::default()),
            Detail::Load(LoadQuery::default()),
        ];
        let queries = details.map(|detail| ViewQuery {
            zoom: Zoom::Fixed(column_s),
            cursor,
            detail,
            ..query()
        });
        let mut asked = Store::with_capacity(6);
        for (index, more) in order {
            let mut frame = frames[index].clone();
            frame.edges[4].requests += more;
            frame.edges[4].duration.record_ns(1_000_000_000, more);
            frame.load.offered += more;
            asked.insert(Arc::new(frame));
            for query in &queries {
                build(&asked, query);
            }
        }
        let mut fresh = Store::with_capacity(6);
        for frame in asked.all() {
            fresh.insert(Arc::new(frame.told()));
        }
        for query in &queries {
            prop_assert_eq!(build(&asked, query), build(&fresh, query));
        }
    }

    #[test]
    fn every_answer_has_as_many_columns_as_were_asked_for(
        seconds in prop::collection::vec(prop_oneof![
            0_u64..200, (u64::MAX - 5)..=u64::MAX, any::<u64>()
        ], 0..12),
        columns in 0_usize..200,
        cursor in any::<u64>(),
        paused in prop::option::of(any::<u64>()),
        column_s in prop::sample::select(Zoom::LEVELS_S.to_vec()),
    ) {
        let frames = seconds.iter().map(|unix_s| Frame {
            unix_s: *unix_s,
            edges: vec![EdgeFrame {
                edge: Edge::new("a", "b"),
                requests: u64::MAX,
                errors: [("upstream".to_owned(), u64::MAX)].into(),
                attempts: u64::MAX,
                duration: Histogram::default(),
                exemplars: Vec::new(),
            }],
            ..recording::until(1).remove(0)
        });
        let query = ViewQuery {
            columns,
            cursor: Cursor::At(cursor),
            paused_at: paused,
            zoom: Zoom::Fixed(column_s),
            ..query()
        };
        let snapshot = build(&filled(frames), &query);
        if snapshot.axis.newest_s.is_some() {
            let wanted = columns.max(1);
            prop_assert_eq!(snapshot.plot.columns.len(), wanted);
            prop_assert_eq!(snapshot.axis.gaps.len(), wanted);
            prop_assert_eq!(snapshot.load.columns.len(), wanted);
            prop_assert!(snapshot.axis.cursor < wanted);
            prop_assert!(snapshot.breakers.iter().all(|lane| lane.cells.len() == wanted));
            prop_assert!(snapshot.faults.iter().all(|lane| lane.cells.len() == wanted));
        }
    }
}
