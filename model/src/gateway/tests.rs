use std::net::SocketAddr;

use proptest::prelude::*;

use super::*;
use crate::fault::Token;
use crate::reading::cases;

mod faults;
mod language;

/// The shortest gateway.
const BASE: &str = "\
[proxy]
listen = \"127.0.0.1:8080\"
[edge.\"client -> orders\"]
endpoints = [\"127.0.0.1:7001\"]
[[route]]
prefix = \"/\"
to = \"client -> orders\"
";

/// A world with one secret, one recorded latency and one name.
#[derive(Debug)]
struct World;

impl Outside for World {
    fn text(&self, path: &str) -> Result<String, String> {
        match path {
            "/run/secrets/admin" => Ok("s3cret-of-admin\n".to_owned()),
            "empty" => Ok("\n".to_owned()),
            "binary" => Ok("s3cret\u{7}line\nand more".to_owned()),
            "latency.json" => Ok(RECORDED.to_owned()),
            "falling.json" => Ok(RECORDED.replace("12000", "1")),
            _ => Err(format!("cannot read {path}: no such file")),
        }
    }

    fn variable(&self, name: &str) -> Option<String> {
        (name == "FAULT_TOKEN").then(|| "s3cret-of-faults".to_owned())
    }

    fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
        match host {
            "orders" => Ok([11, 12].map(|last| SocketAddr::from(([10, 0, 0, last], port))).into()),
            _ => Err(format!("cannot find \"{host}\": no such host")),
        }
    }
}

const RECORDED: &str = r#"{
  "source": "payments in April",
  "quantiles": [{"share": 0.0, "value_us": 900}, {"share": 0.5, "value_us": 2000},
                {"share": 0.99, "value_us": 12000}]
}"#;

fn parse(text: &str) -> GatewayFile {
    GatewayFile::parse("gateway.toml", text, &World).unwrap_or_else(|problems| panic!("{problems}"))
}

fn lines(problems: &Problems) -> Vec<String> {
    let line =
        |problem: &Problem| format!("{}:{}: {}", problem.line, problem.column, problem.message);
    problems.found().iter().map(line).collect()
}

/// `line:column: message` of everything that is wrong.
fn findings(text: &str) -> Vec<String> {
    GatewayFile::parse("gateway.toml", text, &World).err().map_or_else(Vec::new, |all| lines(&all))
}

#[test]
fn every_mistake_is_found_at_its_place_and_says_what_would_be_right() {
    cases::check(include_str!("tests/findings.txt"), |text| {
        findings(&text.replace("@BASE", BASE.trim_end()))
    });
}

#[test]
fn no_message_shows_a_secret() {
    for line in [
        "admin_token = \"hunter2\"",
        "admin_token = \"hunter2",
        "\"admin_token\" = { x = \"hunter2\" }",
        "admin_token = \"\"\"hunter2",
    ] {
        let text = BASE.replacen("[proxy]", &format!("[proxy]\n{line}"), 1);
        let said = GatewayFile::parse("gateway.toml", &text, &World).unwrap_err().to_string();
        assert!(!said.contains("hunter2"), "{said}");
    }
    let text = BASE.replacen("[proxy]", "[proxy]\nadmin_token = \"hunter2\"", 1);
    let said = GatewayFile::parse("gateway.toml", &text, &World).unwrap_err().to_string();
    assert!(said.contains("  2 | admin_token =**********\n"), "{said}");
    let caller = "[[fault]]\nname = \"c\"\non = \"client -> orders\"\nkind = \"caller\"\n";
    for token in ["token = \"hunter2\"", "token_file = \"binary\"", "token_env = \"NOBODY\""] {
        let text = format!("{BASE}{caller}{token}\n");
        let said = GatewayFile::parse("gateway.toml", &text, &World).unwrap_err().to_string();
        assert!(!said.contains("hunter2") && !said.contains("s3cret"), "{said}");
    }
}

#[test]
fn a_secret_comes_from_a_file_or_the_environment() {
    for (key, secret) in [
        ("admin_token_file = \"/run/secrets/admin\"", "s3cret-of-admin"),
        ("admin_token_env = \"FAULT_TOKEN\"", "s3cret-of-faults"),
    ] {
        let proxy = format!("[proxy]\n{key}\nadmin = \"0.0.0.0:9900\"");
        let file = parse(&BASE.replacen("[proxy]", &proxy, 1));
        assert_eq!(file.config.admin_token, Some(Token::new(secret)));
        assert!(!format!("{file:?}").contains(secret));
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC*") {
        _ = GatewayFile::parse("any.toml", &text, &World).map_err(|found| found.to_string());
    }

    /// A whole file with a piece of it replaced reaches deeper than random text does.
    #[test]
    fn no_damage_to_a_file_makes_the_reader_panic(
        from in 0.0_f64..1.0,
        length in 0_usize..60,
        patch in prop_oneof!["[\"\\[\\]{}=0-9a-z%/ .>-]{0,12}", "\\PC{0,6}"],
    ) {
        let text = language::EVERYTHING;
        let start = text.floor_char_boundary((from * text.len() as f64) as usize);
        let end = text.floor_char_boundary((start + length).min(text.len()));
        let damaged = format!("{}{patch}{}", &text[..start], &text[end..]);
        if let Err(problems) = GatewayFile::parse("damaged.toml", &damaged, &World) {
            prop_assert!(!problems.found().is_empty());
            prop_assert!(problems.to_string().starts_with("damaged.toml:"));
        }
    }
}
