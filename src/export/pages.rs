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
use tokio::sync::mpsc;

use super::limits::{Limits, Stop};
use super::{Error, Incomplete};
use crate::persona::{self, Client, Cursor, Page};
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
    pub(super) next: Option<Cursor>,
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

impl From<Halt> for Incomplete {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::Api(error) => error.into(),
            Halt::Stopped(stop) => stop.into(),
        }
    }
}

/// The network's side: pages into the channel until they end, fail, are to stop, or nobody wants them any more.
pub(super) async fn send_pages(
    client: Arc<Client>,
    limits: Limits,
    start: Option<Cursor>,
    sender: mpsc::Sender<Result<Page, Halt>>,
) {
    let hasher = RandomState::new();
    let mut followed: HashSet<u64> = start.iter().map(|cursor| hasher.hash_one(cursor)).collect();
    let mut pages = pin!(client.pages(start));
    loop {
        let page = tokio::select! {
            biased;
            stop = limits.reached(&client) => Err(Halt::Stopped(stop)),
            page = pages.try_next() => page.map_err(Halt::Api),
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
        let seen_before =
            page.next.as_ref().filter(|cursor| !followed.insert(hasher.hash_one(cursor))).cloned();
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

/// The decoder's side: pages into chunks, as large as pages wait for it, until one is older than `enough_below`
/// (milliseconds since 1970) throughout. Decided here and not by the writer, so that no request is spent on pages
/// that wait behind the last.
pub(super) fn decode_pages(
    mut decoder: Decoder,
    mut pages: mpsc::Receiver<Result<Page, Halt>>,
    enough_below: i64,
    chunks: &SyncSender<Chunk>,
) -> Result<End, Error> {
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
            chunk.add(facts, page.next);
            if chunk.next.is_none() {
                break Some(End::Bottom);
            }
            if facts.newest_ms.is_some_and(|newest| newest < enough_below) {
                break Some(End::Enough);
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

    fn add(&mut self, facts: PageFacts, next: Option<Cursor>) {
        self.pages += 1;
        self.newest_ms = self.newest_ms.max(facts.newest_ms);
        self.oldest_ms = [self.oldest_ms, facts.oldest_ms].into_iter().flatten().min();
        self.next = next;
    }
}
