//! What a screen must say, whatever else it shows.

use model::frame::{FaultFrame, Frame};

use super::{options, recording, snapshot};

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
