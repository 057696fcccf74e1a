use super::*;

fn condition(text: &str) -> Condition {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn holds(text: &str, left: Seen<'_>) -> bool {
    condition(text).holds(left, &|template| template.literal().map(str::to_owned))
}

#[test]
fn a_condition_prints_and_travels_as_it_was_written() {
    for text in [
        "status == 200",
        "status in 200..299",
        "latency < 200ms",
        "body contains 'thank you'",
        "body matches 'id=[0-9]+'",
        "/state in [paid, 'on its way']",
        "$.items[?@.price < 10].id exists",
        "header:etag is missing",
        "${state} == 'paid'",
        "'${a}-${b}' != ${c}",
        "/total >= 12.5",
    ] {
        let read = condition(text);
        assert_eq!(read.to_string(), text);
        let json = serde_json::to_string(&read).unwrap();
        assert_eq!(serde_json::from_str::<Condition>(&json).unwrap(), read);
    }
}

#[test]
fn an_operator_inside_of_a_filter_or_a_quote_divides_nothing() {
    let read = condition("$.items[?@.price < 10].id == 'a < b'");
    let Operand::Answer(Extract::Path(_)) = read.left else { panic!("{read:?}") };
    let Test::Compare(Comparison::Equal, Value::Text(right)) = read.test else { panic!() };
    assert_eq!(right.literal(), Some("a < b"));
}

#[test]
fn texts_are_equal_as_texts_and_ordered_as_numbers() {
    let text = Seen::Text;
    for (condition, left, expected) in [
        ("/a == 7", text("7"), true),
        ("/a == 7", text("7.0"), false),
        ("/a != 7", text("8"), true),
        ("/a < 10", text("9.5"), true),
        ("/a < 10", text("many"), false),
        ("/a >= 10", text("10"), true),
        ("status in 200..299", text("299"), true),
        ("status in 200..299", text("300"), false),
        ("/a in [paid, 'on its way']", text("on its way"), true),
        ("/a in [paid, 'on its way']", text("on"), false),
        ("body contains 'ank y'", text("thank you"), true),
        ("body matches '^t.*u$'", text("thank you"), true),
        ("/a exists", text(""), true),
        ("/a is missing", text(""), false),
        ("/a == ''", text(""), true),
        ("latency < 200ms", Seen::Time(Duration::from_millis(199)), true),
        ("latency < 200ms", Seen::Time(Duration::from_millis(200)), false),
    ] {
        assert_eq!(holds(condition, left), expected, "{condition}");
    }
}

#[test]
fn what_is_not_there_is_missing_and_unequal_to_all() {
    for (condition, expected) in [
        ("/a is missing", true),
        ("/a != 7", true),
        ("/a == 7", false),
        ("/a exists", false),
        ("/a < 7", false),
        ("/a in [7]", false),
        ("body contains ''", false),
    ] {
        assert_eq!(holds(condition, Seen::Nothing), expected, "{condition}");
    }
    // A hole without a value on the right side.
    assert!(!condition("/a == ${gone}").holds(Seen::Text("x"), &|_| None));
}

#[test]
fn what_is_no_condition_is_refused_with_what_would_be_right() {
    for (text, reason) in [
        ("", "a condition is written"),
        ("status", "a condition is written"),
        ("status = 200", "did you mean \"status == 200\"?"),
        ("status == ok", "a status is a number from 100 to 599"),
        ("status == 700", "a status is a number from 100 to 599"),
        ("statsu == 200", "did you mean \"status\"?"),
        ("latency == 1s", "compared by <"),
        ("latency < 200", "a duration needs a number and a unit"),
        ("/a <", "nothing stands after the operator"),
        ("== 3", "nothing stands before"),
        ("/a < many", "compares with a number"),
        ("/a == 'open", "is not closed"),
        ("/a in paid", "takes a list"),
        ("/a in 5..1", "takes a list"),
        ("body matches '('", "no regular expression"),
        ("regex:x == 1", "body matches"),
        ("/a exists not", "nothing stands after `exists`"),
        ("$.a[ == 1", "a condition is written"),
        ("${x == 1", "a condition is written"),
        ("/a == ${x:y}", "neither"),
    ] {
        let said = text.parse::<Condition>().unwrap_err();
        assert!(said.contains(reason), "{text}: {said}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "[a-z$/{}\\[\\]'\"<>=! .:0-9]{0,40}|\\PC*") {
        if let Ok(read) = text.parse::<Condition>() {
            proptest::prop_assert_eq!(read.to_string(), text.trim());
        }
    }
}
