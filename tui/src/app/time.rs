//! The moment that is looked at: cursor, pause, zoom, and the playing of a recording.
//!
//! A recording is there as a whole. Playing it moves the second up to which it is shown, as a
//! pause holds it, so any moment can be gone to at once.

use super::App;
use crate::screen::{Axis, Cursor, Zoom};

/// Speeds of a replay.
const SPEEDS: [f64; 9] = [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];

/// How a recording is played.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Playback {
    /// First and last second of the recording.
    pub first_s: u64,
    pub last_s: u64,
    /// Seconds of the recording in a second.
    pub speed: f64,
    pub playing: bool,
}

impl Playback {
    /// The seconds of the recording by which it goes on at once, and the milliseconds until it
    /// does.
    pub fn step(&self) -> (u64, u64) {
        // More than eight pictures a second are no use to anyone.
        let seconds = (self.speed / 8.0).ceil().max(1.0);
        (seconds as u64, (seconds * 1_000.0 / self.speed) as u64)
    }

    fn by(&mut self, steps: isize) {
        let index = SPEEDS.iter().rposition(|speed| *speed <= self.speed).unwrap_or(0);
        self.speed = SPEEDS[index.saturating_add_signed(steps).min(SPEEDS.len() - 1)];
    }
}

impl App {
    pub(super) fn scrub(&mut self, axis: &Axis, columns: i64) {
        let Some(newest) = self.paused_at.or(axis.newest_s) else { return };
        let from = match self.cursor {
            Cursor::Live => newest,
            Cursor::At(second) => second,
        };
        let step = columns.unsigned_abs().saturating_mul(axis.column_s.max(1));
        if columns < 0 {
            self.cursor = Cursor::At(from.saturating_sub(step).max(axis.oldest_s));
            return;
        }
        let to = from.saturating_add(step);
        if to < newest {
            self.cursor = Cursor::At(to);
            return;
        }
        self.cursor = Cursor::Live;
        // What lies ahead of a recording's newest shown second is there too.
        if let Some(playback) = self.playback {
            self.paused_at = Some(to.min(playback.last_s));
        }
    }

    /// Looks at a second, wherever it lies.
    pub fn look_at(&mut self, axis: &Axis, second: u64) {
        if let Some(playback) = self.playback {
            let second = second.clamp(playback.first_s, playback.last_s);
            self.paused_at = self.paused_at.map(|at| at.max(second));
            let newest = self.paused_at == Some(second);
            self.cursor = if newest { Cursor::Live } else { Cursor::At(second) };
            return;
        }
        let newest = self.paused_at.or(axis.newest_s).unwrap_or(0);
        let second = second.max(axis.oldest_s);
        self.cursor = if second >= newest { Cursor::Live } else { Cursor::At(second) };
    }

    /// Looks at the moment of a plot column.
    pub(super) fn look_at_column(&mut self, axis: &Axis, column: usize) {
        if axis.newest_s.is_none() || axis.columns == 0 {
            return;
        }
        let column = column.min(axis.columns - 1);
        let ahead = (column.saturating_sub(axis.cursor) as u64).saturating_mul(axis.column_s);
        let behind = (axis.cursor.saturating_sub(column) as u64).saturating_mul(axis.column_s);
        let second = axis.cursor_s.saturating_add(ahead).saturating_sub(behind);
        // A click does not play a recording on.
        let newest = self.paused_at.or(axis.newest_s).unwrap_or(0);
        self.look_at(axis, second.min(newest));
    }

    pub(super) fn pause(&mut self, axis: &Axis) {
        if let Some(playback) = &mut self.playback {
            // At the end it begins anew.
            if !playback.playing && self.paused_at == Some(playback.last_s) {
                self.paused_at = Some(playback.first_s);
                self.cursor = Cursor::Live;
            }
            playback.playing = !playback.playing;
            return;
        }
        self.paused_at = match self.paused_at {
            Some(_) => None,
            None => axis.newest_s,
        };
    }

    /// Back to the newest second.
    pub(super) fn live(&mut self) {
        self.cursor = Cursor::Live;
        if self.playback.is_none() {
            self.paused_at = None;
        }
    }

    /// The recording goes on.
    pub(super) fn tick(&mut self) {
        let Some(playback) = &mut self.playback else { return };
        let (seconds, _) = playback.step();
        let at = self.paused_at.unwrap_or(playback.first_s).saturating_add(seconds);
        self.paused_at = Some(at.min(playback.last_s));
        playback.playing &= at < playback.last_s;
    }

    /// Frames a second of a live view, or the speed of a recording.
    pub(super) fn speed_by(&mut self, steps: isize) {
        if let Some(playback) = &mut self.playback {
            playback.by(steps);
        } else {
            self.frames_per_s = self.frames_per_s.saturating_add_signed(steps as i8).clamp(1, 30);
        }
    }

    pub(super) fn zoom_by(&mut self, axis: &Axis, levels: isize) {
        let current = match self.zoom {
            Zoom::Fixed(seconds) => seconds,
            Zoom::Auto => axis.column_s,
        };
        let index = Zoom::LEVELS_S.iter().rposition(|level| *level <= current).unwrap_or(0);
        let index = index.saturating_add_signed(levels).min(Zoom::LEVELS_S.len() - 1);
        self.zoom = Zoom::Fixed(Zoom::LEVELS_S[index]);
    }
}
