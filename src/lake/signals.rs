//! Which signals were seen, and when first and last: so that a new one, and one that is gone, is told once.
//!
//! Names of attributes, and the values of those with a small vocabulary, by the days on which their sessions were
//! created. Never an address, an id or whatever else may be personal. Nothing depends on it but what is told.

use std::collections::BTreeMap;
use std::fmt;

use arrow::array::{Array, AsArray};
use arrow::datatypes::TimestampMillisecondType;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::manifest::MANIFEST_VERSION;
use super::{Error, LOOK_BACK_DAYS, Lake, layout};
use crate::range::utc_date;
use crate::session::Decoded;
use crate::session::decode::column_at;
use crate::session::schema::{ATTRIBUTES, CREATED_AT, RELATIONSHIPS, place_of};

/// Attributes whose values are few, and say nothing of a person.
const VOCABULARIES: [&str; 8] = [
    "status",
    "threat_level",
    "device_type",
    "os_name",
    "mobile_sdk_name",
    "device_handoff_method",
    "gps_precision",
    "ip_connection_type",
];
/// The columns of attributes and relationships.
const COLUMNS: usize = ATTRIBUTES.len() + RELATIONSHIPS.len();
/// Values of one attribute, and names of unknown ones, that are kept; further ones are neither kept nor told.
const MOST: usize = 64;
/// Bytes of a value or a name that is kept: a longer one is no word of a vocabulary.
const LONGEST: usize = 64;
/// Rows of a run from which on it means something that an attribute is absent from all of them.
const ENOUGH_ROWS: usize = 20;

/// What signals a lake's runs have seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignalsRecord {
    /// The version of the records.
    pub version: u32,
    /// The days of all sessions that were looked at.
    pub sessions: Option<Days>,
    /// The documented attributes that ever had a value, by column.
    pub attributes: BTreeMap<String, Signal>,
    /// The names that the API gave and the documents do not: their values are in `extra`.
    pub unknown: BTreeMap<String, Days>,
}

/// From the first to the last day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Days {
    /// The day of the oldest session with it.
    pub first_seen: Date,
    /// The day of the newest session with it.
    pub last_seen: Date,
}

/// A documented attribute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signal {
    /// The days of the sessions in which it had a value.
    #[serde(flatten)]
    pub days: Days,
    /// The newest session of the first run in which it was absent throughout, if it has not come back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absent_since: Option<Date>,
    /// Its values, where they are a small vocabulary.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, Days>,
}

/// Something about the signals that was not so before.
#[derive(Debug, Clone, PartialEq, Eq)]
enum News {
    /// An attribute that never had a value, or was never there.
    Attribute(String),
    /// A value that an attribute never had.
    Value(String, String),
    /// An attribute that had values, and is absent from every session of a run.
    Absent(String),
}

impl fmt::Display for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Both come from the API: quoted, so that they do not steer a terminal.
        match self {
            Self::Attribute(name) => write!(f, "new since the last run: the attribute {name:?}"),
            Self::Value(name, value) => write!(f, "new since the last run: {name} has the value {value:?}"),
            Self::Absent(name) => write!(
                f,
                "{name} had values, and is absent from every session of this run; look at the key's attribute blocklist and the template's signals"
            ),
        }
    }
}

/// What one run saw of the signals.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sightings {
    rows: usize,
    sessions: Option<Span>,
    /// A bit for each column that was there in some row, null or not.
    present: u64,
    attributes: Vec<Option<Span>>,
    values: [Vec<(String, Span)>; VOCABULARIES.len()],
    unknown: BTreeMap<String, Span>,
}

/// From the oldest to the newest `created_at`, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    first: i64,
    last: i64,
}

impl Span {
    fn of(mut moments: impl Iterator<Item = i64>) -> Option<Self> {
        let first = moments.next()?;
        Some(moments.fold(Self { first, last: first }, |span, at| span.with(Self { first: at, last: at })))
    }

    fn with(self, other: Self) -> Self {
        Self { first: self.first.min(other.first), last: self.last.max(other.last) }
    }

