//! A checker of markup for the tests: every element is closed in its order, every attribute is
//! quoted and named once, every reference is known, no character is forbidden.

/// Elements of HTML that have no end.
const VOID: [&str; 3] = ["meta", "br", "link"];
/// Elements of HTML whose content is no markup.
const RAW: [&str; 2] = ["script", "style"];

/// Names of all elements in order, or what is wrong.
pub(super) fn elements(markup: &str) -> Result<Vec<String>, String> {
    if let Some(bad) = markup.chars().find(|c| c.is_control() && !"\n\t\r".contains(*c)) {
        return Err(format!("forbidden character {bad:?}"));
    }
    let mut open: Vec<String> = Vec::new();
    let mut names = Vec::new();
    let mut rest = markup;
    while let Some(at) = rest.find('<') {
        references(&rest[..at])?;
        rest = &rest[at + 1..];
        let end = end_of_tag(rest)?;
        let (tag, after) = (&rest[..end], &rest[end + 1..]);
        rest = after;
        if tag.starts_with(['?', '!']) {
            continue;
        }
        if let Some(name) = tag.strip_prefix('/') {
            let last = open.pop().ok_or_else(|| format!("</{name}> closes nothing"))?;
            if last != name {
                return Err(format!("</{name}> closes <{last}>"));
            }
            continue;
        }
        let empty = tag.ends_with('/');
        let tag = tag.trim_end_matches('/');
        let name = tag.split_whitespace().next().unwrap_or_default();
        attributes(&tag[name.len()..])?;
        names.push(name.to_owned());
        if RAW.contains(&name) {
            let close = format!("</{name}>");
            let length = rest.find(&close).ok_or_else(|| format!("{close} is missing"))?;
            rest = &rest[length + close.len()..];
        } else if !empty && !VOID.contains(&name) {
            open.push(name.to_owned());
        }
    }
    references(rest)?;
    if open.is_empty() { Ok(names) } else { Err(format!("{open:?} are not closed")) }
}

fn end_of_tag(text: &str) -> Result<usize, String> {
    let mut quoted = false;
    for (at, character) in text.char_indices() {
        match character {
            '"' => quoted = !quoted,
            '<' => return Err(format!("'<' in a tag: {text:.40}")),
            '>' if !quoted => return Ok(at),
            _ => {},
        }
    }
    Err("a tag is not closed".to_owned())
}

fn attributes(text: &str) -> Result<(), String> {
    let mut names = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end = rest.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-:".contains(&byte));
        if name.is_empty() || !plain || names.contains(&name) {
            return Err(format!("attribute {name:?} in {text:?}"));
        }
        names.push(name);
        rest = after.trim_start();
        if let Some(value) = rest.strip_prefix('=') {
            let value = value.strip_prefix('"').ok_or_else(|| format!("{name} is not quoted"))?;
            let end = value.find('"').ok_or_else(|| format!("{name} has no end"))?;
            references(&value[..end])?;
            rest = value[end + 1..].trim_start();
        }
    }
    Ok(())
}

fn references(text: &str) -> Result<(), String> {
    for part in text.split('&').skip(1) {
        let known = ["amp;", "lt;", "gt;", "quot;", "#39;", "#10;", "#9;"];
        if !known.iter().any(|reference| part.starts_with(reference)) {
            return Err(format!("unknown reference &{part:.12}"));
        }
    }
    Ok(())
}

#[test]
fn the_checker_finds_what_it_should() {
    for good in
        ["<a/>", "<a b=\"1 > 0\"><c>&lt;</c></a>", "<script>1 < 2</script>", "<a hidden></a>"]
    {
        assert!(elements(good).is_ok(), "{good}");
    }
    for bad in [
        "<a>",
        "<a></b>",
        "</a>",
        "<a b=1/>",
        "<a b=\"\" b=\"\"/>",
        "&nbsp;",
        "<a \u{1}/>",
        "<a <b/>",
    ] {
        assert!(elements(bad).is_err(), "{bad}");
    }
}
