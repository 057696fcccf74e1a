use ratatui::style::Color;

use super::vision::{VIEWS, contrast, difference, lab, worst_pair};
use super::*;

const STATUS: [Role; 4] = [Role::Ok, Role::Warn, Role::Error, Role::Fault];

fn theme(name: ThemeName) -> Theme {
    let wishes = Wishes { color: ColorChoice::Always, theme: Some(name), ..Wishes::default() };
    let around = Surroundings { term: "xterm-256color".to_owned(), ..Surroundings::default() };
    Theme::of(&wishes, &around)
}

fn colors(theme: &Theme, roles: impl IntoIterator<Item = Role>) -> Vec<Color> {
    roles.into_iter().map(|role| theme.style(role).fg.unwrap()).collect()
}

fn near(got: f64, wanted: f64) {
    assert!((got - wanted).abs() < 0.06, "{got} is not {wanted}");
}

#[test]
fn the_difference_of_colours_is_that_of_the_published_pairs() {
    for (one, other, wanted) in [
        ([50.0, 2.6772, -79.7751], [50.0, 0.0, -82.7485], 2.0425),
        ([50.0, 2.5, 0.0], [73.0, 25.0, -18.0], 27.1492),
        ([60.2574, -34.0099, 36.2677], [60.4626, -34.1751, 39.4387], 1.2644),
        ([22.7233, 20.0904, -46.694], [23.0331, 14.973, -42.5619], 2.0373),
        ([2.0776, 0.0795, -1.135], [0.9033, -0.0636, -0.5514], 0.9082),
    ] {
        let got = difference(one, other);
        assert!((got - wanted).abs() < 0.000_1, "{one:?} {other:?}: {got}");
    }
}

#[test]
fn the_states_stay_apart_for_everybody_and_can_be_read() {
    let (dark, light) = (theme(ThemeName::Dark), theme(ThemeName::Light));
    near(worst_pair(&colors(&dark, STATUS)), 24.0);
    near(worst_pair(&colors(&light, STATUS)), 19.9);
    near(worst_pair(&colors(&theme(ThemeName::Sixteen), STATUS)), 21.1);
    let ground = Color::Indexed(234); // (28, 28, 28)
    for (role, wanted) in STATUS.into_iter().zip([9.9, 15.9, 4.6, 4.8]) {
        near(contrast(dark.style(role).fg.unwrap(), ground), wanted);
    }
    let white = Color::Indexed(231);
    for color in colors(&light, STATUS) {
        assert!(contrast(color, white) >= 5.7, "{color:?}");
    }
}

#[test]
fn the_lines_of_a_plot_stay_apart_for_everybody() {
    let series = || (0..SERIES).map(Role::Series);
    near(worst_pair(&colors(&theme(ThemeName::Dark), series())), 18.2);
    let light = colors(&theme(ThemeName::Light), series());
    near(worst_pair(&light), 35.3);
    assert!(light.iter().all(|color| contrast(*color, Color::Indexed(231)) >= 3.0));
}

#[test]
fn the_heat_ramp_rises_in_every_step_for_everybody() {
    let ramp = |name| colors(&theme(name), (0..HEAT_STEPS).map(Role::Heat));
    let dark = ramp(ThemeName::Dark);
    near(worst_pair(&dark), 4.4);
    let steps = VIEWS.iter().flat_map(|view| {
        dark.windows(2).map(move |pair| lab(pair[1], view)[0] - lab(pair[0], view)[0])
    });
    near(steps.fold(f64::INFINITY, f64::min), 5.1);
    let light: Vec<Color> = ramp(ThemeName::Light).into_iter().rev().collect();
    assert_eq!(light, dark);
}

#[test]
fn text_of_every_colour_can_be_read() {
    for (name, ground) in [(ThemeName::Dark, 234), (ThemeName::Light, 231)] {
        let theme = theme(name);
        let lines = [Role::Border, Role::Heat(0)];
        let words = Role::all()
            .filter(|role| !matches!(role, Role::Heat(_) | Role::Series(_)))
            .filter(|role| !lines.contains(role));
        for role in words {
            if let Some(color) = theme.style(role).fg {
                let contrast = contrast(color, Color::Indexed(ground));
                assert!(contrast >= 4.3, "{name:?} {role:?} {contrast}");
            }
        }
    }
}

#[test]
fn mono_never_sets_a_colour() {
    let mut mono = Theme::new(Depth::Mono, &glyphs::UTF8);
    mono.colors.set(Role::Ok, Color::Green);
    for role in Role::all() {
        let style = mono.style(role);
        assert_eq!((style.fg, style.bg, style.underline_color), (None, None, None), "{role:?}");
    }
}

#[test]
fn every_role_has_a_style_at_every_depth() {
    for name in [ThemeName::Dark, ThemeName::Light, ThemeName::Sixteen] {
        let theme = theme(name);
        assert_eq!(theme.name(), name);
        for role in Role::all().chain([Role::Series(7), Role::Heat(70)]) {
            let plain = matches!(role, Role::Text | Role::LogInfo);
            assert_eq!(theme.style(role) == Style::new(), plain, "{name:?} {role:?}");
        }
    }
}

