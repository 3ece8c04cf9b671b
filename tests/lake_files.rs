//! A lake as a stranger finds it: files in a folder, read without the program's own code for lakes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use arrow::array::{Array, RecordBatch, cast::AsArray};
use arrow::datatypes::{DataType, Date32Type, Float64Type, Int64Type, TimestampMillisecondType};
use jiff::{Timestamp, ToSpan};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Map, Value, json};
use session_risk::session::schema::schema;

/// A session's columns by name.
pub(crate) type Row = Map<String, Value>;

/// The folder of a lake.
#[derive(Debug, Clone)]
pub(crate) struct LakeFiles {
    root: PathBuf,
}

impl LakeFiles {
    pub(crate) fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.root.join(below)
    }

    pub(crate) fn exists(&self) -> bool {
        self.root.exists()
    }

    /// Every file, by its path below the lake.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop() {
            let Ok(entries) = fs::read_dir(&folder) else { continue };
            for path in entries.map(|entry| entry.unwrap().path()) {
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(&self.root).unwrap().to_str().unwrap().to_owned();
                    // One that a running export has just removed is not there.
                    found.extend(fs::read(&path).ok().map(|bytes| (name, bytes)));
                }
            }
        }
        found
    }

    /// Every file that says something about sessions: not the lock, nor the records of runs.
    pub(crate) fn holdings(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = self.files();
        files.retain(|name, _| name != "_session_risk/lock" && !name.starts_with("_session_risk/runs/"));
        files
    }

    /// The dates that have a day file. A writer that was killed may leave a folder without one.
    pub(crate) fn dates(&self) -> BTreeSet<String> {
        let Ok(folders) = fs::read_dir(self.root.join("sessions")) else { return BTreeSet::new() };
        let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
        let date = |name: String| name.strip_prefix("created_date=").unwrap().to_owned();
        let dates = folders.map(|entry| date(name(entry.unwrap())));
        dates.filter(|date| self.day_file(date).exists()).collect()
    }

    pub(crate) fn day_file(&self, date: &str) -> PathBuf {
        self.root.join(format!("sessions/created_date={date}/sessions.parquet"))
    }

    /// Every session by its id, after a check of what every day file promises: the schema, its own date, newest
    /// first with ties by id, and no session twice in the lake.
    pub(crate) fn sessions(&self) -> BTreeMap<String, Row> {
        let mut sessions = BTreeMap::new();
        for date in self.dates() {
            let rows = rows(&self.day_file(&date));
            let key = |row: &Row| {
                let newest_first = std::cmp::Reverse(text(row, "created_at"));
                (newest_first, text(row, "session_id"))
            };
            assert!(rows.is_sorted_by(|one, next| key(one) < key(next)), "{date} is out of order");
            for row in rows {
                assert!(text(&row, "created_at").starts_with(&date), "{date} holds {row:?}");
                let twice = sessions.insert(text(&row, "session_id"), row);
                assert_eq!(twice, None, "a session is in the lake twice");
            }
        }
        sessions
    }

    /// What two lakes have in common where they are the same: all columns but `fetched_at`.
    pub(crate) fn without_fetched_at(&self) -> BTreeMap<String, Row> {
        let mut sessions = self.sessions();
        for row in sessions.values_mut() {
            row.remove("fetched_at").unwrap();
        }
        sessions
    }

    /// The records of a folder under `_session_risk/`, by file name.
    pub(crate) fn records(&self, folder: &str) -> BTreeMap<String, Value> {
        let folder = format!("_session_risk/{folder}/");
        let record = |(name, bytes): (String, Vec<u8>)| {
            let name = name.strip_prefix(&folder)?.strip_suffix(".json")?.to_owned();
            Some((name, serde_json::from_slice(&bytes).unwrap()))
        };
        self.files().into_iter().filter_map(record).collect()
    }

    /// The record of the last run.
    pub(crate) fn last_run(&self) -> Value {
        let runs = self.records("runs").into_values();
        runs.max_by_key(|run| run["ended_at"].as_str().unwrap().parse::<Timestamp>().unwrap()).unwrap()
    }
}

fn text(row: &Row, column: &str) -> String {
    row[column].as_str().unwrap().to_owned()
}

/// The rows of a Parquet file, in their order; it has the schema of every day file.
pub(crate) fn rows(path: &Path) -> Vec<Row> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let reader = reader.build().unwrap();
    let mut found = Vec::new();
    for batch in reader {
        let batch = batch.unwrap();
        assert_eq!(batch.schema().fields(), schema().fields(), "{}", path.display());
        found.extend((0..batch.num_rows()).map(|row| self::row(&batch, row)));
    }
    found
}

/// One row of a batch.
pub(crate) fn row(batch: &RecordBatch, row: usize) -> Row {
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns());
    columns.map(|(field, column)| (field.name().clone(), value(column, row))).collect()
}

fn value(column: &dyn Array, row: usize) -> Value {
    if column.is_null(row) {
        return Value::Null;
    }
    match column.data_type() {
        DataType::Utf8 => json!(column.as_string::<i32>().value(row)),
        DataType::Boolean => json!(column.as_boolean().value(row)),
        DataType::Float64 => json!(column.as_primitive::<Float64Type>().value(row)),
        DataType::Int64 => json!(column.as_primitive::<Int64Type>().value(row)),
        DataType::Date32 => {
            let days = column.as_primitive::<Date32Type>().value(row);
            json!(jiff::civil::date(1970, 1, 1).checked_add(days.days()).unwrap().to_string())
        }
        DataType::Timestamp(..) => {
            let moment = column.as_primitive::<TimestampMillisecondType>().value(row);
            // Always with milliseconds, so that text sorts as time does.
            json!(Timestamp::from_millisecond(moment).unwrap().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string())
        }
        other => panic!("no file of ours has a column of the type {other}"),
    }
}
