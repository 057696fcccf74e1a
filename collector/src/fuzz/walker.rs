//! The wire format: the walker and prost read the same fields, or both find the bytes broken.

use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

use crate::wire::{Fields, Value, WireError};

/// Number and value of a field.
type Field = (u32, Vec<u8>);

pub fn fields(bytes: &[u8]) {
    let walked: Result<Vec<Field>, WireError> =
        Fields::of(bytes).map(|field| field.map(|(number, value)| (number, raw(value)))).collect();
    match (walked, plainly(bytes)) {
        (Ok(mut walked), Some((read, ends_with_group))) => {
            if ends_with_group {
                // It stands for the group, and nobody knows it.
                assert_eq!(walked.pop().map(|(_, value)| value), Some(Vec::new()));
            }
            assert_eq!(walked, read);
        },
        // prost follows deeper nesting.
        (Err(WireError::Group), _) | (Err(_), None) => {},
        (walked, read) => panic!("{walked:?} beside {read:?}: {}", bytes.escape_ascii()),
    }
}

fn raw(value: Value<'_>) -> Vec<u8> {
    match value {
        Value::Varint(number) | Value::Fixed64(number) => number.to_le_bytes().to_vec(),
        Value::Fixed32(number) => number.to_le_bytes().to_vec(),
        Value::Bytes(bytes) => bytes.to_vec(),
    }
}

/// The fields that are no groups, by prost, and whether a group is the last of all.
fn plainly(mut rest: &[u8]) -> Option<(Vec<Field>, bool)> {
    let (mut fields, mut ends_with_group) = (Vec::new(), false);
    while !rest.is_empty() {
        let (number, wire_type) = decode_key(&mut rest).ok()?;
        let begin = rest;
        skip_field(wire_type, number, &mut rest, DecodeContext::default()).ok()?;
        let mut taken = &begin[..begin.len() - rest.len()];
        ends_with_group = wire_type == WireType::StartGroup;
        let value = match wire_type {
            WireType::Varint => decode_varint(&mut taken).ok()?.to_le_bytes().to_vec(),
            WireType::LengthDelimited => {
                decode_varint(&mut taken).ok()?;
                taken.to_vec()
            },
            WireType::SixtyFourBit | WireType::ThirtyTwoBit => taken.to_vec(),
            WireType::StartGroup | WireType::EndGroup => continue,
        };
        fields.push((number, value));
    }
    Some((fields, ends_with_group))
}
