use std::path::PathBuf;

use crossterm::event::KeyEvent;
use proptest::prelude::*;
use ratatui::style::Color;

use super::*;
use crate::keys::{Action, Found, Key, Pending, Place, ROWS, Screen};
use crate::theme::{Depth, Role, Surroundings, Theme, Wishes, print_theme};

fn parse(text: &str) -> Config {
    Config::parse("watch.toml", text).unwrap_or_else(|problems| panic!("{problems}"))
}

fn problems(text: &str) -> Vec<String> {
    let problems = Config::parse("watch.toml", text).unwrap_err();
    let found = problems.found().iter();
    found.map(|it| format!("{}:{} {}", it.line, it.column, it.message)).collect()
}

fn press(config: &Config, place: Place, key: &str) -> Found {
    let event = KeyEvent::from(key.parse::<Key>().unwrap());
    config.keymap().find(place, &mut Pending::default(), event)
}

#[test]
fn an_empty_file_says_what_no_file_says() {
    assert_eq!(parse(""), Config::default());
    assert_eq!(parse("# only a comment\n[keys]\n[colors]\n"), Config::default());
}

#[test]
fn everything_that_can_be_said_is_taken() {
    let config = parse(
        r#"
        color = "always"
        theme = "light"
        fps = 4
        mouse = false
        ascii = true
        zoom = "5s"
        [keys]
        preset = "emacs"
        "ctrl-t" = "traces-of"
        "traces:x" = "sort"
        "q" = "none"
        ":" = "help"
        "logs::" = "wrap"
        [colors]
        ok = 40
        warn = "bright-blue"
        series.1 = 33
        "log.error" = 1
        "#,
    );
    let traces = Place::Screen(Screen::Traces);
    let overview = Place::Screen(Screen::Overview);
    for (place, key, found) in [
        (overview, "ctrl-t", Found::Action(Action::TracesOf)),
        (overview, "ctrl-n", Found::Action(Action::Down)),
        (overview, "j", Found::Nothing),
        (traces, "x", Found::Action(Action::Sort)),
        (traces, "q", Found::Nothing),
        (traces, ":", Found::Action(Action::Help)),
        (Place::Screen(Screen::Logs), ":", Found::Action(Action::Wrap)),
    ] {
        assert_eq!(press(&config, place, key), found, "{key} in {}", place.name());
    }
    assert_eq!((config.color, config.theme), (ColorChoice::Always, Some(ThemeName::Light)));
    assert_eq!((config.fps, config.mouse, config.ascii), (4, false, Some(true)));
    assert_eq!(config.zoom, Zoom::Fixed(5));
    let theme = Theme { colors: config.colors, ..Theme::default() };
    for (role, color) in [
        (Role::Ok, Color::Indexed(40)),
        (Role::Warn, Color::LightBlue),
        (Role::Series(0), Color::Indexed(33)),
        (Role::LogError, Color::Red),
    ] {
        assert_eq!(theme.style(role).fg, Some(color), "{role:?}");
    }
}

#[test]
fn what_cannot_be_meant_is_told_with_its_place_and_the_nearest_name() {
    for (text, message) in [
        ("colour = 1", "1:1 unknown key \"colour\" in the file; did you mean \"color\"?"),
        ("theme = \"drak\"", "1:9 unknown theme \"drak\"; did you mean \"dark\"?"),
        ("fps = 60", "1:7 `fps` in the file must be an integer from 1 to 30, got the integer 60"),
        (
            "zoom = \"4s\"",
            "1:8 `zoom` is the time per column: auto, 1s, 2s, 3s, 5s, 10s, 15s, 30s, 60s; got \"4s\"",
        ),
        (
            "[keys]\nx = \"grop\"",
            "2:5 \"x\" in [keys]: unknown action \"grop\"; did you mean \"group\"?",
        ),
        ("[keys]\nentre = \"open\"", "2:1 unknown key \"entre\"; did you mean \"enter\"?"),
        (
            "[keys]\n\"trace:x\" = \"group\"",
            "2:1 unknown place \"trace\" before the colon; did you mean \"traces\"?",
        ),
        (
            "[keys]\n\"faults:x\" = \"group\"",
            "2:1 \"group\" means nothing in faults; it works in: traces",
        ),
        (
            "[keys]\n\"ctrl-c\" = \"quit\"",
            "2:1 ctrl-c always interrupts; choose another key for \"quit\"",
        ),
        (
            "[keys]\n\"esc\" = \"quit\"\n\"escape\" = \"help\"",
            "3:1 \"quit\" (line 2) and \"help\" both want \"esc\"",
        ),
        (
            "[keys]\n\"logs:x\" = \"wrap\"\n\"logs:x y\" = \"delta\"",
            "3:1 \"wrap\" (line 2) and \"delta\" both want \"x\", which begins \"x y\", in logs",
        ),
        ("[keys]\npreset = \"vim\"", "2:10 unknown preset \"vim\"; known: default, emacs"),
        ("[colors]\nwarm = 1", "2:1 unknown role \"warm\" in [colors]; did you mean \"warn\"?"),
        (
            "[colors]\nok = 256",
            "2:6 \"ok\" in [colors] must be an integer from 0 to 255, got the integer 256",
        ),
        ("theme = ", "1:9 this is not TOML: string values must be quoted, expected literal string"),
    ] {
        assert_eq!(problems(text), [message], "{text}");
    }
    assert_eq!(problems("a = 1\nb = 2\n").len(), 2);
}

