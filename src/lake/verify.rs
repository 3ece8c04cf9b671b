//! Every day file against its record, and all of them against each other: what is not as it should be.
//!
//! Looking only reads, and takes no lock: a day whose record moved while it was looked at is looked at again. Memory
//! holds one day file and a bounded number of hashes. Must not know how findings are shown.

mod compare;
mod day;
mod finding;
mod ids;
mod rebuild;
mod repair;
mod surplus;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use object_store::path::Path as Key;

use self::compare::{about_day, about_lake, lost, told};
use self::day::DayFile;
use self::ids::{Ids, Twice};
use super::manifest::{DayRecord, LakeRecord};
use super::{Error, Lake, layout};

pub use finding::{Finding, What};
pub use rebuild::Rebuilt;
pub use repair::{Done, Mended, Repaired};

/// How often a day is looked at whose record moves meanwhile.
const LOOKS: u32 = 5;

/// What a look at a lake came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verification {
    /// Day files.
    pub days: u64,
    /// Rows in those that could be read.
    pub sessions: u64,
    /// Bytes of all of them.
    pub bytes: u64,
    /// What was found: of the lake as a whole first, then day by day.
    pub findings: Vec<Finding>,
}

impl Verification {
    /// Whether the lake is as it should be.
    pub fn is_sound(&self) -> bool {
        !self.findings.iter().any(|finding| finding.what.is_fault())
    }
}

/// A record of which one may be needed all the same.
#[derive(Debug, Clone, PartialEq)]
enum Recorded<T> {
    No,
    Yes(T),
    Unreadable(String),
}

impl<T> Recorded<T> {
    fn read(read: Result<Option<T>, Error>) -> Result<Self, Error> {
        match read {
            Ok(record) => Ok(record.map_or(Self::No, Self::Yes)),
            Err(Error::Record { source, .. }) => Ok(Self::Unreadable(source.to_string())),
            Err(error) => Err(error),
        }
    }

    fn as_ref(&self) -> Option<&T> {
        match self {
            Self::Yes(record) => Some(record),
            Self::No | Self::Unreadable(_) => None,
        }
    }
}

/// A day as it was found.
#[derive(Debug)]
struct Day {
    record: Recorded<DayRecord>,
    file: Option<DayFile>,
    found: Vec<What>,
}

impl Day {
    fn of(record: Recorded<DayRecord>, file: Option<DayFile>, lake: Option<&LakeRecord>) -> Self {
        let found = about_day(&record, file.as_ref(), lake);
        Self { record, file, found }
    }

    fn checksum(&self) -> Option<&String> {
        self.file.as_ref().map(|file| &file.sha256)
    }
}

/// A lake as it was found.
#[derive(Debug)]
struct Found {
    lake: Recorded<LakeRecord>,
    days: BTreeMap<Date, Day>,
    twice: Twice,
    /// What is about no day that can be mended by itself.
    others: Vec<Finding>,
}

impl Lake {
    /// Looks at every day file, every record, and whatever else lies in the lake.
    ///
    /// # Errors
    /// [`Error::Store`] if the lake cannot be read. What is wrong with it is no error but a finding.
    pub fn verify(&self, now: Timestamp) -> Result<Verification, Error> {
        Ok(self.look(now)?.verification())
    }

