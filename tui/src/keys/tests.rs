use std::collections::BTreeSet;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use proptest::prelude::*;

use super::*;

const OVERVIEW: Place = Place::Screen(Screen::Overview);

fn event(keys: &str) -> KeyEvent {
    keys.parse::<Key>().unwrap().into()
}

/// What each key of a sequence leads to.
fn press(map: &Keymap, place: Place, keys: &[&str]) -> Vec<Found> {
    let mut pending = Pending::default();
    keys.iter().map(|key| map.find(place, &mut pending, event(key))).collect()
}

fn rule(place: Option<Place>, keys: &str, action: Option<Action>) -> Rule {
    Rule { place, keys: keys.parse().unwrap(), action }
}

#[test]
fn no_action_and_no_name_is_listed_twice() {
    let names: BTreeSet<_> = ROWS.iter().map(|row| row.name).collect();
    let actions: BTreeSet<_> = ROWS.iter().map(|row| row.action).collect();
    assert_eq!((names.len(), actions.len()), (ROWS.len(), ROWS.len()));
    assert!(ROWS.iter().all(|row| Action::named(row.name) == Some(row.action)));
    assert!(ROWS.iter().all(|row| row.places != Places::NONE));
}

#[test]
fn in_no_place_of_no_preset_two_actions_want_the_same_keys() {
    for preset in Preset::ALL {
        for place in Place::ALL {
            let mut taken: Vec<(Sequence, Action)> = Vec::new();
            for row in ROWS.iter().filter(|row| row.holds(place)) {
                for keys in preset.keys(row) {
                    let keys: Sequence = keys.parse().unwrap();
                    let clash = taken.iter().find(|(other, _)| other.collides(&keys));
                    assert_eq!(clash, None, "{keys} is {:?} in {}", row.action, place.name());
                    taken.push((keys, row.action));
                }
            }
        }
    }
}

#[test]
fn every_listed_key_gives_its_action_in_every_place_of_it() {
    for preset in Preset::ALL {
        let map = Keymap::of(preset);
        for row in ROWS {
            for (keys, place) in
                preset.keys(row).iter().flat_map(|keys| row.places.iter().map(move |it| (keys, it)))
            {
                let keys: Vec<&str> = keys.split(' ').collect();
                let found = press(&map, place, &keys);
                assert_eq!(found.last(), Some(&Found::Action(row.action)), "{keys:?} {place:?}");
            }
        }
    }
}

#[test]
fn a_key_is_written_as_it_is_read_and_other_spellings_mean_the_same() {
    for (written, shown) in [
        ("q", "q"),
        ("Q", "Q"),
        ("shift-q", "Q"),
        ("Ctrl-P", "ctrl-p"),
        ("alt-ctrl-x", "ctrl-alt-x"),
        ("escape", "esc"),
        ("PageUp", "pgup"),
        ("shift-tab", "shift-tab"),
        ("ctrl-space", "ctrl-space"),
        ("g  g", "g g"),
        ("F12", "f12"),
        ("-", "-"),
        ("ctrl--", "ctrl--"),
        ("alt-<", "alt-<"),
        ("é", "é"),
        ("f", "f"),
    ] {
        assert_eq!(written.parse::<Sequence>().unwrap().to_string(), shown, "{written}");
    }
}

#[test]
fn what_is_no_key_is_refused_with_the_nearest_name() {
    for (written, message) in [
        ("", "a key is needed, like \"q\", \"ctrl-p\", \"g g\", \"pgdn\""),
        ("entre", "unknown key \"entre\"; did you mean \"enter\"?"),
        ("ctrl-m", "terminals send the same for ctrl-m and enter; write \"enter\""),
        ("shift-1", "shift is part of the sign: write what shift makes of \"1\""),
        ("a b c d e", "a sequence has at most 4 keys, this one has 5"),
    ] {
        assert_eq!(written.parse::<Sequence>().unwrap_err().to_string(), message);
    }
    for written in ["ctrl-", "f0", "f25", "xx", "ctrl-alt-", "\u{1b}"] {
        assert!(written.parse::<Sequence>().is_err(), "{written:?}");
    }
}

