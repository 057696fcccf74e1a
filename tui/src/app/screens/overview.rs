//! The overview's choices: what the plot shows, and which row is selected.

use crate::app::{App, Effects};
use crate::keys::{Action, Screen};
use crate::layout::Layout;
use crate::screen::{Row, Snapshot, Sort, SortBy};
use crate::view::OverviewPanel;

/// What the plot that can be switched shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Latency on the small screen; the wide one shows it anyway and the heat map beside it.
    #[default]
    Lines,
    Heat,
    Load,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Choices {
    pub mode: Mode,
    pub sort: Sort,
}

impl App {
    /// The panel that Tab has gone to. A small screen shows one of the two plots.
    pub fn panel(&self) -> OverviewPanel {
        let panel = OverviewPanel::ALL[self.focus % OverviewPanel::ALL.len()];
        let is_plot = matches!(panel, OverviewPanel::Latency | OverviewPanel::Second);
        match self.screens.overview.mode {
            _ if !is_plot || matches!(self.layout(), Layout::Wide(_)) => panel,
            Mode::Lines => OverviewPanel::Latency,
            Mode::Heat | Mode::Load => OverviewPanel::Second,
        }
    }

    fn next_mode(&self) -> Mode {
        let wide = matches!(self.layout(), Layout::Wide(_));
        match self.screens.overview.mode {
            Mode::Load => Mode::Lines,
            Mode::Heat => Mode::Load,
            Mode::Lines if wide => Mode::Load,
            Mode::Lines => Mode::Heat,
        }
    }
}

/// Something went wrong there, or a fault acts.
fn is_hit(row: &Row) -> bool {
    row.error_percent.is_some_and(|percent| percent > 0.0) || row.faults > 0
}

/// Rows of a page.
fn page(app: &App) -> usize {
    usize::from(app.stage_rows() / 2).max(1)
}

pub(super) fn act(app: &mut App, action: Action, seen: &Snapshot) -> Option<Effects> {
    let row = app.selected_row(seen);
    match action {
        Action::Up => app.select(seen, row.saturating_sub(1)),
        Action::Down => app.select(seen, row.saturating_add(1)),
        Action::PageUp => app.select(seen, row.saturating_sub(page(app))),
        Action::PageDown => app.select(seen, row.saturating_add(page(app))),
        Action::HalfUp => app.select(seen, row.saturating_sub(page(app) / 2)),
        Action::HalfDown => app.select(seen, row.saturating_add(page(app) / 2)),
        Action::First => app.select(seen, 0),
        Action::Last => app.select(seen, usize::MAX),
        Action::Sort => {
            let sort = &mut app.screens.overview.sort;
            let at = SortBy::ALL.iter().position(|by| *by == sort.by).unwrap_or(0);
            *sort = Sort { by: SortBy::ALL[(at + 1) % SortBy::ALL.len()], reversed: false };
        },
        Action::SortReverse => {
            let sort = &mut app.screens.overview.sort;
            sort.reversed = !sort.reversed;
        },
        Action::NextHit => {
            let next = (row + 1..seen.rows.len()).find(|index| is_hit(&seen.rows[*index]))?;
            app.select(seen, next);
        },
        Action::PrevHit => {
            let before = (0..row).rev().find(|index| is_hit(&seen.rows[*index]))?;
            app.select(seen, before);
        },
        Action::Mode => {
            app.screens.overview.mode = app.next_mode();
            // On a small screen the other plot has the keys now.
            app.focus = app.panel() as usize;
        },
        Action::Open => match app.panel() {
            OverviewPanel::Faults => app.go(Screen::Faults),
            OverviewPanel::Verdicts => app.go(Screen::Verdicts),
            OverviewPanel::Events => super::logs_of(app, seen),
            OverviewPanel::Second if app.screens.overview.mode == Mode::Load => {
                app.go(Screen::Load);
            },
            _ => super::traces_of(app, seen),
        },
        _ => return None,
    }
    Some(Effects::redraw())
}

pub(super) fn click(app: &mut App, seen: &Snapshot, row: usize) -> Effects {
    app.focus = 0;
    app.select(seen, row);
    Effects::redraw()
}
