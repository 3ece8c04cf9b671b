//! What to walk: a pure function of what was asked for and what the lake's records say.
//!
//! Must not know the API nor the clock: it decides, others do.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use super::Range;
use super::doubt::accepts;
use crate::lake::{DayRecord, Manifest};
use crate::range::{DayRange, day_end, day_start, last_day_before, utc_date};

/// Two stretches with fewer sessions between them are walked as one: to begin anew costs a page too.
const JOINED_ROWS: u64 = 300;

/// A stretch of `created_at`, walked from its end towards older sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Span {
    /// The oldest moment to reach; none for the API's oldest session.
    pub(super) from: Option<Timestamp>,
    /// Where it ends, excluded; none for the newest session.
    pub(super) until: Option<Timestamp>,
}

/// What an export is asked to go over.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked {
    /// Only sessions of these days; none for everything there is.
    pub range: Range,
    /// All of them, whatever was walked before and whatever an interrupted run left.
    pub full: bool,
    /// Days behind the watermark within which covered days that are still open are walked again.
    pub look_back_days: u32,
    /// So many of the sealed days too, those that were walked longest ago.
    pub refresh: u32,
    /// These days too: what vanished there is gone for good, however much it is.
    pub accept_vanished: Option<DayRange>,
}

/// The stretches to walk, newest first: what was never walked, what is new, the open days of the look-back, and the
/// days that were asked for.
///
/// Days that a walk went over that began at `checked_since` or later are not walked again.
pub(super) fn plan(asked: Asked, manifest: &Manifest, checked_since: Option<Timestamp>) -> Vec<Span> {
    let Asked { range, full, .. } = asked;
    let until = range.until.map(day_end);
    let since = range.since.map(day_start);
    // Nothing older than the lowest day that was ever asked for is fetched unasked.
    let from = since.or_else(|| manifest.lake.first_day.filter(|_| !full).map(day_start));
    if full || manifest.lake.covered.is_empty() {
        return vec![Span { from, until }];
    }
    let mut spans = holes(manifest, Span { from, until });
    let is_due = |day: &&DayRecord| checked_since.is_none_or(|since| day.checked_at < since);
    let due: Vec<&DayRecord> = manifest.days.values().filter(is_due).collect();
    let again = open_days(asked, manifest, &due)
        .chain(longest_ago(asked, &due))
        .chain(due.iter().map(|day| day.date).filter(|date| accepts(asked.accept_vanished, *date)));
    spans.extend(again.filter_map(|date| Span::of_day(date).within(from, until)));
    joined(spans, manifest)
}

/// The parts of a stretch that no walk went over, by whole days: a day that is put together from two walks would never
/// be sealed, nor lose a session that vanished.
fn holes(manifest: &Manifest, all: Span) -> Vec<Span> {
    let mut holes = Vec::new();
    // Where the next hole would begin; none until the first walk, if nothing bounds it.
    let mut from = all.from;
    for covered in &manifest.lake.covered {
        if let Some(begins) = covered.from.filter(|begins| from.is_none_or(|from| from < *begins)) {
            let hole = Span { from, until: Some(begins) }.by_days();
            holes.extend(hole.within(all.from, all.until));
        }
        from = from.max(Some(covered.until));
    }
    holes.extend(Span { from, until: None }.within(all.from, all.until));
    holes
}

/// The days that were walked and may still change, within the look-back.
fn open_days(asked: Asked, manifest: &Manifest, due: &[&DayRecord]) -> impl Iterator<Item = Date> {
    let back = i64::from(asked.look_back_days);
    let first = manifest.lake.watermark.map(|mark| utc_date(mark).saturating_sub(back.days()));
    let is_within = move |date: Date| first.is_some_and(|first| first <= date);
    due.iter().filter(move |day| !day.sealed && is_within(day.date)).map(|day| day.date)
}

/// The sealed days that were walked longest ago.
fn longest_ago(asked: Asked, due: &[&DayRecord]) -> impl Iterator<Item = Date> {
    let sealed = due.iter().filter(|day| day.sealed && day.rows > 0);
    let mut sealed: Vec<_> = sealed.map(|day| (day.checked_at, day.date)).collect();
    sealed.sort_unstable();
    sealed.into_iter().take(asked.refresh as usize).map(|(_, date)| date)
}

/// Newest first, and as one what overlaps or has next to nothing in between.
fn joined(mut spans: Vec<Span>, manifest: &Manifest) -> Vec<Span> {
    spans.sort_by_key(|span| std::cmp::Reverse((span.until.unwrap_or(Timestamp::MAX), span.from)));
    let mut joined: Vec<Span> = Vec::new();
    for span in spans {
        match joined.last_mut() {
            Some(newer) if between(&span, newer, manifest) < JOINED_ROWS => {
                newer.from = if span.from.is_none() { None } else { newer.from.min(span.from) };
            }
            _ => joined.push(span),
        }
    }
    joined
}

