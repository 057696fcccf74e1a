//! What a viewer over a slow link pays for: the bytes of each frame of a busy run.

#[path = "../benches/shared/busy.rs"]
mod busy;
#[path = "../benches/shared/counting.rs"]
mod counting;

use std::sync::Arc;

use counting::{SCREENS, app, terminal};
use tui::glyphs;
use tui::screen::Zoom;
use tui::store::answers::Answers;
use tui::store::{Store, query};
use tui::theme::{Depth, Theme};
use tui::view::view;

const HISTORY_S: u64 = 90;
const STEADY_S: u64 = 10;
const BYTES_MAX: usize = 8_192;

#[test]
fn a_frame_that_follows_another_takes_less_than_eight_kilobytes_on_every_screen() {
    let theme = Theme::new(Depth::Indexed256, &glyphs::UTF8);
    let answers = Answers::default();
    let mut store = Store::default();
    for at in 0..HISTORY_S {
        store.insert(Arc::new(busy::second(at)));
    }
    let mut screens = SCREENS.map(|(name, key)| (name, app(key, Zoom::Auto), terminal(), false));
    for at in HISTORY_S..HISTORY_S + STEADY_S {
        store.insert(Arc::new(busy::second(at)));
        for (name, app, (terminal, counting), follows) in &mut screens {
            let snapshot = query::build(&store, &answers, &app.query());
            counting.reset();
            terminal
                .draw(|frame| {
                    view(app, &snapshot, &theme, frame);
                })
                .unwrap();
            let bytes = counting.bytes();
            assert!(bytes > 0, "{name} shows nothing of second {at}");
            assert!(!*follows || bytes < BYTES_MAX, "{name} takes {bytes} bytes in second {at}");
            *follows = true;
        }
    }
}