#[test]
fn terminals_that_report_shift_with_a_letter_mean_the_same_letter() {
    let map = Keymap::default();
    let find = |code, modifiers| {
        map.find(OVERVIEW, &mut Pending::default(), KeyEvent::new(code, modifiers))
    };
    let shift = KeyModifiers::SHIFT;
    assert_eq!(find(KeyCode::Char('L'), shift), Found::Action(Action::LogsOf));
    assert_eq!(find(KeyCode::BackTab, KeyModifiers::NONE), Found::Action(Action::FocusPrev));
    assert_eq!(find(KeyCode::BackTab, shift), Found::Action(Action::FocusPrev));
    assert_eq!(find(KeyCode::Left, shift), Found::Action(Action::ScrubBackTen));
    let control = KeyModifiers::CONTROL;
    assert_eq!(find(KeyCode::Char('q'), control), Found::Nothing);
    assert_eq!(find(KeyCode::Char('C'), control | shift), Found::Action(Action::Interrupt));
}

#[test]
fn a_sequence_that_has_begun_ends_with_any_other_key() {
    let map = Keymap::default();
    let first = Found::Action(Action::First);
    let down = Found::Action(Action::Down);
    for (keys, found) in [
        (["g", "g", "j"], [Found::Pending, first, down]),
        (["g", "j", "g"], [Found::Pending, down, Found::Pending]),
        (["g", "esc", "j"], [Found::Pending, Found::Nothing, down]),
        (["g", "f11", "j"], [Found::Pending, Found::Nothing, down]),
    ] {
        assert_eq!(press(&map, OVERVIEW, &keys), found, "{keys:?}");
    }
    let mut pending = Pending::default();
    map.find(OVERVIEW, &mut pending, event("g"));
    assert_eq!(pending.to_string(), "g");
    assert_eq!(map.continuations(OVERVIEW, &pending), [("g".to_owned(), Action::First)]);
}

#[test]
fn the_same_key_means_what_its_place_says() {
    let map = Keymap::default();
    for (place, key, found) in [
        (Place::Screen(Screen::Traces), "c", Found::Action(Action::Compare)),
        (Place::Screen(Screen::Logs), "c", Found::Action(Action::Context)),
        (OVERVIEW, "c", Found::Nothing),
        (Place::Prompt, "c", Found::Letter('c')),
        (Place::Prompt, "space", Found::Letter(' ')),
        (Place::Prompt, "enter", Found::Action(Action::Accept)),
        (Place::Prompt, "ctrl-c", Found::Action(Action::Interrupt)),
        (Place::Prompt, "f5", Found::Nothing),
        (Place::Dialog, "y", Found::Action(Action::Yes)),
        (OVERVIEW, "y", Found::Action(Action::Copy)),
        (Place::Help, "T", Found::Nothing),
    ] {
        assert_eq!(press(&map, place, &[key]), [found], "{key} in {}", place.name());
    }
}

#[test]
fn rules_displace_what_they_would_make_unreachable_and_the_special_one_wins() {
    let traces = Place::Screen(Screen::Traces);
    let map = Keymap::default().with(&[
        rule(Some(traces), "x", Some(Action::Sort)),
        rule(None, "x", Some(Action::Quit)),
        rule(None, "g", Some(Action::Mode)),
        rule(None, "q", None),
        rule(None, "q x", Some(Action::Quit)),
    ]);
    for (place, keys, found) in [
        (traces, "x", Found::Action(Action::Sort)),
        (OVERVIEW, "x", Found::Action(Action::Quit)),
        (OVERVIEW, "g", Found::Action(Action::Mode)),
        (OVERVIEW, "home", Found::Action(Action::First)),
        (OVERVIEW, "q", Found::Pending),
        (Place::Screen(Screen::Logs), "g", Found::Pending),
    ] {
        assert_eq!(press(&map, place, &[keys]), [found], "{keys}");
    }
    assert_eq!(map.keys(OVERVIEW, Action::Quit), ["q x", "x"]);
}

