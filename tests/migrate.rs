//! `migrate`: day files of an older schema are understood as they are, and brought to today's columns.

use std::fs;

use arrow::array::RecordBatch;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::Home;
use crate::lake_files::rows;
use crate::prune::{day, fetched};
use crate::verify::{findings, rewrite, world};

/// Makes a day's file one of an older schema, as if it had been written so: without some columns.
fn age(home: &Home, date: &str, columns: &[&str], version: &str) {
    let path = home.lake().day_file(date);
    rewrite(
        &path,
        |key, value| Some(if key == "session_risk.schema_version" { version.to_owned() } else { value }),
        |batch: RecordBatch| {
            let schema = batch.schema();
            let kept =
                (0..batch.num_columns()).filter(|at| !columns.contains(&schema.field(*at).name().as_str()));
            batch.project(&kept.collect::<Vec<_>>()).unwrap()
        },
    );
    let bytes = fs::read(&path).unwrap();
    let record = home.lake().path(&format!("_session_risk/days/{date}.json"));
    let mut day: Value = serde_json::from_slice(&fs::read(&record).unwrap()).unwrap();
    day["bytes"] = json!(bytes.len());
    day["sha256"] =
        json!(Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    for column in columns {
        day["coverage"].as_object_mut().unwrap().remove(*column);
    }
    fs::write(record, day.to_string()).unwrap();
}

const NEWER: [&str; 2] = ["gps_country_code", "ip_isp"];

#[test]
fn files_of_an_older_schema_get_todays_columns_and_keep_their_values() {
    let api = world(0);
    let home = fetched(&api);
    let (old, other) = (day(&home, 2), day(&home, 5));
    let mut expected = home.lake().sessions();
    age(&home, &old, &NEWER, "0");
    for row in expected.values_mut().filter(|row| row["created_at"].as_str().unwrap().starts_with(&old)) {
        NEWER.iter().for_each(|column| row[*column] = Value::Null);
    }
    let before = home.lake().files();
    let record = |date: &str| home.lake().records("days")[date].clone();
    let record_before = record(&old);
    assert_eq!(findings(&home, 0), [(old.clone(), "older-schema".to_owned())]);
    // Readers take such files as they are.
    let counts = || {
        home.command("report signal_coverage --lake lake --format json --until 2026-11-19").succeeds().stdout
    };
    let figures = |page: String| serde_json::from_str::<Value>(&page).unwrap()["reports"][0]["rows"].clone();
    let shown = figures(counts());

    home.command("migrate --lake lake --dry-run").succeeds().says(&["1 day with", "would be brought"]);
    assert!(home.lake().files() == before, "a dry run wrote something");
    home.command("migrate --lake lake --run-id spring")
        .succeeds()
        .says(&["1 day with", "9 were of it already"]);
    assert!(home.lake().sessions() == expected);
    let after = home.lake().files();
    let is_other = |name: &&String| name.ends_with(".parquet") && !name.contains(&old);
    assert!(
        before.keys().filter(is_other).all(|name| after[name] == before[name]),
        "{other} was written anew"
    );
    let migrated = record(&old);
    for same in ["rows", "complete", "sealed", "checked_at", "statuses", "newest", "oldest", "imported"] {
        assert_eq!(migrated[same], record_before[same], "{same}");
    }
    assert_eq!(migrated["coverage"]["is_vpn"], record_before["coverage"]["is_vpn"]);
    let rows = migrated["rows"].clone();
    assert_eq!(migrated["coverage"]["ip_isp"], json!({"known": 0, "null": rows, "absent": rows}));
    assert_eq!(findings(&home, 0), []);
    assert_eq!(figures(counts()), shown);
    home.command("migrate --lake lake").succeeds().says(&["0 days with", "10 were of it already"]);
    assert_eq!(home.lake().last_run()["days_written"], json!(0));
    // The API tells what the older program had no column for.
    home.fetch(&api).args("--full").succeeds();
    assert!(home.lake().without_fetched_at() == fetched(&api).lake().without_fetched_at());
}

#[test]
fn a_fetch_merges_into_a_file_of_an_older_schema() {
    let api = world(0);
    let home = fetched(&api);
    let last = home.lake().dates().last().unwrap().clone();
    age(&home, &last, &NEWER, "0");
    home.fetch(&api).succeeds();
    assert!(!rows(&home.lake().day_file(&last)).is_empty(), "still of the older schema");
    assert!(home.lake().without_fetched_at() == fetched(&api).lake().without_fetched_at());
    assert_eq!(findings(&home, 0), []);
}

#[test]
fn a_newer_schema_and_a_file_that_is_not_the_recorded_one_are_left_alone() {
    let api = world(0);
    let home = fetched(&api);
    let (new, old) = (day(&home, 2), day(&home, 3));
    age(&home, &new, &[], "99");
    let before = home.lake().holdings();
    home.command("migrate --lake lake").is_refused(1, &[&new, "schema version 99", "newer session-risk"]);
    assert_eq!(findings(&home, 1), [(new.clone(), "newer-schema".to_owned())]);
    let repair = home.command("verify --repair --lake lake --base-url").arg(api.base_url()).key(api.key());
    repair.ends_with(1).says(&["use the session-risk that wrote these files"]);
    let file = format!("sessions/created_date={new}/sessions.parquet");
    assert!(home.lake().files()[&file] == before[&file]);

    age(&home, &new, &[], "1");
    age(&home, &old, &NEWER, "0");
    rewrite(
        &home.lake().day_file(&old),
        |_, value| Some(value),
        |batch| batch.slice(1, batch.num_rows() - 1),
    );
    let before = home.lake().holdings();
    home.command("migrate --lake lake").is_refused(1, &[&old, "session-risk verify"]);
    assert!(home.lake().holdings() == before);
}
