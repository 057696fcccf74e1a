//! What each toxic is among our faults.
//!
//! Most are one fault. Two of them are two that are drawn as one: `timeout` swallows and closes
//! after a time, `reset_peer` holds the first bytes back and resets where they would have passed.
//! Both are thereby felt only by connections that are drawn, and can be taken away at any time.

use std::time::Duration;

use model::distribution::{DELAY_MAX, Distribution, Quantile};
use model::edge::Edge;
use model::fault::{Direction, FaultKind, FaultSpec, Placement};
use model::units::Share;

use super::names;
use super::toxic::Toxic;

/// Least time after which TCP on Linux sends again what was not acknowledged.
const RETRANSMISSION_TIMEOUT: Duration = Duration::from_millis(200);

/// The faults of a toxic; none when it does nothing.
pub(super) fn faults(proxy: &str, edge: &Edge, toxic: &Toxic) -> Vec<FaultSpec> {
    let fault = |part: &str, effect: FaultKind, placement| {
        let name = names::fault_of(proxy, &toxic.name, part);
        // A time limit is for the whole connection.
        let limit = matches!(effect, FaultKind::LimitTime { .. });
        FaultSpec {
            placement,
            direction: if limit { Direction::Down } else { toxic.way },
            share: share(f64::from(toxic.toxicity)),
            ..FaultSpec::new(name, vec![edge.clone()], effect)
        }
    };
    let on_bytes = |effect| vec![fault("", effect, Placement::Body)];
    match toxic.kind {
        "latency" => {
            let delay = around(toxic.whole("latency"), toxic.whole("jitter"));
            on_bytes(FaultKind::Latency { delay })
        },
        "bandwidth" => match toxic.whole("rate") {
            // Nothing passes, nothing is lost: test suites cut connections off in this way.
            0 => on_bytes(FaultKind::Latency { delay: fixed_ms(DELAY_MAX.as_millis() as u64) }),
            rate => {
                let bytes_per_s = rate.saturating_mul(1_000);
                on_bytes(FaultKind::Bandwidth { bytes_per_s, shared: false })
            },
        },
        "slow_close" => {
            let effect = FaultKind::SlowClose { delay: fixed_ms(toxic.whole("delay")) };
            vec![fault("", effect, Placement::Connect)]
        },
        "timeout" => {
            let mut faults = on_bytes(FaultKind::Blackhole);
            let after_ms = toxic.whole("timeout");
            if after_ms > 0 {
                faults.push(fault("end", FaultKind::LimitTime { after_ms }, Placement::Connect));
            }
            faults
        },
        "reset_peer" => {
            let mut faults = on_bytes(FaultKind::Reset { after_bytes: 0 });
            let after_ms = toxic.whole("timeout");
            if after_ms > 0 {
                let wait = FaultKind::Latency { delay: fixed_ms(after_ms) };
                faults.push(fault("wait", wait, Placement::Body));
            }
            faults
        },
        "slicer" => match toxic.whole("average_size") {
            0 => Vec::new(),
            bytes => {
                let variation = toxic.whole("size_variation").min(bytes - 1);
                on_bytes(FaultKind::Slicer { bytes, variation, pause_us: toxic.whole("delay") })
            },
        },
        "limit_data" => on_bytes(FaultKind::LimitData { bytes: toxic.whole("bytes") }),
        "packet_loss" => match share(toxic.fraction("loss_rate")) {
            Share::ZERO => Vec::new(),
            rate => on_bytes(FaultKind::Loss {
                rate,
                correlation: share(toxic.fraction("correlation")),
                timeout_us: RETRANSMISSION_TIMEOUT.as_micros() as u64,
            }),
        },
        _noop => Vec::new(),
    }
}

/// More than all is all, less than none is none.
fn share(fraction: f64) -> Share {
    let ppm = fraction.clamp(0.0, 1.0) * f64::from(Share::WHOLE_PPM);
    Share::from_ppm(ppm.round() as u32)
}

fn fixed_ms(ms: u64) -> Distribution {
    Distribution::Fixed { value_us: ms.saturating_mul(1_000) }
}

/// Evenly from `middle - jitter` to `middle + jitter`; what would be less than nothing is nothing.
fn around(middle_ms: u64, jitter_ms: u64) -> Distribution {
    let [middle_us, jitter_us] = [middle_ms, jitter_ms].map(|ms| ms.saturating_mul(1_000));
    let max_us = middle_us.saturating_add(jitter_us);
    if jitter_us == 0 {
        return fixed_ms(middle_ms);
    }
    if jitter_us <= middle_us {
        return Distribution::Uniform { min_us: middle_us - jitter_us, max_us };
    }
    let nothing = (jitter_us - middle_us) as f64 / (2.0 * jitter_us as f64);
    let row = |share, value_us| Quantile { share, value_us };
    Distribution::Quantiles { table: vec![row(nothing, 0), row(1.0, max_us)] }
}

