//! Numbers as text, for what is written with every request: without an allocation of its own.

/// The 20 digits of the largest number, and a unit behind them.
const BYTES_MAX: usize = 21;

/// The decimal digits of a number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Digits {
    bytes: [u8; BYTES_MAX],
    start: usize,
}

impl Digits {
    pub(crate) fn of(number: u64) -> Self {
        Self { bytes: [0; BYTES_MAX], start: BYTES_MAX }.put(number)
    }

    /// With a letter behind the number.
    pub(crate) fn with_unit(number: u64, unit: char) -> Self {
        debug_assert!(unit.is_ascii(), "a unit is one byte");
        let mut digits = Self { bytes: [0; BYTES_MAX], start: BYTES_MAX - 1 };
        digits.bytes[BYTES_MAX - 1] = unit as u8;
        digits.put(number)
    }

    /// Writes a number in front of what is there, from its last digit to its first.
    fn put(mut self, mut number: u64) -> Self {
        loop {
            self.start -= 1;
            self.bytes[self.start] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                return self;
            }
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).expect("digits and a unit are ASCII")
    }
}

/// The small letter or digit of half a byte.
pub(crate) fn hex_digit(value: u8) -> u8 {
    b"0123456789abcdef"[usize::from(value & 15)]
}

/// Appends two digits for each byte.
pub(crate) fn push_hex(bytes: &[u8], text: &mut Vec<u8>) {
    for byte in bytes {
        text.extend([hex_digit(byte >> 4), hex_digit(*byte)]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_smallest_and_the_largest_number_fit() {
        assert_eq!(Digits::of(0).as_str(), "0");
        assert_eq!(Digits::of(u64::MAX).as_str(), u64::MAX.to_string());
        assert_eq!(Digits::with_unit(u64::MAX, 'm').as_str(), format!("{}m", u64::MAX));
    }

    #[test]
    fn every_byte_is_two_small_digits() {
        for byte in 0..=255_u8 {
            let mut text = Vec::new();
            push_hex(&[byte], &mut text);
            assert_eq!(text, format!("{byte:02x}").into_bytes());
        }
    }

    proptest! {
        #[test]
        fn digits_are_what_the_standard_library_writes(number: u64, shift in 0_u32..64) {
            let number = number >> shift;
            let digits = Digits::of(number);
            prop_assert_eq!(digits.as_str(), number.to_string());
        }
    }
}
