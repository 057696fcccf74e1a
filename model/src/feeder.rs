//! Rows that feed requests, read from a file with named columns: CSV with a header, or JSON lines.
//!
//! Which row a journey gets is a pure function of seed and number, so workers need not share a
//! position: worker `i` of `n` uses the rows of its own journeys, and the union is the same
//! whatever `n` is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::decision::{indexed, named, numbered};
use crate::reading::reader::shorten;

/// Most rows of a feeder: what a run of a million journeys uses once.
pub const ROWS_MAX: usize = 1_000_000;
/// Most columns of a feeder.
pub const COLUMNS_MAX: usize = 256;

/// Named columns and their rows, at least one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feeder {
    pub name: String,
    pub order: RowOrder,
    pub columns: Vec<String>,
    /// Each as long as `columns`.
    pub rows: Vec<Vec<String>>,
}

/// Which row the `k`-th journey gets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RowOrder {
    /// Row `k`, and the first again after the last.
    #[default]
    Sequential,
    /// Every row once, in an order drawn from the seed; then all again in another order.
    Shuffled,
    /// Any row, drawn from the seed.
    Random,
}

impl RowOrder {
    pub const ALL: [Self; 3] = [Self::Sequential, Self::Shuffled, Self::Random];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sequential => "sequential",
            Self::Shuffled => "shuffled",
            Self::Random => "random",
        }
    }
}

/// What is wrong in the file, by its own lines.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct FeederError {
    /// From 1.
    pub line: u64,
    pub problem: String,
}

fn wrong(line: u64, problem: impl Into<String>) -> FeederError {
    FeederError { line, problem: problem.into() }
}

/// Columns and rows of a file.
pub type Rows = (Vec<String>, Vec<Vec<String>>);

/// Reads CSV (RFC 4180) whose first line names the columns. Every row has as many fields.
pub fn parse_csv(text: &str, separator: u8) -> Result<Rows, FeederError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Some(line) = open_quote(text, separator) {
        return Err(wrong(line, "a quote begins here and never ends"));
    }
    let mut reader = csv::ReaderBuilder::new().delimiter(separator).from_reader(text.as_bytes());
    let of = |error: &csv::Error| {
        let line = error.position().map_or(1, csv::Position::line);
        match error.kind() {
            csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                wrong(line, format!("{len} fields, but the header names {expected_len} columns"))
            },
            _ => wrong(line, error.to_string()),
        }
    };
    let header = reader.headers().map_err(|error| of(&error))?;
    let columns: Vec<String> = header.iter().map(|name| name.trim().to_owned()).collect();
    check_columns(&columns)?;
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| of(&error))?;
        let line = record.position().map_or(1, csv::Position::line);
        push(&mut rows, line, record.iter().map(str::to_owned).collect())?;
    }
    some(columns, rows)
}

/// The line of a quote that nothing closes: all behind it would be one field.
fn open_quote(text: &str, separator: u8) -> Option<u64> {
    let (mut line, mut opened, mut begins) = (1, None, true);
    let mut bytes = text.bytes().peekable();
    while let Some(byte) = bytes.next() {
        line += u64::from(byte == b'\n');
        match (byte, opened) {
            // Two of them stand for one within quotes.
            (b'"', Some(_)) => opened = opened.filter(|_| bytes.next_if_eq(&b'"').is_some()),
            (b'"', None) if begins => opened = Some(line),
            _ => {},
        }
        begins = opened.is_none() && (byte == separator || matches!(byte, b'\r' | b'\n'));
    }
    opened
}

/// Reads a JSON object from each line; the keys of the first are the columns, and every other line
/// has them as well. A value that is no string stands for the JSON that it is.
pub fn parse_json_lines(text: &str) -> Result<Rows, FeederError> {
    let mut columns = Vec::new();
    let mut rows = Vec::new();
    let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    for (number, line) in lines {
        let row: BTreeMap<String, serde_json::Value> = serde_json::from_str(line)
            .map_err(|error| wrong(number, format!("no JSON object: {error}")))?;
        if columns.is_empty() {
            columns = row.keys().cloned().collect();
            check_columns(&columns)?;
        }
        let field = |column: &String| match row.get(column) {
            Some(serde_json::Value::String(text)) => Ok(text.clone()),
            Some(value) => Ok(value.to_string()),
            None => Err(wrong(number, format!("lacks the key \"{}\"", shorten(column)))),
        };
        let fields: Result<Vec<String>, FeederError> = columns.iter().map(field).collect();
        push(&mut rows, number, fields?)?;
    }
    some(columns, rows)
}

