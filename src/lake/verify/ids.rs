//! Sessions that are in the lake more than once, found with a bounded number of ids in memory.
//!
//! Hashes are compared first, a share of them at a time where there are too many, and the ids of those that meet
//! after. Must not know what becomes of them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hasher};

use jiff::civil::Date;

use crate::lake::Error;

/// Hashes in memory at most: 16 bytes each.
pub(super) const HELD: usize = 4 << 20;
/// Sessions that are told at most; the others are found once these are repaired.
const TOLD: usize = 100_000;

/// Smaller shares would not help any more: the ids must be the same.
const MOST_SHARES: u64 = 1 << 20;

/// A version of a session: its day, and when it was fetched, in milliseconds since 1970.
pub(super) type Place = (Date, i64);
/// Sessions that have several places, in the order of the days.
pub(super) type Twice = BTreeMap<String, Vec<Place>>;

/// Reads the ids of a day's sessions and when each was fetched.
pub(super) trait Days {
    fn each(&self, date: Date, see: &mut dyn FnMut(&str, i64)) -> Result<(), Error>;
}

pub(super) fn hash(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(id.as_bytes());
    hasher.finish()
}

/// In which of so many equal shares, a power of two of them, a hash is.
fn share_of(hash: u64, shares: u64) -> u64 {
    hash & (shares - 1)
}

/// The hashes of a share of all ids, with their days.
#[derive(Debug)]
pub(super) struct Ids {
    most: usize,
    /// One of how many equal shares it holds.
    shares: u64,
    held: Vec<(u64, Date)>,
    days: BTreeSet<Date>,
}

impl Ids {
    pub(super) fn new(most: usize) -> Self {
        Self { most, shares: 1, held: Vec::new(), days: BTreeSet::new() }
    }

    /// Takes a day's hashes in. Once there are too many, only the first share of them stays.
    pub(super) fn add(&mut self, date: Date, hashes: &[u64]) {
        self.days.insert(date);
        for hash in hashes {
            if self.held.len() == self.most && self.shares < MOST_SHARES {
                self.shares *= 2;
                let shares = self.shares;
                self.held.retain(|(hash, _)| share_of(*hash, shares) == 0);
            }
            if share_of(*hash, self.shares) == 0 {
                self.held.push((*hash, date));
            }
        }
    }

    /// The sessions that are there more than once. Where only a share of the ids was held, the days are read again
    /// for each of the others.
    pub(super) fn twice(mut self, days: &impl Days) -> Result<Twice, Error> {
        let mut twice = Twice::new();
        for share in 0..self.shares {
            if share > 0 {
                self.held.clear();
                for date in &self.days {
                    days.each(*date, &mut |id, _| {
                        let hash = hash(id);
                        if share_of(hash, self.shares) == share {
                            self.held.push((hash, *date));
                        }
                    })?;
                }
            }
            twice.extend(self.meeting(days)?);
            if twice.len() >= TOLD {
                break;
            }
        }
        Ok(twice)
    }

    /// The ids behind equal hashes, those left out that are not equal themselves.
    fn meeting(&mut self, days: &impl Days) -> Result<Twice, Error> {
        self.held.sort_unstable();
        let equal = self.held.chunk_by(|(one, _), (other, _)| one == other).filter(|equal| equal.len() > 1);
        let (mut hashes, mut dates) = (HashSet::new(), BTreeSet::new());
        for equal in equal.take(TOLD) {
            hashes.insert(equal[0].0);
            dates.extend(equal.iter().map(|(_, date)| *date));
        }
        let mut places: HashMap<String, Vec<Place>> = HashMap::new();
        for date in dates {
            days.each(date, &mut |id, fetched_ms| {
                if hashes.contains(&hash(id)) {
                    places.entry(id.to_owned()).or_default().push((date, fetched_ms));
                }
            })?;
        }
        Ok(places.into_iter().filter(|(_, places)| places.len() > 1).collect())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    struct Made(BTreeMap<Date, Vec<String>>);

    impl Days for Made {
        fn each(&self, date: Date, see: &mut dyn FnMut(&str, i64)) -> Result<(), Error> {
            self.0[&date].iter().for_each(|id| see(id, 7));
            Ok(())
        }
    }

    #[test]
    fn the_same_sessions_are_found_however_few_ids_fit_into_memory() {
        let date = |nth: usize| Date::constant(2026, 11, 1 + nth as i8);
        let mut days = Made(BTreeMap::new());
        for nth in 0..5 {
            days.0.insert(date(nth), (0..400).map(|id| format!("iqse_{nth}_{id}")).collect());
        }
        let copy =
            |days: &mut Made, id: &str, to: usize| days.0.get_mut(&date(to)).unwrap().push(id.to_owned());
        copy(&mut days, "iqse_0_17", 4);
        copy(&mut days, "iqse_2_5", 2);
        copy(&mut days, "iqse_3_9", 1);
        copy(&mut days, "iqse_3_9", 0);
        let expected = Twice::from([
            ("iqse_0_17".to_owned(), vec![(date(0), 7), (date(4), 7)]),
            ("iqse_2_5".to_owned(), vec![(date(2), 7), (date(2), 7)]),
            ("iqse_3_9".to_owned(), vec![(date(0), 7), (date(1), 7), (date(3), 7)]),
        ]);
        for most in [10_000, 2_004, 2_003, 900, 40] {
            let mut ids = Ids::new(most);
            for (date, of_day) in &days.0 {
                ids.add(*date, &of_day.iter().map(|id| hash(id)).collect::<Vec<_>>());
                assert!(ids.held.len() <= most);
            }
            assert_eq!(ids.twice(&days).unwrap(), expected, "{most}");
        }
    }
}
