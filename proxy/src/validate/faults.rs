//! One fault: where it acts, on what, and when.

use model::edge::Edge;
use model::fault::{
    Direction, FaultKind, FaultSpec, Per, Placement, REGIME_STEPS_MAX, Regime, When,
};
use model::limits::FAULT_WINDOWS_MAX;
use model::plan::Protocol;

use super::{Checked, Edges, at_least_one, check_per, effects, ensure, matching, share};

/// Longest name: it travels in a header.
const NAME_BYTES_MAX: usize = 128;

pub(super) fn check(field: &str, fault: &FaultSpec, edges: &Edges<'_>) -> Checked {
    check_name(&format!("{field}.name"), &fault.name)?;
    ensure(!fault.edges.is_empty(), &format!("{field}.edges"), || "names no edge".to_owned())?;
    share(&format!("{field}.share"), fault.share)?;
    effects::check(&format!("{field}.effect"), &fault.effect)?;
    check_placement(&format!("{field}.placement"), fault)?;
    check_direction(&format!("{field}.direction"), fault)?;
    matching::check(&format!("{field}.matching"), &fault.matching)?;
    check_caller(&format!("{field}.matching.caller"), fault)?;
    for (index, edge) in fault.edges.iter().enumerate() {
        let place = format!("{field}.edges[{index}]");
        let Some(protocol) = edges.get(edge).copied() else {
            return ensure(false, &place, || format!("edge {edge} is not one of the plan's edges"));
        };
        check_on_edge(field, &place, fault, (edge, protocol))?;
        check_when(&format!("{field}.when"), &fault.when, protocol)?;
    }
    check_before_requests(field, fault)?;
    check_schedule(&format!("{field}.schedule"), fault)
}

/// The name travels in a header as one of a comma-separated list.
fn check_name(field: &str, name: &str) -> Checked {
    let fits = !name.is_empty()
        && name.len() <= NAME_BYTES_MAX
        && name.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b',');
    ensure(fits, field, || {
        format!(
            "a name is 1 to {NAME_BYTES_MAX} visible ASCII characters without a comma, got {name:?}"
        )
    })
}

fn check_placement(field: &str, fault: &FaultSpec) -> Checked {
    let (effect, placement) = (&fault.effect, fault.placement);
    ensure(effect.may_act_at(placement), field, || {
        let row = effect.row();
        let may: Vec<&str> =
            std::iter::once(&row.placement).chain(row.may).map(|may| may.as_str()).collect();
        let (kind, placement) = (effect.name(), placement.as_str());
        format!("{kind} acts at {}, not at {placement}", may.join(", "))
    })?;
    let counts_bytes = matches!(effect, FaultKind::Reset { after_bytes } if *after_bytes > 0);
    ensure(!counts_bytes || placement == Placement::Body, field, || {
        "a reset after some bytes acts at body, where bytes are counted".to_owned()
    })
}

fn check_direction(field: &str, fault: &FaultSpec) -> Checked {
    let either = match &fault.effect {
        // Only answers are streams of events.
        FaultKind::CutEvents { .. } => false,
        FaultKind::SlowClose { .. } | FaultKind::HalfOpen => true,
        _ => fault.placement == Placement::Body,
    };
    ensure(either || fault.direction == Direction::Down, field, || {
        let (kind, placement) = (fault.effect.name(), fault.placement.as_str());
        let direction = fault.direction.as_str();
        format!("{kind} at {placement} has no direction: leave it out, got {direction}")
    })
}

/// Does the protocol of an edge have what the fault needs?
fn check_on_edge(
    field: &str,
    place: &str,
    fault: &FaultSpec,
    (edge, protocol): (&Edge, Protocol),
) -> Checked {
    let row = fault.effect.row();
    let (acts, carries) = match protocol {
        Protocol::Http => (row.http, "requests"),
        Protocol::Tcp => (row.tcp, "bytes"),
    };
    ensure(acts, place, || {
        format!("{} does not act on {edge}, which carries {carries}", row.name)
    })?;
    if protocol == Protocol::Http {
        return Ok(());
    }
    let on_bytes = matches!(fault.placement, Placement::Connect | Placement::Body);
    ensure(on_bytes, &format!("{field}.placement"), || {
        let placement = fault.placement.as_str();
        format!(
            "{edge} carries bytes: {} acts at connect or body there, not at {placement}",
            row.name
        )
    })?;
    ensure(!fault.matching.needs_http(), &format!("{field}.matching"), || {
        format!("{edge} carries bytes: only the caller can be matched there")
    })
}

