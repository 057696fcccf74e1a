//! Where a key means something: the screens, and what lies over a screen.

use std::fmt;

/// The screens, in the order of their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Screen {
    #[default]
    Overview,
    Topology,
    Traces,
    Logs,
    Faults,
    Verdicts,
    Load,
    /// What the dashboard has to say about itself; has no number.
    OwnLog,
}

impl Screen {
    pub const ALL: [Self; 8] = [
        Self::Overview,
        Self::Topology,
        Self::Traces,
        Self::Logs,
        Self::Faults,
        Self::Verdicts,
        Self::Load,
        Self::OwnLog,
    ];

    /// As in `goto-<name>` and in conditions of the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::Topology => "topology",
            Self::Traces => "traces",
            Self::Logs => "logs",
            Self::Faults => "faults",
            Self::Verdicts => "verdicts",
            Self::Load => "load",
            Self::OwnLog => "log",
        }
    }

    /// On its tab, where there is room.
    pub fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Topology => "Topology",
            Self::Traces => "Traces",
            Self::Logs => "Logs",
            Self::Faults => "Faults",
            Self::Verdicts => "Verdicts",
            Self::Load => "Load",
            Self::OwnLog => "Own log",
        }
    }

    /// On its tab, where there is little room.
    pub fn short(self) -> &'static str {
        match self {
            Self::Overview => "Over",
            Self::Topology => "Topo",
            Self::Traces => "Trace",
            Self::Logs => "Logs",
            Self::Faults => "Fault",
            Self::Verdicts => "SLO",
            Self::Load => "Load",
            Self::OwnLog => "Own",
        }
    }

    /// The digit that opens it; the own log has none.
    pub fn number(self) -> Option<usize> {
        let at = Self::ALL.iter().position(|screen| *screen == self)?;
        (self != Self::OwnLog).then_some(at + 1)
    }
}

/// What takes the keys at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    Screen(Screen),
    Help,
    /// A question or a menu.
    Dialog,
    /// A line of text that is being written: filter, search, command.
    Prompt,
}

impl Place {
    pub const ALL: [Self; 11] = [
        Self::Screen(Screen::Overview),
        Self::Screen(Screen::Topology),
        Self::Screen(Screen::Traces),
        Self::Screen(Screen::Logs),
        Self::Screen(Screen::Faults),
        Self::Screen(Screen::Verdicts),
        Self::Screen(Screen::Load),
        Self::Screen(Screen::OwnLog),
        Self::Help,
        Self::Dialog,
        Self::Prompt,
    ];

    /// The condition of the configuration that means this place alone.
    pub fn name(self) -> &'static str {
        match self {
            Self::Screen(screen) => screen.name(),
            Self::Help => "help",
            Self::Dialog => "dialog",
            Self::Prompt => "prompt",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|place| place.name() == name)
    }

    const fn bit(self) -> u16 {
        match self {
            Self::Screen(screen) => 1 << screen as u16,
            Self::Help => 1 << 8,
            Self::Dialog => 1 << 9,
            Self::Prompt => 1 << 10,
        }
    }
}

impl From<Screen> for Place {
    fn from(screen: Screen) -> Self {
        Self::Screen(screen)
    }
}

/// The condition of a binding: a set of places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Places(u16);

impl Places {
    pub const NONE: Self = Self(0);
    /// Every screen, when nothing lies over it.
    pub const SCREENS: Self = Self(0xff);
    pub const HELP: Self = Self(Place::Help.bit());
    pub const DIALOG: Self = Self(Place::Dialog.bit());
    pub const PROMPT: Self = Self(Place::Prompt.bit());
    pub const ALL: Self = Self::SCREENS.and(Self::HELP).and(Self::DIALOG).and(Self::PROMPT);

    /// These screens.
    pub const fn on(screens: &[Screen]) -> Self {
        let mut bits = 0;
        let mut index = 0;
        while index < screens.len() {
            bits |= Place::Screen(screens[index]).bit();
            index += 1;
        }
        Self(bits)
    }

    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub const fn holds(self, place: Place) -> bool {
        self.0 & place.bit() != 0
    }

    pub fn iter(self) -> impl Iterator<Item = Place> {
        Place::ALL.into_iter().filter(move |place| self.holds(*place))
    }
}

impl From<Place> for Places {
    fn from(place: Place) -> Self {
        Self(place.bit())
    }
}

/// For people: "everywhere", "screens, help", "traces, logs".
impl fmt::Display for Places {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::ALL {
            return formatter.write_str("everywhere");
        }
        let mut words = Vec::new();
        let mut rest = *self;
        if self.0 & Self::SCREENS.0 == Self::SCREENS.0 {
            words.push("screens");
            rest = Self(self.0 - Self::SCREENS.0);
        }
        words.extend(rest.iter().map(Place::name));
        formatter.write_str(&words.join(", "))
    }
}
