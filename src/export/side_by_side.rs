//! The pieces of an export, walked by several walks side by side under one pace.
//!
//! Must not know what a walk does.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::checkpoint::Checkpoint;
use super::cut::cut;
use super::plan::Span;
use super::walk::{Progress, Start, Walk};
use super::{Error, Incomplete, Run};
use crate::persona;
use crate::range::{day_start, utc_date};

/// Walks side by side at most: with answers of half a second, more than the API's limit has use for.
pub const MOST_SEGMENTS: usize = 8;
/// Where answers come as fast as this, one walk alone can use up the API's limit, and more are no gain.
const FAST: Duration = Duration::from_millis(50);

/// What one walk is to go over.
pub(super) struct Piece {
    pub(super) span: Span,
    /// Where an interrupted walk stood.
    pub(super) left: Option<Box<Checkpoint>>,
    /// Whether it may turn out so large that others should take a share.
    pub(super) may_be_large: bool,
    /// Whether no place to begin at was found at first: once all else is walked, the lake has one.
    is_deferred: bool,
}

impl Piece {
    pub(super) fn new(span: Span, may_be_large: bool) -> Self {
        Self { span, left: None, may_be_large, is_deferred: false }
    }

    pub(super) fn resumed(left: Checkpoint) -> Self {
        Self { span: left.span, left: Some(Box::new(left)), may_be_large: true, is_deferred: false }
    }
}

/// The pieces that wait, and what became of the others.
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    halt: watch::Sender<bool>,
}

struct State {
    waiting: VecDeque<Piece>,
    active: usize,
    /// Walks side by side at most.
    allowed: usize,
    ended: Option<Result<Incomplete, Error>>,
}

impl Queue {
    fn new(pieces: Vec<Piece>, allowed: usize) -> Self {
        let state = State { waiting: pieces.into(), active: 0, allowed, ended: None };
        Self { state: Mutex::new(state), changed: Condvar::new(), halt: watch::Sender::new(false) }
    }

    /// Becomes true once a walk could not go on: the others are to stop too.
    pub(super) fn halted(&self) -> watch::Receiver<bool> {
        self.halt.subscribe()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next piece to walk; none once there is nothing left to wait for.
    fn next(&self) -> Option<Piece> {
        let mut state = self.state();
        loop {
            if state.ended.is_some() || (state.waiting.is_empty() && state.active == 0) {
                return None;
            }
            let is_due = |piece: &Piece| !piece.is_deferred || state.active == 0;
            if state.active < state.allowed
                && let Some(due) = state.waiting.iter().position(is_due)
            {
                state.active += 1;
                return state.waiting.remove(due);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A piece was walked, as far as it could be.
    fn done(&self, ended: Result<Outcome, Error>) {
        let mut state = self.state();
        state.active -= 1;
        let ended = match ended {
            Ok(Outcome::Walked) => None,
            Ok(Outcome::Deferred(piece)) => {
                state.waiting.push_back(Piece { is_deferred: true, ..piece });
                None
            }
            Ok(Outcome::Incomplete(incomplete)) => Some(Ok(incomplete)),
            Err(error) => Some(Err(error)),
        };
        if let Some(ended) = ended {
            state.end(ended);
            // Received by those that still walk.
            self.halt.send_replace(true);
        }
        self.changed.notify_all();
    }

    /// More pieces, and walks for them.
    fn add(&self, pieces: impl IntoIterator<Item = Piece>, allowed: usize) {
        let mut state = self.state();
        state.waiting.extend(pieces);
        state.allowed = state.allowed.max(allowed);
        self.changed.notify_all();
    }
}

impl State {
    /// Keeps the reason that tells most: a failure, else the first, of which the others are an echo.
    fn end(&mut self, ended: Result<Incomplete, Error>) {
        let keeps = match &self.ended {
            None => true,
            Some(first) => first.is_ok() && ended.is_err(),
        };
        if keeps {
            self.ended = Some(ended);
        }
    }
}

/// Ends the others where a walk panics, as they would wait for it.
struct Turn<'q>(&'q Queue);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.done(Err(Error::Stopped("walk")));
    }
}

enum Outcome {
    Walked,
    Deferred(Piece),
    Incomplete(Incomplete),
}

impl Run<'_> {
    /// How many walks side by side make use of the pace.
    pub(super) fn segments(&self) -> usize {
        if let Some(segments) = self.options.segments {
            return segments.clamp(1, MOST_SEGMENTS);
        }
        let is_fast = self.client.counters().latency().is_none_or(|latency| latency < FAST);
        let needed = self.client.requests_at_once().filter(|_| !is_fast).unwrap_or(1.0);
        (needed.ceil() as usize).clamp(1, MOST_SEGMENTS)
    }

