//! When faults act: `at`, `for`, `every`, `times`, as windows after zero, which is the end of the
//! baseline of a scenario and the start of a gateway.

use super::nearest::hint;
use super::reader::{Table, Value, not_yet, shorten};
use crate::fault::{FOREVER_MS, Window};
use crate::limits::FAULT_WINDOWS_MAX;
use crate::units::{format_duration, parse_duration};

/// How long faults may act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Horizon {
    /// A run has an end, so every fault has one, too.
    Run { limit_ms: u64 },
    /// For ever, unless the fault says how long.
    Open,
}

impl Horizon {
    fn end_ms(self) -> u64 {
        match self {
            Self::Run { limit_ms } => limit_ms,
            Self::Open => FOREVER_MS,
        }
    }
}

/// When one fault acts, as written.
#[derive(Debug)]
pub(crate) struct Timing<'r> {
    at: Option<(Start, Value<'r>)>,
    for_ms: Option<(u64, Value<'r>)>,
    repeat: Option<(u64, u64)>,
    /// A part was wrong and has been reported; nothing can be concluded from the rest.
    broken: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Start {
    At(u64),
    AfterBegin(u64, String),
    AfterFinish(u64, String),
    With(String),
}

impl<'r> Timing<'r> {
    pub(crate) fn read(table: &mut Table<'r>, horizon: Horizon) -> Self {
        let mut broken = false;
        let at = table.get("at").and_then(|value| {
            let expected = "a start like \"10s\" or \"5s after NAME ends\"";
            let start = value.parsed(expected, parse_start);
            broken |= start.is_none();
            start.map(|start| (start, value))
        });
        let for_value = table.get("for");
        let has_for = for_value.is_some();
        let for_ms = for_value.and_then(|value| value.time_ms().map(|ms| (ms, value)));
        broken |= has_for && for_ms.is_none();
        let repeat = read_repeat(table, for_ms.as_ref().map(|(ms, _)| *ms), &mut broken);
        let copies = repeat.is_none()
            && at.as_ref().is_some_and(|(start, _)| matches!(start, Start::With(_)));
        let endless = horizon == Horizon::Open && repeat.is_none();
        if !has_for && !copies && !endless {
            table.wrong("a fault needs `for`, how long it acts, like for = \"30s\"");
            broken = true;
        }
        Self { at, for_ms, repeat, broken }
    }
}

fn read_repeat(
    table: &mut Table<'_>,
    for_ms: Option<u64>,
    broken: &mut bool,
) -> Option<(u64, u64)> {
    let every = table.get("every");
    let times = table.get("times");
    let (every, times) = match (every, times) {
        (None, None) => return None,
        (Some(every), Some(times)) => (every, times),
        (Some(lone), None) | (None, Some(lone)) => {
            lone.wrong("`every` and `times` belong together: every = \"15s\" and times = 4");
            *broken = true;
            return None;
        },
    };
    if every.text("a duration").is_some_and(|text| text.contains("..")) {
        every.wrong(not_yet("a random repetition"));
        *broken = true;
        return None;
    }
    let every_ms = every.time_ms();
    let count = times.integer(1..=FAULT_WINDOWS_MAX as u64);
    if let (Some(every_ms), Some(for_ms)) = (every_ms, for_ms)
        && every_ms < for_ms
    {
        let ms = |ms| format_duration(std::time::Duration::from_millis(ms));
        every.wrong(format!(
            "the fault acts for {} and is repeated every {}, so its windows overlap",
            ms(for_ms),
            ms(every_ms)
        ));
        *broken = true;
    }
    *broken |= every_ms.is_none() || count.is_none();
    every_ms.zip(count)
}

fn parse_start(text: &str) -> Result<Start, String> {
    let wrong = || {
        format!(
            "a start is written \"10s\", \"10s after NAME starts\", \"5s after NAME ends\" or \
             \"with NAME\"; got \"{}\"",
            shorten(text)
        )
    };
    let text = text.trim();
    if let Some(name) = text.strip_prefix("with ") {
        return Ok(Start::With(name.trim().to_owned()));
    }
    let ms = |text: &str| {
        let time = parse_duration(text).map_err(|_not_a_duration| wrong())?;
        Ok::<u64, String>(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    };
    let Some((delay, event)) = text.split_once(" after ") else { return ms(text).map(Start::At) };
    let event = event.trim();
    if let Some(name) = event.strip_suffix(" starts") {
        return Ok(Start::AfterBegin(ms(delay)?, name.trim().to_owned()));
    }
    let name = event.strip_suffix(" ends").ok_or_else(wrong)?;
    Ok(Start::AfterFinish(ms(delay)?, name.trim().to_owned()))
}

/// How far the resolution of one fault has come.
#[derive(Debug, Clone)]
enum Progress {
    Open,
    Visiting,
    Done(Option<Vec<Window>>),
}

/// Windows of every fault, in the given order. `None` for those that are wrong or depend on one
/// that is.
pub(crate) fn resolve(
    timings: &[(Option<&str>, &Timing<'_>)],
    horizon: Horizon,
) -> Vec<Option<Vec<Window>>> {
    let mut resolver = Resolver { timings, horizon, progress: vec![Progress::Open; timings.len()] };
    (0..timings.len()).map(|index| resolver.windows(index)).collect()
}

struct Resolver<'t, 'r> {
    timings: &'t [(Option<&'t str>, &'t Timing<'r>)],
    horizon: Horizon,
    progress: Vec<Progress>,
}

impl Resolver<'_, '_> {
    /// Follows references by recursion; its depth is bounded by the number of faults.
    fn windows(&mut self, index: usize) -> Option<Vec<Window>> {
        let (_, timing) = self.timings[index];
        match &self.progress[index] {
            Progress::Done(windows) => return windows.clone(),
            Progress::Visiting => {
                if let Some((_, value)) = &timing.at {
                    value.wrong("this start depends on itself: the faults form a circle");
                }
                return None;
            },
            Progress::Open => {},
        }
        self.progress[index] = Progress::Visiting;
        let windows = if timing.broken { None } else { self.compute(timing) };
        self.progress[index] = Progress::Done(windows.clone());
        windows
    }

    fn compute(&mut self, timing: &Timing<'_>) -> Option<Vec<Window>> {
        let start_ms = match &timing.at {
            None => 0,
            Some((Start::At(at_ms), _)) => *at_ms,
            Some((Start::AfterBegin(delay_ms, name), value)) => {
                self.named(name, value)?.first()?.start_ms.saturating_add(*delay_ms)
            },
            Some((Start::AfterFinish(delay_ms, name), value)) => {
                let end_ms = self.named(name, value)?.last()?.end_ms;
                if end_ms == FOREVER_MS {
                    value.wrong(format!("the fault \"{name}\" never ends; give it `for`"));
                    return None;
                }
                end_ms.saturating_add(*delay_ms)
            },
            Some((Start::With(name), value)) => {
                let other = self.named(name, value)?;
                if timing.for_ms.is_none() {
                    return Some(other);
                }
                other.first()?.start_ms
            },
        };
        let Some((for_ms, for_value)) = &timing.for_ms else {
            if let Some((_, value)) = timing.at.as_ref().filter(|_| start_ms >= FOREVER_MS) {
                value.wrong(self.too_long());
                return None;
            }
            return Some(vec![Window { start_ms, end_ms: FOREVER_MS }]);
        };
        let (every_ms, times) = timing.repeat.unwrap_or((*for_ms, 1));
        let last_start_ms = every_ms.saturating_mul(times - 1).saturating_add(start_ms);
        if last_start_ms.saturating_add(*for_ms) > self.horizon.end_ms() {
            for_value.wrong(self.too_long());
            return None;
        }
        let window = |number: u64| {
            let start_ms = start_ms + every_ms * number;
            Window { start_ms, end_ms: start_ms + for_ms }
        };
        Some((0..times).map(window).collect())
    }

    fn too_long(&self) -> String {
        match self.horizon {
            Horizon::Run { limit_ms } => {
                let limit = format_duration(std::time::Duration::from_millis(limit_ms));
                format!(
                    "this fault would act longer than the run may take ({limit}, `limit` in \
                     [safety])"
                )
            },
            Horizon::Open => "this fault would act for longer than can be counted".to_owned(),
        }
    }

    fn named(&mut self, name: &str, value: &Value<'_>) -> Option<Vec<Window>> {
        let index = self.timings.iter().position(|(known, _)| *known == Some(name));
        if let Some(index) = index {
            return self.windows(index);
        }
        let hint = hint(name, self.timings.iter().filter_map(|(known, _)| *known));
        value.wrong(format!("unknown fault \"{}\"{hint}", shorten(name)));
        None
    }
}
