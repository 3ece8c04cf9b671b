//! A report as Parquet, read back: the types of its columns, every value whole, and what the footer says of it.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef, TimeUnit};
use bytes::Bytes;
use jiff::Timestamp;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use serde_json::{Value as Json, json};
use session_risk::analysis::Scope;
use session_risk::analysis::catalogue::Query;
use session_risk::cli::report::Format;

use super::cut::MANY;
use crate::duckdb::job;
use crate::harness::Home;
use crate::lake_files::{self, Row};
use crate::report::{bytes, lake, lake_before, options};
use crate::sample_lake;
use crate::small_lake::{SmallLake, odd_rows};

/// What a file holds.
pub(super) struct File {
    schema: SchemaRef,
    /// What the footer says, by name.
    footer: BTreeMap<String, String>,
    compressed: bool,
    pub(super) rows: Vec<Row>,
}

impl File {
    pub(super) fn of(bytes: Vec<u8>) -> Self {
        let builder = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes)).unwrap();
        let metadata = Arc::clone(builder.metadata());
        let said = metadata.file_metadata().key_value_metadata().unwrap();
        let footer = said.iter().map(|entry| (entry.key.clone(), entry.value.clone().unwrap_or_default()));
        let schema = Arc::clone(builder.schema());
        let mut rows = Vec::new();
        for batch in builder.build().unwrap() {
            let batch = batch.unwrap();
            rows.extend((0..batch.num_rows()).map(|row| lake_files::row(&batch, row)));
        }
        let chunks = || metadata.row_groups().iter().flat_map(|group| group.columns());
        Self {
            schema,
            footer: footer.collect(),
            compressed: chunks().all(|chunk| matches!(chunk.compression(), Compression::ZSTD(_))),
            rows,
        }
    }

    fn types(&self) -> Vec<(&str, &DataType)> {
        self.schema.fields().iter().map(|field| (field.name().as_str(), field.data_type())).collect()
    }
}

fn file_of(query: &Query, scope: &Scope, earlier: Option<&Scope>) -> File {
    let mut options = options(&["network_risk"], Format::Parquet, 80);
    options.queries = vec![query.clone()];
    File::of(bytes(&options, scope, earlier))
}

