//! Which version of a session stays where a lake has several.
//!
//! Must not know where the rows go.

use std::collections::{HashMap, HashSet};

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use jiff::civil::Date;

use super::Found;
use super::ids::Place;
use super::repair::Fate;
use crate::lake::Error;
use crate::lake::parts::KeyColumns;

/// The versions of sessions that are to go, where there are several: all but the one that was fetched last.
pub(super) struct Surplus {
    stays: HashMap<String, Place>,
    /// Those that were come by.
    seen: HashSet<String>,
    pub(super) days: HashSet<Date>,
}

impl Surplus {
    pub(super) fn of(found: &Found) -> Self {
        let mut surplus = Self { stays: HashMap::new(), seen: HashSet::new(), days: HashSet::new() };
        let is_readable = |date: &Date| {
            found.days.get(date).is_some_and(|day| matches!(day.fate(), Fate::Keep | Fate::Rewrite))
        };
        for (id, places) in &found.twice {
            let places: Vec<Place> = places.iter().filter(|(date, _)| is_readable(date)).copied().collect();
            let Some(last) = places.iter().max_by_key(|(date, fetched)| (*fetched, *date)) else { continue };
            if places.len() > 1 {
                surplus.stays.insert(id.clone(), *last);
                surplus.days.extend(places.iter().map(|(date, _)| *date));
            }
        }
        surplus
    }

    /// A day's rows without those that are to go.
    pub(super) fn taken_from(&mut self, batch: &RecordBatch, date: Date) -> Result<RecordBatch, Error> {
        let keys = KeyColumns::of(batch);
        let mut stays = |row: usize| {
            let id = keys.at(row).1;
            let Some(place) = self.stays.get(id) else { return true };
            *place == (date, keys.fetched_ms(row)) && self.seen.insert(id.to_owned())
        };
        let stays: BooleanArray = (0..keys.len()).map(|row| Some(stays(row))).collect();
        filter_record_batch(batch, &stays).map_err(Error::arrow("filtered"))
    }
}
