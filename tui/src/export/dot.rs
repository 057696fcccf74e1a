//! The calls between services as a graph for Graphviz.

use std::fmt::Write as _;

use model::policy::BreakerState;

use crate::screen::topology::EdgeNumbers;

/// A directed graph, `dot -Tsvg` draws it. Failing calls are dashed, not only red.
pub fn edges_dot(edges: &[EdgeNumbers]) -> String {
    let mut text = "digraph shakedown {\n  rankdir=LR;\n  node [shape=box];\n".to_owned();
    for numbers in edges {
        let mut label = match (&numbers.row, &numbers.call) {
            (Some(row), _) => format!("{:.1} requests/s", row.per_s),
            (None, Some(call)) => format!("{} calls", call.calls),
            (None, None) => "idle".to_owned(),
        };
        let failed = numbers.error_percent().filter(|percent| *percent > 0.0);
        if let Some(percent) = failed {
            _ = write!(label, "\n{percent:.2}% failed");
        }
        if let [.., Some(p99)] = numbers.quantiles_ms() {
            _ = write!(label, "\np99 {p99} ms");
        }
        if let Some(state) = numbers.breaker().filter(|state| *state != BreakerState::Closed) {
            _ = write!(label, "\nbreaker {}", state.as_str());
        }
        let look = if failed.is_some() { ", color=red, style=dashed" } else { "" };
        _ = writeln!(
            text,
            "  {} -> {} [label={}{look}];",
            quoted(&numbers.edge.caller),
            quoted(&numbers.edge.callee),
            quoted(&label)
        );
    }
    text.push_str("}\n");
    text
}

/// A quoted ID of the DOT language. A backslash there begins an escape of labels.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            _ if letter.is_control() => quoted.push('?'),
            _ => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use model::answer::{CallRow, Durations};
    use model::edge::Edge;

    use super::*;

    #[test]
    fn calls_are_edges_and_names_cannot_break_out() {
        let edge = |callee: &str, errors| EdgeNumbers {
            edge: Edge::new("orders", callee),
            row: None,
            call: Some(CallRow {
                caller: "orders".to_owned(),
                callee: callee.to_owned(),
                calls: 8,
                errors,
                server: Durations { p99_ms: Some(7.5), ..Durations::default() },
                client: Durations::default(),
            }),
        };
        let text = edges_dot(&[edge("cart", 0), edge("a\"]; \\\n\u{7}", 2)]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[3], r#"  "orders" -> "cart" [label="8 calls\np99 7.5 ms"];"#);
        assert_eq!(
            lines[4],
            "  \"orders\" -> \"a\\\"]; \\\\\\n?\" [label=\"8 calls\\n25.00% failed\\np99 7.5 ms\", \
             color=red, style=dashed];"
        );
        assert_eq!(lines.last(), Some(&"}"));
    }
}
