//! What was forgotten, as hashes: by them every writer keeps out what must not come back.
//!
//! One file a run that forgot something, so that none is ever changed by another run. Ids are random and long: nobody
//! finds them by trying. Must not know where rows come from.

use std::collections::BTreeSet;

use arrow::array::{Array, BooleanArray, RecordBatch, StringArray, cast::AsArray};
use arrow::compute::filter_record_batch;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::parts::{INQUIRY_ID, SESSION_ID};
use super::{Error, Lake, hexadecimal, layout};
use crate::session::Decoded;

/// SHA-256 of an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
struct Hashed([u8; 32]);

/// Not a SHA-256 in hexadecimal.
#[derive(Debug, thiserror::Error)]
#[error("a hash is 64 hexadecimal digits")]
struct NotAHash;

impl Hashed {
    fn of(id: &str) -> Self {
        Self(Sha256::digest(id.as_bytes()).into())
    }
}

impl From<Hashed> for String {
    fn from(hashed: Hashed) -> Self {
        hexadecimal(&hashed.0)
    }
}

impl TryFrom<String> for Hashed {
    type Error = NotAHash;

    fn try_from(text: String) -> Result<Self, NotAHash> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err(NotAHash);
        }
        for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| NotAHash)?;
        }
        Ok(Self(bytes))
    }
}

/// The sessions that must not come back, and the inquiries of which none may.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Forgotten {
    sessions: BTreeSet<Hashed>,
    inquiries: BTreeSet<Hashed>,
}

impl Forgotten {
    /// Of these ids.
    pub(super) fn of<'a>(
        sessions: impl Iterator<Item = &'a String>,
        inquiries: impl Iterator<Item = &'a String>,
    ) -> Self {
        let hashed = |id: &String| Hashed::of(id);
        Self { sessions: sessions.map(hashed).collect(), inquiries: inquiries.map(hashed).collect() }
    }

    /// Whether the session must not come back, its inquiry left aside.
    pub(super) fn holds(&self, session_id: &str) -> bool {
        !self.sessions.is_empty() && self.sessions.contains(&Hashed::of(session_id))
    }

    fn join(&mut self, other: Self) {
        self.sessions.extend(other.sessions);
        self.inquiries.extend(other.inquiries);
    }

    /// The rows that may come in, with the attributes that each lacked; none if all may.
    pub(super) fn keep_out(&self, decoded: &Decoded) -> Result<Option<(RecordBatch, Vec<u64>)>, Error> {
        if self.sessions.is_empty() && self.inquiries.is_empty() {
            return Ok(None);
        }
        let ids = |column: usize| decoded.batch.column(column).as_string::<i32>();
        let (sessions, inquiries) = (ids(SESSION_ID), ids(INQUIRY_ID));
        let is_in = |set: &BTreeSet<Hashed>, ids: &StringArray, row: usize| {
            !set.is_empty() && ids.is_valid(row) && set.contains(&Hashed::of(ids.value(row)))
        };
        let may_come = |row| !is_in(&self.sessions, sessions, row) && !is_in(&self.inquiries, inquiries, row);
        let may_come: BooleanArray = (0..decoded.batch.num_rows()).map(|row| Some(may_come(row))).collect();
        let kept_out = decoded.batch.num_rows() - may_come.true_count();
        if kept_out == 0 {
            return Ok(None);
        }
        tracing::debug!(sessions = kept_out, "sessions that were forgotten were left out");
        let batch = filter_record_batch(&decoded.batch, &may_come).map_err(Error::arrow("filtered"))?;
        let absent = decoded.absent.iter().zip(may_come.values());
        Ok(Some((batch, absent.filter(|(_, may_come)| *may_come).map(|(mask, _)| *mask).collect())))
    }
}

impl Lake {
    /// All that was ever forgotten.
    pub(super) fn forgotten(&self) -> Result<Forgotten, Error> {
        let mut all = Forgotten::default();
        for key in self.list(&layout::forgotten())? {
            if let Some(of_a_run) = self.read_json(&key)? {
                all.join(of_a_run);
            }
        }
        Ok(all)
    }

    /// Keeps what a run forgets, from now on and for good.
    pub(super) fn record_forgotten(&self, run_id: &str, mut forgotten: Forgotten) -> Result<(), Error> {
        let key = layout::forgotten_by(run_id);
        // A run of the same name had got so far before: what it found may be gone from the days already.
        if let Some(before) = self.read_json(&key)? {
            forgotten.join(before);
        }
        self.write_json(&key, &forgotten)
    }
}
