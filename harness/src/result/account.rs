//! The load generator's account: does everything that was offered have an end, and could the
//! generator keep its promise while it mattered?

use model::frame::LoadFrame;
use model::hist::Histogram;
use model::load::{LoadDone, Validity};
use model::phase::Phase;

use super::totals::{ms, phase_of_second};
use super::{Inputs, LoadAccount};

pub(super) fn load_account(inputs: &Inputs<'_>) -> LoadAccount {
    let mut account = LoadAccount {
        workers: inputs.done.len() as u64,
        balanced: inputs.done.len() as u64 >= inputs.workers && inputs.done.iter().all(adds_up),
        ..LoadAccount::default()
    };
    for done in inputs.done {
        account.offered += done.offered;
        account.completed += done.completed;
        account.failed += done.failed;
        account.timed_out += done.timed_out;
        account.dropped += done.dropped;
        account.unfinished += done.unfinished;
        account.acknowledged += done.acknowledged.len() as u64 + done.acknowledged_dropped;
        account.plan_hashes.push(done.plan_hash.clone());
    }
    watch_seconds(&mut account, inputs);
    account
}

fn adds_up(done: &LoadDone) -> bool {
    let ended = [done.completed, done.failed, done.timed_out, done.dropped, done.unfinished];
    done.offered == ended.iter().sum::<u64>()
}

/// Warm-up is left out: connections are opened there, and nothing is judged by it.
fn watch_seconds(account: &mut LoadAccount, inputs: &Inputs<'_>) {
    let mut lateness = Histogram::default();
    let mut connection_wait = Histogram::default();
    for frame in inputs.frames {
        let timeline = &inputs.head.timeline;
        let phase = phase_of_second(frame.unix_s, inputs.started_unix_ms, timeline);
        if !matches!(phase, Some(Phase::Before | Phase::During | Phase::After)) {
            continue;
        }
        lateness.merge(&frame.load.lateness);
        connection_wait.merge(&frame.load.connection_wait);
        watch_second(account, &frame.load);
    }
    account.lateness_p99_ms = lateness.quantile(0.99).map(ms);
    account.connection_wait_p99_ms = connection_wait.quantile(0.99).map(ms);
}

fn watch_second(account: &mut LoadAccount, second: &LoadFrame) {
    account.validity = account.validity.max(second.validity);
    account.judged_seconds += 1;
    account.invalid_seconds += u64::from(second.validity == Some(Validity::Invalid));
    account.in_flight_max = account.in_flight_max.max(second.in_flight);
    account.cpu_cores_max = account.cpu_cores_max.max(second.cpu_cores);
}
