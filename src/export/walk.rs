//! One walk: pages from the API, decoded beside it, staged and published a day at a time.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use jiff::{Timestamp, ToSpan};
use tokio::sync::{Semaphore, mpsc};
use tracing::Instrument;

use super::checkpoint::{self, Checkpoint};
use super::landing::Landing;
use super::pages::{Bounds, CHUNKS_AHEAD, Chunk, End, Halt, PAGES_AHEAD, Sending, decode_pages, send_pages};
use super::plan::Span;
use super::side_by_side::{Piece, Queue};
use super::{Error, Incomplete, Range, Run, Standing};
use crate::lake::{Interval, Stage};
use crate::persona::{self, Place};
use crate::range::day_start;
use crate::session::Decoder;

/// Pages that may be asked for before a checkpoint holds them: a kill costs no more.
const UNSAVED_PAGES: usize = 50;
/// A checkpoint at least every so many pages …
const CHECKPOINT_PAGES: u64 = 25;
/// … or so often.
const CHECKPOINT_TIME: Duration = Duration::from_secs(10);

/// Where a walk begins.
pub(super) enum Start {
    /// At the newest session.
    Top,
    /// Below a session.
    At(Landing),
    /// Where an interrupted walk stood.
    Resumed(Box<Checkpoint>),
}

/// How a walk ended.
pub(super) enum Walk {
    /// It went over its stretch.
    Done,
    /// It began somewhere else than it was to, and left no trace.
    Astray,
    /// It did not get to its end.
    Incomplete(Incomplete),
}

/// A walk's state on the writing side.
pub(super) struct Progress {
    pub(super) stage: Stage,
    pub(super) span: Span,
    pub(super) range: Range,
    pub(super) began: Option<Timestamp>,
    place: Option<Place>,
    begins_below: Option<i64>,
    newest_ms: Option<i64>,
    oldest_ms: Option<i64>,
    /// Rows since it began or went on, and the newest `created_at` then.
    rows: u64,
    rows_from_ms: Option<i64>,
    pages_since: u64,
    saved: Instant,
    /// Places that were tried after the API knew none of the sessions that it stood at.
    searches: usize,
    /// How far down it came in the end; none while it is under way.
    pub(super) reached: Option<Reached>,
}

/// How far down a finished walk came.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reached {
    Bottom,
    Moment(Timestamp),
}