fn check_columns(columns: &[String]) -> Result<(), FeederError> {
    if columns.len() > COLUMNS_MAX {
        return Err(wrong(1, format!("{} columns; at most {COLUMNS_MAX}", columns.len())));
    }
    for (at, column) in columns.iter().enumerate() {
        if column.is_empty() || column.contains(['{', '}']) {
            let column = shorten(column);
            return Err(wrong(1, format!("\"{column}\" cannot be the name of a column")));
        }
        if columns.iter().take(at).any(|other| other == column) {
            return Err(wrong(1, format!("the column \"{}\" is there twice", shorten(column))));
        }
    }
    Ok(())
}

fn push(rows: &mut Vec<Vec<String>>, line: u64, row: Vec<String>) -> Result<(), FeederError> {
    if rows.len() == ROWS_MAX {
        return Err(wrong(line, format!("more than {ROWS_MAX} rows")));
    }
    rows.push(row);
    Ok(())
}

fn some(columns: Vec<String>, rows: Vec<Vec<String>>) -> Result<Rows, FeederError> {
    if rows.is_empty() {
        return Err(wrong(1, "there is no row"));
    }
    Ok((columns, rows))
}

impl Feeder {
    /// The row of the `number`-th journey.
    pub fn row(&self, seed: u64, number: u64) -> &[String] {
        let length = self.rows.len() as u64;
        let at = match self.order {
            RowOrder::Sequential => number % length,
            RowOrder::Shuffled => {
                let pass = numbered(seed, "shuffled rows", &self.name, number / length).bits();
                shuffled(pass, number % length, length)
            },
            RowOrder::Random => {
                let key = named(seed, "random rows", &[&self.name]).bits();
                indexed(key, "row", number).index(self.rows.len()) as u64
            },
        };
        &self.rows[at as usize]
    }

    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }
}

/// Rounds of a shuffle: enough for 2^40 rows.
const ROUNDS: u64 = 90;

