//! Which theme a terminal gets: what the person says, then what the surroundings say.

use super::{Colors, Depth};

/// What the user wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ColorChoice {
    /// As `NO_COLOR` and the kind of terminal say.
    #[default]
    Auto,
    Always,
    Never,
}

impl ColorChoice {
    pub const ALL: [(&'static str, Self); 3] =
        [("auto", Self::Auto), ("always", Self::Always), ("never", Self::Never)];
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThemeName {
    Dark,
    Light,
    /// The sixteen colours that the terminal has by its own settings.
    Sixteen,
    Mono,
}

impl ThemeName {
    pub const ALL: [Self; 4] = [Self::Dark, Self::Light, Self::Sixteen, Self::Mono];

    pub fn name(self) -> &'static str {
        match self {
            Self::Dark => "dark",
            Self::Light => "light",
            Self::Sixteen => "sixteen",
            Self::Mono => "mono",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|theme| theme.name() == name)
    }
}

/// What the person says, by flags and else by the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wishes {
    pub color: ColorChoice,
    /// `None` goes by the terminal.
    pub theme: Option<ThemeName>,
    /// `None` goes by the locale.
    pub ascii: Option<bool>,
    pub colors: Colors,
}

/// The variables that decide about colours and signs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    pub no_color: String,
    pub term: String,
    pub colorterm: String,
    /// Numbers of the colours of text and ground, as some terminals tell them: `15;0`.
    pub colorfgbg: String,
    /// The first of `LC_ALL`, `LC_CTYPE` and `LANG` that is set.
    pub locale: String,
}

impl Surroundings {
    pub fn read() -> Self {
        Self::of(|name| std::env::var(name).unwrap_or_default())
    }

    /// From variables by name; what is not set is empty.
    pub fn of(variable: impl Fn(&str) -> String) -> Self {
        let locales = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().map(&variable);
        Self {
            no_color: variable("NO_COLOR"),
            term: variable("TERM"),
            colorterm: variable("COLORTERM"),
            colorfgbg: variable("COLORFGBG"),
            locale: locales.into_iter().find(|value| !value.is_empty()).unwrap_or_default(),
        }
    }

    /// How many colours the terminal claims.
    fn claims(&self) -> Depth {
        /// Terminals that have many colours and do not say so in their name.
        const MANY: [&str; 7] =
            ["256color", "direct", "kitty", "alacritty", "ghostty", "wezterm", "foot"];
        /// Terminals without any.
        const NONE: [&str; 4] = ["vt1", "vt2", "vt52", "ansi-m"];
        if !self.colorterm.is_empty() || MANY.iter().any(|part| self.term.contains(part)) {
            Depth::Indexed256
        } else if NONE.iter().any(|start| self.term.starts_with(start)) {
            Depth::Mono
        } else {
            Depth::Ansi16
        }
    }
}

pub(super) fn depth(wishes: &Wishes, around: &Surroundings) -> Depth {
    let claimed = around.claims();
    let (least, none) = match wishes.color {
        ColorChoice::Never => return Depth::Mono,
        // Who asks for colours gets some, whatever the terminal is called.
        ColorChoice::Always if claimed == Depth::Mono => (Depth::Ansi16, false),
        ColorChoice::Always => (claimed, false),
        ColorChoice::Auto => (claimed, !around.no_color.is_empty() || around.term == "dumb"),
    };
    match wishes.theme {
        Some(ThemeName::Mono) => Depth::Mono,
        _ if none => Depth::Mono,
        Some(ThemeName::Sixteen) if least == Depth::Indexed256 => Depth::Ansi16,
        _ => least,
    }
}

pub(super) fn light(wishes: &Wishes, around: &Surroundings) -> bool {
    match wishes.theme {
        Some(ThemeName::Light) => true,
        Some(ThemeName::Dark) => false,
        Some(ThemeName::Sixteen | ThemeName::Mono) | None => {
            let ground = around.colorfgbg.rsplit(';').next().and_then(|text| text.parse().ok());
            // Of the sixteen, these are the bright ones on which terminals put dark text.
            ground.is_some_and(|ground: u8| ground == 7 || (9..=15).contains(&ground))
        },
    }
}