#[test]
fn rules_that_cannot_hold_say_why() {
    let faults = Some(Place::Screen(Screen::Faults));
    for (rule, message) in [
        (
            rule(faults, "x", Some(Action::Group)),
            "\"group\" means nothing in faults; it works in: traces",
        ),
        (
            rule(None, "ctrl-c", Some(Action::Quit)),
            "ctrl-c always interrupts; choose another key for \"quit\"",
        ),
        (
            rule(None, "x", Some(Action::Accept)),
            "\"x\" is a letter of the text where \"accept\" works; take a key with ctrl or alt",
        ),
    ] {
        assert_eq!(rule.check().unwrap_err().to_string(), message);
    }
}

#[test]
fn two_rules_clash_under_the_same_condition_only() {
    let traces = Some(Place::Screen(Screen::Traces));
    let sort = rule(traces, "x", Some(Action::Sort));
    let clash =
        |one: &Rule, other: &Rule| one.check_against(other, 3).err().map(|error| error.to_string());
    let group = rule(traces, "x", Some(Action::Group));
    let message = "\"sort\" (line 3) and \"group\" both want \"x\" in traces";
    assert_eq!(clash(&group, &sort).as_deref(), Some(message));
    let longer = rule(traces, "x y", Some(Action::Group));
    let message =
        "\"sort\" (line 3) and \"group\" both want \"x\", which begins \"x y\", in traces";
    assert_eq!(clash(&longer, &sort).as_deref(), Some(message));
    assert_eq!(clash(&rule(None, "x", Some(Action::Group)), &sort), None);
    // Compare and context share a key without a condition, because they share no screen.
    let compare = rule(None, "C", Some(Action::Compare));
    assert_eq!(clash(&rule(None, "C", Some(Action::Context)), &compare), None);
    assert!(clash(&rule(None, "C", Some(Action::Mark)), &compare).is_some());
}

#[test]
fn the_key_line_keeps_help_and_the_way_out_at_any_width() {
    let map = Keymap::default();
    let line = |place, columns| {
        let hints = map.footer(place, columns);
        let words = hints.iter().map(|hint| format!("{} {}", hint.keys, hint.word));
        words.collect::<Vec<String>>().join("  ")
    };
    assert_eq!(line(OVERVIEW, 0), "? help  q close");
    assert_eq!(
        line(OVERVIEW, 78),
        "? help  j/k select  enter open  space pause  h/l scrub  / filter  q close"
    );
    for place in Place::ALL {
        for columns in 20..200 {
            assert!(line(place, columns).chars().count() <= columns, "{place:?} {columns}");
        }
    }
}

#[test]
fn the_documents_name_every_action() {
    let (table, lines) = (markdown(), print_keys(&Keymap::default()));
    for row in ROWS {
        assert!(table.contains(&format!("`{}`", row.name)), "{}", row.name);
        assert!(lines.contains(row.name) && lines.contains(row.text), "{}", row.name);
    }
    let moved = Keymap::default().with(&[rule(Some(OVERVIEW), "ctrl-q", Some(Action::Quit))]);
    assert!(print_keys(&moved).contains("overview:ctrl-q"), "{}", print_keys(&moved));
}

proptest! {
    #[test]
    fn any_key_that_can_be_written_is_read_back(
        code in prop_oneof![
            any::<char>().prop_filter("visible", |it| !it.is_control() && !it.is_whitespace())
                .prop_map(KeyCode::Char),
            (1_u8..=24).prop_map(KeyCode::F),
            prop::sample::select(vec![KeyCode::Enter, KeyCode::PageUp, KeyCode::Tab, KeyCode::Up]),
        ],
        bits in 0_u8..8,
    ) {
        let key = Key::from(KeyEvent::new(code, KeyModifiers::from_bits_truncate(bits)));
        match key.to_string().parse::<Key>() {
            Ok(read) => prop_assert_eq!(read, key),
            Err(error) => prop_assert!(matches!(error, KeyError::SameAs { .. }), "{}", error),
        }
    }

    #[test]
    fn no_text_makes_reading_a_key_panic(text in ".{0,40}") {
        let _ = text.parse::<Sequence>();
    }
}
