//! Lines of a head, read from the left, each byte once.
//!
//! Eight bytes at a time are judged in one machine word. A line that has not fully arrived reports
//! how far it was judged, so that a sender of single bytes costs no more than any other. Because
//! every verdict depends only on what stands to its left, a message gets the same one however it
//! was cut into pieces.

use super::Refusal;
use super::known::{Known, recognise};

/// Why a line was not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    More(Progress),
    Refused(Refusal),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// How much of a line was judged before the bytes ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Progress {
    /// Where the colon stands, or 0.
    colon: usize,
    /// Everything before this place was judged.
    pub(super) judged: usize,
}

impl Progress {
    /// No colon yet, and everything before `judged` is right.
    pub(super) fn more(judged: usize) -> Stop {
        Stop::More(Self { colon: 0, judged })
    }

    /// Where to go on in a part of the line that begins at `start`.
    pub(super) fn from(self, start: usize) -> usize {
        self.judged.max(start)
    }
}

/// Where one field line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) colon: u32,
    pub(super) value: u32,
    pub(super) end: u32,
    pub(super) known: Known,
    /// It is written as we would write it, so that it can be copied as it stands.
    pub(super) plain: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    Field(Span),
    /// The empty line at the end.
    End,
}

/// Reads the field line that begins at `start`; also says where the next one begins.
#[inline]
pub(super) fn field_line(
    input: &[u8],
    start: usize,
    progress: Progress,
) -> Result<(Line, usize), Stop> {
    let colon = match progress.colon {
        0 => match name_end(input, progress.from(start), start)? {
            Some(colon) => colon,
            None => return end_of_lines(input, start),
        },
        colon => colon,
    };
    let line_end = text_end(input, progress.from(colon + 1), colon)?;
    let (value, end, plain) = trimmed(input, colon, line_end);
    let span = Span {
        start: start as u32,
        colon: colon as u32,
        value: value as u32,
        end: end as u32,
        known: recognise(&input[start..colon]),
        plain,
    };
    Ok((Line::Field(span), line_end + 2))
}

/// The place of the CR LF that ends a line whose bytes before `place` were judged.
#[inline]
pub(super) fn text_end(input: &[u8], mut place: usize, colon: usize) -> Result<usize, Stop> {
    loop {
        place += text_length(&input[place..]);
        let refusal = match input.get(place) {
            None => return Err(Stop::More(Progress { colon, judged: place })),
            Some(b'\t') => {
                place += 1;
                continue;
            },
            Some(b'\r') => match input.get(place + 1) {
                None => return Err(Stop::More(Progress { colon, judged: place })),
                Some(b'\n') => return Ok(place),
                Some(_) => Refusal::BareCr,
            },
            Some(b'\n') => Refusal::BareLf,
            Some(_) => Refusal::FieldValue,
        };
        return Err(refusal.into());
    }
}

/// The place of the colon; `None` at a line end where a name should begin.
fn name_end(input: &[u8], from: usize, start: usize) -> Result<Option<usize>, Stop> {
    let end = from + token_length(&input[from..]);
    let refusal = match input.get(end) {
        None => return Err(Progress::more(end)),
        Some(b':') if end > start => return Ok(Some(end)),
        Some(b'\r') if end == start => return Ok(None),
        Some(b'\n') => Refusal::BareLf,
        Some(b' ' | b'\t') if end == start => Refusal::Folded,
        Some(b' ' | b'\t') => Refusal::SpaceBeforeColon,
        Some(_) => Refusal::FieldName,
    };
    Err(refusal.into())
}

fn end_of_lines(input: &[u8], start: usize) -> Result<(Line, usize), Stop> {
    match input.get(start + 1) {
        None => Err(Progress::more(start)),
        Some(b'\n') => Ok((Line::End, start + 2)),
        Some(_) => Err(Refusal::BareCr.into()),
    }
}

/// Where the value between colon and line end begins and ends without the white space around it,
/// and whether that is one space before it.
#[inline]
fn trimmed(input: &[u8], colon: usize, line_end: usize) -> (usize, usize, bool) {
    if let [b' ', first, .., last] = &input[colon + 1..line_end]
        && first.is_ascii_graphic()
        && last.is_ascii_graphic()
    {
        return (colon + 2, line_end, true);
    }
    let (mut start, mut end) = (colon + 1, line_end);
    while start < end && matches!(input[start], b' ' | b'\t') {
        start += 1;
    }
    while end > start && matches!(input[end - 1], b' ' | b'\t') {
        end -= 1;
    }
    (start, end, start < end && start == colon + 2 && input[colon + 1] == b' ' && end == line_end)
}

const fn table_of(extra: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut place = 0;
    while place < extra.len() {
        table[extra[place] as usize] = true;
        place += 1;
    }
    table
}

static TOKEN: [bool; 256] = table_of(b"!#$%&'*+-.^_`|~");
/// What the name of a host is made of. A comma is grammatical but joins two hosts for some readers;
/// nobody needs it.
static HOST_NAME: [bool; 256] = table_of(b"-._~%!$&'()*+;=");

/// Length of the token at the start of `input`. Names are short: a table beats words here.
pub(super) fn token_length(input: &[u8]) -> usize {
    input.iter().position(|&byte| !TOKEN[byte as usize]).unwrap_or(input.len())
}

/// Length of the host name at the start of `input`.
pub(super) fn host_name_length(input: &[u8]) -> usize {
    input.iter().position(|&byte| !HOST_NAME[byte as usize]).unwrap_or(input.len())
}

/// Is it a token?
pub(super) fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && token_length(text) == text.len()
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// The high bit of the lowest byte below `limit` (at most 128) is set; bits above it may lie.
const fn below(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(ONES * limit as u64) & !word & HIGHS
}

/// The high bit of the lowest byte equal to `byte` is set; bits above it may lie.
const fn equal(word: u64, byte: u8) -> u64 {
    below(word ^ (ONES * byte as u64), 1)
}

/// Length of the part before the first byte that `word` marks and `byte` confirms.
#[inline]
fn length_until(input: &[u8], word: impl Fn(u64) -> u64, byte: impl Fn(u8) -> bool) -> usize {
    let (words, rest) = input.as_chunks::<8>();
    for (place, chunk) in words.iter().enumerate() {
        let marks = word(u64::from_le_bytes(*chunk));
        if marks != 0 {
            return place * 8 + marks.trailing_zeros() as usize / 8;
        }
    }
    let found = rest.iter().position(|&one| byte(one)).unwrap_or(rest.len());
    words.len() * 8 + found
}

/// Length of the part before the first control character, tab included.
#[inline]
pub(super) fn text_length(input: &[u8]) -> usize {
    length_until(
        input,
        |word| below(word, 0x20) | equal(word, 0x7f),
        |byte| byte.is_ascii_control(),
    )
}

/// Length of the part that is visible ASCII.
#[inline]
pub(super) fn visible_length(input: &[u8]) -> usize {
    length_until(
        input,
        |word| below(word, 0x21) | equal(word, 0x7f) | word & HIGHS,
        |byte| !byte.is_ascii_graphic(),
    )
}

/// The place of the first `byte`.
#[inline]
pub(super) fn find(input: &[u8], byte: u8) -> Option<usize> {
    let place = length_until(input, |word| equal(word, byte), |one| one == byte);
    (place < input.len()).then_some(place)
}
