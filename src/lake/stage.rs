//! The rows of a walk on their way into day files: split by day, buffered, and staged as sorted parts.
//!
//! Memory holds one checkpoint's rows at most; all else waits in parts under `_session_risk/staging/`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use arrow::array::RecordBatch;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::forgotten::Forgotten;
use super::parts::{KeyColumns, Part, by_age, sorted};
use super::{Error, Lake, layout};
use crate::range::{DayRange, day_start, utc_date};
use crate::session::Decoded;
use crate::session::decode::column_at;
use crate::session::schema::{ATTRIBUTES, RELATIONSHIPS};

/// Rows of one day that are buffered before they become a part, whether or not a checkpoint is due.
const PART_ROWS: usize = 32_768;
/// Ids of unreadable sessions that are remembered.
const UNREAD_IDS: usize = 10_000;
/// Rows of all days together that are buffered before all of them become parts.
const BUFFERED_ROWS: usize = 131_072;

/// The rows of one run that are not yet published.
#[derive(Debug)]
pub struct Stage {
    pub(super) lake: Lake,
    pub(super) run_id: String,
    /// The name of its folder under staging: the run's own, or another for each of its walks side by side.
    pub(super) folder: String,
    /// Only rows of these days are kept; the others were passed on the way.
    range: Option<DayRange>,
    days: BTreeMap<Date, StagedDay>,
    buffered: usize,
    next_part: u64,
    /// Parts whose day is published, but which the last checkpoint still names.
    pub(super) spent: Vec<Part>,
    /// What must not come back; read with the first rows.
    pub(super) forgotten: Option<Forgotten>,
    pub(super) unread: Unread,
    /// The days that were published so far.
    pub(super) published: BTreeSet<Date>,
}

/// Sessions that came in and could not become rows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Unread {
    ids: BTreeSet<String>,
    /// Whether one of them had no id: it may be any.
    any: bool,
}

impl Unread {
    /// Not one.
    pub(super) const NONE: &'static Self = &Self { ids: BTreeSet::new(), any: false };

    fn take_in(&mut self, decoded: &Decoded) {
        for quarantined in &decoded.quarantined {
            match &quarantined.session_id {
                // So many are a reason to trust no absence; there is no use in remembering them all.
                Some(id) if !id.is_empty() && self.ids.len() < UNREAD_IDS => _ = self.ids.insert(id.clone()),
                _ => self.any = true,
            }
        }
    }

    /// Whether the session may be one of them.
    pub(super) fn may_be(&self, id: &str) -> bool {
        self.any || self.ids.contains(id)
    }
}

/// One day's rows.
#[derive(Debug, Default)]
pub(super) struct StagedDay {
    buffer: Vec<RecordBatch>,
    buffered: usize,
    pub(super) parts: Vec<Part>,
    pub(super) absent: AbsentCounts,
}

impl StagedDay {
    /// The rows that are in no part, in order; none if all are.
    pub(super) fn rest(&self) -> Result<Option<RecordBatch>, Error> {
        if self.buffer.is_empty() {
            return Ok(None);
        }
        sorted(&self.buffer).map(Some).map_err(Error::arrow("sorted"))
    }
}

/// How many rows lacked the same attributes, by their mask (see [`Decoded::absent`]).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct AbsentCounts(pub(super) HashMap<u64, u64>);

impl AbsentCounts {
    /// The columns of the attributes that not one row had; none where there is no row.
    pub(super) fn throughout(&self) -> impl Iterator<Item = &'static str> {
        let missing = self.0.keys().copied().reduce(|one, other| one & other).unwrap_or_default();
        (0..ATTRIBUTES.len() + RELATIONSHIPS.len())
            .filter(move |place| missing & (1 << place) != 0)
            .map(column_at)
    }
}

/// What a stage needs to go on after its process ended.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct StageState {
    pub(super) parts: Vec<Part>,
    absent: BTreeMap<Date, Vec<(u64, u64)>>,
    next_part: u64,
    unread: Unread,
    published: BTreeSet<Date>,
}

impl Stage {
    /// An empty stage of a run, in a folder of its own. `range` drops the rows of all other days.
    pub fn new(lake: Lake, run_id: &str, folder: &str, range: Option<DayRange>) -> Self {
        Self {
            lake,
            run_id: run_id.to_owned(),
            folder: folder.to_owned(),
            range,
            days: BTreeMap::new(),
            buffered: 0,
            next_part: 0,
            spent: Vec::new(),
            forgotten: None,
            unread: Unread::default(),
            published: BTreeSet::new(),
        }
    }

    /// The stage of an interrupted run, as its checkpoint described it.
    pub fn resume(
        lake: Lake,
        run_id: &str,
        folder: &str,
        range: Option<DayRange>,
        state: StageState,
    ) -> Self {
        let mut stage = Self::new(lake, run_id, folder, range);
        stage.next_part = state.next_part;
        stage.unread = state.unread;
        stage.published = state.published;
        for part in state.parts {
            stage.days.entry(part.date).or_default().parts.push(part);
        }
        for (date, absent) in state.absent {
            stage.days.entry(date).or_default().absent = AbsentCounts(absent.into_iter().collect());
        }
        stage
    }