/// Checks that the query's file holds what the JSON has: the columns, their types, every row.
pub(super) fn assert_is_the_json(query: &Query, scope: &Scope, earlier: Option<&Scope>, json: &Json) {
    let file = file_of(query, scope, earlier);
    let report = &json["reports"][0];
    let columns: Vec<(&str, &str)> = report["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| (column["name"].as_str().unwrap(), column["type"].as_str().unwrap()))
        .collect();
    let of_type = |data_type: &DataType| match data_type {
        DataType::Int64 => "integer",
        DataType::Float64 => "number",
        DataType::Utf8 => "text",
        DataType::Boolean => "boolean",
        DataType::Date32 => "date",
        DataType::Timestamp(TimeUnit::Millisecond, Some(zone)) if &**zone == "UTC" => "timestamp",
        other => panic!("{other}"),
    };
    let types: Vec<(&str, &str)> =
        file.types().into_iter().map(|(name, kind)| (name, of_type(kind))).collect();
    assert_eq!(types, columns, "{}", query.name);
    let rows = report["rows"].as_array().unwrap();
    assert_eq!(file.rows.len(), rows.len(), "{}", query.name);
    for (row, expected) in file.rows.iter().zip(rows) {
        for (column, kind) in &columns {
            let (held, expected) = (&row[*column], &expected[*column]);
            let same = match (*kind, expected.as_f64()) {
                _ if held.is_null() || expected.is_null() => held == expected,
                ("timestamp", _) => moment(held) == moment(expected),
                // serde_json may miss the last bit of what it reads.
                ("number", Some(expected)) => {
                    (held.as_f64().unwrap() - expected).abs() <= 1e-12 * expected.abs()
                }
                _ => held == expected,
            };
            assert!(same, "{}, {column}: {held} in Parquet, {expected} in JSON", query.name);
        }
    }
}

fn moment(text: &Json) -> Timestamp {
    text.as_str().unwrap().parse().unwrap()
}

#[test]
fn every_type_is_stored_as_what_it_is_and_null_as_null() {
    let sql = "SELECT created_at, created_date, is_vpn, latitude, os_name, 9007199254740993 AS big, NULL AS none \
               FROM sessions ORDER BY session_id";
    let full =
        json!({"created_at": "2026-11-20T23:30:00.120Z", "is_vpn": true, "latitude": 0.1, "os_name": "é"});
    let lake = SmallLake::new([full, json!({"os_name": ""})]);
    let file = file_of(&Query::ad_hoc(sql, None).unwrap(), &lake.scope(), None);
    let moment = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
    let types = [
        ("created_at", &moment),
        ("created_date", &DataType::Date32),
        ("is_vpn", &DataType::Boolean),
        ("latitude", &DataType::Float64),
        ("os_name", &DataType::Utf8),
        ("big", &DataType::Int64),
        ("none", &DataType::Utf8),
    ];
    assert_eq!(file.types(), types);
    assert!(file.schema.fields().iter().all(|field| field.is_nullable()));
    let rows = json!([
        {"created_at": "2026-11-20T23:30:00.120Z", "created_date": "2026-11-20", "is_vpn": true, "latitude": 0.1,
         "os_name": "é", "big": 9_007_199_254_740_993_i64, "none": null},
        {"created_at": "2026-11-20T12:00:00.000Z", "created_date": "2026-11-20", "is_vpn": null, "latitude": null,
         "os_name": "", "big": 9_007_199_254_740_993_i64, "none": null},
    ]);
    assert_eq!(json!(file.rows), rows);
    assert!(file.compressed);
}

#[test]
fn the_footer_says_what_was_asked_of_which_days() {
    let (lake, before) = (lake(), lake_before());
    let mut scope = lake.scope();
    scope.complete = false;
    scope.notes = vec!["The lake begins on 2026-11-01.".into()];
    let query = options(&["threat_by_country"], Format::Parquet, 80).queries.remove(0);
    let footer = file_of(&query, &scope, Some(&before.scope_before(None))).footer;
    let said = |name: &str| footer[&format!("session_risk.{name}")].as_str();
    assert_eq!(said("report"), "threat_by_country");
    assert_eq!((said("title"), said("question")), (&*query.header.title, &*query.header.question));
    assert_eq!((said("since"), said("until"), said("complete")), ("2026-10-24", "2026-11-20", "false"));
    assert_eq!((said("compared_since"), said("compared_until")), ("2026-09-26", "2026-10-23"));
    assert_eq!(said("generated_at"), "2026-11-23T06:00:00Z");
    let notes: Vec<&str> = said("notes").lines().collect();
    assert!(
        notes[0].starts_with("Incomplete: ") && notes[1] == "The lake begins on 2026-11-01.",
        "{notes:?}"
    );
    assert!(query.header.notes.iter().all(|note| notes.contains(&note.as_str())), "{notes:?}");
    assert!(!file_of(&query, &scope, None).footer.contains_key("session_risk.compared_since"));
}

#[test]
fn a_report_without_rows_is_a_file_with_its_columns() {
    let query = options(&["device_mix"], Format::Parquet, 80).queries.remove(0);
    let file = file_of(&query, &SmallLake::new([]).scope(), None);
    assert_eq!((file.rows.len(), file.types()[0]), (0, ("device_type", &DataType::Utf8)));
}

#[test]
fn a_pipe_gets_every_row_in_order_however_many_there_are() {
    let home = Home::new();
    let ask = |format: &str| home.command(&format!("query --format {format} --lake")).arg(sample_lake::PATH);
    let file = File::of(ask("parquet").arg(format!("{MANY} LIMIT 50000")).writes());
    assert_eq!(file.rows.len(), 50_000);
    let csv = ask("csv").arg(format!("{MANY} LIMIT 50000")).succeeds().stdout;
    let names = |row: &Row| format!("{},{}", row["one"].as_str().unwrap(), row["two"].as_str().unwrap());
    for (row, line) in file.rows.iter().zip(csv.lines().skip(1)) {
        assert!(line.starts_with(&names(row)), "{line}, {row:?} in Parquet");
    }
}

const READERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/parquet_readers.py");

#[test]
#[ignore = "needs python3 with duckdb, polars and pyarrow"]
fn other_engines_read_the_same_types_and_values() {
    let home = Home::new();
    let odd = SmallLake::new(odd_rows(8, 600));
    for (name, sql) in [
        (
            "odd",
            "SELECT session_id, created_at, created_date, is_vpn, \
             CAST(CAST(latitude AS BIGINT) AS DOUBLE) / 4 AS latitude, country_code, 1 AS n FROM sessions \
                 ORDER BY session_id",
        ),
        ("none", "SELECT session_id, created_at, is_vpn, latitude FROM sessions WHERE session_id = ''"),
    ] {
        let query = Query::ad_hoc(sql, None).unwrap();
        let mut options = options(&["network_risk"], Format::Parquet, 80);
        options.queries = vec![query.clone()];
        let path = home.path(&format!("{name}.parquet"));
        fs::write(&path, bytes(&options, &odd.scope(), None)).unwrap();
        let expected = json!(File::of(fs::read(&path).unwrap()).rows);
        let read = job(READERS, &json!({"path": path}));
        for engine in ["duckdb", "polars", "pyarrow"] {
            assert_eq!(read[engine]["rows"], expected, "{name} by {engine}");
        }
        let types = |engine: &str| read[engine]["types"]["created_at"].as_str().unwrap();
        assert_eq!(types("duckdb"), "TIMESTAMP WITH TIME ZONE");
        assert_eq!(types("polars"), "Datetime(time_unit='ms', time_zone='UTC')");
        assert_eq!(types("pyarrow"), "timestamp[ms, tz=UTC]");
        assert_eq!(read["footer"]["session_risk.report"], "query", "{read}");
    }
}
