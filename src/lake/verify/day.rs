//! One day file, read from end to end: what it holds, and what its record would say of that.
//!
//! Must not know what its record does say.

use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow::array::{RecordBatch, cast::AsArray};
use bytes::Bytes;
use jiff::Timestamp;
use jiff::civil::Date;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use sha2::{Digest, Sha256};

use super::finding::What;
use super::ids::{Days, hash};
use crate::lake::facts::{Facts, Origin};
use crate::lake::manifest::DayRecord;
use crate::lake::parts::{BATCH_ROWS, KeyColumns, RowKey, with_schema};
use crate::lake::stage::AbsentCounts;
use crate::lake::{Error, Lake, hexadecimal, layout};
use crate::range::{day_end, day_start};
use crate::session::privacy::Mode;
use crate::session::schema::{SCHEMA_VERSION, schema};

/// A day file as it lies there.
#[derive(Debug)]
pub(in crate::lake) struct DayFile {
    pub(super) bytes: u64,
    pub(in crate::lake) sha256: String,
    /// What it holds; otherwise why that cannot be told.
    pub(in crate::lake) content: Result<Content, What>,
}

/// What a day file holds.
#[derive(Debug)]
pub(in crate::lake) struct Content {
    /// The record that its rows give, of a day that nobody has walked.
    pub(super) says: DayRecord,
    /// The run and the number of rows as the footer says.
    pub(super) run_id: Option<String>,
    pub(super) footer_rows: Option<String>,
    /// What of its sessions it keeps, as the footer says.
    pub(super) privacy: Option<Mode>,
    /// Whether its columns are older than today's.
    pub(in crate::lake) is_older: bool,
    /// Rows of other days.
    pub(super) strangers: u64,
    pub(super) in_order: bool,
    /// The environments that its rows and its footer name.
    pub(super) environments: Vec<String>,
    /// Of the ids.
    pub(super) hashes: Vec<u64>,
}

type Builder = ParquetRecordBatchReaderBuilder<Bytes>;

impl Lake {
    /// Reads a day file; none if there is none.
    pub(in crate::lake) fn examine(&self, date: Date) -> Result<Option<DayFile>, Error> {
        let Some((bytes, _)) = self.read_if_there(&layout::day_file(date))? else { return Ok(None) };
        let (length, sha256) = (bytes.len() as u64, hexadecimal(&Sha256::digest(&bytes)));
        // Bytes that nobody wrote may bring the reader to places that its authors held for unreachable.
        let content = catch_unwind(AssertUnwindSafe(|| content(date, bytes)))
            .unwrap_or_else(|_panic| Err(unreadable("the reader broke off")));
        let content = content.map(|mut content| {
            content.says.bytes = length;
            content.says.sha256.clone_from(&sha256);
            content
        });
        Ok(Some(DayFile { bytes: length, sha256, content }))
    }
}

fn unreadable(reason: impl ToString) -> What {
    What::Unreadable { reason: reason.to_string() }
}

fn content(date: Date, bytes: Bytes) -> Result<Content, What> {
    let builder = Builder::try_new(bytes).map_err(unreadable)?;
    let footer = |name: &str| {
        let entries = builder.metadata().file_metadata().key_value_metadata()?;
        let name = format!("session_risk.{name}");
        entries.iter().find(|entry| entry.key == name)?.value.clone()
    };
    let version: Option<u32> = footer("schema_version").and_then(|version| version.parse().ok());
    if let Some(version) = version.filter(|version| *version > SCHEMA_VERSION) {
        return Err(What::Newer { version });
    }
    let columns = |of: &arrow::datatypes::Schema| -> Vec<_> {
        of.fields().iter().map(|field| (field.name().clone(), field.data_type().clone())).collect()
    };
    let is_older = version.is_some_and(|version| version < SCHEMA_VERSION)
        || columns(builder.schema()) != columns(&schema());
    // Columns that cannot be made today's are known before a row is read.
    with_schema(&RecordBatch::new_empty(builder.schema().clone()))
        .map_err(|reason| What::Columns { reason: reason.to_string() })?;
    let (run_id, footer_rows) = (footer("run_id"), footer("rows"));
    let privacy = footer("privacy").and_then(|mode| mode.parse().ok());
    let mut seen = Rows { environments: footer("environment_id").into_iter().collect(), ..Rows::of(date) };
    for batch in builder.with_batch_size(BATCH_ROWS).build().map_err(unreadable)? {
        let batch = batch.map_err(unreadable)?;
        let batch = with_schema(&batch).map_err(|reason| What::Columns { reason: reason.to_string() })?;
        seen.add(&batch);
    }
    let walked = Origin::Lake.walked(None);
    let run = run_id.as_deref().unwrap_or_default();
    let mut says = seen.facts.record(date, walked, run, &AbsentCounts::default());
    // Nothing says when it was written, but that it was not before this.
    let fetched = seen.fetched_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok());
    says.fetched_at = fetched.unwrap_or(walked.began);
    says.checked_at = says.fetched_at;
    let Rows { strangers, in_order, environments, hashes, .. } = seen;
    Ok(Content { says, run_id, footer_rows, privacy, is_older, strangers, in_order, environments, hashes })
}

/// What is looked at in a day's rows, batch by batch.
struct Rows {
    begins_ms: i64,
    ends_ms: i64,
    facts: Facts,
    last: Option<RowKey>,
    in_order: bool,
    strangers: u64,
    fetched_ms: Option<i64>,
    environments: Vec<String>,
    hashes: Vec<u64>,
}

impl Rows {
    fn of(date: Date) -> Self {
        Self {
            begins_ms: day_start(date).as_millisecond(),
            ends_ms: day_end(date).as_millisecond(),
            facts: Facts::default(),
            last: None,
            in_order: true,
            strangers: 0,
            fetched_ms: None,
            environments: Vec::new(),
            hashes: Vec::new(),
        }
    }

    fn add(&mut self, batch: &RecordBatch) {
        if batch.num_rows() == 0 {
            return;
        }
        self.facts.add(batch);
        let keys = KeyColumns::of(batch);
        let after_last = self.last.as_ref().is_none_or(|last| last.order() < keys.at(0));
        self.in_order &= after_last && (1..keys.len()).all(|row| keys.at(row - 1) < keys.at(row));
        self.last = Some(keys.key(keys.len() - 1));
        for row in 0..keys.len() {
            let is_own = (self.begins_ms..self.ends_ms).contains(&keys.created_ms(row));
            self.strangers += u64::from(!is_own);
            self.fetched_ms = self.fetched_ms.max(Some(keys.fetched_ms(row)));
            self.hashes.push(hash(keys.at(row).1));
        }
        for environment in batch.column(0).as_string::<i32>().iter().flatten() {
            if !self.environments.iter().any(|known| known == environment) {
                self.environments.push(environment.to_owned());
            }
        }
    }
}

impl Content {
    /// Whether the file may stay as it is, whatever its record says.
    pub(super) fn is_sound(&self) -> bool {
        self.strangers == 0 && self.in_order && self.says.rows > 0
    }

    /// An environment that is not the lake's.
    pub(super) fn other_environment(&self, environment: &str) -> Option<&String> {
        self.environments.iter().find(|found| *found != environment)
    }
}

impl Days for Lake {
    fn each(&self, date: Date, see: &mut dyn FnMut(&str, i64)) -> Result<(), Error> {
        // One that was dropped since it was listed has none.
        for keys in self.day_keys(date)? {
            let keys = keys?;
            (0..keys.len()).for_each(|row| see(keys.at(row).1, keys.fetched_ms(row)));
        }
        Ok(())
    }
}
