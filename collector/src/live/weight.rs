//! How many spans a sampled span stands for.
//!
//! OpenTelemetry's consistent sampling writes the threshold below which spans were left out into
//! the trace state, as `ot=th:` and up to 14 hex digits; missing digits at the end are zeros. A
//! span then stands for `2^56 / (2^56 - th)`.

/// `2^56`: all thresholds.
const WHOLE: u64 = 1 << 56;
const DIGITS: usize = 14;
/// No sampling that anybody uses leaves out more: a sender cannot make counters overflow.
const WEIGHT_MAX: f64 = 1e6;

/// Turns weights that are no whole numbers into counts whose sum is right.
#[derive(Debug, Default)]
pub(super) struct Weigher {
    carried: f64,
}

impl Weigher {
    /// The count of a span with this trace state: at least 1.
    pub(super) fn count(&mut self, trace_state: &str) -> u64 {
        let Some(threshold) = threshold(trace_state) else { return 1 };
        let weight = WHOLE as f64 / (WHOLE - threshold) as f64 + self.carried;
        let whole = weight.floor().clamp(1.0, WEIGHT_MAX);
        self.carried = weight.fract();
        whole as u64
    }
}

fn threshold(trace_state: &str) -> Option<u64> {
    let ours = trace_state.split(',').find_map(|member| member.trim().strip_prefix("ot="))?;
    let digits = ours.split(';').find_map(|field| field.strip_prefix("th:"))?;
    let sound = (1..=DIGITS).contains(&digits.len())
        && digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    if !sound {
        return None;
    }
    let number = u64::from_str_radix(digits, 16).ok()?;
    Some(number << (4 * (DIGITS - digits.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sampled_span_stands_for_those_that_were_left_out() {
        for (trace_state, count) in [
            ("", 1),
            ("ot=th:0", 1),
            ("ot=th:8", 2),
            ("congo=t61, ot=rv:abcdef;th:c", 4),
            ("ot=th:fd70a3d70a3d71", 100),
            ("ot=th:ffffffffffffff", 1_000_000),
            // What is no threshold says nothing.
            ("ot=th:", 1),
            ("ot=th:8000000000000000", 1),
            ("ot=th:XY", 1),
            ("vendor=th:8", 1),
        ] {
            assert_eq!(Weigher::default().count(trace_state), count, "{trace_state}");
        }
    }

    #[test]
    fn weights_that_are_no_whole_numbers_add_up() {
        // One in three was left out, so each of the rest stands for one and a half.
        let mut weigher = Weigher::default();
        let counted: u64 = (0..1_000).map(|_| weigher.count("ot=th:55555555555555")).sum();
        assert!((1_499..=1_500).contains(&counted), "{counted}");
    }
}
