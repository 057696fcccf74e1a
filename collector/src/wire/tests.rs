use proptest::prelude::*;

use super::*;

fn fields(bytes: &[u8]) -> Result<Vec<(u32, Value<'_>)>, WireError> {
    Fields::of(bytes).collect()
}

#[test]
fn each_wire_type_is_read() {
    let bytes = [
        0x08, 0x96, 0x01, // 1: varint 150
        0x11, 1, 0, 0, 0, 0, 0, 0, 0, // 2: fixed64 1
        0x1a, 2, b'h', b'i', // 3: bytes
        0x25, 7, 0, 0, 0, // 4: fixed32 7
    ];
    let expected = vec![
        (1, Value::Varint(150)),
        (2, Value::Fixed64(1)),
        (3, Value::Bytes(b"hi")),
        (4, Value::Fixed32(7)),
    ];
    assert_eq!(fields(&bytes), Ok(expected));
}

#[test]
fn broken_messages_are_told_apart() {
    for (bytes, error) in [
        (&[0x08][..], WireError::Truncated),
        (&[0x08, 0x80], WireError::Truncated),
        (&[0x1a, 5, b'x'], WireError::Truncated),
        (&[0x11, 0], WireError::Truncated),
        (&[0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2], WireError::Varint),
        (&[0x00], WireError::Number),
        (&[0x0e], WireError::WireType(6)),
        (&[0x0c], WireError::Group),
        (&[0x0b, 0x08, 1], WireError::Truncated),
    ] {
        assert_eq!(fields(bytes), Err(error), "{bytes:?}");
    }
}

#[test]
fn a_group_is_skipped_like_an_unknown_field() {
    let bytes = [0x0b, 0x08, 1, 0x13, 0x14, 0x0c, 0x10, 5];
    assert_eq!(fields(&bytes), Ok(vec![(2, Value::Varint(5))]));
}

#[test]
fn zigzag_is_undone() {
    for (raw, value) in [(0, 0), (1, -1), (2, 1), (4_294_967_295, i32::MIN)] {
        assert_eq!(zigzag(raw), value);
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_give_fields_or_one_error(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let errors = Fields::of(&bytes).filter(Result::is_err).count();
        prop_assert!(errors <= 1);
    }

    #[test]
    fn a_written_varint_reads_back(value in any::<u64>()) {
        let mut bytes = vec![0x08];
        put_varint(value, &mut bytes);
        prop_assert_eq!(fields(&bytes), Ok(vec![(1, Value::Varint(value))]));
        let mut read = Vec::new();
        varints(Value::Bytes(&bytes[1..]), &mut read).unwrap();
        prop_assert_eq!(read, vec![value]);
    }
}
