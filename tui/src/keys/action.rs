//! What keys and commands ask for.

use super::place::Screen;
use super::table::{ROWS, Row};

/// What a key or a command asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    // Screens.
    GotoOverview,
    GotoTopology,
    GotoTraces,
    GotoLogs,
    GotoFaults,
    GotoVerdicts,
    GotoLoad,
    GotoOwnLog,
    HistoryBack,
    HistoryForward,
    // Panels and rows.
    FocusNext,
    FocusPrev,
    ZoomPanel,
    Up,
    Down,
    First,
    Last,
    PageUp,
    PageDown,
    HalfUp,
    HalfDown,
    Open,
    Back,
    // Time, the same on all panels.
    Pause,
    ScrubBack,
    ScrubForward,
    ScrubBackTen,
    ScrubForwardTen,
    Live,
    ZoomIn,
    ZoomOut,
    ZoomAuto,
    Slower,
    Faster,
    // What a list shows.
    Filter,
    NextHit,
    PrevHit,
    Sort,
    SortReverse,
    Columns,
    Mode,
    Follow,
    // From a row to the same subject elsewhere.
    TracesOf,
    LogsOf,
    FaultsOf,
    // Traces alone.
    Mark,
    Compare,
    Attributes,
    Links,
    RawTimes,
    Group,
    // Logs alone.
    Context,
    Wrap,
    Delta,
    Patterns,
    // What leaves the screen.
    Copy,
    Export,
    Record,
    // Faults; only with --allow-control, and each asks first.
    Arm,
    Disarm,
    ClearAll,
    // The dashboard.
    Command,
    Help,
    Quit,
    QuitKeep,
    Suspend,
    Interrupt,
    // Answers to a question.
    Yes,
    No,
    Toggle,
    // A line of text.
    Accept,
    Cancel,
    Complete,
    CompleteBack,
    Older,
    Newer,
    CursorLeft,
    CursorRight,
    CursorStart,
    CursorEnd,
    EraseBack,
    Erase,
    EraseWord,
    EraseAll,
}

impl Action {
    /// Its line of the table.
    pub fn row(self) -> &'static Row {
        let row = ROWS.iter().find(|row| row.action == self);
        row.expect("every action is in the table, as a test asserts")
    }

    /// The action of this name.
    pub fn named(name: &str) -> Option<Self> {
        ROWS.iter().find(|row| row.name == name).map(|row| row.action)
    }

    /// The screen that this action leads to by itself.
    pub fn screen(self) -> Option<Screen> {
        match self {
            Self::GotoOverview => Some(Screen::Overview),
            Self::GotoTopology => Some(Screen::Topology),
            Self::GotoTraces => Some(Screen::Traces),
            Self::GotoLogs => Some(Screen::Logs),
            Self::GotoFaults => Some(Screen::Faults),
            Self::GotoVerdicts => Some(Screen::Verdicts),
            Self::GotoLoad => Some(Screen::Load),
            Self::GotoOwnLog => Some(Screen::OwnLog),
            _ => None,
        }
    }
}
