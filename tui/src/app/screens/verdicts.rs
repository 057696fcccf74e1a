//! Every expectation: what is chosen there, and what keys mean there.

use model::frame::Verdict;

use crate::app::{App, Effects, Order, Toast};
use crate::keys::{Action, Screen};
use crate::screen::verdicts::{Key, VerdictOrder, VerdictRow, VerdictsQuery, VerdictsView};
use crate::screen::{DetailView, Snapshot};

/// Panels: the list, the selected one in words.
pub(super) const PANELS: usize = 2;
/// Traces that a filter names.
const TRACES_MAX: usize = 8;

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Choices {
    pub selected: Option<Key>,
    pub order: VerdictOrder,
    pub reverse: bool,
}

pub(super) fn query(app: &App) -> VerdictsQuery {
    let choices = &app.screens.verdicts;
    VerdictsQuery {
        filter: app.filter(Screen::Verdicts).cloned(),
        selected: choices.selected.clone(),
        order: choices.order,
        reverse: choices.reverse,
    }
}

fn shown(seen: &Snapshot) -> Option<&VerdictsView> {
    match &seen.detail {
        DetailView::Verdicts(view) => Some(view),
        _ => None,
    }
}

/// Where the selection stands; the screen may be one snapshot behind.
fn at(app: &App, view: &VerdictsView) -> usize {
    let wanted = app.screens.verdicts.selected.as_ref();
    let found = wanted.and_then(|key| view.rows.iter().position(|row| row.key() == *key));
    found.unwrap_or(view.selected)
}

/// `None` is what the action means everywhere.
pub(super) fn act(app: &mut App, action: Action, seen: &Snapshot) -> Option<Effects> {
    let view = shown(seen)?;
    let row = at(app, view);
    let page = usize::from(app.stage_rows() / 2).max(2);
    if let Some(to) = super::moves::moved(action, row, view.rows.len(), page) {
        app.screens.verdicts.selected = view.rows.get(to).map(VerdictRow::key);
        return Some(Effects::redraw());
    }
    let selected = view.rows.get(row);
    match action {
        Action::Sort => {
            let order = &mut app.screens.verdicts.order;
            let next = VerdictOrder::ALL.iter().position(|it| it == order).unwrap_or(0) + 1;
            *order = VerdictOrder::ALL[next % VerdictOrder::ALL.len()];
        },
        Action::SortReverse => app.screens.verdicts.reverse = !app.screens.verdicts.reverse,
        Action::Open => open(app, seen, selected),
        Action::NextHit => next_failed(app, view, row, true),
        Action::PrevHit => next_failed(app, view, row, false),
        Action::TracesOf => traces(app, selected),
        Action::FaultsOf => faults(app, selected),
        Action::Copy => {
            let text = selected.map(|row| format!("{} {}", row.frame.phase, row.frame.text))?;
            return Some(Effects::order(Order::Copy(text)));
        },
        _ => return None,
    }
    Some(Effects::redraw())
}

/// Looks at the second in which it was decided.
fn open(app: &mut App, seen: &Snapshot, row: Option<&VerdictRow>) {
    match row.map(|row| &row.decided) {
        Some(Some(decided)) => app.look_at(&seen.axis, decided.unix_s),
        Some(None) => app.toast = Some(Toast::bad("it is not decided yet")),
        None => app.toast = Some(Toast::bad("there is no expectation")),
    }
}

/// The next one that is neither good nor waiting.
fn next_failed(app: &mut App, view: &VerdictsView, at: usize, forward: bool) {
    let wrong = |row: &&VerdictRow| !matches!(row.frame.verdict, Verdict::Pass | Verdict::Waiting);
    let rows = &view.rows;
    let found = if forward {
        rows.iter().skip(at + 1).find(wrong)
    } else {
        rows.iter().take(at).rev().find(wrong)
    };
    match found {
        Some(row) => app.screens.verdicts.selected = Some(row.key()),
        None => app.toast = Some(Toast::bad("no further expectation is broken or unclear")),
    }
}

