//! `verify`: every kind of damage is found and named, and what is repaired is the lake that a fresh fetch gives.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use jiff::ToSpan;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use serde_json::{Value, json};
use session_risk::lake::Lake;
use session_risk::sandbox::{Clock, Sandbox, SandboxOptions};

use crate::harness::{Home, Outcome, sandbox_with, unlimited};
use crate::lake_files::{LakeFiles, Row, rows};
use crate::scripted::session;
use crate::small_lake;

/// Nine days, seen some days before the last of them.
pub(crate) fn world(days_before_the_end: i64) -> Sandbox {
    let end = unlimited().end;
    let clock = Arc::new(Clock::frozen_at(end - (24 * days_before_the_end).hours()));
    sandbox_with(SandboxOptions { sessions: 1_800, days: 9, clock: Some(clock), ..unlimited() })
}

/// A lake that was fetched whole, and a second one of the same sessions that nobody touches.
pub(crate) struct Ward {
    pub(crate) api: Sandbox,
    pub(crate) home: Home,
    pub(crate) untouched: Home,
}

impl Ward {
    pub(crate) fn new() -> Self {
        let ward = Self { api: world(0), home: Home::new(), untouched: Home::new() };
        for home in [&ward.home, &ward.untouched] {
            home.fetch(&ward.api).succeeds();
        }
        ward
    }

    pub(crate) fn lake(&self) -> LakeFiles {
        self.home.lake()
    }

    /// A day in the middle, by its place.
    pub(crate) fn day(&self, nth: usize) -> String {
        self.untouched.lake().dates().into_iter().nth(nth).unwrap()
    }

    pub(crate) fn file(&self, date: &str) -> std::path::PathBuf {
        self.lake().day_file(date)
    }

    pub(crate) fn record(&self, date: &str) -> std::path::PathBuf {
        self.lake().path(&format!("_session_risk/days/{date}.json"))
    }

    pub(crate) fn repair(&self) -> Outcome {
        let repair = self.home.command("verify --repair --lake lake --base-url").arg(self.api.base_url());
        repair.key(self.api.key()).run()
    }

    /// Expects that the lake is what nobody ever touched, in its sessions and in what is known of its days.
    #[track_caller]
    pub(crate) fn assert_as_untouched(&self, what: &str) {
        assert_eq!(findings(&self.home, 0), [], "{what}");
        let (lake, untouched) = (self.lake(), self.untouched.lake());
        assert!(lake.without_fetched_at() == untouched.without_fetched_at(), "{what}: other sessions");
        let known = |lake: &LakeFiles| -> Vec<Value> {
            let of = |record: Value| {
                json!([
                    record["date"],
                    record["rows"],
                    record["complete"],
                    record["sealed"],
                    record["statuses"]
                ])
            };
            lake.records("days").into_values().map(of).collect()
        };
        assert_eq!(known(&lake), known(&untouched), "{what}");
    }
}

/// What `verify` finds, by day (or key) and kind.
#[track_caller]
pub(crate) fn findings(home: &Home, status: i32) -> Vec<(String, String)> {
    let outcome = home.command("verify --lake lake --format json").ends_with(status);
    let document: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(document["sound"], json!(status == 0));
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let of = |finding: &Value| {
        let place = text(&finding["day"]).or_else(|| text(&finding["key"]));
        (place.unwrap(), text(&finding["kind"]).unwrap())
    };
    document["findings"].as_array().unwrap().iter().map(of).collect()
}

/// The batches of a Parquet file, its footer's entries and its rows written anew, changed.
pub(crate) fn rewrite(
    path: &Path,
    footer: impl Fn(&str, String) -> Option<String>,
    change: impl Fn(RecordBatch) -> RecordBatch,
) {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let entries = builder.metadata().file_metadata().key_value_metadata().unwrap().clone();
    let ours = entries.into_iter().filter(|entry| entry.key.starts_with("session_risk."));
    let entries: Vec<KeyValue> = ours
        .filter_map(|entry| Some(KeyValue::new(entry.key.clone(), footer(&entry.key, entry.value.unwrap())?)))
        .collect();
    let batches: Vec<RecordBatch> = builder.build().unwrap().map(|batch| change(batch.unwrap())).collect();
    let properties = WriterProperties::builder().set_key_value_metadata(Some(entries)).build();
    let mut writer =
        ArrowWriter::try_new(File::create(path).unwrap(), batches[0].schema(), Some(properties)).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.close().unwrap();
}

type Damage<'a> = Box<dyn Fn() + 'a>;

pub(crate) fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

pub(crate) fn edit(path: &Path, change: impl FnOnce(&mut Value)) {
    let mut record: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    change(&mut record);
    fs::write(path, record.to_string()).unwrap();
}

pub(crate) fn values(rows: Vec<Row>) -> Vec<Value> {
    rows.into_iter().map(Value::Object).collect()
}

