//! Where each panel lies, for a terminal of any size.
//!
//! The wide layout needs 100x30; below it the small one stacks everything on one time axis; below
//! 60x16 there is one line that asks for more room. All time panels of a layout have the same
//! number of plot columns, so that cause and effect stand on one vertical line.

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
    pub header: Rect,
    pub red: Rect,
    pub breakers: Rect,
    pub latency: Rect,
    pub second: Rect,
    pub faults: Rect,
    pub verdicts: Rect,
    pub events: Rect,
    pub footer: Rect,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Small {
    pub columns: u16,
    pub header: Rect,
    pub red: Rect,
    pub latency: Rect,
    /// Breaker lane, fault lane, verdicts and, when there is room, the last event.
    pub lanes: Rect,
    pub footer: Rect,
}

impl Layout {
    pub fn of(width: u16, height: u16) -> Self {
        if width >= WIDE.0 && height >= WIDE.1 {
            Self::Wide(wide(width, height))
        } else if width >= SMALL.0 && height >= SMALL.1 {
            Self::Small(small(width, height))
        } else {
            Self::TooSmall
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

fn wide(width: u16, height: u16) -> Wide {
    let columns = (width - LEFT_EXTRA - RIGHT_EXTRA) / 2;
    let left = columns + LEFT_EXTRA;
    let events = if height >= 34 { 4 } else { 1 };
    let rest = height - 3 - events;
    let faults = (u32::from(rest) * 9 / 33) as u16;
    let red = (rest - faults).div_ceil(2);
    let latency = rest - faults - red;
    let mut y = 0;
    let mut band = |rows: u16| {
        let area = Rect::new(0, y, width, rows);
        y += rows;
        area
    };
    let header = band(2);
    let halves = |area: Rect| {
        let right = Rect { x: left, width: width - left, ..area };
        (Rect { width: left, ..area }, right)
    };
    let (red, breakers) = halves(band(red));
    let (latency, second) = halves(band(latency));
    let (faults, verdicts) = halves(band(faults));
    let events = band(events);
    let footer = band(1);
    Wide { columns, header, red, breakers, latency, second, faults, verdicts, events, footer }
}

fn small(width: u16, height: u16) -> Small {
    // Room for the values at the right end of their lines, where there is any.
    let margin = if width >= 72 { 12 } else { 3 };
    let lanes = if height >= 20 { 4 } else { 3 };
    let rest = height - 3 - lanes;
    let red = rest.div_ceil(2);
    let mut y = 0;
    let mut band = |rows: u16| {
        let area = Rect::new(0, y, width, rows);
        y += rows;
        area
    };
    Small {
        columns: width - SMALL_GUTTER - margin,
        header: band(2),
        red: band(red),
        latency: band(rest - red),
        lanes: band(lanes),
        footer: band(1),
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
                let (bands, footer) = match Layout::of(width, height) {
                    Layout::Wide(wide) => {
                        assert_eq!(wide.red.right(), wide.breakers.x);
                        assert_eq!(wide.breakers.right(), width);
                        let left = [wide.header, wide.red, wide.latency, wide.faults, wide.events];
                        (left.to_vec(), wide.footer)
                    },
                    Layout::Small(small) => {
                        (vec![small.header, small.red, small.latency, small.lanes], small.footer)
                    },
                    Layout::TooSmall => continue,
                };
                let rows: u16 = bands.iter().map(|band| band.height).sum();
                assert_eq!((rows, footer.bottom()), (height - 1, height), "{width}x{height}");
                assert!(bands.iter().all(|band| band.height > 0), "{width}x{height}");
            }
        }
    }
}