    /// Walks all pieces, the first ones first. The first reason why one could not be walked ends the others too.
    pub(super) fn walk_pieces(&self, pieces: Vec<Piece>) -> Result<Option<Incomplete>, Error> {
        let queue = Queue::new(pieces, self.segments());
        let span = tracing::Span::current();
        let work = || {
            span.in_scope(|| {
                while let Some(piece) = queue.next() {
                    let turn = Turn(&queue);
                    let walked = self.walk_piece(piece, &queue);
                    std::mem::forget(turn);
                    queue.done(walked);
                }
            });
        };
        let more = self.options.segments.unwrap_or(MOST_SEGMENTS).min(MOST_SEGMENTS) - 1;
        std::thread::scope(|scope| {
            (0..more).for_each(|_| _ = scope.spawn(work));
            work();
        });
        let ended = queue.state().ended.take();
        ended.transpose()
    }

    fn walk_piece(&self, mut piece: Piece, queue: &Queue) -> Result<Outcome, Error> {
        if let Some(left) = piece.left.take() {
            return self.walk(&piece, Start::Resumed(left), queue).map(Outcome::of);
        }
        if let Some(until) = piece.span.until {
            if piece.is_deferred {
                self.ledger().manifest.days = self.lake.manifest()?.days;
            }
            for landing in self.landings(until, queue) {
                match self.walk(&piece, Start::At(landing), queue) {
                    Ok(Walk::Astray) => {}
                    // The API does not know the session any more.
                    Err(Error::Api(persona::Error::Rejected { status: 400 | 404, .. })) => {}
                    walked => return walked.map(Outcome::of),
                }
            }
            let has_company = queue.state().active > 1;
            if has_company && !piece.is_deferred {
                tracing::info!(until = %until, "found no place to begin at yet; this stretch is walked at the end");
                return Ok(Outcome::Deferred(piece));
            }
        }
        self.walk(&piece, Start::Top, queue).map(Outcome::of)
    }

    /// Leaves what lies below the walk's present day to others, in pieces, as far as that is worth while.
    pub(super) fn share(&self, progress: &mut Progress, queue: &Queue) -> Result<(), Error> {
        let Some((oldest, a_day)) = progress.oldest().zip(progress.rows_a_day()) else { return Ok(()) };
        // A walk from above its stretch may not have come down to it yet.
        let until = progress.span.until.into_iter().chain([day_start(utc_date(oldest))]).min();
        let rest = Span { from: progress.span.from, until };
        let Some(days) = self.days_below(rest, oldest, queue) else { return Ok(()) };
        let segments = self.segments();
        let mut pieces = cut(rest, days, segments, self.options.piece_pages, |_| a_day).into_iter();
        let Some(first) = pieces.next().filter(|_| pieces.len() > 0) else { return Ok(()) };
        tracing::info!(pieces = pieces.len() + 1, segments, "the rest is walked side by side");
        progress.narrow(Span { from: first.from, ..progress.span });
        // One that went on from an earlier checkpoint would walk what the others do.
        self.checkpoint(progress)?;
        queue.add(pieces.map(|span| Piece::new(span, false)), segments);
        Ok(())
    }
}

impl Outcome {
    fn of(walk: Walk) -> Self {
        match walk {
            Walk::Incomplete(incomplete) => Self::Incomplete(incomplete),
            Walk::Done | Walk::Astray => Self::Walked,
        }
    }
}
