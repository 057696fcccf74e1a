use std::collections::BTreeMap;

use model::answer::TraceLine;
use model::frame::{LogLine, TraceHead};
use model::id::{CorrelationId, TraceId};
use proptest::prelude::*;

use super::fields::{FAULTS, LOGS, OVERVIEW, TABLES, TRACES, VERDICTS_LIST};
use super::*;
use crate::ask::{LogsQuestion, TracesQuestion};

fn trace_id(number: u8) -> TraceId {
    TraceId::from_bytes([number.max(1); 16]).unwrap()
}

fn log(service: &str, severity: &str, body: &str) -> LogLine {
    LogLine {
        unix_ns: 1,
        service: service.to_owned(),
        severity: severity.to_owned(),
        body: body.to_owned(),
        event: "shop.charge".to_owned(),
        trace_id: Some(trace_id(0x9c)),
        span_id: None,
        correlation_id: CorrelationId::try_from("req-83".to_owned()).ok(),
        attributes: BTreeMap::from([
            ("http.route".to_owned(), "/pay".into()),
            ("attempt.number".to_owned(), 2.into()),
        ]),
    }
}

fn trace(ms: u64, error: bool, fault: Option<&str>) -> TraceLine {
    let head = TraceHead {
        trace_id: trace_id(0x9c),
        correlation_id: CorrelationId::try_from("req-83".to_owned()).ok(),
        start_unix_ns: 1,
        duration_ns: ms * 1_000_000,
        error,
        fault: fault.map(str::to_owned),
    };
    TraceLine {
        head,
        service: Some("client".to_owned()),
        name: Some("checkout".to_owned()),
        spans: 12,
        errors: 3,
    }
}

fn fits(text: &str, table: &'static FieldTable, row: &dyn Fields) -> bool {
    Filter::parse(text, table).unwrap_or_else(|error| panic!("{text}: {error}")).matches(row)
}

#[test]
fn a_log_line_is_found_by_what_it_says() {
    let line = log("orders", "WARN", "Charge failed: 503; will \"retry\" (soon)");
    for (text, wanted) in [
        ("", true),
        ("  ", true),
        ("charge FAILED", true),
        ("\"charge failed\"", true),
        ("\"failed charge\"", false),
        ("SHOP.charge", true),
        ("orders", false),
        ("\"will \\\"retry\\\"\"", true),
        ("~charge.*503", true),
        ("~(charge|refund) failed", true),
        ("(~(charge|refund) or x)", true),
        ("!charge", false),
        ("!refund !paid", true),
        ("refund or charge", true),
        ("refund OR paid or 503", true),
        ("refund or charge and paid", false),
        ("(refund or charge) 503", true),
        ("!(refund or paid)", true),
        ("svc=orders", true),
        ("svc:orders", true),
        ("svc=Orders", false),
        ("svc!=orders", false),
        ("svc~^ord", true),
        ("svc!~^ord", false),
        ("level>=warn", true),
        ("level>warn", false),
        ("level=WARN", true),
        ("level<error level!=info", true),
        ("trace:9c9c9c9c", true),
        ("trace:9d", false),
        ("corr:req-83", true),
        ("corr:req-8", false),
        ("http.route=/pay", true),
        ("http.route!=/pay", false),
        ("attempt.number=2", true),
        ("attempt.number>1", true),
        ("attempt.number>2", false),
        ("no.such>1", false),
        ("http.route~^/p", true),
        ("no.such=2", false),
        ("no.such!=2", true),
        ("spanid:1", false),
        ("oranges", false),
        ("android", false),
        ("\"or\"", false),
        ("\"for\" or \"charge\"", true),
    ] {
        assert_eq!(fits(text, &LOGS, &line), wanted, "{text}");
    }
}

