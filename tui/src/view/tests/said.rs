//! What a screen must say, whatever else it shows.

use model::frame::{FaultFrame, Frame, Verdict};

use super::{options, recording, snapshot};
use crate::picture::PictureOptions;
use crate::screen::Link;

/// The busy run with the names of its faults changed.
fn with_faults(change: impl Fn(&mut Vec<FaultFrame>)) -> Vec<Frame> {
    let mut frames = recording::until(52);
    for frame in &mut frames {
        change(&mut frame.faults);
    }
    frames
}

#[test]
fn faults_whose_names_begin_alike_can_be_told_apart_in_every_list() {
    let frames = with_faults(|faults| {
        let mut more = faults[0].clone();
        faults[0].name = "payments slow".to_owned();
        more.name = "payments slow by hand".to_owned();
        faults[1] = more;
    });
    for (size, keys) in [((120, 40), "1"), ((120, 40), "5"), ((80, 24), "5")] {
        let text = snapshot(&frames, size.0, size.1, &options(true, keys));
        assert!(text.contains("payments slow  "), "{text}");
        assert!(text.contains("payments slow by hand"), "{text}");
    }
}

#[test]
fn a_run_that_ended_well_is_said_to_be_over_and_not_to_be_broken() {
    let mut frames = recording::run();
    frames.last_mut().unwrap().run.verdict = Some(Verdict::Pass);
    for (width, height) in [(120, 40), (80, 24)] {
        let ended = PictureOptions { link: Link::Ended, ..options(true, "") };
        let text = snapshot(&frames, width, height, &ended);
        assert!(text.contains("the run is over: pass") && text.contains("ENDED"), "{text}");
        assert!(text.contains("[1 Over"), "{text}");
    }
}

#[test]
fn an_error_of_the_connection_leaves_the_line_of_tabs() {
    for (width, height) in [(120, 40), (80, 24), (60, 16)] {
        let reason = "cannot connect to 127.0.0.1:4321: Connection refused".to_owned();
        let link = Link::Lost { reason: reason.clone(), retry_ms: 1_800 };
        let lost = PictureOptions { link, ..options(true, "5") };
        let text = snapshot(&recording::until(52), width, height, &lost);
        assert!(text.contains("[5 Fault") && text.contains(&reason), "{text}");
    }
}

#[test]
fn insights_that_do_not_fit_are_counted_and_stand_whole_in_the_own_log() {
    let mut frames = recording::until(52);
    for frame in &mut frames {
        frame.load.validity = Some(model::load::Validity::Suspect);
        for edge in frame.edges.iter_mut().filter(|edge| &*edge.edge.callee == "orders") {
            edge.attempts = edge.requests * 3;
        }
    }
    for (width, height) in [(120, 40), (80, 24)] {
        let text = snapshot(&frames, width, height, &options(true, ""));
        assert!(text.contains(" more, key !"), "{text}");
        let own = snapshot(&frames, width, height, &options(true, "!"));
        for end in ["are suspect", "within a minute"] {
            assert!(own.contains(end), "{end}: {own}");
        }
    }
}

#[test]
fn a_screen_without_room_names_the_edge_that_fails_and_not_the_slowest() {
    let text = snapshot(&recording::until(52), 50, 10, &options(true, ""));
    assert!(
        text.contains("client>orders fails") || text.contains("orders>payments fails"),
        "{text}"
    );
}
