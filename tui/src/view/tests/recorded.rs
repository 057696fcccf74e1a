//! Every screen over the recording of a whole run: `scenarios/slow-payments.toml`, 40 s after its
//! start, while payments are slow.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use model::frame::Frame;

use super::{options, snapshot};
use crate::app::Playback;
use crate::ask::Asker;
use crate::picture::PictureOptions;
use crate::recorded::{self, RecordedAsker, Recording};
use crate::screen::Link;

/// Seconds after the start of the run.
const AT_S: u64 = 40;
/// From a failed edge to its traces, to one of them, to what its services said.
const TO_THE_CAUSE: &str = "\n\nL";

fn recording() -> &'static Arc<Recording> {
    static RECORDING: OnceLock<Arc<Recording>> = OnceLock::new();
    RECORDING.get_or_init(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
        Arc::new(recorded::open(&folder.join("slow-payments.rec")).unwrap())
    })
}

/// Frames up to a moment of the run.
fn until(at_s: u64) -> Vec<Frame> {
    let start_ms = recording().frames().find_map(|frame| frame.run.start_unix_ms).unwrap();
    let end_s = start_ms / 1_000 + at_s;
    let frames = recording().frames().filter(|frame| frame.unix_s < end_s);
    frames.map(|frame| frame.told()).collect()
}

fn typed(ascii: bool, keys: &str) -> PictureOptions {
    let asker: Arc<dyn Asker> = Arc::new(RecordedAsker::new(Arc::clone(recording())));
    PictureOptions { asker, ..options(ascii, keys) }
}

fn shown((width, height): (u16, u16), options: &PictureOptions) -> String {
    snapshot(&until(AT_S), width, height, options)
}

const SCREENS: [(&str, &str); 7] = [
    ("overview", "1"),
    ("topology", "2"),
    ("traces", "3"),
    ("logs", "4"),
    ("faults", "5"),
    ("verdicts", "6"),
    ("load", "7"),
];

#[test]
fn the_recording_holds_the_whole_run_and_what_explains_it() {
    let counts = recording().counts();
    assert_eq!(recording().cut, None);
    assert!(counts.frames >= 80 && counts.traces >= 100 && counts.lines >= 1_000, "{counts:?}");
    let evicted = [counts.evicted_frames, counts.evicted_traces, counts.evicted_lines];
    assert_eq!(evicted, [0; 3], "it fits into memory");
    let last = recording().frames().last().unwrap();
    assert!(last.run.verdict.is_some(), "it goes on to the verdict");
}

#[test]
fn every_screen_at_every_size() {
    for (name, key) in SCREENS {
        for size in [(120, 40), (80, 24), (60, 16)] {
            let text = shown(size, &typed(false, key));
            insta::assert_snapshot!(format!("{name}_{}x{}", size.0, size.1), text);
        }
        let text = shown((120, 40), &typed(true, key));
        assert!(text.is_ascii(), "{text}");
        insta::assert_snapshot!(format!("{name}_120x40_ascii"), text);
    }
}

#[test]
fn three_keys_lead_from_a_red_number_to_the_line_that_explains_it() {
    for (size, ascii) in [((120, 40), false), ((80, 24), true)] {
        let text = shown(size, &typed(ascii, TO_THE_CAUSE));
        insta::assert_snapshot!(format!("cause_{}x{}", size.0, size.1), text);
        let is_selected = |line: &&str| line.trim_start_matches(['│', '|']).starts_with('>');
        let selected = text.lines().find(is_selected);
        assert!(selected.is_some_and(|line| line.contains("payments slow")), "{text}");
    }
}

#[test]
fn a_trace_is_opened_and_two_are_compared() {
    for size in [(120, 40), (80, 24)] {
        let text = shown(size, &typed(false, "\n\n"));
        insta::assert_snapshot!(format!("trace_{}x{}", size.0, size.1), text);
        let text = shown(size, &typed(false, "3/fault=\"payments slow\"\nM/\u{1b}GMc"));
        insta::assert_snapshot!(format!("compared_{}x{}", size.0, size.1), text);
    }
}

#[test]
fn each_state_of_a_screen_is_said() {
    let reason = "cannot connect to 127.0.0.1:4321: Connection refused (os error 111)".to_owned();
    let lost = Link::Lost { reason, retry_ms: 1_800 };
    let frames = || recording().frames();
    let (first_s, last_s) = (frames().next().unwrap().unix_s, frames().last().unwrap().unix_s);
    let playback = Playback { first_s, last_s, speed: 4.0, playing: true };
    let replayed = Some((playback, until(AT_S).last().unwrap().unix_s));
    for (name, key) in [("traces", "3"), ("logs", "4")] {
        let states = [
            ("past", typed(false, &format!("{key}{{"))),
            ("paused", typed(false, &format!("{key} "))),
            ("lost", PictureOptions { link: lost.clone(), ..typed(false, key) }),
            ("replay", PictureOptions { playback: replayed, ..typed(false, key) }),
        ];
        for (state, options) in states {
            insta::assert_snapshot!(format!("{name}_{state}_80x24"), shown((80, 24), &options));
        }
    }
}
