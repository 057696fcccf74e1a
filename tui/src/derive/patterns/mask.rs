//! Placeholders for what changes from line to line.

/// Letters and digits that look like an id are at least so many.
const ID_MIN: usize = 8;

/// The text with `<n>` for numbers, `<id>` for ids and `<s>` for quoted values.
pub(super) fn masked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some(length) = quoted(rest, first, out.chars().next_back()) {
            out.push_str("<s>");
            rest = &rest[length..];
            continue;
        }
        let is_part = |letter: char| letter.is_alphanumeric() || matches!(letter, '-' | '.' | '_');
        let length = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
        if length == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        word(&mut out, &rest[..length]);
        rest = &rest[length..];
    }
    out
}

/// Length in bytes of a quoted value with its marks. An apostrophe within a word begins none.
fn quoted(text: &str, first: char, before: Option<char>) -> Option<usize> {
    let begins = matches!(first, '"' | '\'' | '`') && !before.is_some_and(char::is_alphanumeric);
    if !begins {
        return None;
    }
    let end = text[1..].find(first)?;
    Some(end + 2)
}

/// A word of letters, digits, `-`, `.` and `_`. What ends a sentence stays behind it.
fn word(out: &mut String, word: &str) {
    let inner = word.trim_end_matches(['.', '-', '_']);
    let (start, tail) = (inner.len() - inner.trim_start_matches('-').len(), &word[inner.len()..]);
    let (sign, inner) = inner.split_at(start);
    match kind(inner) {
        Some((mask, unit)) => {
            out.push_str(mask);
            out.push_str(unit);
        },
        None => {
            out.push_str(sign);
            out.push_str(inner);
        },
    }
    out.push_str(tail);
}

/// The placeholder of a word and the unit that stays behind it; `None` for words that say
/// something.
fn kind(word: &str) -> Option<(&'static str, &str)> {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    if digits == 0 {
        return None;
    }
    let number = word.find(|letter: char| !(letter.is_ascii_digit() || letter == '.'));
    let (number, unit) = word.split_at(number.unwrap_or(word.len()));
    if !number.is_empty() && unit.len() <= 3 && unit.bytes().all(|byte| byte.is_ascii_alphabetic())
    {
        return Some(("<n>", unit));
    }
    let is_hex = word.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let starts_hex = word.starts_with("0x");
    if starts_hex
        || (is_hex && word.len() >= ID_MIN)
        || (word.len() >= ID_MIN && digits * 3 >= word.len())
    {
        return Some(("<id>", ""));
    }
    // Times, addresses and versions: mostly digits.
    (digits * 2 >= word.len() && number.len() * 2 >= word.len()).then_some(("<n>", ""))
}