/// The place of `number` in a permutation of `0..length` that `key` chooses, without a table of it:
/// swap or not (Hoang, Morris and Rogaway, An Enciphering Scheme Based on a Card Shuffle, 2012).
fn shuffled(key: u64, number: u64, length: u64) -> u64 {
    (0..ROUNDS).fold(number, |place, round| {
        let of_round = mixed(key ^ round);
        let partner = (of_round % length + length - place) % length;
        let swap = mixed(of_round ^ place.max(partner)) & 1 == 1;
        if swap { partner } else { place }
    })
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood, Fast Splittable Pseudorandom Number
/// Generators, 2014): far cheaper than the keyed hash from which its key comes.
fn mixed(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn feeder(order: RowOrder, length: usize) -> Feeder {
        let rows = (0..length).map(|row| vec![row.to_string()]).collect();
        Feeder { name: "users".into(), order, columns: vec!["id".into()], rows }
    }

    #[test]
    fn csv_reads_quotes_other_separators_and_a_byte_order_mark() {
        let text = "\u{feff}name, city\r\n\"Ann \"\"A\"\"\",Ulm\r\nBob,\"a,\nb\"\r\n";
        let (columns, rows) = parse_csv(text, b',').unwrap();
        assert_eq!(columns, ["name", "city"]);
        assert_eq!(rows, [["Ann \"A\"", "Ulm"], ["Bob", "a,\nb"]]);
        assert_eq!(parse_csv("a;b\n1;2\n", b';').unwrap().1, [["1", "2"]]);
    }

    #[test]
    fn a_quote_that_nothing_closes_was_taken_as_a_row() {
        for (text, line) in [("a,b\n1,2\n3,\"4\n5,6\n", 3), ("a,b\n1,\"2\"\"\n", 2), ("\"a\n1", 1)]
        {
            let said = parse_csv(text, b',').unwrap_err().to_string();
            assert_eq!(said, format!("line {line}: a quote begins here and never ends"));
        }
        for text in ["a,b\n1,2\" wide\n", "a,b\n\"\",\"x\"\"\"\n", "a\n\"b\"c\n"] {
            parse_csv(text, b',').unwrap();
        }
    }

    #[test]
    fn json_lines_give_strings_as_they_are_and_all_else_as_json() {
        let text = "{\"name\":\"Ann\",\"age\":7,\"tags\":[1]}\n\n{\"age\":null,\"name\":\"B\",\"tags\":{}}";
        let (columns, rows) = parse_json_lines(text).unwrap();
        assert_eq!(columns, ["age", "name", "tags"]);
        assert_eq!(rows, [["7", "Ann", "[1]"], ["null", "B", "{}"]]);
    }

    #[test]
    fn a_broken_file_is_refused_with_its_line() {
        for (text, expected) in [
            ("", "line 1: there is no row"),
            (",b\n1,2\n", "line 1: \"\" cannot be the name of a column"),
            ("a,b\n", "line 1: there is no row"),
            ("a,a\n1,2\n", "line 1: the column \"a\" is there twice"),
            ("a,b\n1,2\n3\n", "line 3: 1 fields, but the header names 2 columns"),
        ] {
            let said = parse_csv(text, b',').unwrap_err().to_string();
            assert_eq!(said, expected);
        }
        for (text, expected) in [
            ("", "line 1: there is no row"),
            ("[1]", "line 1: no JSON object"),
            ("{\"a\":1}\n{\"b\":1}", "line 2: lacks the key \"a\""),
        ] {
            let said = parse_json_lines(text).unwrap_err().to_string();
            assert!(said.starts_with(expected), "{said}");
        }
    }

    #[test]
    fn shuffled_rows_come_once_in_each_pass_and_in_another_order_in_the_next() {
        for length in [1, 2, 3, 5, 16, 17, 1_000] {
            let feeder = feeder(RowOrder::Shuffled, length);
            let pass = |from: usize| -> Vec<&str> {
                (from..from + length)
                    .map(|number| feeder.row(7, number as u64)[0].as_str())
                    .collect()
            };
            let (first, second) = (pass(0), pass(length));
            assert_eq!(first.iter().collect::<BTreeSet<_>>().len(), length);
            assert_eq!(second.iter().collect::<BTreeSet<_>>().len(), length);
            assert!(length < 16 || first != second, "{length}");
        }
    }

    #[test]
    fn every_place_of_a_shuffle_is_as_likely_as_any_other() {
        let mut counts = [[0_u32; 5]; 5];
        for key in (0..10_000).map(mixed) {
            for number in 0..5 {
                counts[number as usize][shuffled(key, number, 5) as usize] += 1;
            }
        }
        // 10,000 draws at 1/5: mean 2,000, deviation 40; five of them either side.
        assert!(counts.iter().flatten().all(|count| (1_800..=2_200).contains(count)), "{counts:?}");
    }

    #[test]
    fn random_rows_follow_from_the_seed() {
        let feeder = feeder(RowOrder::Random, 100);
        let rows = |seed: u64| (0..50).map(|number| feeder.row(seed, number)).collect::<Vec<_>>();
        assert_eq!(rows(7), rows(7));
        assert_ne!(rows(7), rows(8));
    }

    proptest! {
        #[test]
        fn workers_get_disjoint_rows_whose_union_is_that_of_one(
            length in 1_usize..200,
            workers in 1_u64..7,
            order in prop_oneof![Just(RowOrder::Sequential), Just(RowOrder::Shuffled)],
            seed: u64,
        ) {
            let feeder = feeder(order, length);
            let of = |worker: u64, count: u64| {
                let numbers = (0..length as u64).filter(move |number| number % count == worker);
                numbers.map(|number| feeder.row(seed, number)[0].clone()).collect::<Vec<_>>()
            };
            let all = (0..workers).flat_map(|worker| of(worker, workers));
            let mut union: Vec<String> = all.collect();
            let mut whole = of(0, 1);
            union.sort();
            whole.sort();
            prop_assert_eq!(union.iter().collect::<BTreeSet<_>>().len(), length);
            prop_assert_eq!(union, whole);
        }

        #[test]
        fn no_file_makes_the_readers_panic(text in "\\PC*|[a-c,;\"\n]{0,40}") {
            _ = parse_csv(&text, b',').map_err(|error| error.to_string());
            _ = parse_json_lines(&text).map_err(|error| error.to_string());
        }
    }
}
