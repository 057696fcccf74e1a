//! The load generator's account: does everything that was offered have an end, and could the
//! generator keep its promise while it mattered?

use loadgen::summary::Account;
use model::frame::LoadFrame;
use model::hdr::LoadTotals;
use model::hist::Histogram;
use model::load::{LoadDone, LoadKey, Outcome, Validity};
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
        account.account.absorb(Account::from(done));
        account.acknowledged += done.acknowledged.len() as u64 + done.acknowledged_dropped;
        account.plan_hashes.push(done.plan_hash.clone());
        account.stopped.extend(done.stopped.clone().map(|by| (done.worker, by)));
    }
    count_judged(&mut account, inputs.load);
    watch_seconds(&mut account, inputs);
    account
}

fn adds_up(done: &LoadDone) -> bool {
    Account::from(done).balances()
}

/// What is judged, and what clients made of it.
fn count_judged(account: &mut LoadAccount, load: &LoadTotals) {
    let judged = |key: &LoadKey| key.step.is_none() && is_judged(key.phase);
    for outcome in Outcome::ALL {
        let count = load.count(|key| judged(key) && key.outcome == outcome);
        account.judged.ended_by(outcome, count);
    }
    account.judged.offered = account.judged.ended();
    account.attempts = load.attempts(judged);
}

fn is_judged(phase: Phase) -> bool {
    matches!(phase, Phase::Before | Phase::During | Phase::After)
}

/// Warm-up is left out: connections are opened there, and nothing is judged by it.
fn watch_seconds(account: &mut LoadAccount, inputs: &Inputs<'_>) {
    let mut lateness = Histogram::default();
    let mut connection_wait = Histogram::default();
    for frame in inputs.frames {
        let timeline = &inputs.head.timeline;
        let phase = phase_of_second(frame.unix_s, inputs.started_unix_ms, timeline);
        if !phase.is_some_and(is_judged) {
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
