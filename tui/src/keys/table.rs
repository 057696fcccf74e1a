//! The table of keys: each action with its name, its keys, its place and its meaning.

use super::action::Action;
use super::footer::Footer;
use super::place::{Place, Places, Screen};

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    pub action: Action,
    /// For the configuration and for the command line.
    pub name: &'static str,
    /// As [`super::Sequence`] reads them, the first one for short hints.
    pub keys: &'static [&'static str],
    /// Where the action means something.
    pub places: Places,
    /// A sentence without a subject.
    pub text: &'static str,
    pub footer: Option<Footer>,
}

impl Row {
    pub fn holds(&self, place: Place) -> bool {
        self.places.holds(place)
    }

    const fn hint(self, rank: u8, word: &'static str) -> Self {
        Self { footer: Some(Footer { word, with: None, rank }), ..self }
    }

    const fn pair(self, rank: u8, word: &'static str, with: Action) -> Self {
        Self { footer: Some(Footer { word, with: Some(with), rank }), ..self }
    }
}

const fn row(
    action: Action,
    name: &'static str,
    keys: &'static [&'static str],
    places: Places,
    text: &'static str,
) -> Row {
    Row { action, name, keys, places, text, footer: None }
}

const ALL: Places = Places::ALL;
const SCREENS: Places = Places::SCREENS;
const DIALOG: Places = Places::DIALOG;
const PROMPT: Places = Places::PROMPT;
/// What can be longer than the screen.
const MOVES: Places = SCREENS.and(Places::HELP).and(DIALOG);
const TRACES: Places = Places::on(&[Screen::Traces]);
const LOGS: Places = Places::on(&[Screen::Logs]);
const SORTED: Places =
    Places::on(&[Screen::Overview, Screen::Traces, Screen::Faults, Screen::Verdicts]);
const COLUMNS: Places = Places::on(&[Screen::Logs]);
const MODES: Places = Places::on(&[Screen::Overview, Screen::Topology, Screen::Load]);
const FOLLOWED: Places = Places::on(&[Screen::Traces, Screen::Logs, Screen::OwnLog]);
const ARMED: Places = Places::on(&[Screen::Overview, Screen::Topology, Screen::Faults]);

