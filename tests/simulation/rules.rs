//! What a lake must hold after a run: what the API listed then, but for what the rules let the run not see.
//!
//! Each session has a floor: the last run that had to see it. Whatever the lake says of it must have been so at that
//! run or later; where something changed while a run went on, it may have seen it before or after. A run that ends early has to see nothing; one that says that it is done had to see
//!
//! - with `--full`, everything of its range;
//! - what was never walked, from the lake's first day on. What runs that ended early had walked counts as theirs;
//! - the days of the look-back that no run can have sealed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use session_risk::lake::{Interval, LakeRecord};
use session_risk::range::{day_end, day_start, utc_date};

use super::history::{BLOCKED, Run};
use crate::lake_files::Row;

/// What the API listed while a run went on.
#[derive(Debug)]
struct Snapshot {
    at: Timestamp,
    before: HashMap<String, Said>,
    after: HashMap<String, Said>,
}

/// What was said of a session, as numbers.
#[derive(Debug, Clone, Copy)]
struct Said {
    all: u64,
    /// Without what a key's blocklist may hide.
    of_the_rest: u64,
}

impl Said {
    fn of(row: &Row) -> Self {
        let blocked = BLOCKED.iter().copied().flatten().map(|name| name.replace('-', "_"));
        let mut rest = row.clone();
        blocked.chain(["extra".to_owned()]).for_each(|column| _ = rest.remove(&column));
        Self { all: digest(row), of_the_rest: digest(&rest) }
    }
}

impl Snapshot {
    /// Whether that was said of a session. Where values that were hidden had to be kept, a row is put together from
    /// what was said at different times.
    fn says(&self, id: &str, said: Said, kept_hidden: bool) -> bool {
        [&self.before, &self.after]
            .iter()
            .filter_map(|listed| listed.get(id))
            .any(|listed| listed.all == said.all || kept_hidden && listed.of_the_rest == said.of_the_rest)
    }

    /// Whether the session was listed all the time.
    fn lists(&self, id: &str) -> bool {
        self.before.contains_key(id) && self.after.contains_key(id)
    }
}

/// What stays the same of a session.
#[derive(Debug, Clone, Copy)]
struct Place {
    created: Timestamp,
    date: Date,
}

#[derive(Debug, Default)]
pub(super) struct Rules {
    look_back_days: u32,
    snapshots: Vec<Snapshot>,
    places: BTreeMap<String, Place>,
    /// For each session the run that may have been the first to see it as of its floor, and the one that was done.
    floors: HashMap<String, (usize, usize)>,
    covered: LakeRecord,
    first_day: Option<Date>,
    /// The newest session that any run so far can have seen.
    newest: Option<Timestamp>,
    sealable: BTreeSet<Date>,
    /// The first of the runs that ended early since the last that did not.
    interrupted: Option<usize>,
    /// Whether a run kept values that were hidden from it.
    pub(super) kept_hidden: bool,
}

impl Rules {
    pub(super) fn new(look_back_days: u32) -> Self {
        Self { look_back_days, ..Self::default() }
    }

    /// A run began at a moment, while the API listed the one, and ended, done or not, when it listed the other.
    pub(super) fn ran(
        &mut self,
        run: &Run,
        at: Timestamp,
        before: &BTreeMap<String, Row>,
        after: &BTreeMap<String, Row>,
        done: bool,
    ) {
        let now = self.snapshots.len();
        for (id, row) in before.iter().chain(after) {
            let created: Timestamp = row["created_at"].as_str().unwrap().parse().unwrap();
            self.places.insert(id.clone(), Place { created, date: utc_date(created) });
        }
        let said = |truth: &BTreeMap<String, Row>| {
            truth.iter().map(|(id, row)| (id.clone(), Said::of(row))).collect::<HashMap<_, _>>()
        };
        self.snapshots.push(Snapshot { at, before: said(before), after: said(after) });
        let range = run.range.since.unwrap_or(Date::MIN)..=run.range.until.unwrap_or(Date::MAX);
        let seen = self.places.iter().filter(|(_, place)| range.contains(&place.date) && place.created <= at);
        let seen: Vec<(String, usize, Date)> = seen
            .filter_map(|(id, place)| Some((id.clone(), self.must_see(run, *place, now)?, place.date)))
            .collect();
        if done {
            self.floors.extend(seen.iter().map(|(id, floor, _)| (id.clone(), (*floor, now))));
        }
        // A day is sealed by a run that walks it long enough after its end and finds nothing that goes on.
        let an_hour_later = |date: Date| day_end(date) + 1.hour() <= at;
        let dates: BTreeSet<Date> =
            seen.into_iter().map(|(_, _, date)| date).filter(|date| an_hour_later(*date)).collect();
        for truth in [before, after] {
            let goes_on = truth.iter().filter(|(_, row)| row["status"] != "expired");
            let goes_on: BTreeSet<Date> = goes_on.map(|(id, _)| self.places[id].date).collect();
            self.sealable.extend(dates.difference(&goes_on));
        }
        if done {
            self.take_note_of_end(run, at);
        } else {
            self.interrupted.get_or_insert(now);
        }
        let listed = before.keys().chain(after.keys());
        self.newest = self.newest.max(listed.map(|id| self.places[id].created).max());
    }

