//! What is shown, as a text to keep: for bug reports, spreadsheets, graph tools and tracing tools.
//!
//! Everything here turns plain data into a text. Writing it to a file is the caller's.

mod csv;
mod dot;
mod json;
mod otlp;
mod overview;

pub use csv::{edges_csv, faults_csv, load_csv, logs_csv, rows_csv, traces_csv, verdicts_csv};
pub use dot::edges_dot;
pub use json::snapshot_json;
pub use otlp::trace_otlp;
pub use overview::overview;

use crate::app::App;
use crate::keys::Screen;
use crate::screen::{DetailView, Snapshot};

/// The form of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Text,
    Json,
    Csv,
    Dot,
    OtlpJson,
}

impl Form {
    pub const ALL: [Self; 5] = [Self::Text, Self::Json, Self::Csv, Self::Dot, Self::OtlpJson];

    /// The forms that a screen can be had in.
    pub fn of(screen: Screen) -> &'static [Self] {
        match screen {
            Screen::Topology => &[Self::Text, Self::Json, Self::Csv, Self::Dot],
            Screen::Traces => &[Self::Text, Self::Json, Self::Csv, Self::OtlpJson],
            Screen::OwnLog => &[Self::Text],
            _ => &[Self::Text, Self::Json, Self::Csv],
        }
    }

    /// For a menu.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "JSON",
            Self::Csv => "CSV",
            Self::Dot => "DOT",
            Self::OtlpJson => "OTLP JSON",
        }
    }

    /// Of a file, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Text => "txt",
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Dot => "dot",
            Self::OtlpJson => "otlp.json",
        }
    }
}

/// What is shown in this form; `screen` gives it as it stands.
pub fn text(
    form: Form,
    app: &App,
    seen: &Snapshot,
    screen: impl FnOnce() -> String,
) -> Result<String, String> {
    match (form, &seen.detail) {
        (Form::Text, _) => Ok(screen()),
        _ if is_behind(app, seen) => Err("its data are on their way".to_owned()),
        (Form::Json, _) => Ok(format!("{:#}\n", snapshot_json(seen))),
        (Form::Csv, DetailView::Logs(view)) => Ok(logs_csv(&view.rows)),
        (Form::Csv, DetailView::Traces(view)) => Ok(traces_csv(&view.rows)),
        (Form::Csv, DetailView::Topology(view)) => Ok(edges_csv(&view.edges)),
        (Form::Csv, DetailView::Faults(view)) => Ok(faults_csv(&view.rows)),
        (Form::Csv, DetailView::Verdicts(view)) => Ok(verdicts_csv(&view.rows)),
        (Form::Csv, DetailView::Load(view)) => Ok(load_csv(&view.rows)),
        (Form::Csv, DetailView::Overview) => Ok(rows_csv(seen)),
        (Form::Dot, DetailView::Topology(view)) => Ok(edges_dot(&view.edges)),
        (Form::OtlpJson, DetailView::Traces(view)) => match &view.open {
            Some(open) => Ok(trace_otlp(&open.trace)),
            None => Err("no trace is open".to_owned()),
        },
        _ => Err("there is nothing of that form here".to_owned()),
    }
}

/// To a thousandth; what is less than 1, to a millionth.
fn rounded(number: f64) -> f64 {
    let places = if number.abs() < 1.0 { 6 } else { 3 };
    format!("{number:.places$}").parse().unwrap_or(number)
}

/// The snapshot is still of the screen before.
fn is_behind(app: &App, seen: &Snapshot) -> bool {
    seen.detail.screen() != app.screen
}

/// Longest name of a run in the name of a file.
const RUN_BYTES_MAX: usize = 80;

