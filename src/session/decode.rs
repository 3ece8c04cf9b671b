//! Page bytes to record batches.
//!
//! Null stays null; an attribute that is *absent* is told apart from one that is null; a value of another type
//! than documented becomes null and stays, as it came, in `extra`. Only a resource without an id or without a
//! usable `created-at` cannot become a row: it is quarantined with the reason.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use jiff::{Timestamp, ToSpan};
use serde::Serialize;
use serde_json::value::RawValue;

use super::columns::{Columns, Row};
use super::extra::write_extra;
use super::names::{Names, snake};
use super::privacy::Privacy;
use super::resource::{Resource, Slot, each_of_value, resource};
use super::schema::{ATTRIBUTES, CREATED_AT, IP_ADDRESS, RELATIONSHIPS, schema};

/// The oldest usable `created-at`, 2015-01-01: years before the API began, and later than any zeroed clock.
const OLDEST_MS: i64 = 1_420_070_400_000;

/// When and where from a page came.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The environment that answered, if it said so.
    pub environment: Option<String>,
    /// The server's clock at that moment.
    pub at: Timestamp,
}

/// What one page held.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PageFacts {
    /// Elements of the page's list.
    pub resources: usize,
    /// Rows made of them; the rest was quarantined.
    pub rows: usize,
    /// The newest `created_at`, in milliseconds since 1970.
    pub newest_ms: Option<i64>,
    /// The oldest `created_at`, in milliseconds since 1970.
    pub oldest_ms: Option<i64>,
}

/// A resource that could not become a row.
#[derive(Debug, Clone, Serialize)]
pub struct Quarantined {
    /// Its id, if it had one.
    pub session_id: Option<String>,
    /// Why it is not a row.
    pub reason: &'static str,
    /// The resource as it came; none where anything of a session is to be hidden.
    pub resource: Option<Box<RawValue>>,
    /// In its place the names of its attributes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
}

/// The rows of the pages so far.
#[derive(Debug, Clone)]
pub struct Decoded {
    /// The rows, in the order they came.
    pub batch: RecordBatch,
    /// For each row the attributes and, above them, the relationships that were absent, a bit each by their
    /// place in [`ATTRIBUTES`] and [`RELATIONSHIPS`].
    pub absent: Vec<u64>,
    /// What could not become a row.
    pub quarantined: Vec<Quarantined>,
    /// How many values had another type than documented, by column. Where addresses are hidden, one that is none counts
    /// as such.
    pub wrong_types: BTreeMap<&'static str, u64>,
}

impl Default for Decoded {
    /// No rows.
    fn default() -> Self {
        Self {
            batch: RecordBatch::new_empty(schema()),
            absent: Vec::new(),
            quarantined: Vec::new(),
            wrong_types: BTreeMap::new(),
        }
    }
}

/// A page could not be decoded.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The bytes are not UTF-8, as JSON must be.
    #[error("the bytes are not text in UTF-8")]
    NotText,
    /// The bytes are no JSON. Not quoted: they may hold personal data.
    #[error("the bytes are not JSON (line {line}, column {column})")]
    NotJson {
        /// Where the parser stopped.
        line: usize,
        /// Where the parser stopped.
        column: usize,
    },
    /// The JSON ends too early.
    #[error("the JSON breaks off (line {line}, column {column})")]
    CutOff {
        /// Where it ends.
        line: usize,
        /// Where it ends.
        column: usize,
    },
    /// More text in one batch than Arrow can hold.
    #[error("a record batch could not be made")]
    Arrow(#[from] ArrowError),
}

/// Turns pages into record batches. One for each stream of pages; rows add up until they are taken.
#[derive(Debug)]
pub struct Decoder {
    privacy: Arc<Privacy>,
    names: Names,
    columns: Columns,
    absent: Vec<u64>,
    quarantined: Vec<Quarantined>,
    wrong_types: BTreeMap<&'static str, u64>,
    extra: String,
}

impl Default for Decoder {
    fn default() -> Self {
        Self {
            privacy: Arc::default(),
            names: Names::default(),
            columns: Columns::new(),
            absent: Vec::new(),
            quarantined: Vec::new(),
            wrong_types: BTreeMap::new(),
            extra: String::new(),
        }
    }
}

impl Decoder {
    /// A decoder that keeps no more of a session than it may.
    pub fn new(privacy: Arc<Privacy>) -> Self {
        Self { privacy, ..Self::default() }
    }

    /// Rows that wait to be taken.
    pub fn rows(&self) -> usize {
        self.columns.rows()
    }

