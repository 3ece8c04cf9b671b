//! The sample's sessions on their whole way, read back by DuckDB; and the catalogue over an exported lake.

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::{Value, json};
use session_risk::analysis::bind::Arguments;
use session_risk::analysis::catalogue::Catalogue;
use session_risk::analysis::header::Literal;
use session_risk::analysis::local::LocalEngine;
use session_risk::analysis::{DayFile, answer};
use session_risk::range::DayRange;
use session_risk::sandbox::SandboxOptions;

use crate::duckdb::assert_same_as_duckdb;
use crate::harness::{Home, faults, sandbox_with, unlimited};
use crate::lake_files::LakeFiles;
use crate::scripted::Scripted;
use crate::small_lake;

const UNPACK: &str = "import gzip, sys; sys.stdout.buffer.write(gzip.open(sys.argv[1]).read())";

/// Runs Python and expects it to end well. A machine without it fails: this tier is only run where it is.
pub(crate) fn python(args: &[&str]) -> Output {
    let python = std::env::var_os("SESSION_RISK_PYTHON").unwrap_or_else(|| "python3".into());
    let output = Command::new(&python).args(args).output();
    let output = output.unwrap_or_else(|error| panic!("{} cannot be started: {error}", python.display()));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    output
}

/// The sample's resources, as they stand in its lines.
fn sample() -> Vec<String> {
    let path = std::env::var_os("SESSION_RISK_SAMPLE").map(PathBuf::from);
    let path = path.expect("SESSION_RISK_SAMPLE names sessions-5k.jsonl.gz");
    let lines = python(&["-c", UNPACK, path.to_str().unwrap()]).stdout;
    String::from_utf8(lines).unwrap().lines().map(str::to_owned).collect()
}

/// Exports resources, compares every value by DuckDB, and gives what the check counted.
fn fetched_and_compared(home: &Home, resources: Vec<String>) -> Value {
    home.write("resources.jsonl", &(resources.join("\n") + "\n"));
    home.fetch(&Scripted::listing(resources)).succeeds();
    compared(home, "fetch")
}

