//! How long the requests of an edge took, as the file that a latency fault replays.

use collector::EdgeRow;
use model::units::utc_time;
use serde_json::json;

/// There is no duration that could be replayed.
#[derive(Debug, thiserror::Error)]
#[error("there are no requests of this edge in this time, so there is nothing to replay")]
pub(crate) struct Nothing;

/// One row of an edge with its quantiles, as JSON. The file says where it is from.
pub(super) fn file(rows: Vec<EdgeRow>) -> Result<String, Nothing> {
    let row = rows.into_iter().find(|row| !row.quantiles.is_empty()).ok_or(Nothing)?;
    let from = utc_time(row.unix_s * 1_000);
    let source =
        format!("{}: {} requests in {} s from {from} UTC", row.edge, row.requests, row.seconds);
    let lines: Vec<String> = row
        .quantiles
        .iter()
        .map(|quantile| {
            format!("  {}", json!({ "share": quantile.share, "value_us": quantile.value_us }))
        })
        .collect();
    Ok(format!("{{ \"source\": {}, \"quantiles\": [\n{}\n] }}", json!(source), lines.join(",\n")))
}

#[cfg(test)]
mod tests {
    use model::distribution::{Distribution, Quantile};
    use serde_json::Value;

    use super::*;

    fn row(quantiles: Vec<Quantile>) -> EdgeRow {
        let fields = json!({
            "edge": "orders -> payments", "unix_s": 1_795_646_851, "seconds": 60, "requests": 7,
            "errors": 0, "blames": {}, "attempts": 7, "rate_per_s": 0.1, "error_ratio": 0.0,
            "mean_ms": 2.0, "p50_ms": 2.0, "p90_ms": 2.0, "p99_ms": 2.0, "max_ms": 12.0,
        });
        EdgeRow { quantiles, ..serde_json::from_value(fields).unwrap() }
    }

    #[test]
    fn what_is_recorded_is_a_delay_and_says_where_it_is_from() {
        let table = [(0.0, 900), (0.5, 2_000), (1.0, 12_000)];
        let quantiles = table.map(|(share, value_us)| Quantile { share, value_us });
        let text = file(vec![row(quantiles.to_vec())]).unwrap();
        let read: Value = serde_json::from_str(&text).unwrap();
        let source = read["source"].as_str().unwrap();
        assert!(source.starts_with("orders -> payments: 7 requests in 60 s"), "{source}");
        let table: Vec<Quantile> = serde_json::from_value(read["quantiles"].clone()).unwrap();
        assert_eq!(table, quantiles);
        assert_eq!(Distribution::Quantiles { table }.problem(), None);
    }

    #[test]
    fn without_requests_there_is_no_file() {
        assert!(file(Vec::new()).is_err() && file(vec![row(Vec::new())]).is_err());
    }
}
