//! A pattern as a regular expression.

/// Longest expression, in characters: a filter has little more room. What is cut off the end may
/// be anything.
const LENGTH_MAX: usize = 300;

/// What stands for a placeholder.
const PLACEHOLDERS: [(&str, &str); 4] =
    [("<n>", "\\S+"), ("<id>", "\\S+"), ("<s>", ".*"), (super::ANYTHING, ".+")];

/// Fits every text that became this template.
pub(super) fn of(template: &str) -> String {
    let mut out = "^\\s*".to_owned();
    let mut is_cut = false;
    for (at, word) in template.split_whitespace().enumerate() {
        let between = if at == 0 { "" } else { "\\s+" };
        let word = word_of(word);
        is_cut = word == "\\.\\.\\." || out.len() + between.len() + word.len() > LENGTH_MAX;
        if is_cut {
            break;
        }
        out.push_str(between);
        out.push_str(&word);
    }
    if !is_cut {
        out.push_str("\\s*$");
    }
    out
}

fn word_of(word: &str) -> String {
    let mut out = String::new();
    let mut rest = word;
    'letters: while let Some(letter) = rest.chars().next() {
        for (placeholder, expression) in PLACEHOLDERS {
            if let Some(behind) = rest.strip_prefix(placeholder) {
                out.push_str(expression);
                rest = behind;
                continue 'letters;
            }
        }
        let length = letter.len_utf8();
        match letter {
            // It also stands for control characters.
            '?' => out.push_str("(?s:.)"),
            _ => out.push_str(&regex::escape(&rest[..length])),
        }
        rest = &rest[length..];
    }
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use model::frame::LogLine;
    use proptest::prelude::*;
    use regex::RegexBuilder;

    use super::super::Patterns;
    use super::*;

    fn line(body: &str) -> LogLine {
        LogLine {
            unix_ns: 0,
            service: String::new(),
            severity: "INFO".to_owned(),
            body: body.to_owned(),
            event: String::new(),
            trace_id: None,
            span_id: None,
            correlation_id: None,
            attributes: BTreeMap::new(),
        }
    }

    #[test]
    fn placeholders_and_signs_become_an_expression() {
        assert_eq!(
            of("charge failed: <n>ms (<*>)"),
            "^\\s*charge\\s+failed:\\s+\\S+ms\\s+\\(.+\\)\\s*$"
        );
        assert_eq!(of(""), "^\\s*\\s*$");
        let long = of(&"word ".repeat(200));
        assert!(long.len() <= LENGTH_MAX && !long.ends_with('$'), "{long}");
    }

    proptest! {
        #[test]
        fn the_expression_of_a_pattern_fits_every_line_of_it(
            bodies in prop::collection::vec(
                prop_oneof![
                    ".{0,40}",
                    "(charge|order) [0-9]{1,9} (failed|\"a b\"|ok) in [0-9.]{1,5}ms\n?",
                    "([a-c] ){0,70}",
                ],
                1..8,
            ),
        ) {
            let lines: Vec<LogLine> = bodies.iter().map(|body| line(body)).collect();
            let patterns = Patterns::of(&lines);
            let expressions: Vec<regex::Regex> = patterns
                .iter()
                .filter_map(super::super::Pattern::expression)
                .map(|it| RegexBuilder::new(&it).case_insensitive(true).build().unwrap())
                .collect();
            for body in &bodies {
                prop_assert!(expressions.iter().any(|it| it.is_match(body)), "{body:?} {patterns:?}");
            }
        }
    }
}