/// About how many sessions lie between an older stretch and a newer one: those of all days in between.
fn between(older: &Span, newer: &Span, manifest: &Manifest) -> u64 {
    match (older.until, newer.from) {
        (Some(ends), Some(begins)) if ends < begins => {
            manifest.days.range(utc_date(ends)..=utc_date(begins)).map(|(_, day)| day.rows).sum()
        }
        _ => 0,
    }
}

impl Span {
    fn of_day(date: Date) -> Self {
        Self { from: Some(day_start(date)), until: Some(day_end(date)) }
    }

    /// The days that the stretch touches, the first and the last; open where the stretch is.
    pub(super) fn days(self) -> (Option<Date>, Option<Date>) {
        (self.from.map(utc_date), self.until.map(last_day_before))
    }

    /// The days whose sessions a walk over it keeps, where only some are asked for; none for all.
    pub(super) fn kept_days(self, range: Range) -> Option<DayRange> {
        let (first, last) = self.days();
        if (first, last, range) == (None, None, Range::default()) {
            return None;
        }
        let since = first.max(range.since).unwrap_or(Date::MIN);
        let until = last.into_iter().chain(range.until).min().unwrap_or(Date::MAX);
        DayRange::new(since, until.max(since)).ok()
    }

    /// Whether they have a moment in common.
    pub(super) fn overlaps(self, other: Self) -> bool {
        self.within(other.from, other.until).is_some()
    }

    /// From the beginning of its first day to the end of its last.
    fn by_days(self) -> Self {
        let (first, last) = self.days();
        Self { from: first.map(day_start), until: last.map(day_end) }
    }

