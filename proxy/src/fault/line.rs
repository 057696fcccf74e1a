//! The faults of one edge, sorted by where they act, so that a place without any costs one look.

use std::sync::Arc;

use model::fault::{Direction, FaultKind, Placement};

use super::Fault;
use super::sieve::Place;

#[derive(Debug, Default)]
pub(crate) struct LineFaults {
    connect: Place,
    request: Place,
    attempt: Place,
    response: Place,
    up: Place,
    down: Place,
    /// Stays empty: the body has two places of its own.
    nowhere: Place,
    needs_body: bool,
}

impl LineFaults {
    /// In the order of the plan.
    pub(crate) fn new(faults: impl IntoIterator<Item = Arc<Fault>>) -> Self {
        let mut line = Self::default();
        for fault in faults {
            line.add(fault);
        }
        line
    }

    fn add(&mut self, fault: Arc<Fault>) {
        let spec = &fault.spec;
        self.needs_body |= spec.matching.needs_body();
        // A caller may also ask for a slow answer, whose place is its body.
        let by_caller = matches!(spec.effect, FaultKind::Caller { .. });
        let in_body = spec.placement == Placement::Body;
        if in_body && spec.direction.takes(Direction::Up) {
            self.up.push(Arc::clone(&fault));
        }
        if by_caller || (in_body && spec.direction.takes(Direction::Down)) {
            self.down.push(Arc::clone(&fault));
        }
        let list = match spec.placement {
            Placement::Connect => &mut self.connect,
            Placement::Request => &mut self.request,
            Placement::Attempt => &mut self.attempt,
            Placement::Response => &mut self.response,
            Placement::Body => return,
        };
        list.push(fault);
    }

    pub(crate) fn is_empty(&self) -> bool {
        let lists = [&self.connect, &self.request, &self.attempt, &self.response];
        lists.iter().all(|list| list.is_empty()) && self.up.is_empty() && self.down.is_empty()
    }

    /// Must a small body be read before the faults of the edge can be judged?
    pub(crate) fn needs_body(&self) -> bool {
        self.needs_body
    }

    /// Those that act at a place other than the body.
    pub(crate) fn at(&self, placement: Placement) -> &Place {
        match placement {
            Placement::Connect => &self.connect,
            Placement::Request => &self.request,
            Placement::Attempt => &self.attempt,
            Placement::Response => &self.response,
            Placement::Body => &self.nowhere,
        }
    }

    /// Those that act on bytes that go `way`, which is up or down.
    pub(crate) fn body(&self, way: Direction) -> &Place {
        if way == Direction::Up { &self.up } else { &self.down }
    }
}

#[cfg(test)]
mod tests {
    use model::fault::{FaultSpec, Token};

    use crate::fault::origin::Origin;

    use super::*;

    fn fault(name: &str, effect: FaultKind, direction: Direction) -> Arc<Fault> {
        let spec = FaultSpec { direction, ..FaultSpec::new(name, Vec::new(), effect) };
        Arc::new(Fault::after(&spec, None, Origin::always()))
    }

    fn names(list: &[Arc<Fault>]) -> Vec<&str> {
        list.iter().map(|fault| fault.spec.name.as_str()).collect()
    }

    #[test]
    fn every_fault_is_found_where_it_acts_and_nowhere_else() {
        let cut = || FaultKind::Truncate { after_bytes: 1 };
        let wish = FaultKind::Caller { token: Token::new("t"), delay_max_ms: 1 };
        let line = LineFaults::new([
            fault("lost", FaultKind::LostReply, Direction::Down),
            fault("up", cut(), Direction::Up),
            fault("down", cut(), Direction::Down),
            fault("both", cut(), Direction::Both),
            fault("refuse", FaultKind::Refuse, Direction::Down),
            fault("wish", wish, Direction::Down),
        ]);
        assert_eq!(names(line.at(Placement::Connect).all()), ["refuse"]);
        assert_eq!(names(line.at(Placement::Attempt).all()), ["wish"]);
        assert_eq!(names(line.at(Placement::Response).all()), ["lost"]);
        assert_eq!(names(line.body(Direction::Up).all()), ["up", "both"]);
        assert_eq!(names(line.body(Direction::Down).all()), ["down", "both", "wish"]);
        assert!(line.at(Placement::Request).is_empty() && !line.is_empty());
        assert!(LineFaults::default().is_empty());
    }
}
