//! One walk: pages from the API, decoded beside it, staged and published a day at a time.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use tokio::sync::mpsc;
use tracing::Instrument;

use super::checkpoint::Checkpoint;
use super::pages::{CHUNKS_AHEAD, Chunk, End, Halt, PAGES_AHEAD, decode_pages, send_pages};
use super::plan::Span;
use super::{Error, Incomplete, Range, Run, Standing};
use crate::lake::{self, Interval, LakeRecord, Origin, Stage, Walked};
use crate::persona::{self, Cursor};
use crate::range::{day_end, day_start, utc_date};

/// A checkpoint at least every so many pages …
const CHECKPOINT_PAGES: u64 = 50;
/// … or so often.
const CHECKPOINT_TIME: Duration = Duration::from_secs(10);
/// Sessions of the lake that are tried to begin after, one after another.
const SEEDS: usize = 5;

/// Where a walk begins.
pub(super) enum Start {
    /// At the newest session.
    Top,
    /// After a session that the lake holds.
    Seed(Cursor),
    /// Where an interrupted walk stood.
    Resumed(Box<Checkpoint>),
}

/// A walk's state on the writing side.
struct Progress {
    stage: Stage,
    span: Span,
    range: Range,
    began: Option<Timestamp>,
    cursor: Option<Cursor>,
    newest_ms: Option<i64>,
    oldest_ms: Option<i64>,
    pages_since: u64,
    saved: Instant,
    /// How far down it came in the end; none while it is under way.
    reached: Option<Reached>,
}

