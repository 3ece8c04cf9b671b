//! Pages from the API, decoded beside the network: the two sides of a walk that do not write.
//!
//! Must not know the lake.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use futures_util::TryStreamExt;
use jiff::Timestamp;
use tokio::sync::{Semaphore, mpsc, watch};

use super::limits::{Limits, Stop, becomes_true};
use super::{Error, Incomplete};
use crate::persona::{self, Client, Page, Place};
use crate::session::{DecodeError, Decoded, Decoder, PageFacts, Seen};

/// Pages between network and decode: few, as those behind the last one that is wanted were asked for in vain.
pub(super) const PAGES_AHEAD: usize = 2;
/// Chunks between decode and write: enough that pages go on coming in while a day is published.
pub(super) const CHUNKS_AHEAD: usize = 8;
/// Rows that make a chunk.
const CHUNK_ROWS: usize = 2_000;

/// Some pages, decoded.
pub(super) struct Chunk {
    pub(super) decoded: Decoded,
    pub(super) pages: u64,
    pub(super) newest_ms: Option<i64>,
    pub(super) oldest_ms: Option<i64>,
    /// Where the page after them begins; none after the last page.
    pub(super) next: Option<Place>,
    /// The server's clock at the first of them.
    pub(super) server_time: Timestamp,
    pub(super) environment: Option<String>,
}

/// How a walk's pages ended.
pub(super) enum End {
    /// The API said that there is no next page.
    Bottom,
    /// Far enough: whatever follows was not asked for.
    Enough,
    /// It began somewhere else than it was to.
    Astray,
    /// Worth to be shared with other walks; it goes on below.
    Large,
    /// No further page could be had.
    Broken(Halt),
}

/// Why no further page came before the end.
#[derive(Debug)]
pub(super) enum Halt {
    /// The API gave none.
    Api(persona::Error),
    /// Somebody or something wanted the walk to stop.
    Stopped(Stop),
}

impl Halt {
    /// Whether the cursor may still lead on: not one that the API rejects or that goes in a circle.
    pub(super) fn leads_on(&self) -> bool {
        !matches!(self, Self::Api(persona::Error::Rejected { .. } | persona::Error::Loop { .. }))
    }
}

impl From<persona::Error> for Halt {
    fn from(error: persona::Error) -> Self {
        match error {
            persona::Error::Spent => Self::Stopped(Stop::Requests),
            error => Self::Api(error),
        }
    }
}

impl From<Halt> for Incomplete {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::Api(error) => error.into(),
            Halt::Stopped(stop) => stop.into(),
        }
    }
}

/// What the network's side goes by.
pub(super) struct Sending {
    pub(super) client: Arc<Client>,
    pub(super) limits: Limits,
    /// Becomes true once another walk of the run has ended early.
    pub(super) halted: watch::Receiver<bool>,
    /// A permit for each page that may be asked for before the last one is kept.
    pub(super) unsaved: Arc<Semaphore>,
}

/// The network's side: pages into the channel until they end, fail, are to stop, or nobody wants them any more.
pub(super) async fn send_pages(
    sending: Sending,
    start: Option<Place>,
    sender: mpsc::Sender<Result<Page, Halt>>,
) {
    let Sending { client, limits, halted, unsaved } = sending;
    let hasher = RandomState::new();
    let mut followed: HashSet<u64> = start.iter().map(|place| hasher.hash_one(&place.cursor)).collect();
    let mut pages = pin!(client.pages(start));
    loop {
        let next = async {
            // Never closed as long as the walk goes on.
            if let Ok(permit) = unsaved.acquire().await {
                permit.forget();
            }
            pages.try_next().await
        };
        let page = tokio::select! {
            biased;
            stop = limits.reached() => Err(Halt::Stopped(stop)),
            () = becomes_true(Some(halted.clone())) => Err(Halt::Stopped(Stop::Another)),
            page = next => page.map_err(Halt::from),
        };
        let page = match page {
            Ok(Some(page)) => page,
            Ok(None) => return,
            Err(halt) => {
                // Nobody there to hear it: the walk has ended for another reason.
                let _ = sender.send(Err(halt)).await;
                return;
            }
        };
        if page.stepped_back {
            // What was followed before may come again.
            followed.clear();
        }
        let next = page.next.as_ref().map(|place| place.cursor.clone());
        let seen_before = next.filter(|cursor| !followed.insert(hasher.hash_one(cursor)));
        if sender.send(Ok(page)).await.is_err() {
            return;
        }
        if let Some(cursor) = seen_before {
            let looped = persona::Error::Loop { cursor: cursor.as_str().to_owned() };
            let _ = sender.send(Err(Halt::Api(looped))).await;
            return;
        }
    }
}

