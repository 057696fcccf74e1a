//! Lines for pipes and logs.

use super::*;
use crate::recording;

#[test]
fn every_second_is_one_line_with_the_same_columns() {
    let lines: Vec<String> = recording::run().iter().map(line).collect();
    let columns = |line: &str| {
        [" journeys ", " err ", " p50 ", " p99 ", " late p99 ", " worst ", " open ", " pass "]
            .map(|word| line.find(word))
    };
    for text in &lines {
        assert_eq!(columns(text), columns(&lines[0]), "{text}");
        assert!(!text.contains(char::is_control), "{text:?}");
    }
}

#[test]
fn the_lines_of_a_run_read_like_its_story() {
    let frames = recording::run();
    let story: Vec<String> = [3, 20, 30, 33, 36, 60, 80, 99]
        .into_iter()
        .flat_map(|at: usize| {
            let frame = &frames[at];
            events(frame).into_iter().chain([line(frame)])
        })
        .collect();
    insta::assert_snapshot!(story.join("\n"));
}

#[test]
fn the_events_of_a_second_name_time_kind_subject_and_trace() {
    let frames = recording::run();
    assert_eq!(
        events(&frames[31]),
        ["00:31.066 breaker orders -> payments: closed -> open: slow-call rate 11 of 20 calls \
          (limit 50%) trace 9c1e44d0a7f2b8135f60c1aa20d94e77"]
    );
}

#[test]
fn a_frame_without_a_run_is_a_line_of_unknowns() {
    insta::assert_snapshot!(line(&Frame::default()));
}

#[test]
fn what_was_lost_and_who_is_open_stands_behind_the_columns() {
    let mut frame = recording::run().swap_remove(33);
    frame.dropped = vec![model::frame::DropCount { what: "collector\nspans".to_owned(), count: 7 }];
    let text = line(&frame);
    let expected = " | open orders>payments | fault slow-payments | dropped collector?spans 7";
    assert!(text.ends_with(expected), "{text}");
}

#[test]
fn a_frame_that_contradicts_itself_is_named_and_not_shown() {
    let mut frame = recording::run().swap_remove(33);
    frame.edges[0].duration = serde_json::from_str(
        r#"{"count": 9, "sum_ns": 1, "min_ns": 1, "max_ns": 1, "buckets": {}}"#,
    )
    .unwrap();
    assert!(line(&frame).contains("contradicts itself"));
}