#[test]
fn an_intact_lake_has_no_finding_and_is_left_as_it_is() {
    let ward = Ward::new();
    let before = ward.lake().files();
    assert_eq!(findings(&ward.home, 0), []);
    let shown = ward.home.command("verify --lake lake").succeeds();
    assert_eq!(shown.stdout, "");
    shown.says(&["days with 1,800 sessions", "all is sound"]);
    assert!(ward.lake().files() == before, "a look changed something");
    let asked = ward.api.stats().total();
    assert_eq!(ward.repair().status, Some(0));
    assert_eq!(ward.api.stats().total(), asked, "nothing to repair, and yet the API was asked");
}

#[test]
fn lakes_of_all_kinds_are_sound() {
    let home = Home::new();
    home.write("input", &session("iqse_1", "2026-11-10T10:00:00.000Z"));
    home.command("import input --lake lake").succeeds();
    assert_eq!(findings(&home, 0), [], "of files");
    // Holes, a day without sessions, a range, a night.
    let api = sandbox_with(SandboxOptions { sessions: 30, days: 40, ..unlimited() });
    for flags in ["--since 2026-11-18", "--since 2026-11-01 --until 2026-11-03", "", "--full"] {
        home.fetch(&api).args(flags).succeeds();
        assert_eq!(findings(&home, 0), [], "after {flags}");
    }
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/data-samples/lake");
    home.command("verify --lake").arg(sample).succeeds();
    home.command("verify --lake nowhere").is_refused(4, &["there is no lake at nowhere"]);
}

#[test]
fn each_kind_of_damage_is_named_and_repaired() {
    let ward = Ward::new();
    let (day, next) = (ward.day(3), ward.day(4));
    let (file, record) = (ward.file(&day), ward.record(&day));
    let size = fs::metadata(&file).unwrap().len() as usize;
    let damages: Vec<(&str, &[&str], Damage<'_>)> = vec![
        ("a byte of a footer", &["unreadable"], Box::new(|| flip(&file, size - 6))),
        (
            "cut in half",
            &["unreadable"],
            Box::new(|| {
                File::options().write(true).open(&file).unwrap().set_len(size as u64 / 2).unwrap();
            }),
        ),
        ("no Parquet", &["unreadable"], Box::new(|| fs::write(&file, "hello").unwrap())),
        ("nothing at all", &["unreadable"], Box::new(|| fs::write(&file, "").unwrap())),
        ("file deleted", &["file-missing"], Box::new(|| fs::remove_file(&file).unwrap())),
        ("record deleted", &["record-missing"], Box::new(|| fs::remove_file(&record).unwrap())),
        (
            "both deleted",
            &["day-missing"],
            Box::new(|| {
                fs::remove_file(&file).unwrap();
                fs::remove_file(&record).unwrap();
            }),
        ),
        (
            "record garbled",
            &["record-unreadable"],
            Box::new(|| fs::write(&record, "{\"version\": 1,").unwrap()),
        ),
        (
            "record of another day",
            &["record-unreadable"],
            Box::new(|| {
                fs::copy(ward.record(&next), &record).unwrap();
            }),
        ),
        ("record with another number", &["rows"], Box::new(|| edit(&record, |of| of["rows"] = json!(7)))),
        (
            "record with other statuses",
            &["facts"],
            Box::new(|| {
                edit(&record, |of| of["statuses"] = json!({"expired": 1}));
            }),
        ),
        (
            "record with another coverage",
            &["facts"],
            Box::new(|| {
                edit(&record, |of| of["coverage"]["is_vpn"]["known"] = json!(0));
            }),
        ),
        (
            "a row less",
            &["replaced", "no-footer", "rows"],
            Box::new(|| {
                small_lake::write(&file, &values(rows(&file))[1..]);
            }),
        ),
        (
            "upside down",
            &["damaged", "order"],
            Box::new(|| {
                rewrite(
                    &file,
                    |_, value| Some(value),
                    |batch| {
                        let order: arrow::array::UInt32Array =
                            (0..batch.num_rows() as u32).rev().collect::<Vec<_>>().into();
                        arrow::compute::take_record_batch(&batch, &order).unwrap()
                    },
                );
            }),
        ),
        (
            "upside down by hand",
            &["replaced", "no-footer", "order"],
            Box::new(|| {
                let mut rows = values(rows(&file));
                rows.reverse();
                small_lake::write(&file, &rows);
            }),
        ),
        (
            "a column too many",
            &["columns"],
            Box::new(|| {
                rewrite(
                    &file,
                    |_, value| Some(value),
                    |batch| {
                        let mut columns: Vec<_> =
                            batch.schema().fields().iter().cloned().zip(batch.columns().to_vec()).collect();
                        columns.push((
                            Arc::new(columns[0].0.as_ref().clone().with_name("score")),
                            columns[0].1.clone(),
                        ));
                        let (fields, arrays): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
                        RecordBatch::try_new(Arc::new(arrow::datatypes::Schema::new(fields)), arrays).unwrap()
                    },
                );
            }),
        ),
    ];
    for (what, expected, damage) in damages {
        damage();
        let found = findings(&ward.home, 1);
        let kinds: Vec<&str> =
            found.iter().filter(|(place, _)| *place == day).map(|(_, kind)| kind.as_str()).collect();
        assert_eq!(kinds, expected, "{what}");
        assert!(found.iter().all(|(place, _)| *place == day), "{what}: {found:?}");
        let shown =
            ward.home.command("verify --lake lake").ends_with(1).says(&["not all is sound", "--repair"]);
        assert!(!shown.stdout.contains('…'), "{}", shown.stdout);
        assert!(shown.stdout.contains(&format!("NO  {day}  ")), "{}", shown.stdout);
        let repaired = ward.repair();
        assert_eq!(repaired.status, Some(0), "{what}: {repaired:#?}");
        repaired.assert_no_panic();
        fs::remove_dir_all(ward.lake().path("_session_risk/damaged")).unwrap_or_default();
        ward.assert_as_untouched(what);
    }
}