/// A caller that calls over none of the edges would never match.
fn check_caller(field: &str, fault: &FaultSpec) -> Checked {
    let Some(caller) = &fault.matching.caller else { return Ok(()) };
    ensure(fault.edges.iter().any(|edge| edge.caller == *caller), field, || {
        format!("none of the fault's edges is called by {caller:?}")
    })
}

/// When a connection is accepted, no request is there that could be looked at.
fn check_before_requests(field: &str, fault: &FaultSpec) -> Checked {
    if fault.placement != Placement::Connect {
        return Ok(());
    }
    ensure(!fault.matching.needs_http(), &format!("{field}.matching"), || {
        "at connect there is no request yet: only the caller can be matched".to_owned()
    })?;
    ensure(fault.when.per == Per::Edge, &format!("{field}.when.per"), || {
        "at connect there is no request yet: connections are counted by edge".to_owned()
    })
}

fn check_when(field: &str, when: &When, protocol: Protocol) -> Checked {
    let counts = [("first", when.first), ("every", when.every)];
    for (name, count) in counts.into_iter().chain([("max_active", when.max_active.map(u64::from))])
    {
        if let Some(count) = count {
            at_least_one(&format!("{field}.{name}"), count)?;
        }
    }
    if let (Some(first), Some(every)) = (when.first, when.every) {
        ensure(every <= first, &format!("{field}.every"), || {
            format!("every {every}th of the first {first} is none")
        })?;
    }
    let counted = when.first.is_some() || when.every.is_some();
    ensure(counted || when.per == Per::Edge, &format!("{field}.per"), || {
        "says what first and every count by, and neither is there".to_owned()
    })?;
    check_per(&format!("{field}.per"), &when.per, protocol)?;
    if let Some(to) = when.ramp_to {
        share(&format!("{field}.ramp_to"), to)?;
    }
    if let Some(flapping) = when.flapping {
        at_least_one(&format!("{field}.flapping.on_ms"), flapping.on_ms)?;
        at_least_one(&format!("{field}.flapping.off_ms"), flapping.off_ms)?;
    }
    when.regime.as_ref().map_or(Ok(()), |regime| check_regime(&format!("{field}.regime"), regime))
}

fn check_regime(field: &str, regime: &Regime) -> Checked {
    at_least_one(&format!("{field}.step_ms"), regime.step_ms)?;
    for (name, steps) in [("good_steps", regime.good_steps), ("bad_steps", regime.bad_steps)] {
        ensure((1..=REGIME_STEPS_MAX).contains(&steps), &format!("{field}.{name}"), || {
            format!("a spell lasts 1 to {REGIME_STEPS_MAX} steps on average, got {steps}")
        })?;
    }
    Ok(())
}

fn check_schedule(field: &str, fault: &FaultSpec) -> Checked {
    let windows = &fault.schedule;
    let fits = (1..=FAULT_WINDOWS_MAX).contains(&windows.len());
    ensure(fits, field, || {
        format!("needs 1 to {FAULT_WINDOWS_MAX} windows, got {}", windows.len())
    })?;
    let mut free_from = 0;
    for (index, window) in windows.iter().enumerate() {
        let sound = window.start_ms >= free_from && window.start_ms < window.end_ms;
        ensure(sound, &format!("{field}[{index}]"), || {
            let (start, end) = (window.start_ms, window.end_ms);
            format!("windows are sorted, apart and not empty, got {start}..{end}")
        })?;
        free_from = window.end_ms;
    }
    Ok(())
}
