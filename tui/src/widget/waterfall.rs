//! Spans as bars under a scale of time.
//!
//! Names stand left, their indent tells who called whom. The time that the bars span can be a part
//! of the whole, so that short spans of a long trace can be looked at.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::{paint, table};

/// Part of the width that names take at most.
const NAMES: f32 = 0.45;
const SERVICE_MAX: u16 = 14;
const NAME_MAX: u16 = 28;
/// Deeper spans stand no further to the right.
const DEPTH_MAX: usize = 10;

#[derive(Debug, Clone)]
pub struct WaterfallRow<'a> {
    pub service: (String, Style),
    pub name: (String, Style),
    pub depth: usize,
    /// Parts of the whole, 0 to 1.
    pub start: f64,
    pub length: f64,
    pub symbol: &'a str,
    pub style: Style,
    /// At the right end, like a duration; empty without a column of its own.
    pub note: String,
}

#[derive(Debug, Clone)]
pub struct Waterfall<'a> {
    pub rows: &'a [WaterfallRow<'a>],
    pub selected: usize,
    /// The part of the whole that is seen: from and to, 0 to 1.
    pub window: (f64, f64),
    /// Marks at equal distances from the left to the right end of the bars.
    pub scale: &'a [String],
    /// Titles of the columns of services and names.
    pub titles: [&'a str; 2],
    /// Columns of names that are scrolled out of sight.
    pub skip: u16,
    /// Columns of notes; 0 for none.
    pub note_width: u16,
    pub header: Style,
    /// Laid over the selected row.
    pub select: Style,
    pub select_symbol: &'a str,
    pub ellipsis: &'a str,
}

/// Columns: where names and bars begin, and where the bars end.
#[derive(Debug, Clone, Copy)]
struct Columns {
    service: u16,
    name: u16,
    bars: u16,
    end: u16,
}

