//! The notebook in `examples/` runs from its first cell to its last, and its figures are those of the reports.

use std::collections::BTreeMap;
use std::process::{Command, Output};

use serde_json::Value as Json;

use crate::harness::{Home, sandbox};

/// Runs the notebook over a lake of this home.
fn notebook(home: &Home, lake: &str) -> Output {
    let python = std::env::var_os("SESSION_RISK_PYTHON").unwrap_or_else(|| "python3".into());
    let output = Command::new(&python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/notebook.py"))
        .arg(home.path("scratch"))
        .env("SESSION_RISK_LAKE", home.path(lake))
        .output();
    output.unwrap_or_else(|error| panic!("{} cannot be started: {error}", python.display()))
}

/// The rows of each report over all days of the made-up sessions.
fn reports(home: &Home) -> BTreeMap<String, Vec<Json>> {
    let names = "network_risk threat_by_country daily_trend inquiries_per_device";
    let report = home.command(&format!("report {names} --lake lake --format json"));
    let report = report.args("--since 2026-10-21 --until 2026-11-20").succeeds();
    let report: Json = serde_json::from_str(&report.stdout).unwrap();
    let rows = |report: &Json| {
        (report["name"].as_str().unwrap().to_owned(), report["rows"].as_array().unwrap().clone())
    };
    report["reports"].as_array().unwrap().iter().map(rows).collect()
}

/// Each pair of columns, the notebook's and the report's: integers and text alike, doubles nearly.
#[track_caller]
fn assert_same(notebook: &Json, report: &Json, columns: &[(&str, &str)]) {
    for (theirs, ours) in columns {
        let (theirs, ours) = (&notebook[theirs], &report[ours]);
        let same = match (theirs.as_f64(), ours.as_f64()) {
            (Some(theirs), Some(ours)) => (theirs - ours).abs() < 1e-6,
            _ => theirs == ours && !ours.is_null(),
        };
        assert!(same, "{theirs} in the notebook, {ours} in the report: {notebook} {report}");
    }
}

#[test]
#[ignore = "needs python3 with duckdb, ipykernel, matplotlib, nbclient, polars and pyarrow"]
fn the_notebook_runs_and_its_figures_are_those_of_the_reports() {
    let home = Home::new();
    home.fetch(&sandbox(20_000, 30)).succeeds();
    let output = notebook(&home, "lake");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let shown: Json = serde_json::from_slice(&output.stdout).unwrap();
    let rows = |table: &str| shown[table].as_array().unwrap();
    let reports = reports(&home);

    assert_eq!(rows("networks").len(), 4);
    for row in rows("networks") {
        let name = row["signal"].as_str().unwrap().strip_prefix("is_").unwrap();
        let column = |end: &str| format!("{name}{end}");
        let [known, rate] = ["_known", "_rate"].map(column);
        let [low, high, unknown] = ["_rate_low", "_rate_high", "_rate_unknown"].map(column);
        let columns = [("hits", name), ("known", &known), ("rate", &rate), ("low", &low), ("high", &high)];
        assert_same(row, &reports["network_risk"][0], &columns);
        assert_same(row, &reports["network_risk"][0], &[("unknown", &unknown), ("sessions", "sessions")]);
    }

    let by_code: BTreeMap<String, &Json> =
        reports["threat_by_country"].iter().map(|row| (row["country_code"].to_string(), row)).collect();
    let assessed = |row: &&&Json| row["assessed"].as_i64().unwrap() >= 30;
    assert_eq!(rows("countries").len(), by_code.values().filter(assessed).count());
    for row in rows("countries") {
        let columns = [("sessions", "sessions"), ("assessed", "assessed"), ("high_threat", "high")];
        let rates = [("rate", "high_rate"), ("low", "high_rate_low"), ("high", "high_rate_high")];
        let report = by_code[&row["country_code"].to_string()];
        assert_same(row, report, &columns);
        assert_same(row, report, &rates);
    }

    assert_eq!(rows("days").len(), reports["daily_trend"].len());
    for (row, report) in rows("days").iter().zip(&reports["daily_trend"]) {
        let columns = [("created_date", "created_date"), ("sessions", "sessions"), ("vpn", "vpn")];
        assert_same(row, report, &columns);
        assert_same(row, report, &[("known", "vpn_known"), ("low", "vpn_rate_low"), ("rate", "vpn_rate")]);
    }

    let shared: Vec<&Json> =
        rows("devices").iter().filter(|row| row["inquiries"].as_i64().unwrap() >= 2).collect();
    assert_eq!(shared.len(), reports["inquiries_per_device"].len());
    for (row, report) in shared.into_iter().zip(&reports["inquiries_per_device"]) {
        let columns = ["device_id", "sessions", "inquiries", "addresses", "countries"];
        assert_same(row, report, &columns.map(|name| (name, name)));
    }

    assert_eq!(shown["pictures"], 4);
}

#[test]
#[ignore = "needs python3 with duckdb, ipykernel, matplotlib, nbclient, polars and pyarrow"]
fn a_cell_that_fails_is_seen() {
    let output = notebook(&Home::new(), "nowhere");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && stderr.contains("nowhere"), "{stderr}");
}