pub const ROWS: &[Row] = &[
    // Screens.
    row(
        Action::GotoOverview,
        "goto-overview",
        &["1"],
        SCREENS,
        "the overview: rates, errors, durations, faults, verdicts on one axis",
    ),
    row(
        Action::GotoTopology,
        "goto-topology",
        &["2"],
        SCREENS,
        "who calls whom: graph, tree, matrix",
    ),
    row(
        Action::GotoTraces,
        "goto-traces",
        &["3"],
        SCREENS,
        "traces: list, waterfall, critical path",
    ),
    row(Action::GotoLogs, "goto-logs", &["4"], SCREENS, "log lines"),
    row(Action::GotoFaults, "goto-faults", &["5"], SCREENS, "faults: plan, hits, conditions"),
    row(
        Action::GotoVerdicts,
        "goto-verdicts",
        &["6"],
        SCREENS,
        "expectations and what was observed",
    ),
    row(Action::GotoLoad, "goto-load", &["7"], SCREENS, "the load generator: offered, done, late"),
    row(Action::GotoOwnLog, "goto-log", &["!"], SCREENS, "what the dashboard says about itself"),
    row(Action::HistoryBack, "history-back", &["["], SCREENS, "the place visited before"),
    row(
        Action::HistoryForward,
        "history-forward",
        &["]"],
        SCREENS,
        "the place from which history-back came",
    ),
    // Panels and rows.
    row(Action::FocusNext, "focus-next", &["tab"], SCREENS.and(DIALOG), "the next panel")
        .hint(12, "panel"),
    row(Action::FocusPrev, "focus-prev", &["shift-tab"], SCREENS.and(DIALOG), "the panel before"),
    row(
        Action::ZoomPanel,
        "zoom-panel",
        &["z"],
        SCREENS,
        "the focused panel over the whole screen, and back",
    )
    .hint(9, "zoom"),
    row(Action::Up, "up", &["k", "up"], MOVES, "the row above"),
    row(Action::Down, "down", &["j", "down"], MOVES, "the row below").pair(4, "select", Action::Up),
    row(Action::First, "first", &["g g", "home"], MOVES, "the first row"),
    row(Action::Last, "last", &["G", "end"], MOVES, "the last row"),
    row(Action::PageUp, "page-up", &["pgup"], MOVES, "a page up"),
    row(Action::PageDown, "page-down", &["pgdn"], MOVES, "a page down"),
    row(Action::HalfUp, "half-up", &["ctrl-u"], MOVES, "half a page up"),
    row(Action::HalfDown, "half-down", &["ctrl-d"], MOVES, "half a page down"),
    row(
        Action::Open,
        "open",
        &["enter"],
        SCREENS.and(DIALOG),
        "open the selected row, or take the choice",
    )
    .hint(3, "open"),
    row(
        Action::Back,
        "back",
        &["esc"],
        MOVES,
        "out of what is open; at the end, back to the newest second",
    ),
    // Time, the same on all panels.
    row(
        Action::Pause,
        "pause",
        &["space"],
        SCREENS,
        "freeze the screen; data keep coming and are kept",
    )
    .hint(2, "pause"),
    row(
        Action::ScrubBack,
        "scrub-back",
        &["h", "left"],
        SCREENS,
        "move the time cursor back by one column",
    )
    .pair(5, "scrub", Action::ScrubForward),
    row(
        Action::ScrubForward,
        "scrub-forward",
        &["l", "right"],
        SCREENS,
        "move the time cursor forward by one column",
    ),
    row(
        Action::ScrubBackTen,
        "scrub-back-ten",
        &["{", "shift-left"],
        SCREENS,
        "move the time cursor back by ten columns",
    ),
    row(
        Action::ScrubForwardTen,
        "scrub-forward-ten",
        &["}", "shift-right"],
        SCREENS,
        "move the time cursor forward by ten columns",
    ),
    row(Action::Live, "live", &["0"], SCREENS, "return to the newest second").hint(7, "live"),
    row(Action::ZoomIn, "zoom-in", &["+"], SCREENS, "fewer seconds per column").pair(
        10,
        "time",
        Action::ZoomOut,
    ),
    row(Action::ZoomOut, "zoom-out", &["-"], SCREENS, "more seconds per column"),
    row(
        Action::ZoomAuto,
        "zoom-auto",
        &["="],
        SCREENS,
        "choose the seconds per column by the length of the run",
    ),
    row(
        Action::Slower,
        "slower",
        &["<"],
        SCREENS,
        "fewer frames per second; in a replay, half the speed",
    ),
    row(
        Action::Faster,
        "faster",
        &[">"],
        SCREENS,
        "more frames per second; in a replay, twice the speed",
    ),
    // What a list shows.
    row(
        Action::Filter,
        "filter",
        &["/"],
        SCREENS.and(Places::HELP),
        "filter this list; an empty filter shows everything",
    )
    .hint(3, "filter"),
    row(Action::NextHit, "next-hit", &["n"], SCREENS, "the next error, fault, event, or match")
        .pair(8, "next error", Action::PrevHit),
    row(Action::PrevHit, "prev-hit", &["N"], SCREENS, "the error, fault, event, or match before"),
    row(Action::Sort, "sort", &["s"], SORTED, "sort by the next column"),
    row(Action::SortReverse, "sort-reverse", &["S"], SORTED, "reverse the order"),
    row(Action::Columns, "columns", &["v"], COLUMNS, "choose columns"),
    row(Action::Mode, "mode", &["m"], MODES, "draw it in another way: plot, graph, tree, matrix")
        .hint(6, "plot"),
    row(Action::Follow, "follow", &["f"], FOLLOWED, "stay with the newest row, or let it go")
        .hint(5, "follow"),
    // From a row to the same subject elsewhere.
    row(Action::TracesOf, "traces-of", &["T"], SCREENS, "traces of the selected row")
        .hint(7, "traces"),
    row(Action::LogsOf, "logs-of", &["L"], SCREENS, "log lines of the selected row")
        .hint(7, "logs"),
    row(Action::FaultsOf, "faults-of", &["F"], SCREENS, "faults of the selected row")
        .hint(11, "faults"),
    // Traces alone.
    row(Action::Mark, "mark", &["M"], TRACES, "mark a trace, to compare it").hint(9, "mark"),
    row(Action::Compare, "compare", &["c"], TRACES, "compare the two marked traces")
        .hint(9, "compare"),
    row(Action::Attributes, "attributes", &["a"], TRACES, "show all attributes of the span"),
    row(Action::Links, "links", &["i"], TRACES, "go to the span that this one links to"),
    row(
        Action::RawTimes,
        "raw-times",
        &["K"],
        TRACES,
        "times as reported, without correction of skewed clocks",
    ),
    row(Action::Group, "group", &["x"], TRACES, "group the list by service and name of the root"),
    // Logs alone.
    row(Action::Context, "context", &["c"], LOGS, "show what else happened around the line")
        .hint(8, "context"),
    row(Action::Wrap, "wrap", &["w"], LOGS, "wrap long lines").hint(9, "wrap"),
    row(
        Action::Delta,
        "delta",
        &["d"],
        LOGS,
        "time of the line: of the run, since the line before, since the first",
    ),
    row(Action::Patterns, "patterns", &["p"], LOGS, "fold lines of one pattern into one"),
    // What leaves the screen.
    row(
        Action::Copy,
        "copy",
        &["y"],
        SCREENS,
        "copy the id or the line to the terminal's clipboard",
    )
    .hint(10, "copy"),
    row(
        Action::Export,
        "export",
        &["e"],
        SCREENS,
        "write what is shown to a file: text, JSON, CSV, DOT, OTLP",
    )
    .hint(11, "export"),
    row(Action::Record, "record", &["R"], SCREENS, "start or stop a recording"),
    // Faults; only with --allow-control, and each asks first.
    row(Action::Arm, "arm", &["A"], ARMED, "arm a fault (needs --allow-control; asks)"),
    row(
        Action::Disarm,
        "disarm",
        &["D"],
        ARMED,
        "disarm the selected fault (needs --allow-control; asks)",
    ),
    row(
        Action::ClearAll,
        "clear-all",
        &["X"],
        SCREENS,
        "disarm all faults (needs --allow-control; asks)",
    ),
    // The dashboard.
    row(Action::Command, "command", &[":"], SCREENS, "run an action by its name")
        .hint(9, "command"),
    row(
        Action::Help,
        "help",
        &["?"],
        SCREENS.and(Places::HELP),
        "show or hide the keys of this screen",
    )
    .hint(0, "help"),
    row(
        Action::Quit,
        "quit",
        &["q"],
        SCREENS.and(Places::HELP),
        "close the dashboard; the run goes on in plain lines",
    )
    .hint(0, "close"),
    row(
        Action::QuitKeep,
        "quit-keep",
        &["Q"],
        SCREENS.and(Places::HELP),
        "close it and leave the last screen on the terminal",
    ),
    row(
        Action::Suspend,
        "suspend",
        &["ctrl-z"],
        SCREENS,
        "hand the terminal to the shell; fg comes back",
    ),
    row(
        Action::Interrupt,
        "interrupt",
        &["ctrl-c"],
        ALL,
        "end the run: faults off, processes ended",
    ),
    // Answers to a question.
    row(Action::Yes, "yes", &["y"], DIALOG, "yes, do it").hint(1, "yes"),
    row(Action::No, "no", &["n"], DIALOG, "no, leave it").hint(1, "no"),
    row(Action::Toggle, "toggle", &["space"], DIALOG, "choose the row, or not").hint(2, "choose"),
    // A line of text.
    row(Action::Accept, "accept", &["enter"], PROMPT, "take the text").hint(1, "take"),
    row(Action::Cancel, "cancel", &["esc"], PROMPT, "leave everything as it was").hint(1, "cancel"),
    row(Action::Complete, "complete", &["tab"], PROMPT, "the next completion").hint(2, "complete"),
    row(Action::CompleteBack, "complete-back", &["shift-tab"], PROMPT, "the completion before"),
    row(Action::Older, "older", &["up", "ctrl-p"], PROMPT, "the text that was taken before")
        .hint(3, "history"),
    row(Action::Newer, "newer", &["down", "ctrl-n"], PROMPT, "the text that was taken after"),
    row(Action::CursorLeft, "cursor-left", &["left", "ctrl-b"], PROMPT, "one letter to the left"),
    row(
        Action::CursorRight,
        "cursor-right",
        &["right", "ctrl-f"],
        PROMPT,
        "one letter to the right",
    ),
    row(Action::CursorStart, "cursor-start", &["home", "ctrl-a"], PROMPT, "to the start"),
    row(Action::CursorEnd, "cursor-end", &["end", "ctrl-e"], PROMPT, "to the end"),
    row(
        Action::EraseBack,
        "erase-back",
        &["backspace", "ctrl-h"],
        PROMPT,
        "erase the letter to the left",
    ),
    row(Action::Erase, "erase", &["delete", "ctrl-d"], PROMPT, "erase the letter under the cursor"),
    row(
        Action::EraseWord,
        "erase-word",
        &["ctrl-w", "alt-backspace"],
        PROMPT,
        "erase the word to the left",
    ),
    row(Action::EraseAll, "erase-all", &["ctrl-u"], PROMPT, "erase everything to the left"),
];