    fn days(self) -> Days {
        let day = |ms| utc_date(Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH));
        Days { first_seen: day(self.first), last_seen: day(self.last) }
    }
}

impl Days {
    fn with(self, other: Self) -> Self {
        Self {
            first_seen: self.first_seen.min(other.first_seen),
            last_seen: self.last_seen.max(other.last_seen),
        }
    }
}

impl Sightings {
    /// Looks at decoded rows: a few comparisons a row, since most values were seen before.
    pub(super) fn see(&mut self, decoded: &Decoded) {
        let batch = &decoded.batch;
        let created =
            batch.column(place_of_bit(CREATED_AT)).as_primitive::<TimestampMillisecondType>().values();
        let Some(span) = Span::of(created.iter().copied()) else { return };
        self.rows += created.len();
        self.sessions = Some(self.sessions.map_or(span, |seen| seen.with(span)));
        self.present = decoded.absent.iter().fold(self.present, |present, absent| present | !absent);
        self.attributes.resize(COLUMNS, None);
        let newest_first = created.is_sorted_by(|newer, older| newer >= older);
        for (nth, seen) in self.attributes.iter_mut().enumerate() {
            let column = batch.column(place_of_bit(nth));
            if seen.is_none_or(|seen| seen.with(span) != seen) {
                let mut known = (0..column.len()).filter(|row| column.is_valid(*row)).map(|row| created[row]);
                let found = match () {
                    () if column.null_count() == 0 => Some(span),
                    // As pages come: the first and the last that are known say it.
                    () if newest_first => Span::of([known.next(), known.next_back()].into_iter().flatten()),
                    () => Span::of(known),
                };
                *seen = seen.map_or(found, |seen| Some(found.map_or(seen, |found| seen.with(found))));
            }
        }
        for (name, seen) in VOCABULARIES.iter().zip(&mut self.values) {
            let Some(column) = batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>())
            else {
                continue;
            };
            // Where the one before was found: many a value comes again at once.
            let mut before = 0;
            for (value, at) in column.iter().zip(created) {
                let Some(value) = value else { continue };
                let at = Span { first: *at, last: *at };
                let is_it = |(known, _): &(String, Span)| known == value;
                let again = seen.get(before).is_some_and(is_it).then_some(before);
                match again.or_else(|| seen.iter().position(is_it)) {
                    Some(place) => {
                        seen[place].1 = seen[place].1.with(at);
                        before = place;
                    }
                    None if seen.len() < MOST && value.len() <= LONGEST => {
                        before = seen.len();
                        seen.push((value.to_owned(), at));
                    }
                    None => {}
                }
            }
        }
        let extra = batch.column_by_name("extra").and_then(|column| column.as_string_opt::<i32>());
        for (text, at) in extra.into_iter().flatten().zip(created) {
            text.into_iter().for_each(|text| self.see_unknown(text, *at));
        }
    }

    fn see_unknown(&mut self, extra: &str, at: i64) {
        #[derive(Deserialize)]
        struct Names {
            #[serde(default)]
            attributes: BTreeMap<String, IgnoredAny>,
            #[serde(default)]
            relationships: BTreeMap<String, IgnoredAny>,
        }
        // The decoder has written it.
        let Ok(Names { attributes, relationships }) = serde_json::from_str(extra) else { return };
        let at = Span { first: at, last: at };
        for name in attributes.into_keys().chain(relationships.into_keys()) {
            if let Some(span) = self.unknown.get_mut(&name) {
                *span = span.with(at);
            } else if self.unknown.len() < MOST && name.len() <= LONGEST && !is_documented(&name) {
                self.unknown.insert(name, at);
            }
        }
    }

    fn is_absent(&self, nth: usize) -> bool {
        self.rows >= ENOUGH_ROWS && self.present & (1 << nth) == 0
    }
}

