//! Where a fault acts, in which direction, and whether what it asks for is there at that place.

use super::targets::Carried;
use crate::fault::{Direction, FaultKind, Match, Per, Placement, When};
use crate::reading::reader::{Table, Value};

/// The keys that are read against each other.
#[derive(Debug)]
pub(super) struct Place<'r> {
    placement: Option<(Placement, Value<'r>)>,
    direction: Option<(Direction, Value<'r>)>,
}

impl<'r> Place<'r> {
    pub(super) fn read(table: &mut Table<'r>) -> Self {
        let placement = table.get("placement").and_then(|value| {
            let word = value.one_of("placement", Placement::ALL.map(Placement::as_str))?;
            Some((Placement::ALL.into_iter().find(|each| each.as_str() == word)?, value))
        });
        let direction = table.get("direction").and_then(|value| {
            let word = value.one_of("direction", Direction::ALL.map(Direction::as_str))?;
            Some((Direction::ALL.into_iter().find(|each| each.as_str() == word)?, value))
        });
        Self { placement, direction }
    }

    /// Where and in which direction the fault acts on edges that carry `carried`.
    pub(super) fn resolve(
        &self,
        effect: &FaultKind,
        carried: Carried,
        table: &Table<'_>,
    ) -> (Placement, Direction) {
        let placement = self.placement(effect, carried, table);
        let Some((direction, value)) = &self.direction else {
            return (placement, Direction::default());
        };
        let either = match effect {
            // Only answers are streams of events.
            FaultKind::CutEvents { .. } => false,
            FaultKind::SlowClose { .. } | FaultKind::HalfOpen => true,
            _ => placement == Placement::Body,
        };
        if !either && *direction != Direction::Down {
            value.wrong(format!(
                "a fault of kind \"{}\" at {} acts in one direction only; leave `direction` out",
                effect.name(),
                placement.as_str()
            ));
        }
        (placement, *direction)
    }

    fn placement(&self, effect: &FaultKind, carried: Carried, table: &Table<'_>) -> Placement {
        if let Some((placement, value)) = &self.placement {
            if !may_act(effect, *placement) {
                let may = Placement::ALL.into_iter().filter(|each| may_act(effect, *each));
                let may: Vec<&str> = may.map(Placement::as_str).collect();
                let (name, may) = (effect.name(), may.join(", "));
                let got = placement.as_str();
                value.wrong(format!("a fault of kind \"{name}\" acts at {may}, not at {got}"));
            } else if carried.bytes && !is_of_bytes(*placement) {
                value.wrong(format!(
                    "where an edge carries bytes a fault acts at connect or body, not at {}",
                    placement.as_str()
                ));
            }
            return *placement;
        }
        let usual = effect.placement();
        if !carried.bytes || is_of_bytes(usual) {
            return usual;
        }
        if carried.requests {
            table.wrong(format!(
                "this fault acts at {} on edges of requests and at body on edges of bytes, and has \
                 both; give it `placement`, or write two faults",
                usual.as_str()
            ));
        }
        Placement::Body
    }
}

fn may_act(effect: &FaultKind, placement: Placement) -> bool {
    // Bytes that must have passed first are counted where they pass.
    let counts = matches!(effect, FaultKind::Reset { after_bytes } if *after_bytes > 0);
    if counts { placement == Placement::Body } else { effect.may_act_at(placement) }
}

fn is_of_bytes(placement: Placement) -> bool {
    matches!(placement, Placement::Connect | Placement::Body)
}

/// What a fault asks for must be there where it acts: no request is when a connection is accepted,
/// and none ever is on an edge of bytes.
pub(super) fn check(
    placement: Placement,
    carried: Carried,
    (matching, match_value): (&Match, Option<&Value<'_>>),
    (when, when_value): (&When, Option<&Value<'_>>),
) {
    if placement == Placement::Connect
        && matching.needs_http()
        && let Some(value) = match_value
    {
        value.wrong("when a connection is accepted no request is there yet; only `caller` is");
    }
    if (placement == Placement::Connect || carried.bytes)
        && when.per != Per::Edge
        && let Some(value) = when_value
    {
        value.wrong(format!(
            "connections have neither users nor paths, so they are counted per \"edge\", not per \
             \"{}\"",
            when.per
        ));
    }
}