    /// Takes rows in, in whatever order they come; those of forgotten sessions stay out.
    ///
    /// # Errors
    /// [`Error::Store`] if a part cannot be written.
    pub fn append(&mut self, decoded: &Decoded) -> Result<(), Error> {
        self.unread.take_in(decoded);
        let forgotten = match &self.forgotten {
            Some(forgotten) => forgotten,
            None => self.forgotten.insert(self.lake.forgotten()?),
        };
        let allowed = forgotten.keep_out(decoded)?;
        let (batch, masks) = match &allowed {
            Some((batch, masks)) => (batch, masks),
            None => (&decoded.batch, &decoded.absent),
        };
        let (batch, order) = by_age(batch).map_err(Error::arrow("sorted"))?;
        let absent = |row: usize| masks[order.as_ref().map_or(row, |order| order.value(row) as usize)];
        let keys = KeyColumns::of(&batch);
        let mut from = 0;
        while from < keys.len() {
            let (date, until) = day_run(&keys, from);
            if self.range.is_none_or(|range| range.contains(date)) {
                let day = self.days.entry(date).or_default();
                day.buffer.push(batch.slice(from, until - from));
                day.buffered += until - from;
                self.buffered += until - from;
                for row in from..until {
                    *day.absent.0.entry(absent(row)).or_default() += 1;
                }
                if day.buffered >= PART_ROWS {
                    self.spill(date)?;
                }
            }
            from = until;
        }
        if self.buffered >= BUFFERED_ROWS { self.spill_all() } else { Ok(()) }
    }

    /// Writes all buffered rows as parts and says what there is: a checkpoint may then rely on it.
    ///
    /// # Errors
    /// [`Error::Store`] if a part cannot be written.
    pub fn flush(&mut self) -> Result<StageState, Error> {
        self.spill_all()?;
        let absent = |day: &StagedDay| day.absent.0.iter().map(|(mask, rows)| (*mask, *rows)).collect();
        Ok(StageState {
            parts: self.days.values().flat_map(|day| day.parts.iter().cloned()).collect(),
            absent: self.days.iter().map(|(date, day)| (*date, absent(day))).collect(),
            next_part: self.next_part,
            unread: self.unread.clone(),
            published: self.published.clone(),
        })
    }

    /// From now on only the rows of these days are kept.
    pub fn narrow(&mut self, days: DayRange) {
        self.range = Some(days);
    }

    /// The name of its folder under staging.
    pub fn folder(&self) -> &str {
        &self.folder
    }

    /// The days that have rows waiting, oldest first.
    pub fn days(&self) -> Vec<Date> {
        self.days.keys().copied().collect()
    }

    /// Whether the day was published already, be it before an interruption.
    pub fn has_published(&self, date: Date) -> bool {
        self.published.contains(&date)
    }

    /// The first day of which the lake has some of the waiting sessions already, and how many of them.
    ///
    /// # Errors
    /// [`Error`] if a part or a day file cannot be read.
    pub fn overlap(&mut self) -> Result<Option<(Date, usize)>, Error> {
        self.spill_all()?;
        for (date, day) in &self.days {
            let mut stored = self.lake.day_ids(*date)?;
            if stored.is_empty() {
                continue;
            }
            let before = stored.len();
            for part in &day.parts {
                for batch in self.lake.read_part(&self.folder, part)? {
                    let keys = KeyColumns::of(&batch.map_err(Error::arrow("read"))?);
                    (0..keys.len()).for_each(|row| _ = stored.remove(keys.at(row).1));
                }
            }
            if stored.len() < before {
                return Ok(Some((*date, before - stored.len())));
            }
        }
        Ok(None)
    }

    /// Takes a day out.
    pub(super) fn take(&mut self, date: Date) -> StagedDay {
        let day = self.days.remove(&date).unwrap_or_default();
        self.buffered -= day.buffered;
        day
    }

    /// Deletes the parts of published days: the checkpoint that named them has been replaced.
    ///
    /// # Errors
    /// [`Error::Store`] if one cannot be deleted.
    pub fn sweep(&mut self) -> Result<(), Error> {
        for part in std::mem::take(&mut self.spent) {
            self.lake.delete(&layout::staged(&self.folder, &part.name))?;
        }
        Ok(())
    }

    /// Deletes whatever the run staged.
    ///
    /// # Errors
    /// [`Error::Store`] if something cannot be deleted.
    pub fn clear(&mut self) -> Result<(), Error> {
        self.days.clear();
        self.buffered = 0;
        self.lake.clear_staging(&self.folder)
    }

    fn spill_all(&mut self) -> Result<(), Error> {
        self.days().into_iter().try_for_each(|date| self.spill(date))
    }

    fn spill(&mut self, date: Date) -> Result<(), Error> {
        let Some(day) = self.days.get_mut(&date) else { return Ok(()) };
        let Some(batch) = day.rest()? else { return Ok(()) };
        let part = self.lake.write_part(&self.folder, date, self.next_part, &batch)?;
        self.next_part += 1;
        day.parts.push(part);
        day.buffer.clear();
        self.buffered -= std::mem::take(&mut day.buffered);
        Ok(())
    }
}

/// The date of a row, and the end of the run of rows with the same date.
fn day_run(keys: &KeyColumns, from: usize) -> (Date, usize) {
    let moment = |ms| Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH);
    let date = utc_date(moment(keys.created_ms(from)));
    let begins = day_start(date).as_millisecond();
    let ends = date.tomorrow().map_or(i64::MAX, |next| day_start(next).as_millisecond());
    let until =
        (from..keys.len()).find(|row| !(begins..ends).contains(&keys.created_ms(*row))).unwrap_or(keys.len());
    (date, until)
}
