//! What every fault did.

use super::{MINUTE_S, Names, Sum, TEN_S};
use crate::kept::Frame;

#[derive(Debug, Default)]
pub(crate) struct Acted {
    /// Seconds with data.
    pub(crate) seconds: u64,
    faults: Names<String, Acting>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Acting {
    /// In at least one second.
    pub(crate) was_active: bool,
    pub(crate) hits: u64,
}

impl Acted {
    pub(crate) fn of(&self, fault: &str) -> Acting {
        self.faults.get(0, |it| it.as_str().cmp(fault)).copied().unwrap_or_default()
    }

    fn see(&mut self, next: &mut usize, fault: &str, acting: Acting) {
        let known = self.faults.at(next, |name| name.as_str().cmp(fault), || fault.to_owned());
        if let Some(sum) = known {
            sum.was_active |= acting.was_active;
            sum.hits = sum.hits.saturating_add(acting.hits);
        }
    }
}

impl Sum for Acted {
    type About = ();
    type Open = Self;
    const KEPT_S: &[u64] = &[MINUTE_S, TEN_S];

    fn add(open: &mut Self, (): &(), frame: &Frame) {
        open.seconds += 1;
        let mut next = 0;
        for fault in &frame.faults {
            let acting = Acting { was_active: fault.was_active(), hits: fault.hit_now };
            open.see(&mut next, &fault.name, acting);
        }
    }

    fn merge(open: &mut Self, later: &Self) {
        open.seconds += later.seconds;
        let mut next = 0;
        for (fault, acting) in later.faults.iter() {
            open.see(&mut next, fault, *acting);
        }
    }

    fn close(open: Self) -> Self {
        open
    }
}
