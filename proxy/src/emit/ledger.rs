//! The fault ledger: one record for every fault that was drawn, whether it acted or was spared.

use std::time::Duration;

use model::decision::{Subject, Unit};
use model::edge::Edge;
use model::fault::FaultSpec;
use model::id::CorrelationId;
use model::names::{attribute, event};
use opentelemetry::logs::{AnyValue, LogRecord as _, Logger as _};
use opentelemetry_sdk::logs::SdkLogRecord;

use super::{Emitter, SpanRef};

/// What became of a drawn fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Hit { planned: Option<Duration>, achieved: Option<Duration> },
    Skipped { reason: &'static str },
}

/// One line of the ledger.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decision<'a> {
    pub(crate) fault: &'a FaultSpec,
    pub(crate) edge: &'a Edge,
    pub(crate) subject: &'a Subject,
    pub(crate) correlation_id: &'a CorrelationId,
    pub(crate) occurrence: u32,
    pub(crate) attempt: u32,
    pub(crate) draw: Unit,
    pub(crate) epoch: u64,
    pub(crate) span: SpanRef,
}

impl Emitter {
    pub(crate) fn decided(&self, decision: &Decision<'_>, verdict: Verdict) {
        let mut record = self.record(event::FAULT_DECISION, Some(decision.span));
        let outcome = outcome(&mut record, verdict);
        let name = &decision.fault.name;
        record.set_body(AnyValue::from(format!("fault {name} {outcome} {}", decision.edge)));
        record.add_attribute(attribute::FAULT, name.clone());
        record.add_attribute(attribute::FAULT_KIND, decision.fault.effect.name());
        record.add_attribute(attribute::FAULT_PLACEMENT, decision.fault.placement.as_str());
        record.add_attribute(attribute::EDGE, decision.edge.to_string());
        record.add_attribute(attribute::FAULT_SUBJECT_KIND, decision.subject.kind());
        record.add_attribute(attribute::FAULT_SUBJECT, subject_text(decision.subject));
        record.add_attribute(attribute::CORRELATION_ID, decision.correlation_id.to_string());
        record.add_attribute(attribute::FAULT_OCCURRENCE, i64::from(decision.occurrence));
        record.add_attribute(attribute::ATTEMPT, i64::from(decision.attempt));
        record.add_attribute(attribute::FAULT_DRAW, decision.draw.as_f64());
        record.add_attribute(attribute::EPOCH, decision.epoch.cast_signed());
        self.logger.emit(record);
        self.count_decision(name, outcome);
    }
}

fn outcome(record: &mut SdkLogRecord, verdict: Verdict) -> &'static str {
    let name = match verdict {
        Verdict::Hit { planned, achieved } => {
            for (key, time) in
                [(attribute::FAULT_PLANNED_US, planned), (attribute::FAULT_ACHIEVED_US, achieved)]
            {
                if let Some(time) = time {
                    record.add_attribute(key, time.as_micros() as i64);
                }
            }
            "hit"
        },
        Verdict::Skipped { reason } => {
            record.add_attribute(attribute::FAULT_SKIP_REASON, reason);
            "skipped"
        },
    };
    record.add_attribute(attribute::FAULT_OUTCOME, name);
    name
}

fn subject_text(subject: &Subject) -> String {
    match subject {
        Subject::CorrelationId(id) => id.to_string(),
        Subject::Counter(count) => count.to_string(),
    }
}
