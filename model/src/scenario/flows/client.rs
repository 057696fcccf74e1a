//! `attempt_timeout`, `retry` and `hedge` of a load, a flow or a step.

use crate::flow::{ClientHedge, ClientPolicy, Setting};
use crate::reading::policy::read_retry;
use crate::reading::reader::Table;
use crate::units::Share;

const BUDGET_DEFAULT: Share = Share::from_percent(10);
const RESERVE_DEFAULT: u64 = 1;

/// Reads what the table says of the client; its other keys are left to the caller.
pub(in crate::scenario) fn read(table: &mut Table<'_>) -> ClientPolicy {
    ClientPolicy {
        attempt_timeout_ms: table.get("attempt_timeout").and_then(|value| value.time_ms()),
        retry: switched(table, "retry", |table| Some(read_retry(table))),
        hedge: switched(table, "hedge", read_hedge),
    }
}

fn switched<'r, T>(
    table: &mut Table<'r>,
    key: &'static str,
    read: impl FnOnce(Table<'r>) -> Option<T>,
) -> Setting<T> {
    let Some(value) = table.get(key) else { return Setting::Inherited };
    if value.is_false() {
        return Setting::Off;
    }
    value.inner_table().and_then(read).map_or(Setting::Off, Setting::On)
}

fn read_hedge(mut table: Table<'_>) -> Option<ClientHedge> {
    let after_ms = table.require("after").and_then(|value| value.time_ms());
    let budget = table.get("budget").and_then(|value| value.share());
    let reserve = table.get("reserve").and_then(|value| value.integer(0..=1_000_000));
    table.finish(&[]);
    Some(ClientHedge {
        after_ms: after_ms?,
        budget: budget.unwrap_or(BUDGET_DEFAULT),
        budget_reserve_per_s: reserve.unwrap_or(RESERVE_DEFAULT) as u32,
    })
}
