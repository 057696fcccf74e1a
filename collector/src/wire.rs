//! Protobuf's wire format, read as views into the received bytes.
//!
//! Nothing is copied and nothing is allocated; whatever the bytes are, the answer is a field or an
//! error, never a panic. A field whose wire type is not the expected one is left to the caller,
//! which skips it like an unknown field, as protobuf demands.

/// Deepest nesting of the deprecated groups that is skipped.
const GROUP_DEPTH_MAX: usize = 32;

/// Why bytes are no protobuf message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WireError {
    #[error("the message ends inside a field")]
    Truncated,
    #[error("a varint is longer than 64 bits")]
    Varint,
    #[error("a field has number 0 or one above 2^29")]
    Number,
    #[error("wire type {0} does not exist")]
    WireType(u8),
    #[error("groups are not closed, or nested deeper than {GROUP_DEPTH_MAX}")]
    Group,
}

/// The value of one field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
}

/// The fields of one message in the order of the wire. Ends after the first error.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(crate) fn of(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    #[expect(clippy::inline_always, reason = "the loops over fields are what ingest costs")]
    #[inline(always)]
    fn field(&mut self) -> Result<(u32, Value<'a>), WireError> {
        let (number, wire_type) = self.tag()?;
        match wire_type {
            2 => self
                .length()
                .and_then(|length| self.take(length))
                .map(|it| (number, Value::Bytes(it))),
            3 | 4 => self.group(number, wire_type),
            _ => Ok((number, self.value(wire_type)?)),
        }
    }

    /// Skips groups up to the next field that is none.
    #[cold]
    fn group(&mut self, mut number: u32, mut wire_type: u8) -> Result<(u32, Value<'a>), WireError> {
        loop {
            match wire_type {
                3 => self.skip_group(number)?,
                4 => return Err(WireError::Group),
                _ => return Ok((number, self.value(wire_type)?)),
            }
            if self.rest.is_empty() {
                // A group was the last field: report a field that nobody knows.
                return Ok((number, Value::Bytes(&[])));
            }
            (number, wire_type) = self.tag()?;
        }
    }

    #[expect(clippy::inline_always, reason = "the loops over fields are what ingest costs")]
    #[inline(always)]
    fn tag(&mut self) -> Result<(u32, u8), WireError> {
        // Nearly every field of OTLP has a number below 16, and so a tag of one byte.
        if let Some((tag @ 8..128, rest)) = self.rest.split_first() {
            self.rest = rest;
            return Ok((u32::from(tag >> 3), tag & 7));
        }
        self.long_tag()
    }

    #[cold]
    fn long_tag(&mut self) -> Result<(u32, u8), WireError> {
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).map_err(|_too_large| WireError::Number)?;
        if number == 0 || number >= 1 << 29 {
            return Err(WireError::Number);
        }
        Ok((number, (tag & 7) as u8))
    }

    #[expect(clippy::inline_always, reason = "the loops over fields are what ingest costs")]
    #[inline(always)]
    fn length(&mut self) -> Result<usize, WireError> {
        usize::try_from(self.varint()?).map_err(|_too_long| WireError::Truncated)
    }

    #[inline]
    fn value(&mut self, wire_type: u8) -> Result<Value<'a>, WireError> {
        match wire_type {
            0 => self.varint().map(Value::Varint),
            1 => self.array().map(|bytes| Value::Fixed64(u64::from_le_bytes(bytes))),
            2 => self.length().and_then(|length| self.take(length)).map(Value::Bytes),
            5 => self.array().map(|bytes| Value::Fixed32(u32::from_le_bytes(bytes))),
            other => Err(WireError::WireType(other)),
        }
    }

    fn skip_group(&mut self, number: u32) -> Result<(), WireError> {
        let mut open = vec![number];
        while let Some(innermost) = open.last().copied() {
            let (number, wire_type) = self.tag()?;
            match wire_type {
                3 if open.len() == GROUP_DEPTH_MAX => return Err(WireError::Group),
                3 => open.push(number),
                4 if number == innermost => {
                    open.pop();
                },
                4 => return Err(WireError::Group),
                _ => {
                    self.value(wire_type)?;
                },
            }
        }
        Ok(())
    }

    #[expect(clippy::inline_always, reason = "the loops over fields are what ingest costs")]
    #[inline(always)]
    fn varint(&mut self) -> Result<u64, WireError> {
        match self.rest {
            [byte @ 0..128, rest @ ..] => {
                self.rest = rest;
                Ok(u64::from(*byte))
            },
            [low, high @ 0..128, rest @ ..] => {
                self.rest = rest;
                Ok(u64::from(low & 0x7f) | u64::from(*high) << 7)
            },
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, WireError> {
        let mut value = 0_u64;
        for (index, byte) in self.rest.iter().enumerate().take(10) {
            if index == 9 && *byte > 1 {
                return Err(WireError::Varint);
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                self.rest = &self.rest[index + 1..];
                return Ok(value);
            }
        }
        if self.rest.len() >= 10 { Err(WireError::Varint) } else { Err(WireError::Truncated) }
    }

    #[expect(clippy::inline_always, reason = "the loops over fields are what ingest costs")]
    #[inline(always)]
    fn take(&mut self, length: usize) -> Result<&'a [u8], WireError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Value<'a>), WireError>;

    #[expect(clippy::inline_always, reason = "the loops over fields are what ingest costs")]
    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

/// The numbers of a repeated scalar field of 8-byte values, packed or not.
pub(crate) fn fixed64s(value: Value<'_>, into: &mut Vec<u64>) -> Result<(), WireError> {
    match value {
        Value::Fixed64(number) => into.push(number),
        Value::Bytes(packed) => {
            let (numbers, rest) = packed.as_chunks::<8>();
            if !rest.is_empty() {
                return Err(WireError::Truncated);
            }
            into.extend(numbers.iter().map(|bytes| u64::from_le_bytes(*bytes)));
        },
        Value::Varint(_) | Value::Fixed32(_) => {},
    }
    Ok(())
}

/// The numbers of a repeated varint field, packed or not.
pub(crate) fn varints(value: Value<'_>, into: &mut Vec<u64>) -> Result<(), WireError> {
    match value {
        Value::Varint(number) => into.push(number),
        Value::Bytes(packed) => {
            let mut numbers = Fields::of(packed);
            while !numbers.rest.is_empty() {
                into.push(numbers.varint()?);
            }
        },
        Value::Fixed64(_) | Value::Fixed32(_) => {},
    }
    Ok(())
}

/// Undoes the zigzag of `sint32`.
pub(crate) fn zigzag(raw: u64) -> i32 {
    let raw = raw as u32;
    (raw >> 1).cast_signed() ^ -(raw & 1).cast_signed()
}

/// Writes a varint.
pub(crate) fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Writes a length-delimited field.
pub(crate) fn put_bytes(number: u32, bytes: &[u8], out: &mut Vec<u8>) {
    put_varint(u64::from(number) << 3 | 2, out);
    put_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests;