    /// The part that lies between two moments, if any.
    fn within(self, from: Option<Timestamp>, until: Option<Timestamp>) -> Option<Self> {
        let until = [self.until, until].into_iter().flatten().min();
        let from = self.from.max(from);
        let is_empty = from.zip(until).is_some_and(|(from, until)| from >= until);
        (!is_empty).then_some(Self { from, until })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;
    use crate::lake::{Interval, LakeRecord};

    fn at(text: &str) -> Timestamp {
        text.parse().or_else(|_| format!("{text}T00:00:00Z").parse()).unwrap()
    }

    fn span(from: &str, until: &str) -> Span {
        let moment = |text: &str| Some(text).filter(|text| !text.is_empty()).map(at);
        Span { from: moment(from), until: moment(until) }
    }

    /// A lake with these covered stretches, and sealed days of 1,000 sessions but for the open ones.
    fn lake(covered: &[(&str, &str)], days: [&str; 2], open: &[&str]) -> Manifest {
        let interval =
            |(from, until): &(&str, &str)| Interval { from: span(from, "").from, until: at(until) };
        let covered: Vec<Interval> = covered.iter().map(interval).collect();
        let [first, last]: [Date; 2] = days.map(|day| day.parse().unwrap());
        let day = |date: Date| DayRecord {
            version: 1,
            date,
            rows: 1_000,
            bytes: 0,
            sha256: String::new(),
            complete: true,
            imported: false,
            sealed: !open.contains(&date.to_string().as_str()),
            checked_at: at("2026-11-20T02:00:00Z"),
            fetched_at: at("2026-11-20T02:00:00Z"),
            newest: None,
            oldest: None,
            statuses: Default::default(),
            coverage: Default::default(),
            run_id: "r".into(),
        };
        let days = first.series(1.day()).take_while(|date| *date <= last);
        Manifest {
            lake: LakeRecord {
                watermark: covered.last().map(|last| last.until),
                covered,
                ..LakeRecord::default()
            },
            days: days.map(|date| (date, day(date))).collect(),
        }
    }

    fn asked() -> Asked {
        Asked { look_back_days: 7, ..Asked::default() }
    }

    const NOW: &str = "2026-11-20T02:00:00Z";

    #[test]
    fn a_first_export_is_everything_that_was_asked_for() {
        assert_eq!(plan(asked(), &Manifest::default(), None), [span("", "")]);
        let range =
            Range { since: Some("2026-11-02".parse().unwrap()), until: Some("2026-11-03".parse().unwrap()) };
        assert_eq!(
            plan(Asked { range, ..asked() }, &Manifest::default(), None),
            [span("2026-11-02", "2026-11-04")]
        );
    }

    #[test]
    fn a_night_walks_what_is_new_and_the_open_days_as_one() {
        let lake = lake(&[("", NOW)], ["2026-10-01", "2026-11-20"], &["2026-11-19", "2026-11-20"]);
        assert_eq!(plan(asked(), &lake, None), [span("2026-11-19", "")]);
    }

    #[test]
    fn open_days_behind_the_look_back_are_left_alone_and_those_far_within_it_are_walked_by_themselves() {
        let lake =
            lake(&[("", NOW)], ["2026-10-01", "2026-11-20"], &["2026-11-02", "2026-11-14", "2026-11-20"]);
        let spans = plan(asked(), &lake, None);
        assert_eq!(spans, [span("2026-11-20", ""), span("2026-11-14", "2026-11-15")]);
        let spans = plan(Asked { look_back_days: 30, ..asked() }, &lake, None);
        assert_eq!(spans.last(), Some(&span("2026-11-02", "2026-11-03")));
        assert_eq!(plan(Asked { look_back_days: 0, ..asked() }, &lake, None), [span("2026-11-20", "")]);
    }

    #[test]
    fn holes_are_closed_however_old_and_nothing_below_the_first_day_is_fetched_unasked() {
        let covered = [("2026-10-10", "2026-10-12"), ("2026-11-01T06:00:00Z", NOW)];
        let mut lake = lake(&covered, ["2026-10-10", "2026-11-20"], &[]);
        let hole = span("2026-10-12", "2026-11-02");
        assert_eq!(plan(asked(), &lake, None), [span(NOW, ""), hole, span("", "2026-10-10")]);
        lake.lake.first_day = Some("2026-10-10".parse().unwrap());
        assert_eq!(plan(asked(), &lake, None), [span(NOW, ""), hole]);
        let range =
            Range { since: Some("2026-10-20".parse().unwrap()), until: Some("2026-10-25".parse().unwrap()) };
        assert_eq!(plan(Asked { range, ..asked() }, &lake, None), [span("2026-10-20", "2026-10-26")]);
    }

    #[test]
    fn a_lake_of_which_nothing_counts_as_walked_is_walked_down_to_its_first_day() {
        let mut lake = lake(&[], ["2026-10-10", "2026-11-20"], &[]);
        lake.lake.first_day = Some("2026-10-10".parse().unwrap());
        assert_eq!(plan(asked(), &lake, None), [span("2026-10-10", "")]);
        assert_eq!(plan(Asked { full: true, ..asked() }, &lake, None), [span("", "")]);
    }

    #[test]
    fn full_walks_all_again() {
        let lake = lake(&[("", NOW)], ["2026-10-01", "2026-11-20"], &[]);
        assert_eq!(plan(Asked { full: true, ..asked() }, &lake, None), [span("", "")]);
    }

    #[test]
    fn what_this_run_went_over_already_is_not_walked_again() {
        let lake = lake(&[("", NOW)], ["2026-10-01", "2026-11-20"], &["2026-11-19", "2026-11-20"]);
        assert_eq!(plan(asked(), &lake, Some(at(NOW))), [span(NOW, "")]);
    }

    #[test]
    fn a_refresh_takes_the_sealed_days_that_were_walked_longest_ago() {
        let mut lake = lake(&[("", NOW)], ["2026-10-01", "2026-11-20"], &["2026-11-20"]);
        for (date, checked) in [("2026-10-07", "2026-10-09"), ("2026-10-20", "2026-10-22")] {
            lake.days.get_mut(&date.parse().unwrap()).unwrap().checked_at = at(checked);
        }
        let refreshed =
            |refresh, lake: &Manifest| plan(Asked { refresh, ..asked() }, lake, None)[1..].to_vec();
        assert_eq!(refreshed(1, &lake), [span("2026-10-07", "2026-10-08")]);
        assert_eq!(refreshed(2, &lake), [span("2026-10-20", "2026-10-21"), span("2026-10-07", "2026-10-08")]);
        lake.days.get_mut(&"2026-10-07".parse().unwrap()).unwrap().rows = 0;
        assert_eq!(refreshed(1, &lake), [span("2026-10-20", "2026-10-21")], "a day without sessions");
        assert_eq!(refreshed(0, &lake), []);
    }

    #[test]
    fn days_on_which_something_is_known_to_be_gone_are_walked_again() {
        let lake = lake(&[("", NOW)], ["2026-10-01", "2026-11-20"], &["2026-11-20"]);
        let days =
            |since: &str, until: &str| DayRange::new(since.parse().unwrap(), until.parse().unwrap()).ok();
        let spans = plan(Asked { accept_vanished: days("2026-09-20", "2026-10-02"), ..asked() }, &lake, None);
        assert_eq!(spans[1..], [span("2026-10-01", "2026-10-03")]);
    }

    #[test]
    fn a_range_that_was_walked_and_is_sealed_costs_nothing() {
        let lake = lake(&[("", NOW)], ["2026-10-01", "2026-11-20"], &[]);
        let range =
            Range { since: Some("2026-10-20".parse().unwrap()), until: Some("2026-10-25".parse().unwrap()) };
        assert_eq!(plan(Asked { range, ..asked() }, &lake, None), []);
    }
}
