//! Secrets: they stand in files of their own or in the environment, never in the file that is read,
//! and no message shows them.

use super::outside::Outside;
use super::reader::{Table, Value, shorten};
use crate::fault::Token;

/// Longest secret: it travels in one header field.
const BYTES_MAX: usize = 4 * 1024;

/// The token at `{key}_file` or `{key}_env`; `inline` is the key that it must not have.
pub(crate) fn read(
    table: &mut Table<'_>,
    [file, variable, inline]: [&'static str; 3],
    outside: &dyn Outside,
) -> Option<Token> {
    refuse_inline(table, inline, file);
    let by_file = table.get(file);
    let by_variable = table.get(variable);
    match (&by_file, &by_variable) {
        (Some(_), Some(second)) => {
            second.wrong(format!("there is one token: give `{file}` or `{variable}`, not both"));
            None
        },
        (Some(path), None) => from_file(path, outside),
        (None, Some(name)) => from_variable(name, outside),
        (None, None) => None,
    }
}

/// A secret in the file itself would be copied with it.
pub(crate) fn refuse_inline(table: &mut Table<'_>, key: &'static str, file: &str) {
    let message = format!(
        "a secret does not stand in this file; put it into one of its own and name that, like \
         {file} = \"/run/secrets/{key}\""
    );
    table.refuse(key, &message);
}

pub(crate) fn from_file(value: &Value<'_>, outside: &dyn Outside) -> Option<Token> {
    value.parsed("the path of a file with a secret", |path| checked(&outside.text(path)?, path))
}

pub(crate) fn from_variable(value: &Value<'_>, outside: &dyn Outside) -> Option<Token> {
    value.parsed("the name of an environment variable", |name| {
        let secret = outside
            .variable(name)
            .ok_or_else(|| format!("the environment variable \"{}\" is not set", shorten(name)))?;
        checked(&secret, name)
    })
}

/// Without the line end that editors leave.
fn checked(secret: &str, place: &str) -> Result<Token, String> {
    let secret = secret.trim_end_matches(['\n', '\r']);
    let place = shorten(place);
    if secret.is_empty() {
        return Err(format!("there is no secret in \"{place}\""));
    }
    if secret.len() > BYTES_MAX || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!(
            "the secret in \"{place}\" must be one line of at most {BYTES_MAX} visible ASCII \
             characters"
        ));
    }
    Token::try_from(secret.to_owned()).map_err(|hidden| hidden.to_string())
}