    fn look(&self, now: Timestamp) -> Result<Found, Error> {
        // Before anything else: a run says last of all that it walked a day.
        let lake = Recorded::read(self.read_json(&layout::lake_record()))?;
        let mut others = Vec::new();
        let mut dates = BTreeSet::new();
        let records = (self.list(&layout::day_records())?, layout::day_of_record as fn(&Key) -> _);
        let files = (self.list(&layout::day_files())?, layout::day_of_file as fn(&Key) -> _);
        for ((keys, day_of), stray) in [(records, What::StrayRecord), (files, What::Stray)] {
            for key in keys {
                match day_of(&key) {
                    Some(date) => _ = dates.insert(date),
                    None => others.push(Finding { day: None, key: key.to_string(), what: stray.clone() }),
                }
            }
        }
        let about_lake = about_lake(&lake, dates.is_empty(), now);
        let key = layout::lake_record().to_string();
        others.extend(about_lake.into_iter().map(|what| Finding { day: None, key: key.clone(), what }));
        others.extend(self.leftovers()?);

        let mut ids = Ids::new(ids::HELD);
        let mut days = BTreeMap::new();
        for date in dates {
            let Some(mut day) = self.look_at(date, lake.as_ref())? else { continue };
            if let Some(Ok(content)) = day.file.as_mut().map(|file| file.content.as_mut()) {
                ids.add(date, &std::mem::take(&mut content.hashes));
            }
            days.insert(date, day);
        }
        for date in lake.as_ref().into_iter().flat_map(|lake| lost(lake, &days)).collect::<Vec<_>>() {
            let found = vec![What::DayMissing];
            days.insert(date, Day { record: Recorded::No, file: None, found });
        }
        let twice = ids.twice(self)?;
        for (date, what) in told(&twice) {
            days.entry(date).and_modify(|day| day.found.push(what));
        }
        Ok(Found { lake, days, twice, others })
    }

    /// Looks at a day until it stands still; none if it is gone by now.
    fn look_at(&self, date: Date, lake: Option<&LakeRecord>) -> Result<Option<Day>, Error> {
        let mut looks = 0;
        let mut before = None;
        loop {
            let record = self.recorded(date)?;
            let file = self.examine(date)?;
            if file.is_none() && record == Recorded::No {
                return Ok(None);
            }
            let day = Day::of(record, file, lake);
            let stand = (day.record.clone(), day.checksum().cloned());
            looks += 1;
            if !day.found.iter().any(What::is_fault) || before.as_ref() == Some(&stand) || looks == LOOKS {
                return Ok(Some(day));
            }
            before = Some(stand);
            let intended = self.intended(date)?;
            if let Some(record) = intended.filter(|intended| Some(&intended.sha256) == day.checksum()) {
                let mut day = Day::of(Recorded::Yes(record), day.file, lake);
                day.found.push(What::Unrecorded);
                return Ok(Some(day));
            }
        }
    }

    fn recorded(&self, date: Date) -> Result<Recorded<DayRecord>, Error> {
        Ok(match Recorded::read(self.read_json::<DayRecord>(&layout::day_record(date)))? {
            Recorded::Yes(record) if record.date != date => {
                Recorded::Unreadable(format!("it is of {}", record.date))
            }
            recorded => recorded,
        })
    }

    /// What runs and repairs left behind.
    fn leftovers(&self) -> Result<Vec<Finding>, Error> {
        let left = |key: Key, what| Finding { day: None, key: key.to_string(), what };
        let staged =
            self.staged_folders()?.into_iter().map(|run| left(layout::staged(&run, ""), What::Staged));
        let mut found: Vec<Finding> = staged.collect();
        let files = self.list(&layout::damaged())?.len();
        if files > 0 {
            found.push(left(layout::damaged(), What::PutAside { files }));
        }
        Ok(found)
    }
}

impl Found {
    fn verification(&self) -> Verification {
        let files = || self.days.values().filter_map(|day| day.file.as_ref());
        let rows = |file: &DayFile| file.content.as_ref().map_or(0, |content| content.says.rows);
        let of_days = self.days.iter().flat_map(|(date, day)| {
            day.found.iter().map(|what| Finding {
                day: Some(*date),
                key: match day.file {
                    Some(_) => layout::day_file(*date).to_string(),
                    None => layout::day_record(*date).to_string(),
                },
                what: what.clone(),
            })
        });
        Verification {
            days: files().count() as u64,
            sessions: files().map(rows).sum(),
            bytes: files().map(|file| file.bytes).sum(),
            findings: self.others.iter().cloned().chain(of_days).collect(),
        }
    }
}
