//! Where each panel lies, for a terminal of any size.
//!
//! Every screen has a header above, a line of keys below, and a stage between them ([`Shell`]).
//! The wide layout needs 100x30; below it the small one stacks everything on one time axis; below
//! 60x16 there is one line that asks for more room. All time panels of a layout have the same
//! number of plot columns on every screen, so that cause and effect stand on one vertical line,
//! and all screens are about the same stretch of time.

use ratatui::layout::Rect;

/// Smallest screen of the wide layout.
const WIDE: (u16, u16) = (100, 30);
/// Smallest screen of the small layout.
const SMALL: (u16, u16) = (60, 16);
/// Columns of a wide left panel that are not plot: two borders, names, and a blank.
const LEFT_EXTRA: u16 = 18;
/// As above for a wide right panel, where the names stand above their lanes.
const RIGHT_EXTRA: u16 = 10;
/// Columns before the plot in the small layout, border included.
pub const SMALL_GUTTER: u16 = 8;

/// What all screens have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shell {
    pub wide: bool,
    /// Two lines: the run, and the tabs.
    pub header: Rect,
    /// What is wrong, or the load; without height on a small screen.
    pub note: Rect,
    pub stage: Rect,
    pub footer: Rect,
}

impl Shell {
    /// `None` when there is no room for a picture.
    pub fn of(width: u16, height: u16) -> Option<Self> {
        let wide = width >= WIDE.0 && height >= WIDE.1;
        if !wide && (width < SMALL.0 || height < SMALL.1) {
            return None;
        }
        let note = u16::from(wide);
        let band = |y, rows| Rect::new(0, y, width, rows);
        Some(Self {
            wide,
            header: band(0, 2),
            note: band(2, note),
            stage: band(2 + note, height - 3 - note),
            footer: band(height - 1, 1),
        })
    }
}

/// The overview's panels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    Wide(Wide),
    Small(Small),
    TooSmall,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wide {
    /// Plot columns of every time panel.
    pub columns: u16,
    pub red: Rect,
    pub breakers: Rect,
    pub latency: Rect,
    pub second: Rect,
    pub faults: Rect,
    pub verdicts: Rect,
    pub events: Rect,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Small {
    pub columns: u16,
    pub red: Rect,
    pub latency: Rect,
    /// Breaker lane, fault lane, verdicts and, when there is room, the last event.
    pub lanes: Rect,
}

impl Layout {
    pub fn of(width: u16, height: u16) -> Self {
        match Shell::of(width, height) {
            Some(shell) if shell.wide => Self::Wide(wide(shell.stage)),
            Some(shell) => Self::Small(small(shell.stage)),
            None => Self::TooSmall,
        }
    }

    /// Plot columns of every time panel.
    pub fn columns(&self) -> u16 {
        match self {
            Self::Wide(wide) => wide.columns,
            Self::Small(small) => small.columns,
            Self::TooSmall => 1,
        }
    }

    /// Rows of the plots: the panel without its borders and its time axis.
    pub fn plot_rows(&self) -> u16 {
        let panel = match self {
            Self::Wide(wide) => wide.latency.height,
            Self::Small(small) => small.latency.height,
            Self::TooSmall => 0,
        };
        panel.saturating_sub(3)
    }

    /// Events that can be seen at once.
    pub fn events(&self) -> u16 {
        match self {
            Self::Wide(wide) if wide.events.height > 1 => wide.events.height - 2,
            Self::Wide(_) | Self::Small(_) => 1,
            Self::TooSmall => 0,
        }
    }
}

fn wide(stage: Rect) -> Wide {
    let width = stage.width;
    let columns = (width - LEFT_EXTRA - RIGHT_EXTRA) / 2;
    let left = columns + LEFT_EXTRA;
    let events = if stage.height >= 30 { 4 } else { 1 };
    let rest = stage.height - events;
    let faults = (u32::from(rest) * 9 / 33) as u16;
    let red = (rest - faults).div_ceil(2);
    let latency = rest - faults - red;
    let mut y = stage.y;
    let mut band = |rows: u16| {
        let area = Rect::new(0, y, width, rows);
        y += rows;
        area
    };
    let halves = |area: Rect| {
        let right = Rect { x: left, width: width - left, ..area };
        (Rect { width: left, ..area }, right)
    };
    let (red, breakers) = halves(band(red));
    let (latency, second) = halves(band(latency));
    let (faults, verdicts) = halves(band(faults));
    let events = band(events);
    Wide { columns, red, breakers, latency, second, faults, verdicts, events }
}

fn small(stage: Rect) -> Small {
    let width = stage.width;
    // Room for the values at the right end of their lines, where there is any.
    let margin = if width >= 72 { 12 } else { 3 };
    let lanes = if stage.height >= 17 { 4 } else { 3 };
    let rest = stage.height - lanes;
    let red = rest.div_ceil(2);
    let mut y = stage.y;
    let mut band = |rows: u16| {
        let area = Rect::new(0, y, width, rows);
        y += rows;
        area
    };
    Small {
        columns: width - SMALL_GUTTER - margin,
        red: band(red),
        latency: band(rest - red),
        lanes: band(lanes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_chooses_the_layout() {
        assert!(matches!(Layout::of(120, 40), Layout::Wide(wide) if wide.columns == 46));
        assert!(matches!(Layout::of(80, 24), Layout::Small(small) if small.columns == 60));
        assert!(matches!(Layout::of(60, 16), Layout::Small(_)));
        assert!(matches!(Layout::of(200, 29), Layout::Small(_)));
        for (width, height) in [(0, 0), (59, 40), (120, 15)] {
            assert_eq!(Layout::of(width, height), Layout::TooSmall);
        }
    }

    #[test]
    fn the_bands_fill_the_screen_from_top_to_bottom() {
        for width in [60_u16, 71, 72, 99, 100, 121, 250] {
            for height in 16..90 {
                let shell = Shell::of(width, height).unwrap();
                let bands = match Layout::of(width, height) {
                    Layout::Wide(wide) => {
                        assert_eq!(wide.red.right(), wide.breakers.x);
                        assert_eq!(wide.breakers.right(), width);
                        vec![wide.red, wide.latency, wide.faults, wide.events]
                    },
                    Layout::Small(small) => vec![small.red, small.latency, small.lanes],
                    Layout::TooSmall => continue,
                };
                let case = format!("{width}x{height}");
                let rows: u16 = bands.iter().map(|band| band.height).sum();
                assert_eq!((bands[0].y, rows), (shell.stage.y, shell.stage.height), "{case}");
                assert_eq!((shell.stage.bottom(), shell.footer.bottom()), (height - 1, height));
                assert!(bands.iter().all(|band| band.height > 0), "{case}");
            }
        }
    }
}
