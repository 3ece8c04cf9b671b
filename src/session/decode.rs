//! Page bytes to record batches.
//!
//! Null stays null; an attribute that is *absent* is told apart from one that is null; a value of another type
//! than documented becomes null and stays, as it came, in `extra`. Only a resource without an id or without a
//! usable `created-at` cannot become a row: it is quarantined with the reason.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use jiff::{Timestamp, ToSpan};
use serde::Serialize;
use serde_json::value::RawValue;

use super::columns::{Columns, Row};
use super::names::{Names, snake};
use super::resource::{Resource, Slot, each_of_page, each_of_value};
use super::schema::{ATTRIBUTES, CREATED_AT, RELATIONSHIPS, schema};

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
    /// The resource as it came.
    pub resource: Option<Box<RawValue>>,
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
    /// How many values had another type than documented, by column.
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
    /// The bytes are no page, or no JSON at all. Not quoted: they may hold personal data.
    #[error("the bytes are not the JSON of sessions (line {line}, column {column})")]
    NotAPage {
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
    /// Rows that wait to be taken.
    pub fn rows(&self) -> usize {
        self.columns.rows()
    }

    /// Decodes one page. Every element of its list becomes a row or is quarantined.
    ///
    /// # Errors
    /// [`DecodeError`] for bytes that are no page.
    pub fn page(&mut self, body: &[u8], seen: &Seen) -> Result<PageFacts, DecodeError> {
        self.read(body, seen, |text, names, each| each_of_page(text, names, each))
    }

    /// Decodes one JSON value from a file: a page, a list of resources or one resource. Every resource becomes a
    /// row or is quarantined.
    ///
    /// # Errors
    /// [`DecodeError`] for bytes that are no JSON value.
    pub fn value(&mut self, text: &[u8], seen: &Seen) -> Result<PageFacts, DecodeError> {
        self.read(text, seen, |text, names, each| each_of_value(text, names, each))
    }

    fn read<'a>(
        &mut self,
        bytes: &'a [u8],
        seen: &Seen,
        read: impl FnOnce(&'a str, &mut Names, &mut dyn FnMut(Resource<'a>)) -> Result<(), serde_json::Error>,
    ) -> Result<PageFacts, DecodeError> {
        let mut facts = PageFacts::default();
        let text = std::str::from_utf8(bytes).map_err(|_| DecodeError::NotText)?;
        let latest_ms = seen.at.saturating_add(24.hours()).unwrap_or(Timestamp::MAX).as_millisecond();
        let mut names = std::mem::take(&mut self.names);
        let read = read(text, &mut names, &mut |resource| {
            facts.resources += 1;
            match self.resource(&resource, seen, latest_ms) {
                Ok(created_ms) => facts.add_row(created_ms),
                Err(reason) => self.quarantined.push(Quarantined {
                    session_id: resource.id.as_deref().map(str::to_owned),
                    reason,
                    resource: RawValue::from_string(resource.raw.to_owned()).ok(),
                }),
            }
        });
        self.names = names;
        read.map_err(|error| {
            let (line, column) = (error.line(), error.column());
            if error.is_eof() {
                DecodeError::CutOff { line, column }
            } else {
                DecodeError::NotAPage { line, column }
            }
        })?;
        Ok(facts)
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
    fn resource(
        &mut self,
        resource: &Resource<'_>,
        seen: &Seen,
        latest_ms: i64,
    ) -> Result<i64, &'static str> {
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

/// The id and `created_at` of a resource that can become a row, or why it cannot.
fn usable<'r>(resource: &'r Resource<'_>, latest_ms: i64) -> Result<(&'r str, i64), &'static str> {
    if !resource.is_object {
        return Err("it is not an object");
    }
    if resource.kind.as_deref().is_some_and(|kind| snake(kind) != "inquiry_session") {
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

/// Unknown and wrongly typed values as `{"attributes": {…}, "relationships": {…}}`, sorted by snake_case name;
/// empty where there are none.
fn write_extra(extra: &mut String, resource: &Resource<'_>) {
    extra.clear();
    let wrong_attributes = wrong(&resource.attributes, |place| ATTRIBUTES[place].column);
    let wrong_relationships = wrong(&resource.relationships, |place| RELATIONSHIPS[place].0);
    write_members(extra, "attributes", &resource.unknown_attributes, wrong_attributes);
    write_members(extra, "relationships", &resource.unknown_relationships, wrong_relationships);
    if !extra.is_empty() {
        extra.push('}');
    }
}

fn wrong<'r>(
    slots: &'r [Slot<'r>],
    name: impl Fn(usize) -> &'static str + 'r,
) -> impl Iterator<Item = (&'static str, &'r str)> {
    slots.iter().enumerate().filter_map(move |(place, slot)| match slot {
        Slot::Wrong(raw) => Some((name(place), *raw)),
        _ => None,
    })
}

fn write_members<'r>(
    extra: &mut String,
    title: &str,
    unknown: &'r [(std::borrow::Cow<'r, str>, &'r str)],
    wrong: impl Iterator<Item = (&'static str, &'r str)>,
) {
    let unknown = unknown.iter().map(|(name, raw)| (snake(name), *raw));
    let members: BTreeMap<_, _> = unknown.chain(wrong.map(|(name, raw)| (name.into(), raw))).collect();
    if members.is_empty() {
        return;
    }
    extra.push(if extra.is_empty() { '{' } else { ',' });
    let _ = write!(extra, "\"{title}\":");
    for (nth, (name, raw)) in members.iter().enumerate() {
        extra.push(if nth == 0 { '{' } else { ',' });
        extra.push_str(&serde_json::Value::from(name.as_ref()).to_string());
        extra.push(':');
        extra.push_str(raw);
    }
    extra.push('}');
}