impl Waterfall<'_> {
    /// Draws the scale and as many rows as fit; the selected one is among them. Says which row lies
    /// where.
    pub fn draw(&self, buffer: &mut Buffer, area: Rect) -> Vec<(usize, Rect)> {
        if area.is_empty() {
            return Vec::new();
        }
        let columns = self.columns(area.width);
        self.head(buffer, paint::line(area, 0), columns);
        let height = usize::from(area.height - 1);
        let shown = table::in_sight(self.rows.len(), self.selected, 0, height);
        let mut places = Vec::with_capacity(shown.len());
        for (at, index) in (1..).zip(shown) {
            let line = paint::line(area, at);
            self.row(buffer, line, columns, index);
            places.push((index, line));
        }
        places
    }

    fn columns(&self, width: u16) -> Columns {
        let widest = |texts: &mut dyn Iterator<Item = u16>, least: u16, most: u16| {
            texts.max().unwrap_or(0).clamp(least, most)
        };
        let services = &mut self.rows.iter().map(|row| paint::width(&row.service.0));
        let service = widest(services, paint::width(self.titles[0]).min(SERVICE_MAX), SERVICE_MAX);
        let indent = |row: &WaterfallRow<'_>| row.depth.min(DEPTH_MAX) as u16;
        let names =
            &mut self.rows.iter().map(|row| indent(row).saturating_add(paint::width(&row.name.0)));
        let name = widest(names, paint::width(self.titles[1]).min(NAME_MAX), NAME_MAX);
        let room = (f32::from(width) * NAMES) as u16;
        // The mark of the selected row, and a blank behind each column.
        let service = service.min(room.saturating_sub(2) / 2);
        let name = name.min(room.saturating_sub(service + 4));
        let bars = (2 + service + 1 + name + 1).min(width);
        let note = if self.note_width > 0 { self.note_width + 1 } else { 0 };
        let end = if width >= bars + note + 8 { width - note } else { width };
        Columns { service, name, bars, end }
    }

    fn head(&self, buffer: &mut Buffer, line: Rect, columns: Columns) {
        let service = paint::first(paint::after(line, 2), columns.service);
        paint::text(buffer, service, self.titles[0], self.header);
        let name = paint::first(paint::after(line, 3 + columns.service), columns.name);
        paint::text(buffer, name, self.titles[1], self.header);
        let bars = paint::after(paint::first(line, columns.end), columns.bars);
        let steps = self.scale.len().saturating_sub(1).max(1);
        // Both ends come first; what has no room between its neighbours is left out.
        let mut taken: Vec<(u16, u16)> = Vec::new();
        let inner = 1..self.scale.len().saturating_sub(1);
        let ends = [0, self.scale.len().saturating_sub(1)];
        for at in ends.into_iter().chain(inner) {
            let Some(label) = self.scale.get(at) else { continue };
            let width = paint::width(label);
            let place = (f64::from(bars.width) * at as f64 / steps as f64) as u16;
            let start = match at {
                0 => 0,
                _ if at == steps => bars.width.saturating_sub(width),
                _ => place.saturating_sub(width / 2),
            };
            let end = start.saturating_add(width);
            let is_free = taken.iter().all(|(from, to)| end < *from || start > *to);
            if end <= bars.width && is_free {
                paint::text(buffer, paint::after(bars, start), label, self.header);
                taken.push((start, end));
            }
        }
    }

    fn row(&self, buffer: &mut Buffer, line: Rect, columns: Columns, index: usize) {
        let row = &self.rows[index];
        let selected = index == self.selected;
        if selected {
            paint::text(buffer, line, self.select_symbol, Style::new());
        }
        let service = paint::first(paint::after(line, 2), columns.service);
        paint::fitted(buffer, service, &row.service.0, row.service.1, self.ellipsis);
        let indent = row.depth.min(DEPTH_MAX) as u16;
        let name = paint::first(paint::after(line, 3 + columns.service), columns.name);
        let name = paint::after(name, indent.saturating_sub(self.skip).min(name.width / 2));
        let hidden = usize::from(self.skip.saturating_sub(indent));
        let words: String = row.name.0.chars().skip(hidden).collect();
        paint::fitted(buffer, name, &words, row.name.1, self.ellipsis);
        let bars = paint::after(paint::first(line, columns.end), columns.bars);
        self.bar(buffer, bars, row);
        if columns.end < line.width {
            let note = paint::after(line, columns.end + 1);
            paint::right(buffer, note, &row.note, row.name.1);
        }
        if selected {
            buffer.set_style(line.intersection(buffer.area), self.select);
        }
    }

    /// At least one sign, at its place in time; nothing when it is out of the window.
    fn bar(&self, buffer: &mut Buffer, area: Rect, row: &WaterfallRow<'_>) {
        let (from, to) = self.window;
        let span = to - from;
        let known = [row.start, row.length, from, to].iter().all(|value| value.is_finite());
        let end = row.start + row.length.max(0.0);
        if !known || span <= 0.0 || area.width == 0 || end < from || row.start > to {
            return;
        }
        let width = f64::from(area.width);
        let place = |at: f64| ((at - from) / span * width).round().clamp(0.0, width) as u16;
        let left = place(row.start).min(area.width - 1);
        let right = place(end).max(left + 1);
        for x in left..right {
            paint::cell(buffer, area, (x, 0), row.symbol, row.style);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row(
        service: &str,
        name: &str,
        depth: usize,
        bar: (f64, f64, &'static str),
    ) -> WaterfallRow<'static> {
        WaterfallRow {
            service: (service.to_owned(), Style::new()),
            name: (name.to_owned(), Style::new()),
            depth,
            start: bar.0,
            length: bar.1,
            symbol: bar.2,
            style: Style::new(),
            note: format!("{:.0} ms", bar.1 * 489.0),
        }
    }

    fn rows() -> Vec<WaterfallRow<'static>> {
        vec![
            row("client", "POST /checkout", 0, (0.0, 1.0, "=")),
            row("gateway", "client>orders", 1, (0.0, 1.0, "=")),
            row("orders", "charge try 1", 2, (0.05, 0.47, "!")),
            row("orders", "backoff", 2, (0.52, 0.1, ".")),
            row("gateway", "rejected (open)", 3, (0.62, 0.0, "#")),
        ]
    }

    fn drawn(
        rows: &[WaterfallRow<'_>],
        size: (u16, u16),
        change: impl Fn(&mut Waterfall<'_>),
    ) -> Buffer {
        let area = Rect::new(0, 0, size.0, size.1);
        let mut buffer = Buffer::empty(area);
        let scale = ["0", "122", "244", "366", "489"].map(str::to_owned);
        let mut widget = Waterfall {
            rows,
            selected: 2,
            window: (0.0, 1.0),
            scale: &scale,
            titles: ["service", "operation"],
            skip: 0,
            note_width: 0,
            header: Style::new(),
            select: Style::new(),
            select_symbol: ">",
            ellipsis: "~",
        };
        change(&mut widget);
        widget.draw(&mut buffer, area);
        buffer
    }

    #[test]
    fn bars_stand_under_their_time_and_names_under_their_caller() {
        let expected = [
            "  service operation        0      122     244     366    489",
            "  client  POST /checkout   =================================",
            "  gateway  client>orders   =================================",
            "> orders    charge try 1     !!!!!!!!!!!!!!!                ",
            "  orders    backoff                         ...             ",
            "  gateway    rejected (op~                     #            ",
        ];
        assert_eq!(drawn(&rows(), (60, 6), |_| ()), Buffer::with_lines(expected));
    }

    #[test]
    fn a_window_of_time_scrolls_the_bars_and_the_selected_row_stays_in_sight() {
        let part = |widget: &mut Waterfall<'_>| {
            widget.window = (0.5, 0.75);
            widget.selected = 4;
            widget.note_width = 6;
        };
        let expected = [
            "  service operation        0    122    244   366  489       ",
            "  orders    backoff          ..........                49 ms",
            "> gateway    rejected (op~             #                0 ms",
        ];
        assert_eq!(drawn(&rows(), (60, 3), part), Buffer::with_lines(expected));
    }

    #[test]
    fn long_names_are_scrolled() {
        let skip = |widget: &mut Waterfall<'_>| widget.skip = 6;
        let buffer = drawn(&rows()[3..], (60, 3), skip);
        let expected = [
            "  service operation        0      122     244     366    489",
            "  orders  off                               ...             ",
            "  gateway ected (open)                         #            ",
        ];
        assert_eq!(buffer, Buffer::with_lines(expected));
    }

    proptest! {
        #[test]
        fn any_size_and_any_numbers_stay_inside(
            size in (0_u16..90, 0_u16..12),
            bar in (any::<f64>(), any::<f64>()),
            window in (any::<f64>(), any::<f64>()),
            depth in any::<usize>(),
            texts in ("\\PC{0,40}", "[a\u{7}支\n]{0,20}"),
            (skip, note_width, selected) in (any::<u16>(), 0_u16..200, 0_usize..9),
        ) {
            let mut all = rows();
            all.push(row(&texts.0, &texts.1, depth, (bar.0, bar.1, "#")));
            let outer = Rect::new(0, 0, size.0 + 2, size.1 + 2);
            let mut buffer = Buffer::empty(outer);
            let widget = Waterfall {
                rows: &all,
                selected,
                window,
                scale: &[texts.0.clone(), texts.1.clone(), "x".to_owned()],
                titles: ["service", "operation"],
                skip,
                note_width,
                header: Style::new(),
                select: Style::new(),
                select_symbol: ">",
                ellipsis: "~",
            };
            let area = Rect::new(1, 1, size.0, size.1);
            widget.draw(&mut buffer, area);
            prop_assert!(super::super::tests::is_blank_outside(&buffer, area));
        }
    }
}