#[test]
fn an_attribute_is_found_as_the_line_shows_it() {
    let mut line = log("orders", "WARN", "charged");
    line.attributes.insert("shop.order".to_owned(), "ord-fb3b".into());
    line.attributes.insert("status".to_owned(), 504.into());
    line.attributes.insert("leval".to_owned(), true.into());
    for (text, wanted) in [
        ("order=ord-fb3b", true),
        ("shop.order:ord-fb3b", true),
        ("order~^ord-", true),
        ("order=ord", false),
        ("order!=ord-fb3b", false),
        ("rder=ord-fb3b", false),
        ("status=504", true),
        ("status>=500 status<505", true),
        ("status!=504", false),
        ("route=/pay number=2", true),
        (".leval=true", true),
        (".status=504", true),
        (".order=ord-fb3b", true),
    ] {
        assert_eq!(fits(text, &LOGS, &line), wanted, "{text}");
    }
}

#[test]
fn a_trace_is_found_by_its_numbers_and_its_faults() {
    let line = trace(489, true, Some("abort-503, slow-payments"));
    for (text, wanted) in [
        ("dur>200ms", true),
        ("dur>0.4s dur<500", true),
        ("dur<=489 dur>=489", true),
        ("dur=489", true),
        ("dur!=489", false),
        ("error=true", true),
        ("error=FALSE", false),
        ("err>2 spans<13", true),
        ("fault=slow-payments", true),
        ("fault=slow", false),
        ("fault~slow", true),
        ("fault!=abort-503", false),
        ("root=client name=checkout", true),
        ("edge:orders>payments svc=orders", true),
    ] {
        assert_eq!(fits(text, &TRACES, &line), wanted, "{text}");
    }
    assert!(!fits("fault=abort-503", &TRACES, &trace(1, false, None)));
    assert!(fits("fault!=abort-503", &TRACES, &trace(1, false, None)));
}

#[test]
fn what_is_wrong_is_told_with_its_column_and_the_nearest_name() {
    for (text, table, message) in [
        (
            "svc=orders leval>=warn",
            &LOGS,
            "column 12: unknown field \"leval\"; did you mean \"level\"?; an attribute of that name is asked as \".leval\", put a text that is looked for in quotes",
        ),
        (
            "trace:zz",
            &LOGS,
            "column 7: \"trace\" needs the start of an id, like \"9c1e44d0\", got \"zz\"",
        ),
        (
            "x or spanid:9g",
            &LOGS,
            "column 13: \"spanid\" needs the start of an id, like \"9c1e44d0\", got \"9g\"",
        ),
        ("level>=warm", &LOGS, "column 8: unknown level \"warm\"; did you mean \"warn\"?"),
        ("dur>fast", &TRACES, "column 5: \"dur\" needs a duration, like \"200ms\", got \"fast\""),
        ("err>1ms", &OVERVIEW, "column 5: \"err\" needs a percentage, like \"1%\", got \"1ms\""),
        (
            "breaker=opne",
            &OVERVIEW,
            "column 9: \"breaker\" is never \"opne\"; did you mean \"open\"?",
        ),
        ("svc>3", &LOGS, "column 5: \"svc\" is a text; it has no order, use =, !="),
        (
            "http.route>a",
            &LOGS,
            "column 12: \"attribute\" needs a number to be compared with, like \"500\", got \"a\"",
        ),
        ("dur~3", &TRACES, "column 5: \"dur\" is a duration; ~ needs a text"),
        ("(a or b", &LOGS, "column 1: this parenthesis is not closed"),
        ("a)", &LOGS, "column 2: this parenthesis closes nothing"),
        ("a or", &LOGS, "column 5: a term is missing here"),
        ("or a", &LOGS, "column 1: a term is missing here; a word in quotes is just a word"),
        ("a \"b", &LOGS, "column 3: this quote is not closed"),
        ("level>=", &LOGS, "column 8: \"level\" needs a level, like \"warn\""),
        ("~", &LOGS, "column 2: ~ needs a pattern, like ~time.*out"),
        ("~a[", &LOGS, "column 2: this is not a pattern: unclosed character class"),
        (
            "x or svc=a",
            &TRACES,
            "column 6: only the collector knows \"svc\": write it once, with =, neither under \"or\" nor after !",
        ),
        (
            "edge:orders>",
            &TRACES,
            "column 1: only the collector knows \"edge\": write it once, with = with caller and callee, neither under \"or\" nor after !",
        ),
    ] {
        assert_eq!(Filter::parse(text, table).unwrap_err().to_string(), message, "{text}");
    }
}