impl SignalsRecord {
    /// Takes in what a run saw, and says what of it is news: nothing where no run saw anything before, and nothing
    /// that only old sessions have, as they were merely not looked at until now.
    fn take_in(&mut self, seen: &Sightings) -> Vec<News> {
        let mut news = Vec::new();
        let Some(sessions) = seen.sessions.map(Span::days) else { return news };
        let recent = self.sessions.map(|before| before.last_seen.saturating_sub(LOOK_BACK_DAYS.days()));
        let is_recent = |days: Days| recent.is_some_and(|recent| recent <= days.last_seen);
        for (nth, span) in seen.attributes.iter().enumerate() {
            let name = column_at(nth);
            let known = self.attributes.get_mut(name);
            match (known, span.map(Span::days)) {
                (None, None) => {}
                (None, Some(days)) => {
                    if is_recent(days) {
                        news.push(News::Attribute(name.to_owned()));
                    }
                    let signal = Signal { days, absent_since: None, values: BTreeMap::new() };
                    self.attributes.insert(name.to_owned(), signal);
                }
                (Some(signal), Some(days)) => {
                    signal.days = signal.days.with(days);
                    signal.absent_since = None;
                }
                (Some(signal), None) if seen.is_absent(nth) => {
                    if signal.absent_since.is_none() && is_recent(signal.days) && is_recent(sessions) {
                        signal.absent_since = Some(sessions.last_seen);
                        news.push(News::Absent(name.to_owned()));
                    }
                }
                (Some(_), None) => {}
            }
        }
        for (name, values) in VOCABULARIES.iter().zip(&seen.values) {
            let Some(signal) = self.attributes.get_mut(*name) else { continue };
            let is_new = news.contains(&News::Attribute((*name).to_owned()));
            for (value, span) in values {
                if note(&mut signal.values, value, span.days()) && !is_new && is_recent(span.days()) {
                    news.push(News::Value((*name).to_owned(), value.clone()));
                }
            }
        }
        for (name, span) in &seen.unknown {
            if note(&mut self.unknown, name, span.days()) && is_recent(span.days()) {
                news.push(News::Attribute(name.clone()));
            }
        }
        self.version = MANIFEST_VERSION;
        self.sessions = Some(self.sessions.map_or(sessions, |before| before.with(sessions)));
        news
    }
}

/// Notes that a name was seen; true if it is a new one.
fn note(known: &mut BTreeMap<String, Days>, name: &str, days: Days) -> bool {
    if let Some(before) = known.get_mut(name) {
        *before = before.with(days);
        return false;
    }
    let has_room = known.len() < MOST;
    if has_room {
        known.insert(name.to_owned(), days);
    }
    has_room
}

/// Where a column of [`column_at`] stands in a batch: after the environment's and the session's id come the related
/// ids, and then the attributes.
fn place_of_bit(nth: usize) -> usize {
    nth.checked_sub(ATTRIBUTES.len()).map_or(place_of(nth), |related| 2 + related)
}

/// Whether a name in `extra` is a documented one, there because its value is of another type.
fn is_documented(name: &str) -> bool {
    ATTRIBUTES.iter().any(|attribute| attribute.column == name)
        || RELATIONSHIPS.iter().any(|(relationship, _)| *relationship == name)
}

impl Lake {
    /// What signals the lake's runs have seen. A record that cannot be understood is as good as none.
    ///
    /// # Errors
    /// [`Error::Store`] if it cannot be read.
    pub fn signals(&self) -> Result<SignalsRecord, Error> {
        match self.read_json(&layout::signals_record()) {
            Err(Error::Record { .. }) => Ok(SignalsRecord::default()),
            read => Ok(read?.unwrap_or_default()),
        }
    }

    /// Keeps what a run saw of the signals, and warns once of what is new and of what is gone.
    pub(super) fn note_signals(&self, seen: &Sightings) -> Result<(), Error> {
        let before = self.signals()?;
        let mut record = before.clone();
        for news in record.take_in(seen) {
            tracing::warn!("{news}");
        }
        if record == before { Ok(()) } else { self.write_json(&layout::signals_record(), &record) }
    }
}

#[cfg(test)]
mod tests;
