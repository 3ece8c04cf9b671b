//! What becomes of what a walk saw: its days published, and how far it came recorded.
//!
//! Owns when a session counts as vanished and when that is for a person to decide. Must not know how pages come in.

use jiff::Timestamp;
use jiff::civil::Date;

use super::doubt::accepts;
use super::landing::BEGINNING;
use super::ledger::Ledger;
use super::pages::{End, Halt};
use super::walk::{Progress, Reached, Walk};
use super::{Error, Run};
use crate::lake::{DayRecord, Interval, Origin, Vanished, Walked};
use crate::range::{day_end, day_start, last_day_before, utc_date};

impl Run<'_> {
    /// Publishes a day: what the walk staged of it, laid over what the lake holds.
    pub(super) fn publish(&self, progress: &mut Progress, date: Date) -> Result<(), Error> {
        let Some(began) = progress.began else { return Ok(()) };
        let interval = progress.interval();
        let last_moment = day_end(date).min(began);
        let ledger = self.ledger();
        let covered = ledger.covered_with(interval);
        let vanished = match () {
            () if accepts(self.options.asked.accept_vanished, date) => Vanished::Remove,
            // Whoever sees less than there is may do so anywhere.
            () if !ledger.doubt.is_none() => Vanished::Keep,
            () => Vanished::Guard(ledger.exempt),
        };
        drop(ledger);
        let walked = Walked {
            began,
            whole: covered.covers(day_start(date), last_moment),
            alone: interval.is_some_and(|walked| walked.holds(day_start(date), last_moment)),
            vanished,
        };
        let published = progress.stage.publish(date, Origin::Walk(walked))?;
        tracing::debug!(
            %date, rows = published.rows, new = published.new, changed = published.changed,
            vanished = published.vanished, "a day was published"
        );
        self.ledger().published(self.lake, self.options, date, &published)
    }

    /// Publishes what is left and records how far the walk came.
    pub(super) fn finish(&self, mut progress: Progress, end: End) -> Result<Walk, Error> {
        // A refusal before the first page leaves the lake as it was.
        let Some(_) = progress.began else {
            return match end {
                End::Broken(Halt::Api(error)) => Err(error.into()),
                End::Broken(halt) => Ok(Walk::Incomplete(halt.into())),
                _ => Ok(Walk::Done),
            };
        };
        let ended_early = matches!(end, End::Bottom) && self.doubt_the_end(&progress)?;
        progress.reached = match &end {
            End::Bottom if !ended_early => Some(Reached::Bottom),
            End::Enough => progress.span.from.map(Reached::Moment),
            _ => None,
        };
        let interval = progress.interval();
        let goes_on = matches!(&end, End::Broken(halt) if halt.leads_on());
        if goes_on {
            // What is published now of a day that the walk is in the midst of is needed once more at the day's end.
            self.checkpoint(&mut progress)?;
        }
        for date in progress.stage.days() {
            self.publish(&mut progress, date)?;
        }
        if let Some(interval) = interval {
            self.visit_the_rest(&mut progress, interval)?;
        }
        self.record_walk(&progress, interval, !matches!(end, End::Broken(_)))?;
        // A walk in doubt is not gone on with: what made it so would not come up again.
        if !goes_on || !self.ledger().doubt.is_none() {
            progress.stage.clear()?;
        }
        match end {
            End::Broken(halt) => Ok(Walk::Incomplete(halt.into())),
            _ => Ok(Walk::Done),
        }
    }

    fn record_walk(
        &self,
        progress: &Progress,
        interval: Option<Interval>,
        is_finished: bool,
    ) -> Result<(), Error> {
        let mut ledger = self.ledger();
        let is_first = ledger.manifest.lake.covered.is_empty();
        let mut lake = ledger.covered_with(interval);
        if is_first {
            // Before it is finished: whatever goes on with it is to go no further.
            lake.first_day = lake.first_day.or(progress.range.since);
        }
        if is_finished {
            lake.watermark = lake.watermark.max(progress.watermark());
            // Where everything was asked for once, nothing is too old any more.
            lake.first_day = match (lake.first_day, progress.range.since) {
                (Some(old), Some(new)) => Some(old.min(new)),
                (Some(old), None) if !self.options.asked.full => Some(old),
                _ => None,
            };
            // Who asks for older days wants them back.
            lake.pruned_before = lake.pruned_before.min(progress.range.since.or(lake.pruned_before));
        }
        ledger.walked(self.lake, lake)
    }

    /// The list ended. Whether the lake holds days below its end that a walk went over before: the key may not see them
    /// any more.
    fn doubt_the_end(&self, progress: &Progress) -> Result<bool, Error> {
        let end = progress.oldest().or(progress.span.until).unwrap_or(Timestamp::MAX);
        let mut ledger = self.ledger();
        ledger.ends = ledger.ends.max(Some(end));
        self.doubt_days_below(end, &mut ledger)
    }

    /// Where the list ended for one walk, another of this run may have seen that it goes on.
    pub(super) fn doubt_the_ends(&self) -> Result<(), Error> {
        let mut ledger = self.ledger();
        let Some(end) = ledger.ends.take() else { return Ok(()) };
        if ledger.oldest.is_some_and(|oldest| oldest < day_start(utc_date(end))) {
            ledger.manifest.days = self.lake.manifest()?.days;
            self.doubt_days_below(end, &mut ledger)?;
        }
        Ok(())
    }

    /// Whether the lake holds sessions of days that end before a moment, none of which is said to be gone.
    fn doubt_days_below(&self, end: Timestamp, ledger: &mut Ledger) -> Result<bool, Error> {
        let below: Vec<(Date, u64)> = ledger
            .manifest
            .days
            .values()
            .filter(|day| day_end(day.date) <= end && was_walked(day))
            .filter(|day| !accepts(self.options.asked.accept_vanished, day.date))
            .map(|day| (day.date, day.rows))
            .collect();
        for (date, rows) in &below {
            ledger.doubt.below_the_end(*date, *rows);
        }
        ledger.take_back(self.lake)?;
        Ok(!below.is_empty())
    }

    /// The days of the stretch on which the walk saw no session: those without a record get one, so that they are not
    /// taken for days that were never fetched, and what the lake holds of the others has vanished.
    fn visit_the_rest(&self, progress: &mut Progress, interval: Interval) -> Result<(), Error> {
        let Some(began) = progress.began else { return Ok(()) };
        let oldest = progress.oldest().map(utc_date);
        let first_stored = self.ledger().manifest.days.keys().next().copied();
        let lowest = [oldest, first_stored].into_iter().flatten().min();
        let first_asked = interval.from.map(|from| utc_date(from).max(BEGINNING));
        let Some(mut date) = first_asked.or(lowest) else { return Ok(()) };
        let last = last_day_before(interval.until);
        while date <= last {
            let is_due = match self.lake.day_record(date)? {
                // Below the API's oldest session there is nothing to record.
                None => interval.from.is_some() || oldest.is_some_and(|oldest| oldest <= date),
                Some(day) => {
                    interval.holds(day_start(date), day_end(date).min(began))
                        && !progress.stage.has_published(date)
                        && (was_walked(&day) || day.rows == 0 && !day.sealed)
                }
            };
            if is_due {
                self.publish(progress, date)?;
            }
            let Ok(next) = date.tomorrow() else { break };
            date = next;
        }
        Ok(())
    }
}

/// Whether a walk saw sessions on that day; files may hold what the API never listed.
fn was_walked(day: &DayRecord) -> bool {
    day.rows > 0 && (day.complete || !day.imported)
}
