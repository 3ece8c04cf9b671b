//! Every query of the catalogue gives DuckDB's rows on the same files, in the same order.

use std::io::Write;
use std::process::{Command, Stdio};

use jiff::civil::Date;
use serde_json::{Value as Json, json};
use session_risk::analysis::bind::{self, Arguments};
use session_risk::analysis::catalogue::{Catalogue, Query};
use session_risk::analysis::header::{Literal, Parameter};
use session_risk::analysis::local::LocalEngine;
use session_risk::analysis::table::{Table, Value};
use session_risk::analysis::{DayFile, Engine, Reads, Scope, answer};
use tempfile::TempDir;

use crate::detail;
use crate::small_lake::{self, SmallLake};
use crate::steps;

/// Runs the bound query here and in DuckDB and compares names, order and every cell: integers, text, nulls, dates
/// and timestamps exactly, doubles within 1e-9.
pub(crate) fn assert_same_as_duckdb(scope: &Scope, query: &Query, given: &Arguments) {
    let before = query.header.days_before();
    let missing = scope.before(before).missing.len();
    let sql = bind::bind(&query.sql, &query.header, scope.range, missing, given).unwrap();
    assert_same_sql(scope, query.header.reads(), &query.name, &sql);
}

/// The same for SQL that is already bound.
pub(crate) fn assert_same_sql(scope: &Scope, reads: Reads<'_>, name: &str, sql: &str) {
    let ours = LocalEngine::new(scope).query(sql, reads).unwrap();
    let files = [scope.before(reads.before).files, scope.files.clone()].concat();
    let theirs = in_duckdb(&files, scope.range.since(), sql);
    assert_same_table(name, &ours, &theirs);
}

/// Compares names, order and every cell with what another program gives as JSON.
pub(crate) fn assert_same_table(name: &str, ours: &Table, theirs: &Json) {
    let names: Vec<&str> = ours.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(json!(names), theirs["columns"], "{name}: columns");
    let rows = theirs["rows"].as_array().unwrap();
    assert_eq!(ours.rows.len(), rows.len(), "{name}: number of rows");
    assert_same_rows(name, ours, rows);
}

fn assert_same_rows(name: &str, ours: &Table, theirs: &[Json]) {
    for (number, (ours_row, theirs_row)) in ours.rows.iter().zip(theirs).enumerate() {
        for (column, value) in ours_row.iter().enumerate() {
            let expected = &theirs_row[column];
            let same = match value {
                Value::Number(value) => expected
                    .as_f64()
                    .is_some_and(|expected| (expected - value).abs() <= 1e-9 * expected.abs().max(1.0)),
                value => plain(value) == *expected,
            };
            let column = &ours.columns[column].name;
            assert!(same, "{name}, row {number}, {column}: {value:?} here, {expected} there");
        }
    }
}

fn plain(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Integer(value) => json!(value),
        Value::Number(value) => json!(value),
        Value::Text(value) => json!(value),
        Value::Boolean(value) => json!(value),
        Value::Date(day) => json!(day.to_string()),
        Value::Timestamp(moment) => json!(moment.strftime("%Y-%m-%dT%H:%M:%S.%3f").to_string()),
    }
}

/// The query's columns and rows by DuckDB, over a range that begins on that day.
pub(crate) fn in_duckdb(files: &[DayFile], since: Date, sql: &str) -> Json {
    in_duckdb_without(&json!([]), files, since, sql)
}

/// The same without the sessions of networks, each with its last day or null.
pub(crate) fn in_duckdb_without(networks: &Json, files: &[DayFile], since: Date, sql: &str) -> Json {
    let folder = TempDir::new().unwrap();
    let no_rows = folder.path().join("no-rows.parquet");
    small_lake::write(&no_rows, &[]);
    let paths: Vec<&str> = files.iter().map(|file| file.path.to_str().unwrap()).collect();
    let since = since.to_string();
    job(DUCKDB, &json!({"files": paths, "no_rows": no_rows, "since": since, "sql": sql, "without": networks}))
}

const DUCKDB: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/duckdb_query.py");

