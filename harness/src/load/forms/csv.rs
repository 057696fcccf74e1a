//! One line for each second, warm-up included: for spreadsheets and plots.

use std::fmt::Write as _;

use loadgen::summary::{Book, PointOfTime};

use crate::load::result::LoadResult;

const HEAD: &str = "unix_s,second,phase,offered,completed,failed,timed_out,dropped,unfinished,\
p50_ms,p90_ms,p99_ms,max_ms,service_p99_ms,lateness_p99_ms,connection_wait_p99_ms,in_flight,\
cpu_cores,body_bytes,validity,model\n";

pub(super) fn csv(result: &LoadResult, _book: &Book) -> Vec<u8> {
    let mut text = HEAD.to_owned();
    let start_s = result.summary.started_unix_ms / 1_000;
    for point in &result.summary.points {
        line(&mut text, point, (start_s, &result.load.model));
    }
    text.into_bytes()
}

fn line(text: &mut String, point: &PointOfTime, (start_s, model): (u64, &str)) {
    let account = &point.account;
    let known = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.3}"));
    let times = [
        point.p50_ms,
        point.p90_ms,
        point.p99_ms,
        point.max_ms,
        point.service_p99_ms,
        point.lateness_p99_ms,
        point.connection_wait_p99_ms,
    ];
    writeln!(
        text,
        "{},{},{},{},{},{},{},{},{},{},{:.1},{:.3},{},{},{model}",
        point.unix_s,
        point.unix_s.saturating_sub(start_s),
        point.phase,
        account.offered,
        account.completed,
        account.failed,
        account.timed_out,
        account.dropped,
        account.unfinished,
        times.map(known).join(","),
        point.in_flight,
        point.cpu_cores,
        point.body_bytes,
        point.validity.as_str(),
    )
    .expect("writing to memory does not fail");
}