#[test]
fn length_and_depth_have_a_bound() {
    assert!(Filter::parse(&"x".repeat(LENGTH_MAX), &LOGS).is_ok());
    assert!(Filter::parse(&"x".repeat(LENGTH_MAX + 1), &LOGS).is_err());
    let deep = |levels| format!("{}x{}", "(".repeat(levels), ")".repeat(levels));
    assert!(Filter::parse(&deep(DEPTH_MAX), &LOGS).is_ok());
    let error = Filter::parse(&deep(DEPTH_MAX + 1), &LOGS).unwrap_err();
    assert_eq!(error.message, "a filter is at most 32 levels deep");
    assert!(Filter::parse(&"!".repeat(400), &LOGS).is_err());
}

#[test]
fn the_collector_is_asked_what_must_hold_in_any_case() {
    let filter = |text, table| Filter::parse(text, table).unwrap();
    let text = "edge:orders>payments svc=orders route=/pay dur>=200ms (dur<1s error=true) fault!=x";
    let question = TracesQuestion {
        edge: Some(model::edge::Edge::new("orders", "payments")),
        service: Some("orders".to_owned()),
        route: Some("/pay".to_owned()),
        min_ms: Some(200.0),
        max_ms: Some(1000.0),
        error: Some(true),
        ..TracesQuestion::default()
    };
    assert_eq!(filter(text, &TRACES).traces(), question);
    assert_eq!(filter("dur>1s or error=true", &TRACES).traces(), TracesQuestion::default());
    let text = "svc=orders level>=warn level>=info trace:9c !noise \"charge failed\" corr:req-83";
    let question = LogsQuestion {
        service: Some("orders".to_owned()),
        severity_min: Some(13),
        contains: Some("charge failed".to_owned()),
        correlation_id: CorrelationId::try_from("req-83".to_owned()).ok(),
        ..LogsQuestion::default()
    };
    assert_eq!(filter(text, &LOGS).logs(), question);
    let whole = format!("trace:{}", trace_id(0x9c));
    assert_eq!(filter(&whole, &LOGS).logs().trace_id, Some(trace_id(0x9c)));
}

#[test]
fn completion_offers_fields_then_their_values() {
    let known = |field: &str| match field {
        "svc" => vec!["orders".to_owned(), "order desk".to_owned(), "payments".to_owned()],
        _ => Vec::new(),
    };
    for (text, cursor, from, words) in [
        ("", 0, 0, 7),
        ("le", 2, 0, 1),
        ("x level>=", 9, 9, 6),
        ("(svc=ord", 8, 5, 2),
        ("svc=orders x", 6, 4, 2),
        ("evant=", 6, 0, 0),
        ("order=", 6, 6, 0),
    ] {
        let found = complete(text, cursor, &LOGS, &known);
        assert_eq!((found.from, found.words.len()), (from, words), "{text} {found:?}");
    }
    assert_eq!(complete("le", 2, &LOGS, &known).words, ["level>="]);
    assert_eq!(complete("svc:ord", 7, &LOGS, &known).words, ["orders", "\"order desk\""]);
    assert_eq!(complete("breaker=ha", 10, &OVERVIEW, &known).words, ["half-open"]);
    assert_eq!(complete("verdict=not", 11, &VERDICTS_LIST, &known).words, ["\"not exercised\""]);
}

#[test]
fn every_field_of_every_list_can_be_asked_and_is_explained() {
    for table in TABLES {
        assert_eq!(FieldTable::named(table.name), Some(table));
        for field in table.fields {
            let value = match field.kind {
                Kind::Text | Kind::Id | Kind::Any => "a",
                Kind::Word(words) => words[0],
                Kind::Edge => "a>b",
                Kind::Number | Kind::Percent | Kind::Duration => "1",
                Kind::Level => "info",
                Kind::Flag => "true",
            };
            let text = format!("{}=\"{value}\"", field.name);
            assert!(Filter::parse(&text, table).is_ok(), "{text} in {}", table.name);
            assert!(table.help().contains(field.text), "{}", field.name);
        }
    }
    assert!(Filter::parse("edge:>payments state=active", &FAULTS).is_ok());
}

