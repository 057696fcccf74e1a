use std::sync::Arc;

use model::frame::Trace;

use super::*;
use crate::app::{Msg, update};
use crate::derive::waterfall::Waterfall;
use crate::keys::typed;
use crate::recorded::testing::trace;
use crate::screen::traces::Group;

/// The open trace, whose second span has these links.
fn seen(links: &[SpanLink]) -> Snapshot {
    let mut trace: Trace = trace(1, 1_000);
    trace.spans[1].links = links.to_vec();
    let waterfall = Waterfall::of(&trace, Clocks::Corrected);
    let opened = Opened {
        trace: Arc::new(trace),
        row: 1,
        details: Vec::new(),
        log_lines: 0,
        comparison: None,
        waterfall,
    };
    let view = TracesView { open: Some(opened), ..TracesView::default() };
    Snapshot { detail: DetailView::Traces(Box::new(view)), ..Snapshot::default() }
}

fn link(number: u8) -> SpanLink {
    SpanLink {
        trace_id: format!("{number:02x}").repeat(16).parse().unwrap(),
        span_id: format!("{number:02x}").repeat(8).parse().unwrap(),
        attributes: [("why".to_owned(), format!("batch {number}").into())].into(),
    }
}

fn press(seen: &Snapshot, keys: &str) -> App {
    let mut app = App::new(120, 40, false);
    app.screen = Screen::Traces;
    for letter in keys.chars() {
        update(&mut app, Msg::Key(typed(letter)), seen);
    }
    app
}

fn opened(app: &App) -> Option<(TraceId, Option<SpanId>)> {
    let choices = &app.screens.traces;
    choices.selected.map(|line| (line.trace_id, choices.span))
}

#[test]
fn a_link_leads_to_its_span_and_one_can_come_back() {
    let one = seen(&[link(7)]);
    let app = press(&one, "i");
    assert_eq!(opened(&app), Some((link(7).trace_id, Some(link(7).span_id))));
    assert!(is_inside(&app));
    assert_eq!(opened(&press(&one, "i[")), None);
}

#[test]
fn of_several_links_one_is_chosen() {
    let several = seen(&[link(7), link(8)]);
    let Some(Dialog::Menu(menu)) = press(&several, "i").dialog else { panic!("no menu") };
    assert!(menu.items[1].ends_with("/ 0808080808080808 why=batch 8"), "{:?}", menu.items);
    assert_eq!(opened(&press(&several, "ij\n")).unwrap().0, link(8).trace_id);
    assert_eq!(opened(&press(&several, "ij\u{1b}")), None);
}

#[test]
fn a_span_without_links_says_so() {
    let app = press(&seen(&[]), "i");
    assert_eq!(app.toast.unwrap().text, "this span links to no other one");
}

#[test]
fn a_group_is_selected_and_opens_its_traces_and_one_can_come_back() {
    let group =
        |root: &str, failed| Group { root: root.to_owned(), traces: 9, failed, slowest_ns: 1 };
    let mut seen = seen(&[]);
    let DetailView::Traces(view) = &mut seen.detail else { panic!("no traces") };
    view.groups = vec![group("client buy all", 0), group("client look", 0), group("orders", 2)];
    for (keys, selected) in [("xj", 1), ("xjk", 0), ("xG", 2), ("xn", 2), ("xnN", 2), ("xjjj", 2)] {
        let app = press(&seen, keys);
        let DetailView::Traces(view) = &seen.detail else { panic!("no traces") };
        assert_eq!(selected_group(&app, view), selected, "{keys:?}");
        assert_eq!(app.screens.traces.selected, None, "no hidden row is chosen: {keys:?}");
    }
    assert_eq!(press(&seen, "xM").screens.traces.marked, []);
    let filter = |app: &App| app.filter(Screen::Traces).map(|it| it.text().to_owned());
    let app = press(&seen, "x\n");
    assert_eq!(filter(&app).as_deref(), Some("root=\"client\" name=\"buy all\""));
    assert!(!app.screens.traces.grouped && !is_inside(&app));
    let app = press(&seen, "/error=true\nxG\n");
    assert_eq!(filter(&app).as_deref(), Some("(error=true) root=\"orders\""));
    let app = press(&seen, "x\n[");
    assert_eq!((filter(&app), app.screens.traces.grouped), (None, true));
}
