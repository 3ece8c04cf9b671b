//! What is wrong with a day's file, its record, and the lake's, told from what was read of them.
//!
//! Must not read anything itself.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use super::day::DayFile;
use super::finding::What;
use super::ids::Twice;
use super::{Day, Recorded};
use crate::lake::manifest::{DayRecord, Interval, LakeRecord};
use crate::range::{day_end, day_start};

/// What is wrong with the record of the lake as a whole.
pub(super) fn about_lake(lake: &Recorded<LakeRecord>, is_empty: bool, now: Timestamp) -> Vec<What> {
    match lake {
        Recorded::Yes(lake) => out_of_place(&lake.covered, now).into_iter().collect(),
        Recorded::Unreadable(reason) => vec![What::RecordUnreadable { reason: reason.clone() }],
        Recorded::No if is_empty => Vec::new(),
        Recorded::No => vec![What::RecordMissing],
    }
}

/// Why stretches cannot have been walked.
fn out_of_place(covered: &[Interval], now: Timestamp) -> Option<What> {
    let soon = now.saturating_add(1.hour()).unwrap_or(Timestamp::MAX);
    let begins = |interval: &Interval| interval.from.unwrap_or(Timestamp::MIN);
    let reason = if covered.iter().any(|interval| begins(interval) > interval.until) {
        "end before they begin"
    } else if !covered.is_sorted_by(|older, newer| older.until < begins(newer)) {
        "overlap"
    } else if covered.iter().any(|interval| interval.until > soon) {
        "reach into the future"
    } else {
        return None;
    };
    Some(What::Covered { reason })
}

/// Days that were walked, between the first and the last that the API had sessions of, and of which nothing is there.
/// Below the first there may be days that need no record: the API has nothing older.
pub(super) fn lost(lake: &LakeRecord, days: &BTreeMap<Date, Day>) -> Vec<Date> {
    let is_walked = |record: &DayRecord| record.complete && !record.imported && record.rows > 0;
    let walked = |(_, day): &(&Date, &Day)| day.record.as_ref().is_some_and(is_walked);
    let (Some((first, _)), Some((last, _))) = (days.iter().find(walked), days.iter().rfind(walked)) else {
        return Vec::new();
    };
    let between = first.series(1.day()).take_while(|date| date < last);
    let is_lost = |date: &Date| !days.contains_key(date) && lake.covers(day_start(*date), day_end(*date));
    between.filter(is_lost).collect()
}

/// The finding of each day that has sessions which are there more than once.
pub(super) fn told(twice: &Twice) -> BTreeMap<Date, What> {
    let mut told: BTreeMap<Date, (u64, &str)> = BTreeMap::new();
    for (id, places) in twice {
        for date in places.iter().map(|(date, _)| *date).collect::<BTreeSet<_>>() {
            told.entry(date).or_insert((0, id)).0 += 1;
        }
    }
    let what = |(sessions, example): (u64, &str)| What::Twice { sessions, example: example.to_owned() };
    told.into_iter().map(|(date, of_day)| (date, what(of_day))).collect()
}

/// All that is wrong with a day by itself.
pub(super) fn about_day(
    record: &Recorded<DayRecord>,
    file: Option<&DayFile>,
    lake: Option<&LakeRecord>,
) -> Vec<What> {
    let mut found = Vec::new();
    if let Recorded::Unreadable(reason) = record {
        found.push(What::RecordUnreadable { reason: reason.clone() });
    }
    let record = record.as_ref();
    let Some(file) = file else {
        found.extend(
            record.filter(|record| record.rows > 0).map(|record| What::FileMissing { rows: record.rows }),
        );
        return found;
    };
    if record.is_none() && found.is_empty() {
        found.push(What::RecordMissing);
    }
    let is_recorded = record.is_none_or(|record| record.sha256 == file.sha256 && record.bytes == file.bytes);
    let content = match &file.content {
        Err(what) => {
            found.push(what.clone());
            return found;
        }
        Ok(content) => content,
    };
    if !is_recorded {
        let is_the_runs = record.is_some_and(|record| content.run_id.as_ref() == Some(&record.run_id));
        found.push(if is_the_runs { What::Damaged { bytes: file.bytes } } else { What::Replaced });
    }
    let says = &content.says;
    let number = |rows: Option<String>| rows.unwrap_or_else(|| "none".to_owned());
    if content.footer_rows.is_none() || content.run_id.is_none() {
        found.push(What::NoFooter);
    }
    let recorded = record.map_or(says.rows, |record| record.rows);
    let in_footer = content.footer_rows.as_ref().is_none_or(|rows| *rows == says.rows.to_string());
    if recorded != says.rows || !in_footer {
        let footer = number(content.footer_rows.clone());
        found.push(What::Rows { rows: says.rows, footer, recorded: recorded.to_string() });
    }
    if content.strangers > 0 {
        found.push(What::OtherDays { rows: content.strangers });
    }
    if !content.in_order {
        found.push(What::Order);
    }
    let environment = lake.and_then(|lake| lake.environment_id.as_deref());
    if let Some(other) = environment.and_then(|environment| content.other_environment(environment)) {
        found.push(What::OtherEnvironment { environment: other.clone() });
    }
    // A file that is not the recorded one is told of already.
    if let Some(column) = record.filter(|_| is_recorded).and_then(|record| difference(record, says)) {
        found.push(What::Facts { column });
    }
    if content.is_older {
        found.push(What::OlderSchema);
    }
    found
}

/// Of what the record says another thing than the rows.
fn difference(record: &DayRecord, says: &DayRecord) -> Option<String> {
    let differs = |is_other: bool, name: &str| is_other.then(|| name.to_owned());
    let column = || {
        let other = record.coverage.iter().find(|(column, recorded)| {
            says.coverage
                .get(*column)
                .is_some_and(|says| (says.known, says.null) != (recorded.known, recorded.null))
        });
        other.map(|(column, _)| column.clone())
    };
    differs(record.newest != says.newest, "newest")
        .or_else(|| differs(record.oldest != says.oldest, "oldest"))
        .or_else(|| differs(record.statuses != says.statuses, "status"))
        .or_else(column)
}
