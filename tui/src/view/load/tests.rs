//! The load screen as text.

use model::frame::Frame;
use model::load::Validity;

use crate::recording;
use crate::view::tests::{options, snapshot};

macro_rules! picture {
    ($name:literal, $frames:expr, $size:expr, $options:expr) => {
        let (width, height) = $size;
        insta::assert_snapshot!($name, snapshot(&$frames, width, height, &$options));
    };
}

/// What `shakedown load` tells: load and nothing else.
fn only_load() -> Vec<Frame> {
    let mut frames = recording::until(52);
    for frame in &mut frames {
        frame.edges.clear();
        frame.breakers.clear();
        frame.faults.clear();
        frame.verdicts.clear();
        frame.events.clear();
        if (20..24).contains(&frame.seq) {
            frame.load.validity = Some(Validity::Suspect);
        }
        if frame.seq > 48 {
            frame.load.validity = Some(Validity::Invalid);
        }
    }
    frames
}

#[test]
fn the_load_over_time_stands_beside_percentiles_over_flows_and_steps() {
    picture!("load_120x40", recording::until(52), (120, 40), options(false, "7"));
    picture!("load_120x40_ascii", recording::until(52), (120, 40), options(true, "7jm"));
    picture!("load_100x30", recording::until(52), (100, 30), options(false, "7j"));
    picture!("past_120x40", recording::run(), (120, 40), options(false, "7j{{"));
    picture!("spectrum_zoomed_120x40", recording::until(52), (120, 40), options(true, "7jm\t\tz"));
}

#[test]
fn a_small_screen_has_lanes_over_a_table_or_percentiles() {
    picture!("load_80x24", recording::until(52), (80, 24), options(false, "7"));
    picture!("load_80x24_ascii", recording::until(52), (80, 24), options(true, "7"));
    picture!("spectrum_80x24", recording::until(52), (80, 24), options(true, "7jm\t\t"));
    picture!("load_60x16", recording::until(52), (60, 16), options(true, "7"));
}

#[test]
fn load_frames_alone_are_enough_and_doubt_is_said_aloud() {
    picture!("only_load_120x40", only_load(), (120, 40), options(false, "7j"));
    let empty = Frame { unix_s: recording::START_S, ..Frame::default() };
    picture!("nothing_yet_80x24", [empty], (80, 24), options(true, "7"));
}