    /// Decodes a page's resources, each the text of one JSON value whose syntax has been checked. Every one becomes
    /// a row or is quarantined.
    pub fn resources<'a>(&mut self, texts: impl IntoIterator<Item = &'a str>, seen: &Seen) -> PageFacts {
        let mut facts = PageFacts::default();
        let mut names = std::mem::take(&mut self.names);
        let latest_ms = latest_ms(seen);
        for text in texts {
            self.take_in(&mut resource(text, &mut names), seen, latest_ms, &mut facts);
        }
        self.names = names;
        facts
    }

    /// Decodes one JSON value from a file: a page, a list of resources or one resource. Every resource becomes a
    /// row or is quarantined.
    ///
    /// # Errors
    /// [`DecodeError`] for bytes that are no JSON value.
    pub fn value(&mut self, bytes: &[u8], seen: &Seen) -> Result<PageFacts, DecodeError> {
        let mut facts = PageFacts::default();
        let mut names = std::mem::take(&mut self.names);
        let latest_ms = latest_ms(seen);
        let text = std::str::from_utf8(bytes).map_err(|_| DecodeError::NotText)?;
        let read = each_of_value(text, &mut names, |mut resource| {
            self.take_in(&mut resource, seen, latest_ms, &mut facts);
        });
        self.names = names;
        read.map_err(|error| {
            let (line, column) = (error.line(), error.column());
            if error.is_eof() {
                DecodeError::CutOff { line, column }
            } else {
                DecodeError::NotJson { line, column }
            }
        })?;
        Ok(facts)
    }

    fn take_in(&mut self, resource: &mut Resource<'_>, seen: &Seen, latest_ms: i64, facts: &mut PageFacts) {
        facts.resources += 1;
        let hides = self.privacy.hides_something();
        let lost_address = hides && self.privacy.hide(resource);
        match self.append(resource, seen, latest_ms) {
            Ok(created_ms) => {
                facts.add_row(created_ms);
                if lost_address {
                    *self.wrong_types.entry(column_at(IP_ADDRESS)).or_default() += 1;
                }
            }
            Err(reason) => {
                let raw = || RawValue::from_string(resource.raw.to_owned()).ok();
                self.quarantined.push(Quarantined {
                    session_id: resource.id.as_deref().map(str::to_owned),
                    reason,
                    resource: if hides { None } else { raw() },
                    fields: if hides { Privacy::field_names(resource) } else { Vec::new() },
                });
            }
        }
    }

    /// Hands out the rows so far.
    ///
    /// # Errors
    /// [`DecodeError::Arrow`] if the columns make no batch.
    pub fn take(&mut self) -> Result<Decoded, DecodeError> {
        Ok(Decoded {
            batch: self.columns.finish()?,
            absent: std::mem::take(&mut self.absent),
            quarantined: std::mem::take(&mut self.quarantined),
            wrong_types: std::mem::take(&mut self.wrong_types),
        })
    }

    /// Appends a row and gives its `created_at`, or says why the resource cannot be one.
    fn append(&mut self, resource: &Resource<'_>, seen: &Seen, latest_ms: i64) -> Result<i64, &'static str> {
        let (session, created_ms) = usable(resource, latest_ms)?;
        let mut absent = 0_u64;
        let places = resource.attributes.iter().chain(&resource.relationships).enumerate();
        for (place, slot) in places {
            match slot {
                Slot::Absent => absent |= 1 << place,
                Slot::Wrong(_) => *self.wrong_types.entry(column_at(place)).or_default() += 1,
                _ => {}
            }
        }
        self.absent.push(absent);
        write_extra(&mut self.extra, resource);
        if self.privacy.hides_something()
            && let Some(hidden) = self.privacy.hide_extra(&self.extra)
        {
            self.extra = hidden;
        }
        self.columns.append(&Row {
            environment: seen.environment.as_deref(),
            session,
            related: &resource.relationships,
            attributes: &resource.attributes,
            fetched: seen.at.as_millisecond(),
            extra: Some(self.extra.as_str()).filter(|extra| !extra.is_empty()),
        });
        Ok(created_ms)
    }
}

impl PageFacts {
    fn add_row(&mut self, created_ms: i64) {
        self.rows += 1;
        self.newest_ms = self.newest_ms.max(Some(created_ms));
        self.oldest_ms = Some(self.oldest_ms.map_or(created_ms, |oldest| oldest.min(created_ms)));
    }
}

/// The column of a bit in [`Decoded::absent`].
pub fn column_at(place: usize) -> &'static str {
    match place.checked_sub(ATTRIBUTES.len()) {
        None => ATTRIBUTES[place].column,
        Some(place) => RELATIONSHIPS[place].1,
    }
}

/// The newest usable `created-at`, in milliseconds since 1970: clocks differ, but not by more than a day.
fn latest_ms(seen: &Seen) -> i64 {
    seen.at.saturating_add(24.hours()).unwrap_or(Timestamp::MAX).as_millisecond()
}

/// The id and `created_at` of a resource that can become a row, or why it cannot.
fn usable<'r>(resource: &'r Resource<'_>, latest_ms: i64) -> Result<(&'r str, i64), &'static str> {
    if !resource.is_object {
        return Err("it is not an object");
    }
    let is_other = |kind: &str| kind != "inquiry-session" && snake(kind) != "inquiry_session";
    if resource.kind.as_deref().is_some_and(is_other) {
        return Err("its type is not inquiry-session");
    }
    let id = resource.id.as_deref().filter(|id| !id.is_empty()).ok_or("it has no id")?;
    match resource.attributes[CREATED_AT] {
        Slot::Moment(created_ms) if created_ms < OLDEST_MS => Err("its created-at lies before 2015"),
        Slot::Moment(created_ms) if created_ms > latest_ms => {
            Err("its created-at lies more than a day in the future")
        }
        Slot::Moment(created_ms) => Ok((id, created_ms)),
        Slot::Absent | Slot::Null => Err("it has no created-at"),
        _ => Err("its created-at is not a date-time with a zone"),
    }
}