/// The traces that the verdict names, else those of the edge or of the journey that it is about.
fn traces(app: &mut App, row: Option<&VerdictRow>) {
    let Some(row) = row else { return };
    let ids: Vec<String> =
        row.frame.trace_ids.iter().take(TRACES_MAX).map(|id| format!("trace:{id}")).collect();
    let subject = row.frame.text.split_once('(').and_then(|(_, rest)| rest.split_once(')'));
    let edge = subject.and_then(|(name, _)| name.parse::<model::edge::Edge>().ok());
    match (&ids[..], edge) {
        ([_, ..], _) => super::show(app, Screen::Traces, &ids.join(" or ")),
        ([], Some(edge)) => super::show(app, Screen::Traces, &format!("edge:{}", edge.short())),
        ([], None) => app.toast = Some(Toast::bad("no trace tells of it")),
    }
}

/// The fault that acted when it was decided.
fn faults(app: &mut App, row: Option<&VerdictRow>) {
    let decided = row.and_then(|row| row.decided.as_ref());
    let name = decided.and_then(|decided| decided.faults.first());
    let filter = name.map(|name| format!("fault={name:?}")).unwrap_or_default();
    super::show(app, Screen::Faults, &filter);
}

pub(super) fn click(app: &mut App, seen: &Snapshot, row: usize) -> Effects {
    app.focus = 0;
    let key = shown(seen).and_then(|view| view.rows.get(row)).map(VerdictRow::key);
    app.screens.verdicts.selected = key.or(app.screens.verdicts.selected.take());
    Effects::redraw()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::{Msg, update};
    use crate::keys::typed;
    use crate::recording::{self, START_S};
    use crate::screen::Cursor;
    use crate::store::answers::Answers;
    use crate::store::{Store, query};

    fn press(keys: &str) -> App {
        let mut store = Store::default();
        for mut frame in recording::run() {
            let id = "9c1e44d0a7f2b8135f60c1aa20d94e77".parse().unwrap();
            frame.verdicts[2].trace_ids = vec![id, id];
            store.insert(std::sync::Arc::new(frame));
        }
        let mut app = App::new(120, 40, false);
        app.screen = Screen::Verdicts;
        for letter in keys.chars() {
            let seen = query::build(&store, &Answers::default(), &app.query());
            update(&mut app, Msg::Key(typed(letter)), &seen);
        }
        app
    }

    #[test]
    fn enter_looks_at_the_second_of_the_decision() {
        for (keys, cursor) in [
            ("\n", Cursor::At(START_S + 75)),
            ("gg\n", Cursor::At(START_S + 25)),
            ("ggj\n", Cursor::At(START_S + 31)),
            ("G\n", Cursor::Live),
        ] {
            assert_eq!(press(keys).cursor, cursor, "{keys:?}");
        }
    }

    #[test]
    fn keys_select_what_is_wrong_sort_and_lead_elsewhere() {
        let id = "trace:9c1e44d0a7f2b8135f60c1aa20d94e77";
        let app = press("T");
        let filter = app.filter(Screen::Traces).map(|it| it.text().to_owned());
        assert_eq!((app.screen, filter), (Screen::Traces, Some(format!("{id} or {id}"))));
        assert_eq!(press("ggT").toast.unwrap().text, "no trace tells of it");
        let app = press("ggF");
        let filter = app.filter(Screen::Faults).map(|it| it.text().to_owned());
        assert_eq!(
            (app.screen, filter.as_deref()),
            (Screen::Faults, Some("fault=\"slow-payments\""))
        );
        let selected = |keys: &str| press(keys).screens.verdicts.selected.map(|(_, text)| text);
        assert_eq!(selected("ggn").as_deref(), Some("checkout errors < 10%"));
        assert_eq!(selected("ggnn").as_deref(), Some("money conserved"));
        assert_eq!(selected("GN").as_deref(), Some("checkout errors < 10%"));
        let app = press("ssS");
        let choices = app.screens.verdicts;
        assert_eq!((choices.order, choices.reverse), (VerdictOrder::Newest, true));
    }
}