/// What a Python script answers to a job. A machine without what it needs fails: this tier is only run where it is
/// installed.
pub(crate) fn job(script: &str, job: &Json) -> Json {
    let python = std::env::var_os("SESSION_RISK_PYTHON").unwrap_or_else(|| "python3".into());
    let mut child = Command::new(&python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{} cannot be started: {error}", python.display()));
    child.stdin.take().unwrap().write_all(job.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{script} did not answer:\n{job:#}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn assert_catalogue_same(lake: &SmallLake) {
    for query in Catalogue::built_in().unwrap().queries() {
        assert_same_as_duckdb(&lake.scope(), query, &Arguments::new());
    }
}

/// Every parameter by itself: its smallest and its largest value, and one between where that makes a difference.
fn edges(query: &Query) -> Vec<Arguments> {
    const BETWEEN: [(&str, i64); 4] =
        [("min_sessions", 200), ("min_inquiries", 5), ("min_addresses", 4), ("night_from", 22)];
    let of = |parameter: &Parameter| {
        let (least, most) = parameter.range.clone().unwrap();
        let between = BETWEEN.iter().filter(|(name, _)| *name == parameter.name);
        let values = between.map(|(_, value)| Literal::Integer(*value)).chain([least, most]);
        values.map(|value| Arguments::from([(parameter.name.clone(), value)])).collect::<Vec<_>>()
    };
    query.header.parameters.iter().flat_map(of).collect()
}

#[test]
#[ignore = "needs python3 with duckdb"]
fn every_query_gives_duckdbs_rows_over_odd_lakes_and_at_its_parameters_edges() {
    for seed in 1..=5 {
        let lake = SmallLake::new(small_lake::full_rows(seed, 1500));
        assert_catalogue_same(&lake);
        for query in Catalogue::built_in().unwrap().queries() {
            for given in edges(query) {
                assert_same_as_duckdb(&lake.scope(), query, &given);
            }
        }
    }
}

#[test]
#[ignore = "needs python3 with duckdb"]
fn every_query_gives_duckdbs_rows_over_no_session_one_session_and_nulls() {
    assert_catalogue_same(&SmallLake::new([]));
    assert_catalogue_same(&SmallLake::new([json!({"is_vpn": true})]));
    assert_catalogue_same(&SmallLake::new(vec![json!({}); 40]));
}

#[test]
#[ignore = "needs python3 with duckdb"]
fn queries_that_look_back_give_duckdbs_rows_where_days_before_are_missing() {
    let lake = SmallLake::new(small_lake::full_rows(6, 1500));
    let mut scope = lake.scope();
    let days: Vec<Date> = scope.range.before(28).unwrap().days().collect();
    let looking_back = |query: &&Query| query.header.before.is_some();
    let catalogue = Catalogue::built_in().unwrap();
    assert!(catalogue.queries().iter().any(|query| looking_back(&query)));
    for missing in [&days[..1], &days[..]] {
        scope.before.missing = missing.to_vec();
        for query in catalogue.queries().iter().filter(looking_back) {
            assert_same_as_duckdb(&scope, query, &Arguments::new());
        }
    }
}

#[test]
#[ignore = "needs python3 with duckdb"]
fn every_list_of_a_rows_sessions_is_duckdbs() {
    let lake = SmallLake::new(steps::rows(6, 600));
    for query in detail::with_details() {
        let table = answer(&query, &lake.scope(), &Arguments::new(), &LocalEngine::new(&lake.scope()));
        let table = table.unwrap().table;
        let is_null = |row: &usize| table.value(*row, &query.header.details[0].column).is_null();
        let null = (0..table.rows.len()).find(is_null);
        let ends = (!table.rows.is_empty()).then(|| [0, table.rows.len() - 1]);
        for row in ends.into_iter().flatten().chain(null) {
            let list = detail::of_row(&query, &table, row);
            assert_same_as_duckdb(&lake.scope(), &list, &Arguments::new());
        }
    }
}

#[test]
#[ignore = "needs python3 with duckdb"]
fn the_table_sessions_is_the_same_in_both_engines() {
    let lake = SmallLake::new(small_lake::full_rows(9, 200));
    let sql = "SELECT session_id, created_at, created_date, EXTRACT(HOUR FROM created_at) AS hour, started_at, \
               is_vpn, latitude, country_name, in_range FROM sessions ORDER BY created_at, session_id";
    for before in [0, 1, 28] {
        assert_same_sql(&lake.scope(), Reads { before, ..Reads::default() }, "sessions", sql);
    }
}

#[test]
#[ignore = "needs python3 with duckdb"]
#[should_panic(expected = "row 0, n: Integer(1) here")]
fn a_difference_between_the_engines_is_seen() {
    let scope = SmallLake::new([]).scope();
    let ours = LocalEngine::new(&scope).query("SELECT 1 AS n", Reads::default()).unwrap();
    let theirs = in_duckdb(&[], scope.range.since(), "SELECT 2 AS n");
    assert_same_rows("differs", &ours, theirs["rows"].as_array().unwrap());
}