    fn take_note_of_end(&mut self, run: &Run, at: Timestamp) {
        let is_first = self.covered.covered.is_empty();
        let until = run.range.until.map_or(at, |until| day_end(until).min(at));
        let from = run.range.since.map(day_start);
        if from.is_none_or(|from| from <= until) {
            self.covered.cover(Interval { from, until });
        }
        self.first_day = match (self.first_day, run.range.since) {
            (Some(old), Some(new)) => Some(old.min(new)),
            (None, Some(new)) if is_first => Some(new),
            (Some(old), None) if !run.full => Some(old),
            _ => None,
        };
        self.interrupted = None;
    }

    /// The run, this one or an earlier one, as of which a session must be known if this one says that it is done.
    fn must_see(&self, run: &Run, place: Place, now: usize) -> Option<usize> {
        if run.full {
            return Some(now);
        }
        if run.range.since.is_none() && self.first_day.is_some_and(|first| place.date < first) {
            return None;
        }
        let first =
            self.newest.map(|newest| utc_date(newest).saturating_sub(i64::from(self.look_back_days).days()));
        let is_due = first.is_none_or(|first| first <= place.date);
        if is_due && !self.sealable.contains(&place.date) {
            // What an interrupted run saw within the hour counts as fresh to the one that goes on.
            let an_hour_ago = self.snapshots[now].at - 1.hour();
            let fresh = |earlier: &usize| self.snapshots[*earlier].at >= an_hour_ago;
            return Some(
                self.interrupted.into_iter().flat_map(|first| first..now).find(fresh).unwrap_or(now),
            );
        }
        if self.covered.covers(place.created, place.created) {
            return None;
        }
        let was_there = |earlier: &usize| self.snapshots[*earlier].at >= place.created;
        Some(self.interrupted.into_iter().flat_map(|first| first..now).find(was_there).unwrap_or(now))
    }

    /// Whether every run from one to another could see a session, whenever it came to its place.
    fn listed_throughout(&self, id: &str, first: usize, last: usize) -> bool {
        self.snapshots[first..=last].iter().all(|snapshot| snapshot.lists(id))
    }

    /// Compares what a lake holds with what it must hold.
    pub(super) fn check(
        &self,
        held: &BTreeMap<String, Row>,
        truth: &BTreeMap<String, Row>,
    ) -> Result<(), String> {
        let last = self.snapshots.len() - 1;
        for (id, (floor, _)) in &self.floors {
            if self.listed_throughout(id, *floor, last) && !held.contains_key(id) {
                let Place { created, .. } = self.places[id];
                return Err(format!("{id} of {created} is missing; run {floor} had to see it"));
            }
        }
        for (id, row) in held {
            let (floor, _) = self.floors.get(id).copied().unwrap_or((0, 0));
            let said = Said::of(row);
            let says = |snapshot: &Snapshot| snapshot.says(id, said, self.kept_hidden);
            if !self.snapshots[floor..].iter().any(says) {
                let when = self.snapshots.iter().position(says);
                return Err(format!(
                    "{id} is as run {when:?} saw it, and run {floor} had to see it:{}",
                    differences(row, truth.get(id))
                ));
            }
        }
        Ok(())
    }

    /// Compares a lake with the truth after a full walk.
    pub(super) fn check_all(
        &self,
        held: &BTreeMap<String, Row>,
        truth: &BTreeMap<String, Row>,
    ) -> Result<(), String> {
        let missing = truth.keys().find(|id| !held.contains_key(*id));
        let differing = held.iter().find(|(id, row)| match truth.get(*id) {
            Some(listed) => *row != listed,
            None => true,
        });
        match (missing, differing) {
            (None, None) => Ok(()),
            (Some(id), _) => Err(format!("{id} is missing after a full walk")),
            (_, Some((id, row))) => {
                Err(format!("{id} differs after a full walk:{}", differences(row, truth.get(id))))
            }
        }
    }
}

/// A row as a number: many versions of many rows are to be remembered.
pub(super) fn digest(row: &Row) -> u64 {
    let mut hasher = DefaultHasher::new();
    serde_json::to_string(row).unwrap().hash(&mut hasher);
    hasher.finish()
}

fn differences(held: &Row, listed: Option<&Row>) -> String {
    let Some(listed) = listed else { return format!(" not listed now, but held, of {}", held["created_at"]) };
    let differ = held.iter().filter(|(column, value)| listed[*column] != **value);
    let told: Vec<String> =
        differ.map(|(column, value)| format!("{column} {value}, listed {}", listed[column])).collect();
    format!(" created {}; {}", held["created_at"], told.join("; "))
}
