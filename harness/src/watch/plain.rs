//! Lines for pipes and logs, as `run --plain` prints them.

use model::frame::Frame;

use crate::run::view::print_line;

/// What happened in the second, and the second.
pub(super) fn print(frame: &Frame) {
    for line in tui::plain::events(frame) {
        print_line(&line);
    }
    print_line(&tui::plain::line(frame));
}