/// `shakedown-<what>-<run>-<clock>.<ext>`, in letters that every file system takes. `clock_s` is
/// the time of the cursor since the start of the run.
pub fn file_name(what: &str, run_id: &str, clock_s: u64, form: Form) -> String {
    let plain = |text: &str| -> String {
        let kept = text.chars().map(|letter| match letter {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '.' => letter,
            _ => '-',
        });
        kept.take(RUN_BYTES_MAX).collect()
    };
    let run = if run_id.is_empty() { "run".to_owned() } else { plain(run_id) };
    let (minutes, seconds) = (clock_s / 60, clock_s % 60);
    format!("shakedown-{}-{run}-{minutes:02}m{seconds:02}s.{}", plain(what), form.extension())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_screen_of_log_lines_is_a_table_of_lines() {
        let mut app = App::new(80, 24, false);
        app.go(Screen::Logs);
        let csv = |seen: &Snapshot| text(Form::Csv, &app, seen, String::new);
        let detail = DetailView::Logs(Box::default());
        let table = csv(&Snapshot { detail, ..Snapshot::default() }).unwrap();
        assert!(table.starts_with("time_utc,severity,service,event,body,"), "{table}");
        assert_eq!(csv(&Snapshot::default()).unwrap_err(), "its data are on their way");
    }

    /// A screen over a run that is over.
    fn seen(keys: &str) -> (App, Snapshot) {
        let mut store = crate::store::Store::default();
        for frame in crate::recording::run() {
            store.insert(frame.into());
        }
        let answers = crate::store::answers::Answers::default();
        let mut app = App::new(120, 40, false);
        let look = |app: &App| crate::store::query::build(&store, &answers, &app.query());
        for letter in keys.chars() {
            let seen = look(&app);
            crate::app::update(&mut app, crate::app::Msg::Key(crate::keys::typed(letter)), &seen);
        }
        let seen = look(&app);
        (app, seen)
    }

    #[test]
    fn load_faults_and_verdicts_are_not_exported_as_the_overview() {
        let exported = |form, keys| {
            let (app, seen) = seen(keys);
            text(form, &app, &seen, String::new).unwrap()
        };
        let value = |keys| serde_json::from_str(&exported(Form::Json, keys)).unwrap();
        let load: serde_json::Value = value("7");
        let row = &load["load_screen"]["rows"][0];
        assert!(row["count"].as_u64() > Some(0) && row["p99_ms"].is_number(), "{row}");
        let moments = load["load_screen"]["moments"].as_array().unwrap();
        assert_eq!(moments.last().unwrap()["clock_s"], load["cursor"]["clock_s"]);
        let faults: serde_json::Value = value("5");
        let selected = &faults["faults_screen"]["selected"];
        assert!(selected["windows"][0]["from_s"].is_u64(), "{selected}");
        let effect = &selected["effect"]["rows"][0];
        assert!(effect["before"]["p99_ms"].as_f64() < effect["during"]["p99_ms"].as_f64());
        let verdicts: serde_json::Value = value("6");
        let rows = verdicts["verdicts_screen"]["rows"].as_array().unwrap();
        let told = |key: &str| rows.iter().any(|row| !row[key].is_null());
        for key in ["observed", "limit", "used_percent", "since_clock_s", "from_s"] {
            assert!(told(key), "{key}");
        }
        let heads = ["1", "5", "6", "7"].map(|keys| {
            let table = exported(Form::Csv, keys);
            assert!(table.lines().count() > 1, "{table}");
            table.lines().next().unwrap().to_owned()
        });
        let heads = heads.map(|head| head.chars().take(16).collect::<String>());
        assert_eq!(
            heads,
            ["subject,requests", "fault,effect,sha", "phase,from_s,to_", "flow,step,count,"]
        );
    }

    #[test]
    fn only_the_faults_that_the_filter_shows_are_exported() {
        let (app, seen) = seen("5/fault=nothing\n");
        let table = text(Form::Csv, &app, &seen, String::new).unwrap();
        assert_eq!(table.lines().count(), 1, "{table}");
    }

    #[test]
    fn numbers_have_no_digits_that_mean_nothing() {
        for (number, expected) in [
            (3.323_018_000_000_000_2, 3.323),
            (0.100_000_000_000_000_02, 0.1),
            (0.000_012_345_678, 0.000_012),
            (1_234_567.0, 1_234_567.0),
            (-2.000_49, -2.0),
        ] {
            assert_eq!(rounded(number).to_string(), f64::to_string(&expected));
        }
    }

    #[test]
    fn the_name_of_a_file_says_what_it_is_of_and_is_one_name() {
        for (what, run, clock_s, form, expected) in [
            ("red", "7f3c", 161, Form::Csv, "shakedown-red-7f3c-02m41s.csv"),
            ("trace", "", 0, Form::OtlpJson, "shakedown-trace-run-00m00s.otlp.json"),
            ("a/b", "../é x", 7_265, Form::Text, "shakedown-a-b-..---x-121m05s.txt"),
        ] {
            assert_eq!(file_name(what, run, clock_s, form), expected);
        }
        assert!(file_name("x", &"r".repeat(500), 0, Form::Dot).len() < 200);
    }
}