#[test]
fn the_file_is_looked_for_where_the_desktop_keeps_settings() {
    for (config, home, path) in [
        (Some("/etc/mine"), Some("/home/ann"), Some("/etc/mine/shakedown/watch.toml")),
        (Some("mine"), Some("/home/ann"), Some("/home/ann/.config/shakedown/watch.toml")),
        (None, Some("/home/ann"), Some("/home/ann/.config/shakedown/watch.toml")),
        (None, None, None),
    ] {
        let variable = |name: &str| {
            let value = if name == "HOME" { home } else { config };
            value.map(OsString::from)
        };
        assert_eq!(Config::path(variable), path.map(PathBuf::from));
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Config::load(Path::new("/nowhere/watch.toml")).unwrap_err();
    assert_eq!(error.to_string(), "cannot read the settings at /nowhere/watch.toml");
}

#[test]
fn a_file_that_is_not_utf8_is_told_with_line_and_column() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("watch.toml");
    std::fs::write(&path, b"fps = 5\n# \xc3\xa4 \xe4\n").unwrap();
    let error = Config::load(&path).unwrap_err().to_string();
    assert!(error.ends_with("watch.toml:2:5: this is not UTF-8, as settings must be"), "{error}");
}

#[test]
fn a_key_as_another_program_writes_it_is_refused_with_the_form_it_has_here() {
    for (written, here) in [
        ("C-t", "ctrl-t"),
        ("<C-t>", "ctrl-t"),
        ("^T", "ctrl-t"),
        ("Ctrl+T", "ctrl-t"),
        ("M-x", "alt-x"),
        ("C-M-x", "ctrl-alt-x"),
        ("S-up", "shift-up"),
    ] {
        let text = format!("[keys]\n\"{written}\" = \"up\"\n");
        let told = Config::parse("watch.toml", &text).unwrap_err().to_string();
        let expected = format!("unknown key \"{written}\"; here it is \"{here}\"");
        assert!(told.contains(&expected), "{told}");
    }
    let told = Config::parse("watch.toml", "[keys]\n\"C-nokey\" = \"up\"\n").unwrap_err();
    assert!(!told.to_string().contains("here it is"), "{told}");
}

#[test]
fn the_printed_theme_is_a_settings_file_that_gives_the_same_theme() {
    let theme = Theme::default();
    let config = parse(&print_theme(&theme));
    assert_eq!(config.theme, Some(ThemeName::Dark));
    let wishes = Wishes { theme: config.theme, colors: config.colors, ..Wishes::default() };
    let around = Surroundings { colorterm: "truecolor".to_owned(), ..Surroundings::default() };
    let read = Theme::of(&wishes, &around);
    assert_eq!(read.depth, Depth::Indexed256);
    for role in Role::all() {
        assert_eq!(read.style(role), theme.style(role), "{role:?}");
    }
}

#[test]
fn every_action_can_be_bound_to_a_key_of_ones_own_everywhere_it_works() {
    for row in ROWS {
        let config = parse(&format!("[keys]\n\"f9\" = \"{}\"", row.name));
        for place in row.places.iter() {
            assert_eq!(press(&config, place, "f9"), Found::Action(row.action), "{}", row.name);
        }
    }
}

#[test]
fn the_settings_in_the_documents_can_be_read() {
    let document = include_str!("../../../docs/dashboard.md");
    let (_, rest) = document.split_once("```toml\n").expect("the document shows settings");
    let (text, _) = rest.split_once("```").expect("the block ends");
    let config = parse(text);
    assert!(!config.rules.is_empty() && config.theme.is_some());
}

proptest! {
    #[test]
    fn no_text_makes_reading_the_settings_panic(
        text in prop_oneof![
            ".{0,80}",
            "\\[(keys|colors)\\]\n\"[a-z:\\- ]{0,12}\" = (\"[a-z-]{0,8}\"|[0-9]{1,4}|\\[\\])\n",
        ],
    ) {
        if let Err(problems) = Config::parse("watch.toml", &text) {
            prop_assert!(!problems.found().is_empty());
        }
    }
}