/// How far the decoder's side goes; moments are in milliseconds since 1970. Decided there and not by the writer, so
/// that no request is spent on pages that wait behind the last.
pub(super) struct Bounds<'a> {
    /// A page that is older than this throughout is the last.
    pub(super) enough_below: i64,
    /// The first session is no newer than this, or the walk began somewhere else than it was to.
    pub(super) begins_below: Option<i64>,
    /// Whether it is worth to be shared with other walks, asked after so many pages.
    pub(super) is_large: Option<(u64, &'a (dyn Fn() -> bool + Sync))>,
}

/// The decoder's side: pages into chunks, as large as pages wait for it, until one is beyond a bound.
pub(super) fn decode_pages(
    mut decoder: Decoder,
    mut pages: mpsc::Receiver<Result<Page, Halt>>,
    mut bounds: Bounds<'_>,
    chunks: &SyncSender<Chunk>,
) -> Result<End, Error> {
    let mut read = 0;
    loop {
        let mut page = match pages.blocking_recv() {
            Some(Ok(page)) => page,
            Some(Err(error)) => return Ok(End::Broken(error)),
            None => return Err(Error::Stopped("network")),
        };
        let mut chunk = Chunk::empty(&page);
        let end = loop {
            let seen = Seen { environment: page.environment.clone(), at: page.server_time };
            // The client has checked it, and hands it on as bytes.
            let text = std::str::from_utf8(&page.body).map_err(|_| DecodeError::NotText)?;
            let facts = decoder.resources(page.resources.iter().map(|at| &text[at.clone()]), &seen);
            if let Some(newest) = facts.newest_ms
                && bounds.begins_below.take().is_some_and(|below| newest > below)
            {
                return Ok(End::Astray);
            }
            chunk.add(facts, page.next);
            read += 1;
            if chunk.next.is_none() {
                break Some(End::Bottom);
            }
            if facts.newest_ms.is_some_and(|newest| newest < bounds.enough_below) {
                break Some(End::Enough);
            }
            if bounds.is_large.is_some_and(|(after, is_large)| read == after && is_large()) {
                break Some(End::Large);
            }
            if decoder.rows() >= CHUNK_ROWS {
                break None;
            }
            match pages.try_recv() {
                Ok(Ok(next)) => page = next,
                Ok(Err(error)) => break Some(End::Broken(error)),
                Err(_nothing_waits) => break None,
            }
        };
        chunk.decoded = decoder.take()?;
        if chunks.send(chunk).is_err() {
            return Err(Error::Stopped("writer"));
        }
        if let Some(end) = end {
            return Ok(end);
        }
    }
}

impl Chunk {
    fn empty(page: &Page) -> Self {
        Self {
            decoded: Decoded::default(),
            pages: 0,
            newest_ms: None,
            oldest_ms: None,
            next: None,
            server_time: page.server_time,
            environment: page.environment.clone(),
        }
    }

    fn add(&mut self, facts: PageFacts, next: Option<Place>) {
        self.pages += 1;
        self.newest_ms = self.newest_ms.max(facts.newest_ms);
        self.oldest_ms = [self.oldest_ms, facts.oldest_ms].into_iter().flatten().min();
        self.next = next;
    }
}