/// For fuzzing: a toxic that is taken is shown so that the same is taken again, also by a change
/// that names nothing, and its faults are ones that a plan may have.
pub(crate) fn fuzz_toxic(data: &[u8], check: impl Fn(&Edge, FaultSpec)) {
    let Ok(wanted) = serde_json::from_slice(data) else { return };
    let Ok(toxic) = Toxic::new(wanted, 0) else { return };
    let shown = toxic.shown();
    let again = serde_json::from_value(shown.clone()).expect("what is shown can be read");
    let again = Toxic::new(again, 0).expect("what is shown can be taken");
    assert_eq!(again.shown(), shown);
    let unchanged = serde_json::from_str("{}").expect("nothing is a change");
    assert_eq!(toxic.updated(unchanged).map(|toxic| toxic.shown()).ok(), Some(shown));
    let edge = Edge::new("client", "callee");
    for fault in faults("callee", &edge, &toxic) {
        check(&edge, fault);
    }
}

#[cfg(test)]
mod tests {
    use model::decision::Unit;
    use serde_json::json;

    use super::*;

    fn texts(toxic: serde_json::Value) -> Vec<String> {
        let toxic = Toxic::new(serde_json::from_value(toxic).unwrap(), 0).unwrap();
        let faults = faults("p", &Edge::new("client", "p"), &toxic);
        let text = |fault: &FaultSpec| {
            let (way, place) = (fault.direction.as_str(), fault.placement.as_str());
            format!("{} | {} {way} at {place} of {}", fault.name, fault.effect, fault.share)
        };
        faults.iter().map(text).collect()
    }

    #[test]
    fn each_toxic_is_what_the_table_in_the_guide_says() {
        for (kind, attributes, expected) in [
            ("latency", json!({"latency": 100}), "| latency 100ms down at body"),
            ("latency", json!({"latency": 9, "jitter": 4}), "| latency uniform 5ms..13ms"),
            ("bandwidth", json!({"rate": 5}), "| bandwidth 5KB/s down at body"),
            ("bandwidth", json!({"rate": 0}), "| latency 10m down at body"),
            ("slow_close", json!({"delay": 7}), "| slow-close 7ms down at connect"),
            ("timeout", json!({}), "| blackhole down at body"),
            ("reset_peer", json!({}), "| reset down at body"),
            ("limit_data", json!({"bytes": 9}), "| limit-data 9B down at body"),
            ("packet_loss", json!({"loss_rate": 0.5}), "| loss 50% timeout 200ms down at body"),
        ] {
            let seen = texts(json!({"type": kind, "attributes": attributes}));
            assert_eq!(seen.len(), 1, "{seen:?}");
            assert!(seen[0].contains(expected) && seen[0].ends_with("of 100%"), "{seen:?}");
        }
    }

    #[test]
    fn two_faults_of_one_toxic_have_its_share_and_its_draw() {
        for (kind, first, second) in [
            ("timeout", "blackhole up at body", "limit-time 30ms down at connect"),
            ("reset_peer", "reset up at body", "latency 30ms up at body"),
        ] {
            let seen = texts(json!({
                "type": kind, "stream": "upstream", "toxicity": 0.25,
                "attributes": {"timeout": 30},
            }));
            assert_eq!(seen.len(), 2, "{seen:?}");
            assert!(seen[0].contains(first) && seen[1].contains(second), "{seen:?}");
            assert!(seen.iter().all(|fault| fault.ends_with("of 25%")), "{seen:?}");
        }
    }

    #[test]
    fn what_does_nothing_is_no_fault() {
        for (kind, attributes) in [
            ("slicer", json!({"delay": 10})),
            ("packet_loss", json!({"loss_rate": 0})),
            ("noop", json!({})),
        ] {
            assert!(texts(json!({"type": kind, "attributes": attributes})).is_empty(), "{kind}");
        }
    }

    #[test]
    fn more_jitter_than_latency_is_never_less_than_nothing_and_keeps_its_shares() {
        let delay = around(10, 30);
        assert_eq!(delay.problem(), None);
        let at = |fraction: f64| {
            let unit = Unit::from_bits((fraction * 2_f64.powi(64)) as u64);
            delay.sample(unit).as_millis()
        };
        // Evenly from -20 to 40 ms: a third is nothing.
        assert_eq!([0.1, 0.3, 0.5, 0.75].map(at), [0, 0, 10, 25]);
    }
}