impl Run<'_> {
    /// Walks until the end, or until no further page can be had; whatever was seen is published either way.
    pub(super) fn walk(&self, piece: &Piece, start: Start, queue: &Queue) -> Result<Walk, Error> {
        let mut progress = self.begin(piece.span, start);
        if let Some(left) = progress.began {
            tracing::info!(began = %left, "going on with the walk that was interrupted");
        }
        let mut may_be_large = piece.may_be_large;
        loop {
            match self.run_pipeline(&mut progress, may_be_large, queue)? {
                End::Astray => {
                    progress.stage.clear()?;
                    return Ok(Walk::Astray);
                }
                End::Large => {
                    may_be_large = false;
                    self.share(&mut progress, queue)?;
                }
                End::Broken(Halt::Api(error @ persona::Error::Rejected { status: 400 | 404, .. })) => {
                    let Some(place) = self.found_again(&mut progress, queue) else {
                        return self.finish(progress, End::Broken(Halt::Api(error)));
                    };
                    progress.place = Some(place);
                }
                end => return self.finish(progress, end),
            }
        }
    }

    fn begin(&self, span: Span, start: Start) -> Progress {
        let lake = self.lake.clone();
        let days = span.kept_days(self.options.asked.range);
        let run_id = &self.options.run_id;
        let new = |stage| Progress {
            stage,
            span,
            range: self.options.asked.range,
            began: None,
            place: None,
            begins_below: None,
            newest_ms: None,
            oldest_ms: None,
            rows: 0,
            rows_from_ms: None,
            pages_since: 0,
            saved: Instant::now(),
            searches: 0,
            reached: None,
        };
        match start {
            Start::Top => new(Stage::new(lake, run_id, &self.new_folder(), days)),
            Start::At(Landing { place, begins_below }) => Progress {
                place: Some(place),
                begins_below: Some(begins_below),
                ..new(Stage::new(lake, run_id, &self.new_folder(), days))
            },
            Start::Resumed(left) => Progress {
                began: Some(left.began),
                place: Some(left.place),
                newest_ms: left.newest_ms,
                oldest_ms: left.oldest_ms,
                ..new(Stage::resume(lake, run_id, &left.folder, days, left.stage))
            },
        }
    }

    /// Network, decode and write side by side until the pages end.
    fn run_pipeline(&self, progress: &mut Progress, may_be_large: bool, queue: &Queue) -> Result<End, Error> {
        let (page_sender, pages) = mpsc::channel(PAGES_AHEAD);
        let (chunk_sender, chunks) = sync_channel(CHUNKS_AHEAD);
        let unsaved = Arc::new(Semaphore::new(UNSAVED_PAGES.saturating_sub(progress.pages_since as usize)));
        let sending = Sending {
            client: Arc::clone(self.client),
            limits: self.options.limits.clone(),
            halted: queue.halted(),
            unsaved: Arc::clone(&unsaved),
        };
        let sending = send_pages(sending, progress.place.clone(), page_sender);
        let network = self.runtime.spawn(sending.instrument(tracing::Span::current()));
        let is_large = || self.segments() > 1;
        let bounds = Bounds {
            enough_below: progress.span.from.map_or(i64::MIN, Timestamp::as_millisecond),
            begins_below: progress.begins_below.take(),
            is_large: may_be_large.then_some((self.options.piece_pages, &is_large)),
        };
        let ended = std::thread::scope(|scope| {
            let decoder = Decoder::new(Arc::clone(&self.options.privacy));
            let decode = scope.spawn(move || decode_pages(decoder, pages, bounds, &chunk_sender));
            let written = self.write_chunks(progress, chunks, &unsaved);
            if written.is_err() {
                // Else the decoder would wait for pages, and these for a checkpoint.
                network.abort();
            }
            let decoded = decode.join().map_err(|_panic| Error::Stopped("decoder"))?;
            // A write that failed ends the decoder too; its own error is the one to tell.
            written.and(decoded)
        });
        network.abort();
        ended
    }

    /// Takes chunks in until they end, and publishes the days that they have passed.
    fn write_chunks(
        &self,
        progress: &mut Progress,
        chunks: Receiver<Chunk>,
        unsaved: &Semaphore,
    ) -> Result<(), Error> {
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
                let saved = progress.pages_since;
                self.checkpoint(progress)?;
                unsaved.add_permits(saved as usize);
            }
        }
        Ok(())
    }

    fn take_in(&self, progress: &mut Progress, chunk: Chunk) -> Result<(), Error> {
        self.ledger().check_environment(self.lake, chunk.environment)?;
        progress.began.get_or_insert(chunk.server_time);
        progress.stage.append(&chunk.decoded)?;
        progress.place = chunk.next;
        progress.pages_since += chunk.pages;
        progress.searches = 0;
        progress.rows += chunk.decoded.batch.num_rows() as u64;
        progress.newest_ms = progress.newest_ms.max(chunk.newest_ms);
        progress.oldest_ms = [progress.oldest_ms, chunk.oldest_ms].into_iter().flatten().min();
        progress.rows_from_ms = progress.rows_from_ms.or(chunk.newest_ms);
        // Not before: what is staged may go to the disk, and the other walks are not to wait for that.
        let mut ledger = self.ledger();
        ledger.oldest = [ledger.oldest, progress.oldest()].into_iter().flatten().min();
        ledger.counts.pages += chunk.pages;
        ledger.counts.seen(&chunk.decoded);
        ledger.quarantine.take_in(chunk.decoded.quarantined);
        let standing = Standing {
            reached: progress.seen(),
            rows: ledger.counts.rows,
            rows_expected: Some(ledger.manifest.days.values().map(|day| day.rows).sum())
                .filter(|rows| *rows > 0),
        };
        drop(ledger);
        self.watch.standing(standing);
        Ok(())
    }

    pub(super) fn checkpoint(&self, progress: &mut Progress) -> Result<(), Error> {
        progress.pages_since = 0;
        progress.saved = Instant::now();
        if !self.ledger().doubt.is_none() {
            // A walk that went on from here would not come upon what is doubtful.
            return Ok(());
        }
        let (Some(place), Some(began)) = (&progress.place, progress.began) else { return Ok(()) };
        let checkpoint = Checkpoint {
            version: checkpoint::VERSION,
            folder: progress.stage.folder().to_owned(),
            range: progress.range,
            span: progress.span,
            began,
            place: place.clone(),
            newest_ms: progress.newest_ms,
            oldest_ms: progress.oldest_ms,
            stage: progress.stage.flush()?,
        };
        self.lake.write_checkpoint(&checkpoint.folder, &checkpoint)?;
        progress.stage.sweep()?;
        Ok(())
    }

    /// Where to go on after the API knew none of the sessions that the walk stood at: somewhat above, so that what was
    /// seen last comes again and nothing is passed over.
    fn found_again(&self, progress: &mut Progress, queue: &Queue) -> Option<Place> {
        let tried = progress.searches;
        progress.searches += 1;
        self.inquired(progress.oldest()?, queue).into_iter().nth(tried).map(|landing| landing.place)
    }
}

impl Progress {
    /// Goes over a part of its stretch only.
    pub(super) fn narrow(&mut self, span: Span) {
        self.span = span;
        if let Some(days) = span.kept_days(self.range) {
            self.stage.narrow(days);
        }
    }

    /// The newest and the oldest `created_at` so far.
    pub(super) fn seen(&self) -> Option<(Timestamp, Timestamp)> {
        Some((Timestamp::from_millisecond(self.newest_ms?).ok()?, self.oldest()?))
    }

    pub(super) fn oldest(&self) -> Option<Timestamp> {
        Timestamp::from_millisecond(self.oldest_ms?).ok()
    }

    /// How many sessions a day has, by those that came in since it began or went on.
    pub(super) fn rows_a_day(&self) -> Option<u64> {
        let ms = self.rows_from_ms?.saturating_sub(self.oldest_ms?).max(1_000);
        Some(self.rows.saturating_mul(86_400_000) / ms.unsigned_abs())
    }

    /// The newest `created_at`, as far as the server's clock makes it credible.
    pub(super) fn watermark(&self) -> Option<Timestamp> {
        let latest = self.began?.saturating_add(1.hour()).unwrap_or(Timestamp::MAX);
        self.seen().map(|(newest, _)| newest.min(latest))
    }

    /// What of `created_at` the walk went over without a break, and kept. While it is under way that ends just above
    /// the oldest session seen, as others may share its millisecond.
    pub(super) fn interval(&self) -> Option<Interval> {
        let began = self.began?;
        let from = match self.reached {
            Some(Reached::Bottom) => None,
            Some(Reached::Moment(moment)) => Some(moment),
            None => Some(Timestamp::from_millisecond(self.oldest_ms?.saturating_add(1)).ok()?),
        };
        // Older sessions were passed on the way, but their rows were not asked for.
        let from = from.max(self.span.from);
        let until = self.span.until.map_or(began, |until| until.min(began));
        (from.is_none_or(|from| from <= until)).then_some(Interval { from, until })
    }
}