impl Run<'_> {
    /// Walks a stretch from the newest session that the lake holds above it, or else from the top.
    pub(super) fn walk_span(&mut self, span: Span) -> Result<Option<Incomplete>, Error> {
        let seeds =
            span.until.map_or(Ok(Vec::new()), |until| self.lake.seeds(&self.manifest, until, SEEDS))?;
        for seed in seeds {
            let walked = self.walk(span, Start::Seed(Cursor::new(seed)));
            match walked {
                // The API does not know the session any more: the next one above it will do.
                Err(Error::Api(persona::Error::Rejected { status: 400 | 404, .. })) => {
                    tracing::info!("a session to begin after is gone; trying the next one");
                }
                walked => return walked,
            }
        }
        self.walk(span, Start::Top)
    }

    /// Walks until the end, or until no further page can be had; whatever was seen is published either way.
    pub(super) fn walk(&mut self, span: Span, start: Start) -> Result<Option<Incomplete>, Error> {
        let cursor = match &start {
            Start::Top => None,
            Start::Seed(cursor) => Some(cursor.clone()),
            Start::Resumed(left) => Some(Cursor::new(left.cursor.clone())),
        };
        let mut progress = self.begin(span, start);
        if let Some(left) = progress.began {
            tracing::info!(began = %left, "going on with the walk that was interrupted");
        }
        let end = self.run_pipeline(&mut progress, cursor)?;
        self.finish(progress, end)
    }

    fn begin(&self, span: Span, start: Start) -> Progress {
        let lake = self.lake.clone();
        let range = self.options.range.days();
        let new = |stage| Progress {
            stage,
            span,
            range: self.options.range,
            began: None,
            cursor: None,
            newest_ms: None,
            oldest_ms: None,
            pages_since: 0,
            saved: Instant::now(),
            reached: None,
        };
        match start {
            Start::Top | Start::Seed(_) => new(Stage::new(lake, &self.options.run_id, range)),
            Start::Resumed(left) => Progress {
                began: Some(left.began),
                cursor: Some(Cursor::new(left.cursor)),
                newest_ms: left.newest_ms,
                oldest_ms: left.oldest_ms,
                ..new(Stage::resume(lake, &left.run_id, range, left.stage))
            },
        }
    }

    /// Network, decode and write side by side until the pages end.
    fn run_pipeline(&mut self, progress: &mut Progress, start: Option<Cursor>) -> Result<End, Error> {
        let (page_sender, pages) = mpsc::channel(PAGES_AHEAD);
        let (chunk_sender, chunks) = sync_channel(CHUNKS_AHEAD);
        let limits = self.options.limits.clone();
        let sending = send_pages(Arc::clone(self.client), limits, start, page_sender);
        let network = self.runtime.spawn(sending.instrument(tracing::Span::current()));
        let enough_below = progress.span.from.map_or(i64::MIN, Timestamp::as_millisecond);
        let ended = std::thread::scope(|scope| {
            let decode = scope.spawn(move || decode_pages(pages, enough_below, &chunk_sender));
            let written = self.write_chunks(progress, chunks);
            let decoded = decode.join().map_err(|_panic| Error::Stopped("decoder"))?;
            // A write that failed ends the decoder too; its own error is the one to tell.
            written.and(decoded)
        });
        network.abort();
        ended
    }

    /// Takes chunks in until they end, and publishes the days that they have passed.
    fn write_chunks(&mut self, progress: &mut Progress, chunks: Receiver<Chunk>) -> Result<(), Error> {
        for chunk in chunks {
            let newest_ms = chunk.newest_ms;
            self.take_in(progress, chunk)?;
            if let Some(newest_ms) = newest_ms {
                for date in progress.stage.days() {
                    if day_start(date).as_millisecond() > newest_ms {
                        self.publish(progress, date)?;
                    }
                }
            }
            if progress.pages_since >= CHECKPOINT_PAGES || progress.saved.elapsed() >= CHECKPOINT_TIME {
                self.checkpoint(progress)?;
            }
        }
        Ok(())
    }

    fn take_in(&mut self, progress: &mut Progress, chunk: Chunk) -> Result<(), Error> {
        self.check_environment(chunk.environment)?;
        self.began.get_or_insert(chunk.server_time);
        progress.began.get_or_insert(chunk.server_time);
        progress.stage.append(&chunk.decoded)?;
        progress.cursor = chunk.next;
        progress.pages_since += chunk.pages;
        progress.newest_ms = progress.newest_ms.max(chunk.newest_ms);
        progress.oldest_ms = [progress.oldest_ms, chunk.oldest_ms].into_iter().flatten().min();
        self.counts.pages += chunk.pages;
        self.counts.seen(&chunk.decoded);
        self.quarantine.take_in(chunk.decoded.quarantined);
        let moment = |ms| Timestamp::from_millisecond(ms).ok();
        self.watch.standing(Standing {
            reached: progress.newest_ms.and_then(moment).zip(progress.oldest_ms.and_then(moment)),
            rows: self.counts.rows,
            rows_expected: Some(self.manifest.days.values().map(|day| day.rows).sum())
                .filter(|rows| *rows > 0),
        });
        Ok(())
    }

    /// Sessions of two environments never share a lake.
    fn check_environment(&mut self, environment: Option<String>) -> Result<(), Error> {
        let Some(key) = environment else { return Ok(()) };
        if self.environment.as_ref() == Some(&key) {
            return Ok(());
        }
        match &self.manifest.lake.environment_id {
            Some(lake) if *lake != key => {
                Err(lake::Error::OtherEnvironment { lake: lake.clone(), key }.into())
            }
            Some(_) => {
                self.environment = Some(key);
                Ok(())
            }
            None => {
                self.manifest.lake.environment_id = Some(key.clone());
                self.lake.record_lake(&self.manifest.lake)?;
                self.environment = Some(key);
                Ok(())
            }
        }
    }

    fn checkpoint(&mut self, progress: &mut Progress) -> Result<(), Error> {
        progress.pages_since = 0;
        progress.saved = Instant::now();
        let (Some(cursor), Some(began)) = (&progress.cursor, progress.began) else { return Ok(()) };
        let checkpoint = Checkpoint {
            run_id: progress.stage.run_id().to_owned(),
            environment: self.environment.clone(),
            newest_ms: progress.newest_ms,
            oldest_ms: progress.oldest_ms,
            stage: progress.stage.flush()?,
            ..Checkpoint::new(self.options, progress.span, began, cursor.as_str().to_owned())
        };
        self.lake.write_checkpoint(&checkpoint.run_id, &checkpoint)?;
        progress.stage.sweep()?;
        Ok(())
    }

    fn publish(&mut self, progress: &mut Progress, date: Date) -> Result<(), Error> {
        let Some(began) = progress.began else { return Ok(()) };
        let interval = progress.interval(progress.reached);
        let covered = self.covered_with(interval);
        let last_moment = day_end(date).min(began);
        let walked = Walked {
            began,
            whole: covered.covers(day_start(date), last_moment),
            alone: interval.is_some_and(|walked| walked.holds(day_start(date), last_moment)),
        };
        let published = progress.stage.publish(date, Origin::Walk(walked))?;
        tracing::debug!(%date, rows = published.rows, new = published.new, changed = published.changed, "a day was published");
        self.counts.published(published);
        Ok(())
    }

    fn covered_with(&self, interval: Option<Interval>) -> LakeRecord {
        let mut record = self.manifest.lake.clone();
        if let Some(interval) = interval {
            record.cover(interval);
        }
        record
    }

    /// Publishes what is left and records how far the walk came.
    fn finish(&mut self, mut progress: Progress, end: End) -> Result<Option<Incomplete>, Error> {
        // A refusal before the first page leaves the lake as it was.
        let Some(_) = progress.began else {
            return match end {
                End::Broken(Halt::Api(error)) => Err(error.into()),
                End::Broken(Halt::Stopped(stop)) => Ok(Some(stop.into())),
                End::Bottom | End::Enough => Ok(None),
            };
        };
        progress.reached = match &end {
            End::Bottom => Some(Reached::Bottom),
            End::Enough => progress.span.from.map(Reached::Moment),
            End::Broken(_) => None,
        };
        let interval = progress.interval(progress.reached);
        let is_first = self.manifest.lake.covered.is_empty();
        self.manifest.lake = self.covered_with(interval);
        for date in progress.stage.days() {
            self.publish(&mut progress, date)?;
        }
        if let Some(interval) = interval {
            self.record_quiet_days(&mut progress, interval)?;
        }
        let lake = &mut self.manifest.lake;
        if !matches!(end, End::Broken(_)) {
            lake.watermark = lake.watermark.max(progress.newest());
            // Where everything was asked for once, nothing is too old any more.
            lake.first_day = match (lake.first_day, progress.range.since) {
                (Some(old), Some(new)) => Some(old.min(new)),
                (None, Some(new)) if is_first => Some(new),
                (Some(old), None) if !self.options.full => Some(old),
                _ => None,
            };
        }
        self.lake.record_lake(&self.manifest.lake)?;
        match end {
            End::Broken(halt) => {
                if halt.leads_on() {
                    self.checkpoint(&mut progress)?;
                } else {
                    progress.stage.clear()?;
                }
                Ok(Some(halt.into()))
            }
            End::Bottom | End::Enough => {
                progress.stage.clear()?;
                Ok(None)
            }
        }
    }

    /// A day of the walk without a single session gets a record, so that it is not taken for one never fetched.
    fn record_quiet_days(&mut self, progress: &mut Progress, interval: Interval) -> Result<(), Error> {
        let oldest = progress.oldest_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok());
        let Some(from) = interval.from.or(oldest) else { return Ok(()) };
        let mut date = utc_date(from);
        let last = utc_date(interval.until.saturating_sub(1.millisecond()).unwrap_or(interval.until));
        while date <= last {
            if !self.lake.has_day_record(date)? {
                self.publish(progress, date)?;
            }
            let Ok(next) = date.tomorrow() else { break };
            date = next;
        }
        Ok(())
    }
}

/// How far down a finished walk came.
#[derive(Debug, Clone, Copy)]
enum Reached {
    Bottom,
    Moment(Timestamp),
}

impl Progress {
    fn newest(&self) -> Option<Timestamp> {
        let began = self.began?;
        let latest = began.saturating_add(1.hour()).unwrap_or(Timestamp::MAX);
        Some(Timestamp::from_millisecond(self.newest_ms?).ok()?.min(latest))
    }

    /// What of `created_at` the walk went over without a break, and kept. While it is under way that ends just above
    /// the oldest session seen, as others may share its millisecond.
    fn interval(&self, reached: Option<Reached>) -> Option<Interval> {
        let began = self.began?;
        let from = match reached {
            Some(Reached::Bottom) => None,
            Some(Reached::Moment(moment)) => Some(moment),
            None => Some(Timestamp::from_millisecond(self.oldest_ms?.saturating_add(1)).ok()?),
        };
        // Older sessions were passed on the way, but their rows were not asked for.
        let from = from.max(self.range.since.map(day_start));
        let until = self.span.until.map_or(began, |until| until.min(began));
        (from.is_none_or(|from| from <= until)).then_some(Interval { from, until })
    }
}
