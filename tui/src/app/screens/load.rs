//! The load generator at full length: which flow or step, and how its durations are split.

use super::moves::moved;
use crate::app::{App, Effects, Order};
use crate::keys::{Action, Screen};
use crate::screen::load::{LoadItem, LoadQuery, LoadView, Split};
use crate::screen::{DetailView, Snapshot, Subject};

/// Panels: the table, the load over time, the percentiles.
pub(super) const PANELS: usize = 3;

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Choices {
    /// `None` is the flow that all screens are about, else the first one.
    pub selected: Option<LoadItem>,
    pub split: Split,
}

pub(super) fn query(app: &App) -> LoadQuery {
    let choices = &app.screens.load;
    let shared = match &app.selected {
        Some(Subject::Flow(flow)) => Some(LoadItem { flow: flow.clone(), step: None }),
        _ => None,
    };
    LoadQuery { selected: choices.selected.clone().or(shared), split: choices.split }
}

fn view(seen: &Snapshot) -> Option<&LoadView> {
    match &seen.detail {
        DetailView::Load(view) => Some(view),
        _ => None,
    }
}

/// Where the selection stands; the screen may be one snapshot behind it.
pub fn selected(app: &App, view: &LoadView) -> usize {
    let wanted = app.screens.load.selected.as_ref();
    let found = wanted.and_then(|it| view.rows.iter().position(|row| row.item == *it));
    found.unwrap_or(view.selected)
}

/// The flow is what all screens are about from then on.
fn select(app: &mut App, view: &LoadView, index: usize) {
    let last = view.rows.len().saturating_sub(1);
    if let Some(row) = view.rows.get(index.min(last)) {
        app.screens.load.selected = Some(row.item.clone());
        app.selected = Some(Subject::Flow(row.item.flow.clone()));
    }
}

/// `None` is what the action means everywhere.
pub(super) fn act(app: &mut App, action: Action, seen: &Snapshot) -> Option<Effects> {
    let view = view(seen)?;
    let at = selected(app, view);
    let page = usize::from(app.stage_rows() / 2).max(1);
    if let Some(to) = moved(action, at, view.rows.len(), page) {
        select(app, view, to);
        return Some(Effects::redraw());
    }
    let failed = |index: &usize| !view.rows[*index].outcomes.is_empty();
    match action {
        Action::Mode => {
            let split = &mut app.screens.load.split;
            *split = match *split {
                Split::Phases => Split::Groups,
                Split::Groups => Split::Phases,
            };
        },
        Action::NextHit => {
            let next = (at + 1..view.rows.len()).find(failed)?;
            select(app, view, next);
        },
        Action::PrevHit => {
            let before = (0..at).rev().find(failed)?;
            select(app, view, before);
        },
        Action::Open | Action::TracesOf => {
            let row = view.rows.get(at)?;
            let name = row.item.step.as_ref().unwrap_or(&row.item.flow);
            let error = if row.outcomes.is_empty() { "" } else { " error=true" };
            let filter = format!("span={name:?}{error}");
            select(app, view, at);
            super::show(app, Screen::Traces, &filter);
        },
        Action::Copy => {
            let item = &view.rows.get(at)?.item;
            let step = item.step.as_ref().map(|step| format!(" {step}")).unwrap_or_default();
            return Some(Effects::order(Order::Copy(format!("{}{step}", item.flow))));
        },
        _ => return None,
    }
    Some(Effects::redraw())
}

pub(super) fn click(app: &mut App, seen: &Snapshot, row: usize) -> Effects {
    let Some(view) = view(seen) else { return Effects::default() };
    select(app, view, row);
    Effects::redraw()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::app::{Msg, update};
    use crate::filter::Filter;
    use crate::keys::typed;
    use crate::recording;
    use crate::store::answers::Answers;
    use crate::store::{Store, query};

    /// Types on the screen after 52 s of the run, with a new picture after each key.
    fn pressed(keys: &str) -> (App, Effects) {
        let mut store = Store::default();
        for frame in recording::until(52) {
            store.insert(Arc::new(frame));
        }
        let mut app = App::new(120, 40, false);
        let mut effects = Effects::default();
        for letter in format!("7{keys}").chars() {
            let seen = query::build(&store, &Answers::default(), &app.query());
            effects = update(&mut app, Msg::Key(typed(letter)), &seen);
        }
        (app, effects)
    }

    #[test]
    fn keys_go_through_flows_and_steps() {
        for (keys, expected) in [
            ("", None),
            ("j", Some(("checkout", None))),
            ("jj", Some(("checkout", Some("pay")))),
            ("jjjj", Some(("checkout", Some("pay")))),
            ("Ggg", Some(("browse", None))),
            ("n", Some(("checkout", None))),
            ("jjN", Some(("checkout", None))),
        ] {
            let (app, _) = pressed(keys);
            let item = app.screens.load.selected;
            let found = item.as_ref().map(|it| (it.flow.as_str(), it.step.as_deref()));
            assert_eq!(found, expected, "{keys:?}");
            let flow = expected.map(|(flow, _)| Subject::Flow(flow.to_owned()));
            assert_eq!(app.selected, flow, "{keys:?}");
        }
    }

    #[test]
    fn a_row_leads_to_its_traces() {
        for (keys, filter) in [
            ("\n", "span=\"browse\""),
            ("j\n", "span=\"checkout\" error=true"),
            ("jjT", "span=\"pay\""),
        ] {
            let (app, _) = pressed(keys);
            assert_eq!(app.screen, Screen::Traces);
            assert_eq!(app.filter(Screen::Traces).map(Filter::text), Some(filter), "{keys:?}");
        }
        let order = pressed("jjy").1.order;
        assert_eq!(order, Some(Order::Copy("checkout pay".to_owned())));
    }

    #[test]
    fn percentiles_are_split_by_phase_or_by_group() {
        assert_eq!(pressed("").0.screens.load.split, Split::Phases);
        let (app, effects) = pressed("m");
        assert_eq!((app.screens.load.split, effects.ask), (Split::Groups, true));
        assert_eq!(pressed("mm").0.screens.load.split, Split::Phases);
    }
}
