//! The four forms of a request target, and hosts.
//!
//! Each form belongs to certain methods. A target that names its own authority overrules the Host
//! field, which is then rewritten on the way on, so that nobody further along sees another host.

use std::ops::Range;

use super::Refusal;
use super::scan::{find, host_name_length};

/// Parts of a target, as places in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// What an absolute form or `CONNECT` names.
    pub(super) authority: Option<Range<usize>>,
    /// Empty for `CONNECT` and for an absolute form without a path.
    pub(super) path: Range<usize>,
    pub(super) query: Option<Range<usize>>,
    /// What goes upstream.
    pub(super) path_and_query: Range<usize>,
}

impl Target {
    /// What begins at `start` is path and query.
    fn from(start: usize, target: &[u8]) -> Self {
        let end = target.len();
        let mark = find(&target[start..], b'?').map(|place| start + place);
        Self {
            authority: None,
            path: start..mark.unwrap_or(end),
            query: mark.map(|mark| mark + 1..end),
            path_and_query: start..end,
        }
    }
}

pub(super) fn split(method: &[u8], target: &[u8]) -> Result<Target, Refusal> {
    // A fragment never leaves a client; who tolerates it cuts it off, and others do not.
    if find(target, b'#').is_some() {
        return Err(Refusal::TargetForm);
    }
    match target {
        _ if method == b"CONNECT" => {
            let is_right = is_host(target) && port(target).is_some_and(|port| !port.is_empty());
            let authority = Some(0..target.len());
            let target = Target { authority, path: 0..0, ..Target::from(0, target) };
            is_right.then_some(target).ok_or(Refusal::TargetForm)
        },
        [b'/', ..] => Ok(Target::from(0, target)),
        b"*" if method == b"OPTIONS" => Ok(Target::from(0, target)),
        _ => absolute(target),
    }
}

fn absolute(target: &[u8]) -> Result<Target, Refusal> {
    let mark = target.windows(3).position(|three| three == b"://").ok_or(Refusal::TargetForm)?;
    let scheme = &target[..mark];
    if !scheme.eq_ignore_ascii_case(b"http") && !scheme.eq_ignore_ascii_case(b"https") {
        return Err(Refusal::TargetForm);
    }
    let start = mark + 3;
    let length = target[start..].iter().position(|byte| matches!(byte, b'/' | b'?'));
    let end = length.map_or(target.len(), |length| start + length);
    let authority = &target[start..end];
    if authority.is_empty() || !is_host(authority) {
        return Err(Refusal::Host);
    }
    Ok(Target { authority: Some(start..end), ..Target::from(end, target) })
}

/// Is it a host with or without a port, or nothing at all?
pub(super) fn is_host(text: &[u8]) -> bool {
    let Some((name, rest)) = name_and_rest(text) else { return false };
    match rest {
        [] => !name.is_empty() || text.is_empty(),
        [b':', digits @ ..] => {
            !name.is_empty() && digits.len() <= 5 && digits.iter().all(u8::is_ascii_digit)
        },
        _ => false,
    }
}

/// The name or the literal between brackets, and what follows.
fn name_and_rest(text: &[u8]) -> Option<(&[u8], &[u8])> {
    if let [b'[', literal @ ..] = text {
        let is_literal = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
        let (name, rest) = literal.split_at(literal.iter().take_while(|&b| is_literal(b)).count());
        return rest.strip_prefix(b"]").map(|rest| (name, rest));
    }
    Some(text.split_at(host_name_length(text)))
}

/// The digits behind the colon of a valid host.
fn port(host: &[u8]) -> Option<&[u8]> {
    let (_, rest) = name_and_rest(host)?;
    rest.strip_prefix(b":")
}
