//! The calls between services as a graph for Graphviz.

use std::fmt::Write as _;

use model::answer::CallRow;

/// A directed graph, `dot -Tsvg` draws it. Failing calls are dashed, not only red.
pub fn calls_dot(calls: &[CallRow]) -> String {
    let mut text = "digraph shakedown {\n  rankdir=LR;\n  node [shape=box];\n".to_owned();
    for call in calls {
        let mut label = format!("{} calls", call.calls);
        if call.errors > 0 {
            let percent = call.errors as f64 / call.calls.max(1) as f64 * 100.0;
            _ = write!(label, "\n{percent:.2}% failed");
        }
        if let Some(p99) = call.server.p99_ms {
            _ = write!(label, "\np99 {p99} ms");
        }
        let look = if call.errors > 0 { ", color=red, style=dashed" } else { "" };
        _ = writeln!(
            text,
            "  {} -> {} [label={}{look}];",
            quoted(&call.caller),
            quoted(&call.callee),
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
    use model::answer::Durations;

    use super::*;

    #[test]
    fn calls_are_edges_and_names_cannot_break_out() {
        let call = |callee: &str, errors| CallRow {
            caller: "orders".to_owned(),
            callee: callee.to_owned(),
            calls: 8,
            errors,
            server: Durations { p99_ms: Some(7.5), ..Durations::default() },
            client: Durations::default(),
        };
        let text = calls_dot(&[call("cart", 0), call("a\"]; \\\n\u{7}", 2)]);
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