/// Compares every value of the lake with the resources, a line each.
fn compared(home: &Home, origin: &str) -> Value {
    let check = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sample_check.py");
    let [lake, lines] = ["lake", "resources.jsonl"].map(|name| home.path(name));
    let output = python(&[check, lake.to_str().unwrap(), lines.to_str().unwrap(), origin]);
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The counts that the sample's own page gives.
fn assert_counts_of_the_sample(home: &Home, compared: &Value) {
    assert_eq!((&compared["sessions"], &compared["dates"]), (&json!(5_000), &json!(13)));
    let of = |name: &str| compared[name].as_u64().unwrap();
    assert_eq!(of("values") + of("nulls"), 5_000 * 38, "every column of every row");
    assert!(of("values") > 100_000, "{compared}");

    let range = "--since 2026-11-08 --until 2026-11-20";
    let report = home.command("report network_risk --lake lake --format json").args(range).succeeds();
    let report: Value = serde_json::from_str(&report.stdout).unwrap();
    assert_eq!(report["complete"], json!(true), "{report:#}");
    let counts = &report["reports"][0]["rows"][0];
    for (column, count) in [
        ("sessions", 5_000),
        ("vpn", 274),
        ("vpn_known", 4_230),
        ("tor", 144),
        ("proxy", 273),
        ("datacenter", 139),
    ] {
        assert_eq!(counts[column], json!(count), "{column}");
    }
}

#[test]
#[ignore = "needs python3 with duckdb, and SESSION_RISK_SAMPLE"]
fn every_value_of_the_sample_is_read_back_by_duckdb_and_the_report_counts_right() {
    let home = Home::new();
    let compared = fetched_and_compared(&home, sample());
    assert_counts_of_the_sample(&home, &compared);
}

#[test]
#[ignore = "needs python3 with duckdb, and SESSION_RISK_SAMPLE"]
fn every_value_of_the_imported_sample_is_read_back_by_duckdb_and_the_report_counts_right() {
    let home = Home::new();
    home.write("resources.jsonl", &sample().join("\n"));
    let file = std::env::var_os("SESSION_RISK_SAMPLE").unwrap();
    home.command("import --lake lake").arg(file).succeeds().says(&[
        "5,000 sessions",
        "5,000 new",
        "13 days written",
    ]);
    assert_counts_of_the_sample(&home, &compared(&home, "import"));
}

#[test]
#[ignore = "needs python3 with duckdb"]
fn values_of_unusual_types_are_null_in_their_column_and_whole_in_extra() {
    let resource = |nth: usize, attributes: Value, relationships: Value| {
        let mut attributes = attributes;
        attributes["created-at"] = json!(format!("2026-11-20T10:00:{:02}.5Z", 59 - nth));
        let id = format!("iqse_{nth:02}");
        json!({"type": "inquiry-session", "id": id, "attributes": attributes, "relationships": relationships})
            .to_string()
    };
    let none = || json!({"inquiry": {"data": null}});
    let resources = vec![
        resource(0, json!({"is-vpn": "yes", "is-tor": 1, "latitude": "49", "ip-address": 7}), none()),
        resource(1, json!({"started-at": 1_795_165_050, "user-agent": ["a", {"b": null}]}), none()),
        resource(2, json!({"started-at": "2026-11-20T10:00:00", "x-new": {"y": [1, "\u{202e}"]}}), json!({})),
        resource(3, json!({"longitude": -0.0, "latitude": 49, "gps-latitude": 1e-300}), none()),
        resource(
            4,
            json!({"country-name": "", "region-name": "\u{0}\u{1b}[2J\"\\", "threat-level": "HIGH"}),
            none(),
        ),
        resource(5, json!({}), json!({"inquiry": [], "device": {"data": {"id": 7}}, "x": {"data": null}})),
    ];
    let compared = fetched_and_compared(&Home::new(), resources);
    assert_eq!((&compared["sessions"], &compared["extra"]), (&json!(6), &json!(11)), "{compared}");
}

#[test]
#[ignore = "needs python3 with duckdb"]
fn the_catalogue_gives_duckdbs_rows_on_an_exported_lake() {
    let home = Home::new();
    let options = SandboxOptions { sessions: 3_000, faults: faults(0.02), ..unlimited() };
    home.fetch(&sandbox_with(options)).succeeds();
    assert_catalogue_same_with_rows(&home.lake());
}

#[test]
#[ignore = "needs python3 with duckdb, and SESSION_RISK_SAMPLE"]
fn the_catalogue_gives_duckdbs_rows_on_a_lake_of_the_sample() {
    let home = Home::new();
    home.fetch(&Scripted::listing(sample())).succeeds();
    assert_catalogue_same_with_rows(&home.lake());
}

/// Every query gives DuckDB's rows, and gives some.
fn assert_catalogue_same_with_rows(lake: &LakeFiles) {
    let files: Vec<DayFile> = lake
        .dates()
        .iter()
        .map(|date| DayFile { date: date.parse().unwrap(), path: lake.day_file(date) })
        .collect();
    let scope = small_lake::scope(DayRange::ending("2026-11-20".parse().unwrap(), 31), &files);
    // So that what is rare is there too.
    let rare = [("min_burst", 2), ("allowance_km", 0), ("max_kmh", 1), ("min_shared", 2)];
    for query in Catalogue::built_in().unwrap().queries() {
        let given = rare.iter().filter(|(name, _)| query.header.parameter(name).is_some());
        let given: Arguments =
            given.map(|(name, value)| ((*name).to_owned(), Literal::Integer(*value))).collect();
        assert_same_as_duckdb(&scope, query, &given);
        let answer = answer(query, &scope, &given, &LocalEngine::new(&scope)).unwrap();
        // What is usual on a weekday takes more weeks than these.
        let is_there = query.name == "anomalies" || !answer.table.rows.is_empty();
        assert!(is_there, "{} has no rows", query.name);
    }
}
