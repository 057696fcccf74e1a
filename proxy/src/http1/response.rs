//! The head of a response.
//!
//! Whether a body follows depends on the request too, so reading needs its method.

use super::fields::Fields;
use super::framing::{self, Framing};
use super::head::{self, Head};
use super::known::Known;
use super::scan::{Progress, Stop, text_end};
use super::{HeadLimits, Refusal};

/// What matters of the method of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Head,
    Connect,
    Other,
}

impl Asked {
    fn by(method: &str) -> Self {
        match method {
            "HEAD" => Self::Head,
            "CONNECT" => Self::Connect,
            _ => Self::Other,
        }
    }
}

/// A parsed response head. One is kept per connection and refilled, as for requests.
#[derive(Debug)]
pub(crate) struct ResponseHead {
    fields: Fields,
    asked: Asked,
    status: u16,
    is_http10: bool,
    /// Where the reason phrase begins and ends.
    reason: (u32, u32),
    framing: Framing,
    /// Bytes may follow that no rule calls a body, so the connection cannot be used again.
    is_doubtful: bool,
}

impl ResponseHead {
    pub(crate) fn new() -> Self {
        Self {
            fields: Fields::new(),
            asked: Asked::Other,
            status: 0,
            is_http10: false,
            reason: (0, 0),
            framing: Framing::None,
            is_doubtful: false,
        }
    }

    /// Looks for a whole head at the start of `input`, the answer to a request with this method.
    /// `Ok(None)`: more bytes are needed, and the next call must begin with the same ones.
    /// `Ok(Some(n))`: the head took n bytes. Informational responses are heads of their own.
    pub(crate) fn parse(
        &mut self,
        input: &[u8],
        limits: &HeadLimits,
        method: &str,
    ) -> Result<Option<usize>, Refusal> {
        self.asked = Asked::by(method);
        head::parse(self, input, limits)
    }

    fn opens_tunnel(&self) -> bool {
        self.status == 101 || (self.asked == Asked::Connect && (200..300).contains(&self.status))
    }

    pub(super) fn all(&self) -> &Fields {
        &self.fields
    }

    pub(crate) fn status(&self) -> u16 {
        self.status
    }

    /// As it was sent, possibly empty.
    pub(crate) fn reason(&self) -> &[u8] {
        self.fields.slice(self.reason.0, self.reason.1)
    }

    #[cfg(test)]
    pub(crate) fn is_http10(&self) -> bool {
        self.is_http10
    }

    pub(crate) fn framing(&self) -> Framing {
        self.framing
    }

    /// May another request follow once the body was read?
    pub(crate) fn keep_alive(&self) -> bool {
        let options = self.fields.options;
        let is_kept = !options.close && (options.keep_alive || !self.is_http10);
        is_kept && self.framing != Framing::UntilClose && !self.is_doubtful
    }

    /// 1xx: another response follows, except after 101.
    pub(crate) fn is_informational(&self) -> bool {
        (100..200).contains(&self.status)
    }

    /// The `Upgrade` value when `Connection` names it.
    pub(crate) fn upgrade(&self) -> Option<&[u8]> {
        self.known(Known::Upgrade).filter(|_| self.fields.options.upgrade)
    }

    /// The length of what a `GET` would bring, in an answer that has no body although it speaks of
    /// one: to `HEAD`, or 304.
    pub(super) fn length_to_forward(&self) -> Option<&[u8]> {
        let speaks = self.framing == Framing::None && self.status >= 200 && self.status != 204;
        self.known(Known::ContentLength).filter(|_| speaks)
    }

    /// The first value of a name; any case.
    pub(crate) fn header(&self, name: &str) -> Option<&[u8]> {
        self.fields.header(name)
    }

    pub(crate) fn known(&self, known: Known) -> Option<&[u8]> {
        self.fields.known(known)
    }

    /// Replaces all fields of a name by one; `false` if no such field can be written. It changes
    /// what is passed on, never how this message itself was understood.
    pub(crate) fn set(&mut self, name: &str, value: &[u8]) -> bool {
        self.fields.set(name, value)
    }

    /// Removes all fields of a name; says whether there were any.
    pub(crate) fn remove(&mut self, name: &str) -> bool {
        self.fields.remove(name)
    }
}

impl Head for ResponseHead {
    const LONG_START: Refusal = Refusal::LongHead;

    fn inner(&mut self) -> &mut Fields {
        &mut self.fields
    }

    fn read_start(&mut self, input: &[u8], progress: Progress) -> Result<usize, Stop> {
        for (place, &wanted) in b"HTTP/0.0 000".iter().enumerate() {
            match input.get(place) {
                None => return Err(Progress::more(0)),
                Some(byte) if wanted == b'0' && byte.is_ascii_digit() => {},
                Some(&byte) if wanted != b'0' && byte == wanted => {},
                Some(_) => return Err(Refusal::StatusLine.into()),
            }
        }
        self.is_http10 = match &input[5..8] {
            b"1.1" => false,
            b"1.0" => true,
            _ => return Err(Refusal::OtherVersion.into()),
        };
        let digits = input[9..12].iter();
        self.status = digits.fold(0, |status, digit| status * 10 + u16::from(digit - b'0'));
        // Some servers leave out the space when there is no reason.
        let reason = match input.get(12) {
            _ if self.status < 100 => return Err(Refusal::StatusLine.into()),
            None => return Err(Progress::more(0)),
            Some(b' ') => 13,
            Some(b'\r' | b'\n') => 12,
            Some(_) => return Err(Refusal::StatusLine.into()),
        };
        let end = text_end(input, progress.from(reason), 0)?;
        self.reason = (reason as u32, end as u32);
        Ok(end + 2)
    }

    /// The rules of RFC 9112 §6.3.
    fn settle(&mut self) -> Result<(), Refusal> {
        let stated = framing::stated(&self.fields, self.is_http10)?;
        let is_informational = self.is_informational();
        let opens_tunnel = self.opens_tunnel();
        let never_has_body = is_informational || self.status == 204;
        let has_none =
            never_has_body || self.status == 304 || self.asked == Asked::Head || opens_tunnel;
        let announces = stated.is_some_and(|framing| !framing.is_empty());
        if is_informational && announces {
            return Err(Refusal::InformationalBody);
        }
        self.is_doubtful = never_has_body && announces;
        self.framing = match stated {
            _ if has_none => Framing::None,
            Some(framing) => framing,
            None => Framing::UntilClose,
        };
        Ok(())
    }
}