#[test]
fn wherever_a_byte_is_flipped_it_is_seen_and_the_day_is_fetched_again() {
    let ward = Ward::new();
    let day = ward.day(3);
    let file = ward.file(&day);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let lake = Lake::open(ward.lake().path("").to_str().unwrap(), runtime.handle()).unwrap();
    let (intact, record) = (fs::read(&file).unwrap(), fs::read(ward.record(&day)).unwrap());
    for nth in 0..100 {
        flip(&file, intact.len() * nth / 100);
        let found = lake.verify(jiff::Timestamp::now()).unwrap();
        assert!(!found.is_sound(), "byte {} of {}", intact.len() * nth / 100, intact.len());
        assert!(found.findings.iter().all(|finding| finding.day.is_some()), "{found:?}");
        if nth % 20 == 7 {
            assert_eq!(ward.repair().status, Some(0));
            fs::remove_dir_all(ward.lake().path("_session_risk/damaged")).unwrap();
            ward.assert_as_untouched("a flipped byte");
        }
        fs::write(&file, &intact).unwrap();
        fs::write(ward.record(&day), &record).unwrap();
    }
}

#[test]
fn a_file_that_was_published_before_its_run_ended_is_told_and_no_fault() {
    let ward = Ward::new();
    let day = ward.day(3);
    let key = ward.lake().path(&format!("_session_risk/intents/{day}.json"));
    let record: Value = serde_json::from_slice(&fs::read(ward.record(&day)).unwrap()).unwrap();
    fs::create_dir_all(key.parent().unwrap()).unwrap();
    fs::write(&key, json!({"run_id": "ended", "record": record}).to_string()).unwrap();
    edit(&ward.record(&day), |of| of["sha256"] = json!("of the file before"));
    assert_eq!(findings(&ward.home, 0), [(day, "unrecorded".to_owned())]);
    ward.home.fetch(&ward.api).succeeds();
    ward.assert_as_untouched("settled");
    // One that did not reach the disk says nothing, and stops nobody.
    fs::write(&key, "").unwrap();
    ward.home.fetch(&ward.api).succeeds();
    ward.assert_as_untouched("an empty intent");
}

#[test]
fn runs_that_publish_meanwhile_make_no_finding() {
    let (api, home) = (world(8), Home::new());
    home.fetch(&api).succeeds();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let lake = Lake::open(home.lake().path("").to_str().unwrap(), runtime.handle()).unwrap();
    let over = std::sync::atomic::AtomicBool::new(false);
    let looks = std::thread::scope(|scope| {
        let looking = scope.spawn(|| {
            let mut looks = 0;
            while !over.load(std::sync::atomic::Ordering::SeqCst) {
                let found = lake.verify(jiff::Timestamp::now()).unwrap();
                assert!(found.is_sound(), "{:?}", found.findings);
                looks += 1;
            }
            looks
        });
        for _ in 0..8 {
            api.clock().turn(Duration::from_secs(24 * 3600));
            home.fetch(&api).args("--full").succeeds();
        }
        over.store(true, std::sync::atomic::Ordering::SeqCst);
        looking.join().unwrap()
    });
    assert!(looks > 8, "{looks}");
}

#[test]
#[ignore = "needs python3 with duckdb and polars"]
fn a_verified_lake_is_readable_by_polars_and_duckdb() {
    let ward = Ward::new();
    fs::write(ward.file(&ward.day(3)), "hello").unwrap();
    assert_eq!(ward.repair().status, Some(0));
    findings(&ward.home, 0);
    let script = "
import sys, duckdb, polars
glob = sys.argv[1] + '/sessions/**/*.parquet'
frame = polars.scan_parquet(glob).select(polars.all().null_count(), polars.len().alias('n')).collect()
rows = duckdb.read_parquet(glob).aggregate('count(*), count(distinct session_id)').fetchall()[0]
print(frame['n'][0], *rows)
";
    let python = std::env::var("SESSION_RISK_PYTHON").unwrap_or_else(|_| "python3".into());
    let output =
        std::process::Command::new(python).args(["-c", script]).arg(ward.lake().path("")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), "1800 1800 1800");
}