/// What the collector does with a question, as far as a line tells.
fn collector_lists(question: &TracesQuestion, line: &TraceLine) -> bool {
    let ms = line.head.duration_ns as f64 / 1e6;
    let faults = line.head.fault.as_deref().unwrap_or_default();
    question.min_ms.is_none_or(|min| ms >= min)
        && question.max_ms.is_none_or(|max| ms <= max)
        && question.error.is_none_or(|error| line.head.error == error)
        && question
            .correlation_id
            .as_ref()
            .is_none_or(|id| line.head.correlation_id.as_ref() == Some(id))
        && question.fault.as_ref().is_none_or(|fault| faults.split(", ").any(|name| name == fault))
}

fn collector_finds(question: &LogsQuestion, line: &LogLine) -> bool {
    let rank = value::level(&line.severity).unwrap_or(0);
    let holds =
        |text: &str, words: &str| text.to_ascii_lowercase().contains(&words.to_ascii_lowercase());
    question.trace_id.is_none_or(|id| line.trace_id == Some(id))
        && question
            .correlation_id
            .as_ref()
            .is_none_or(|id| line.correlation_id.as_ref() == Some(id))
        && question.service.as_ref().is_none_or(|service| line.service == *service)
        && question.severity_min.is_none_or(|min| rank >= min)
        && question
            .contains
            .as_ref()
            .is_none_or(|words| holds(&line.body, words) || holds(&line.event, words))
}

fn terms(leaves: &'static [&'static str]) -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(leaves).prop_map(str::to_owned);
    leaf.prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("({one} {other})")),
            (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("({one} or {other})")),
            inner.prop_map(|one| format!("!{one}")),
        ]
    })
}

proptest! {
    #[test]
    fn asking_and_then_filtering_traces_is_filtering_all_of_them(
        text in terms(&[
            "dur>100", "dur>=300", "dur<400ms", "dur<=300", "error=true", "error!=true",
            "fault=a", "fault!=b", "checkout", "corr:req-83", "corr:x", "err>2",
        ]),
        lines in prop::collection::vec((0_u64..500, any::<bool>(), 0_usize..4), 0..20),
    ) {
        let filter = Filter::parse(&text, &TRACES).unwrap();
        let question = filter.traces();
        for (ms, error, fault) in lines {
            let line = trace(ms, error, [None, Some("a"), Some("b"), Some("a, b")][fault]);
            if filter.matches(&line) {
                prop_assert!(collector_lists(&question, &line), "{} {:?}", text, line);
            }
        }
    }

    #[test]
    fn asking_and_then_filtering_logs_is_filtering_all_of_them(
        text in terms(&[
            "svc=orders", "svc!=orders", "level>=warn", "level=info", "level<error", "level>info",
            "charge", "FAILED", "\"charge failed\"", "trace:9c", "corr:req-83", "~fail",
        ]),
        lines in prop::collection::vec((0_usize..2, 0_usize..4, 0_usize..3), 0..20),
    ) {
        let filter = Filter::parse(&text, &LOGS).unwrap();
        let question = filter.logs();
        for (service, severity, body) in lines {
            let line = log(
                ["orders", "payments"][service],
                ["DEBUG", "INFO", "WARN", "ERROR"][severity],
                ["charge failed", "Charge", "nothing \u{212a}"][body],
            );
            if filter.matches(&line) {
                prop_assert!(collector_finds(&question, &line), "{} {:?}", text, line);
            }
        }
    }

    #[test]
    fn no_text_makes_reading_matching_or_completing_panic(
        text in prop_oneof![".{0,80}", "[a-z!()\"~:=<>. ]{0,60}", terms(&["a", "level>=warn", "x.y~b"])],
        cursor in 0_usize..90,
        table in prop::sample::select(TABLES.to_vec()),
    ) {
        let _ = complete(&text, cursor, table, &|_| vec!["支付".to_owned(), text.clone()]);
        match Filter::parse(&text, table) {
            Ok(filter) => {
                let _ = filter.matches(&log("s", "INFO", &text));
                let _ = (filter.traces(), filter.logs());
                prop_assert_eq!(&Filter::parse(filter.text(), table).unwrap(), &filter);
            },
            Err(error) => prop_assert!((1..=text.chars().count() + 1).contains(&error.column)),
        }
    }
}
