//! Protobuf's wire format, written into a buffer that is kept.
//!
//! Always in the shortest form, as every encoder would write it. Tags are given as the byte that
//! stands on the wire, which fits all fields below number 16.

/// A varint, then that many bytes.
pub(super) const LENGTH_DELIMITED: u8 = 2;
/// Bytes left free for the length of a message of unknown size; most spans need two.
const ROOM_BYTES: usize = 2;

pub(super) fn varint_bytes(value: usize) -> usize {
    let bits = usize::BITS - (value | 1).leading_zeros();
    (bits as usize).div_ceil(7)
}

/// Bytes of a length-delimited field with a tag of one byte.
pub(super) fn field_bytes(length: usize) -> usize {
    1 + varint_bytes(length) + length
}

pub(super) fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// The tag and the length of a message or of bytes that follow.
pub(super) fn put_head(tag: u8, length: usize, out: &mut Vec<u8>) {
    out.push(tag);
    put_varint(length as u64, out);
}

pub(super) fn put_bytes(tag: u8, bytes: &[u8], out: &mut Vec<u8>) {
    put_head(tag, bytes.len(), out);
    out.extend_from_slice(bytes);
}

/// Begins a message whose length is not known yet. [`close`] takes what this returns.
pub(super) fn open(tag: u8, out: &mut Vec<u8>) -> usize {
    out.extend_from_slice(&[tag, 0, 0]);
    out.len()
}

/// Ends a message: writes its length in front of it, and moves it when the room does not fit.
pub(super) fn close(from: usize, out: &mut Vec<u8>) {
    let length = out.len() - from;
    let room = from - ROOM_BYTES;
    match varint_bytes(length) {
        ROOM_BYTES => out[room..from].copy_from_slice(&[length as u8 | 0x80, (length >> 7) as u8]),
        needed => {
            let mut prefix = Vec::with_capacity(needed);
            put_varint(length as u64, &mut prefix);
            out.splice(room..from, prefix);
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_written_in_their_shortest_form() {
        for length in [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152] {
            let mut out = b"before".to_vec();
            let from = open(0x0a, &mut out);
            out.resize(from + length, b'x');
            close(from, &mut out);
            let mut expected = b"before".to_vec();
            prost::encoding::bytes::encode(1, &vec![b'x'; length], &mut expected);
            assert!(out == expected, "{length}");
            assert_eq!(expected.len() - 6, field_bytes(length), "{length}");
        }
    }

    #[test]
    fn varints_have_the_length_that_was_foretold() {
        for bits in 0..64 {
            for value in [1_u64 << bits, (1 << bits) - 1] {
                let mut out = Vec::new();
                put_varint(value, &mut out);
                assert_eq!(out.len(), varint_bytes(value as usize), "{value}");
                assert_eq!(prost::encoding::decode_varint(&mut out.as_slice()), Ok(value));
            }
        }
    }
}
