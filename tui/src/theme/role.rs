//! What a piece of the screen is, apart from how it looks.

/// Steps of the heat ramp.
pub const HEAT_STEPS: usize = 9;
/// Lines of a plot: p50, p90, p99, p99.9.
pub const SERIES: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Text,
    Dim,
    Border,
    /// Border and title of the panel that takes the keys.
    Focus,
    Title,
    Header,
    Select,
    Ok,
    Warn,
    Error,
    Fault,
    LogError,
    LogWarn,
    LogInfo,
    LogDebug,
    /// p50, p90, p99, p99.9; what is beyond the last is as the last.
    Series(usize),
    /// From few to many: 0 to [`HEAT_STEPS`] - 1; what is beyond is as the last.
    Heat(usize),
}

/// Roles without steps, in the order in which they are printed.
const PLAIN: [(Role, &str); 15] = [
    (Role::Text, "text"),
    (Role::Dim, "dim"),
    (Role::Border, "border"),
    (Role::Focus, "focus"),
    (Role::Title, "title"),
    (Role::Header, "header"),
    (Role::Select, "select"),
    (Role::Ok, "ok"),
    (Role::Warn, "warn"),
    (Role::Error, "error"),
    (Role::Fault, "fault"),
    (Role::LogError, "log.error"),
    (Role::LogWarn, "log.warn"),
    (Role::LogInfo, "log.info"),
    (Role::LogDebug, "log.debug"),
];

impl Role {
    /// Number of roles with every step counted.
    pub const COUNT: usize = PLAIN.len() + SERIES + HEAT_STEPS;

    pub fn all() -> impl Iterator<Item = Self> {
        let plain = PLAIN.into_iter().map(|(role, _)| role);
        plain.chain((0..SERIES).map(Self::Series)).chain((0..HEAT_STEPS).map(Self::Heat))
    }

    /// As in the configuration: `ok`, `log.warn`, `series.1`, `heat.9`.
    pub fn name(self) -> String {
        match self {
            Self::Series(step) => format!("series.{}", step + 1),
            Self::Heat(step) => format!("heat.{}", step + 1),
            plain => {
                let known = PLAIN.iter().find(|(role, _)| *role == plain);
                known.map_or("", |(_, name)| *name).to_owned()
            },
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::all().find(|role| role.name() == name)
    }

    /// From 0 to [`Role::COUNT`] - 1.
    pub(super) fn index(self) -> usize {
        match self {
            Self::Series(step) => PLAIN.len() + step.min(SERIES - 1),
            Self::Heat(step) => PLAIN.len() + SERIES + step.min(HEAT_STEPS - 1),
            plain => PLAIN.iter().position(|(role, _)| *role == plain).unwrap_or(0),
        }
    }
}