#[test]
fn the_wish_comes_first_then_no_color_then_the_terminal() {
    use ColorChoice::{Always, Auto, Never};
    use Depth::{Ansi16, Indexed256, Mono};
    for (color, theme, no_color, term, colorterm, expected) in [
        (Auto, None, "", "xterm-256color", "", Indexed256),
        (Auto, None, "", "xterm", "truecolor", Indexed256),
        (Auto, None, "", "xterm-kitty", "", Indexed256),
        (Auto, None, "", "linux", "", Ansi16),
        (Auto, None, "", "vt220", "", Mono),
        (Auto, None, "", "dumb", "", Mono),
        (Auto, None, "1", "xterm-256color", "", Mono),
        (Auto, Some(ThemeName::Light), "1", "xterm-256color", "", Mono),
        (Auto, Some(ThemeName::Light), "", "linux", "", Ansi16),
        (Auto, Some(ThemeName::Sixteen), "", "xterm-256color", "", Ansi16),
        (Auto, Some(ThemeName::Mono), "", "xterm-256color", "", Mono),
        (Always, None, "1", "xterm-256color", "", Indexed256),
        (Always, None, "", "vt100", "", Ansi16),
        (Always, Some(ThemeName::Mono), "", "xterm-256color", "", Mono),
        (Never, Some(ThemeName::Dark), "", "xterm-256color", "truecolor", Mono),
    ] {
        let around = Surroundings {
            no_color: no_color.to_owned(),
            term: term.to_owned(),
            colorterm: colorterm.to_owned(),
            ..Surroundings::default()
        };
        let wishes = Wishes { color, theme, ..Wishes::default() };
        let depth = Theme::of(&wishes, &around).depth;
        assert_eq!(depth, expected, "{color:?} {theme:?} {no_color:?} {term} {colorterm}");
    }
}

#[test]
fn the_ground_that_the_terminal_tells_chooses_between_light_and_dark() {
    for (colorfgbg, theme, light) in [
        ("", None, false),
        ("15;0", None, false),
        ("0;15", None, true),
        ("0;default;7", None, true),
        ("12;8", None, false),
        ("0;default", None, false),
        ("0;15", Some(ThemeName::Dark), false),
        ("15;0", Some(ThemeName::Light), true),
    ] {
        let around = Surroundings { colorfgbg: colorfgbg.to_owned(), ..Surroundings::default() };
        let chosen = Theme::of(&Wishes { theme, ..Wishes::default() }, &around);
        assert_eq!(chosen.light, light, "{colorfgbg:?} {theme:?}");
    }
}

#[test]
fn the_locale_that_the_c_library_would_take_decides_about_signs() {
    for (all, ctype, lang, ascii) in [
        ("", "", "C.UTF-8", false),
        ("", "", "C", true),
        ("", "", "", true),
        ("C", "", "en_GB.UTF-8", true),
        ("", "POSIX", "en_GB.UTF-8", true),
        ("de_DE.utf8", "C", "C", false),
        ("", "", "de_DE.ISO-8859-1", true),
    ] {
        let around = Surroundings::of(|name| {
            match name {
                "LC_ALL" => all,
                "LC_CTYPE" => ctype,
                "LANG" => lang,
                _ => "",
            }
            .to_owned()
        });
        let chosen = Theme::of(&Wishes::default(), &around);
        assert_eq!(chosen.glyphs.ascii, ascii, "{all:?} {ctype:?} {lang:?}");
    }
}

#[test]
fn a_colour_of_ones_own_takes_the_place_of_the_themes_where_it_can_be_shown() {
    let mut colors = Colors::NONE;
    colors.set(Role::Ok, color_numbered(40));
    colors.set(Role::Warn, color_named("bright-blue").unwrap());
    for (name, ok, warn) in [
        (ThemeName::Dark, Color::Indexed(40), Color::LightBlue),
        (ThemeName::Sixteen, Color::LightCyan, Color::LightBlue),
    ] {
        let theme = Theme { colors, ..theme(name) };
        let got = (theme.style(Role::Ok).fg, theme.style(Role::Warn).fg);
        assert_eq!(got, (Some(ok), Some(warn)), "{name:?}");
    }
    assert_eq!(color_numbered(7), Color::Gray);
}

#[test]
fn the_printed_theme_names_every_role_and_every_name_is_found_again() {
    let text = print_theme(&theme(ThemeName::Dark));
    for role in Role::all() {
        assert_eq!(Role::named(&role.name()), Some(role));
        assert!(text.contains(&role.name()), "{role:?}");
    }
    assert_eq!(Role::all().count(), Role::COUNT);
    assert!(text.contains("theme = \"dark\"\n"), "{text}");
    assert!(text.contains("\nok = 80\n") && text.contains("\n\"series.1\" = 32\n"), "{text}");
}
