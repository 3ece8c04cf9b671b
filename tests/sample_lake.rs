//! The small lake in `data-samples/`: what it holds, that the sandbox would make it again, and the README's ways
//! into it.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use session_risk::sandbox::SandboxOptions;

use crate::harness::{Home, sandbox_with, unlimited};
use crate::lake_files::LakeFiles;
use crate::sample::python;

pub(crate) const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data-samples/lake");

pub(crate) fn lake() -> LakeFiles {
    LakeFiles::new(PATH)
}

/// Copies it to the lake of a test that changes it.
pub(crate) fn copy_to(home: &Home) {
    for (name, bytes) in lake().files() {
        let path = home.lake().path(&name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

/// What `data-samples/README.md` says to type.
fn options() -> SandboxOptions {
    SandboxOptions {
        seed: 7,
        sessions: 320,
        days: 5,
        end: "2026-11-21T00:00:00Z".parse().unwrap(),
        ..unlimited()
    }
}

/// What a day's record says of its sessions, and not of the run; records may gain fields.
fn lasting(record: &Value) -> Value {
    json!(
        ["date", "rows", "complete", "newest", "oldest", "statuses", "coverage"].map(|field| &record[field])
    )
}

#[test]
fn the_sandbox_would_make_the_same_lake_again() {
    let home = Home::new();
    home.fetch(&sandbox_with(options())).succeeds();
    assert_eq!(lake().without_fetched_at().len(), 320);
    assert_eq!(home.lake().without_fetched_at(), lake().without_fetched_at());
    // The next day has a record only where the clock had gone on by a second before the walk began.
    let days = |lake: LakeFiles| {
        let with_rows = lake.records("days").into_iter().filter(|(_, record)| record["rows"] != json!(0));
        with_rows.map(|(day, record)| (day, lasting(&record))).collect::<Vec<_>>()
    };
    assert_eq!(days(lake()).len(), 5);
    assert_eq!(days(home.lake()), days(lake()));
}

#[test]
fn it_is_small_and_says_nothing_of_the_machine_that_made_it() {
    let files = lake().files();
    assert!(files.values().map(Vec::len).sum::<usize>() < 200_000);
    let names: BTreeSet<&str> = files.keys().map(|name| name.rsplit('/').next().unwrap()).collect();
    assert!(names.contains("sessions.parquet") && !names.contains("lock"), "{names:?}");
    for (name, bytes) in files.iter().filter(|(name, _)| name.ends_with(".json")) {
        let text = String::from_utf8(bytes.clone()).unwrap();
        for word in ["persona_", "/home", "/root", "/tmp", "/work", "/Users"] {
            assert!(!text.contains(word), "{word} is in {name}");
        }
    }
    assert_eq!(lake().last_run()["settings"]["lake"], json!("data-samples/lake"));
}

#[test]
fn the_reports_over_it_have_known_rows() {
    let report = Home::new().command("report --last 5d --format json --lake").arg(PATH).succeeds();
    let report: Value = serde_json::from_str(&report.stdout).unwrap();
    assert_eq!(report["range"], json!({"since": "2026-11-16", "until": "2026-11-20"}));
    assert_eq!(report["complete"], json!(true));
    // Five days of 320 sessions have neither bursts nor travel, no device that changed other than by a handoff, and no day
    // has an earlier one of its weekday.
    let without = ["address_velocity", "impossible_travel", "device_changes", "anomalies"];
    for report in report["reports"].as_array().unwrap() {
        let name = report["name"].as_str().unwrap();
        assert_eq!(report["rows"].as_array().unwrap().is_empty(), without.contains(&name), "{name}");
    }
    let line = |row: &Value| {
        let cells = row.as_object().unwrap().iter();
        let own = cells.filter(|(name, _)| !name.contains("rate") && !name.contains("share"));
        own.map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(", ")
    };
    let lines = report["reports"].as_array().unwrap().iter().flat_map(|report| {
        let rows = report["rows"].as_array().unwrap().iter().take(5).map(line);
        std::iter::once(format!("# {}", report["name"].as_str().unwrap())).chain(rows)
    });
    insta::assert_snapshot!("reports", lines.collect::<Vec<_>>().join("\n"));
}

/// The Python blocks of the README, by the library that they import first.
fn snippet(library: &str) -> &'static str {
    let readme = include_str!("../README.md");
    let blocks = readme.split("```python\n").skip(1).map(|block| block.split("```").next().unwrap());
    let is_it =
        |block: &&str| block.lines().next().unwrap().split_whitespace().nth(1).unwrap().starts_with(library);
    let mut found = blocks.filter(is_it);
    let snippet = found.next().unwrap_or_else(|| panic!("the README has no way in with {library}"));
    assert_eq!((found.next(), snippet.lines().count()), (None, 3), "{library}");
    snippet
}

/// Runs the snippet in the checkout, as a reader would, and looks for a line with each threat level's count.
fn assert_counts(library: &str) {
    let output = python(&["-c", snippet(library)]);
    let printed = String::from_utf8(output.stdout).unwrap();
    for (level, sessions) in [("high", "11"), ("medium", "24"), ("low", "227")] {
        let words = |line: &str| -> Vec<String> {
            line.split(|c: char| !c.is_alphanumeric())
                .filter(|word| !word.is_empty())
                .map(str::to_owned)
                .collect()
        };
        let has = |line: &str| words(line).starts_with(&[level.to_owned(), sessions.to_owned()]);
        assert!(printed.lines().any(has), "{library} has no line {level} {sessions}:\n{printed}");
    }
}

#[test]
#[ignore = "needs python3 with polars"]
fn the_readmes_way_in_with_polars_runs() {
    assert_counts("polars");
}

#[test]
#[ignore = "needs python3 with duckdb"]
fn the_readmes_way_in_with_duckdb_runs() {
    assert_counts("duckdb");
}

#[test]
#[ignore = "needs python3 with pandas and pyarrow"]
fn the_readmes_way_in_with_pandas_runs() {
    assert_counts("pandas");
}

#[test]
#[ignore = "needs python3 with pyspark, and java"]
fn the_readmes_way_in_with_spark_runs() {
    assert_counts("pyspark");
}
